"""A larger picture, in Python: give a file's name, or have a small one drawn.

python examples/04_upscale_a_picture.py [PICTURE [OUTPUT]]
"""

import sys

import numpy as np

import minisr
from minisr.images import read_picture, write_picture

print("Bundled networks:", ", ".join(f"{n} x{s}" for n, s in minisr.pretrained_names()))

if len(sys.argv) > 1:
    picture = read_picture(sys.argv[1])  # pixels, and what else the file said: profile, EXIF, dpi
    pixels, metadata = picture.pixels, picture.metadata
else:
    y, x = np.mgrid[:48, :64]
    rings = 128 + 100 * np.sin(np.hypot(x - 20, y - 24) ** 1.5 / 9)
    pixels = np.stack([rings, 0.8 * rings, 255 - rings], axis=2).astype(np.uint8)
    metadata = {}

# One call: luma through the network, chroma by bicubic, the same kind of array out.
large = minisr.upscale(pixels, scale=3)
print(f"{pixels.shape} {pixels.dtype} -> {large.shape} {large.dtype}")
write_picture(sys.argv[2] if len(sys.argv) > 2 else "larger.png", large, metadata)

# The same by hand, for a picture of one channel: intensities in [0, 1], and axes N, C, H, W.
model = minisr.ESPCN.from_pretrained(upscale_factor=3)
grey = pixels if pixels.ndim == 2 else pixels[..., 1]
low = grey[None, None].astype(np.float32) / np.iinfo(grey.dtype).max
print(f"{low.shape} -> {model(low).shape}")
