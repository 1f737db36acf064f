"""imageio is the door: whatever it reads, minisr enlarges, and whatever it writes, it writes.

python examples/07_imageio_in_and_out.py [PICTURE [OUTPUT]]
"""

import sys

import imageio.v3 as iio
import numpy as np

import minisr

source = sys.argv[1] if len(sys.argv) > 1 else "small.tga"
target = sys.argv[2] if len(sys.argv) > 2 else "large.tga"
if len(sys.argv) < 2:
    y, x = np.mgrid[:48, :64]
    waves = [128 + 100 * np.sin(x / (3 + c) + y / 7) for c in range(3)]
    iio.imwrite(source, np.uint8(np.stack(waves, axis=2)))

# Three lines: an array in, an array out, of the same dtype.
pixels = iio.imread(source)
large = minisr.upscale(pixels, scale=2)
iio.imwrite(target, large)
print(f"{source} {pixels.shape} {pixels.dtype} -> {target} {large.shape} {large.dtype}")

# An array has no metadata. With files in and out, colour profile, EXIF and more come along, and
# whatever does not is a warning. minisr reads TGA (through imageio), but writes PNG instead.
minisr.upscale(source, scale=2, output="large.png")
print("the same pixels:", bool((iio.imread("large.png") == large).all()))
