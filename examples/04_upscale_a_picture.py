"""Enlarge a picture in Python: name a file, or have a small picture drawn.

python examples/04_upscale_a_picture.py [PICTURE [OUTPUT]]
"""

import sys

import numpy as np

import minisr
from minisr.images import read_picture, write_picture

print("Bundled networks:", ", ".join(f"{n} x{s}" for n, s in minisr.pretrained_names()))

if len(sys.argv) > 1:
    picture = read_picture(sys.argv[1])  # pixels, and metadata: profile, EXIF, dpi
    pixels, metadata = picture.pixels, picture.metadata
else:
    y, x = np.mgrid[:48, :64]
    rings = 128 + 100 * np.sin(np.hypot(x - 20, y - 24) ** 1.5 / 9)
    pixels = np.stack([rings, 0.8 * rings, 255 - rings], axis=2).astype(np.uint8)
    metadata = {}

# One call: luma goes through the network, chroma through bicubic. The dtype stays the same.
large = minisr.upscale(pixels, scale=3)
print(f"{pixels.shape} {pixels.dtype} -> {large.shape} {large.dtype}")
write_picture(sys.argv[2] if len(sys.argv) > 2 else "larger.png", large, metadata)

# The network by itself, for a picture of one channel: intensities in [0, 1], axes N, C, H, W.
model = minisr.ESPCN.from_pretrained(upscale_factor=3)
grey = pixels if pixels.ndim == 2 else pixels[..., 1]
low = grey[None, None].astype(np.float32) / np.iinfo(grey.dtype).max
print(f"{low.shape} -> {model(low).shape}")
