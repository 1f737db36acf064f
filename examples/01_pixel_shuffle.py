"""The shuffle: how four small pictures become one large one.

ESPCN works on the small picture until the very end. Its last convolution returns R*R channels, each
as small as the input; then the shuffle deals them out like cards: pixel (h, w) of the R*R channels
becomes the R x R block of pixels at (R*h, R*w). There is no arithmetic, only a new order.
"""

import numpy as np

from minisr import kernels

cpu = kernels.load("cpu")

# Four channels of 2 x 3 pixels. Channel k holds k, k + 0.1, k + 0.2, ... so every number shows
# which channel and which pixel it comes from.
R, H, W = 2, 2, 3
x = np.arange(R * R).reshape(1, R * R, 1, 1) + np.arange(H * W).reshape(1, 1, H, W) / 10
x = x.astype(np.float32)
print("Four small channels:")
for k, channel in enumerate(x[0]):
    print(f"  channel {k}:", np.array2string(channel, prefix=" " * 13))

large = np.empty((1, 1, H * R, W * R), np.float32)
cpu.pixel_shuffle(x, R, large)
print("\nOne large channel. Every 2 x 2 block has one pixel of each channel, 0 1 above 2 3:")
print(np.array2string(large[0, 0], prefix=""))

# The same as a formula, equation 4 of the paper, one pixel at a time.
for y in range(H * R):
    for z in range(W * R):
        assert large[0, 0, y, z] == x[0, (y % R) * R + z % R, y // R, z // R]

# The gradient of a new order goes back to the old one: backward is the inverse shuffle.
back = np.empty_like(x)
cpu.pixel_unshuffle(large, R, back)
assert (back == x).all()
print("\nUnshuffled, it is what it was before.")
