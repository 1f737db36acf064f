"""Two ways to enlarge that are the same: transposed convolution and sub-pixel convolution.

A transposed convolution stamps its kernel onto the large picture once for each small pixel, R
pixels further each time. A sub-pixel convolution works on the small picture, computes R*R channels,
and shuffles them. They look different. Here the weights of each are converted to those of the
other, and the outputs agree to the last bits of float64.
"""

import numpy as np

from minisr import kernels
from minisr.layers import Conv2d, ConvTranspose2d, PixelShuffle, Sequential
from minisr.models.equivalence import sub_pixel_from_transposed, transposed_from_sub_pixel

reference = kernels.load("reference")
rng = np.random.default_rng(0)
R = 3


def transposed_convolution(kernel_size, padding, output_padding=0):
    layer = ConvTranspose2d(
        2, 1, kernel_size, R, reference, np.float64, padding=padding, output_padding=output_padding
    )
    layer.weight.value[...] = rng.standard_normal(layer.weight.value.shape)
    layer.bias.value[...] = 0.5
    return layer


def sub_pixel_convolution(conv):
    return Sequential({"conv": conv, "pixel_shuffle": PixelShuffle(R, reference)})


def apart(a, b):
    return np.abs(a - b).max()


# Which taps contribute to an output pixel? Stamps are R pixels apart, so of a 9 x 9 kernel it meets
# only every third tap along each axis: 3 x 3 taps, from 3 x 3 small pixels. Which taps depends on
# its position in the cell. So this is an ordinary 3 x 3 convolution, a different one for each of
# the 9 positions.
x = rng.standard_normal((1, 2, 6, 7))
stamps = transposed_convolution(kernel_size=9, padding=3)
large = stamps(x)
h, w, a, b = 2, 4, 1, 2  # the pixel at (1, 2) in the cell that small pixel (2, 4) becomes
taps = stamps.weight.value[:, 0, a::R, b::R][:, ::-1, ::-1]  # rotated by 180 degrees
by_hand = 0.5 + (taps * x[0, :, h - 1 : h + 2, w - 1 : w + 2]).sum()
print(f"Output pixel ({R * h + a}, {R * w + b}): {large[0, 0, R * h + a, R * w + b]:.9f}")
print(f"by a 3 x 3 convolution:  {by_hand:.9f}")
assert np.isclose(large[0, 0, R * h + a, R * w + b], by_hand, rtol=1e-12)

# All nine together are nine filters and a shuffle. Now for kernel sizes that R divides, and for
# others, which get zero taps: the last column is the share of zeros among the sub-pixel
# convolution's taps.
print("\nFrom transposed to sub-pixel convolution, stride 3:")
print("  kernel   becomes       largest difference   at the border   zero taps")
for kernel_size, *frame in ((9, 3), (3, 0), (4, 1, 1), (8, 3, 1), (10, 4, 1)):
    stamps = transposed_convolution(kernel_size, *frame)
    conv = sub_pixel_from_transposed(stamps)
    one, other = stamps(x), sub_pixel_convolution(conv)(x)
    inner = np.zeros(one.shape, bool)
    inner[..., 2 * R : -2 * R, 2 * R : -2 * R] = True
    size, zero = conv.weight.value.shape[2], (conv.weight.value == 0).mean()
    print(
        f"  {kernel_size:2} x {kernel_size:<2}  9 x ({size} x {size})   {apart(one, other):.1e}"
        f"              {apart(one[~inner], other[~inner]):.1e}         {zero:.0%}"
    )
    assert apart(one, other) < 1e-12
    assert np.count_nonzero(conv.weight.value) == stamps.weight.value.size  # none is lost

# And back: nine 3 x 3 filters make one 9 x 9 kernel, interleaved like the teeth of a zip.
conv = Conv2d(2, R * R, 3, reference, np.float64)
conv.weight.value[...] = rng.standard_normal(conv.weight.value.shape)
conv.bias.value[...] = 0.5
stamps = transposed_from_sub_pixel(conv, R)
difference = apart(stamps(x), sub_pixel_convolution(conv)(x))
print(f"\nFrom sub-pixel to transposed convolution: {stamps}, difference {difference:.1e}")
assert difference < 1e-12

# Where do they differ, then? First, in the bias: nine filters can have nine, but a transposed
# convolution has one for all pixels of a cell. This is what only the nine can do:
conv.bias.value[...] = np.arange(9) / 10
print("\nNine biases, on a black picture:")
print(np.array2string(sub_pixel_convolution(conv)(np.zeros((1, 2, 1, 2)))[0, 0], prefix=""))

# Second, in the frame. Cut one more row and column off the top and left, and the same stamps make
# a picture that is shifted by a pixel. It is still a sub-pixel convolution, but with larger
# filters: the cells have moved, and a stamp now reaches into the second cell next to its own.
shifted = transposed_convolution(kernel_size=9, padding=4, output_padding=2)
shifted.weight.value[...] = stamps.weight.value
kept, moved = stamps(x)[..., 1:, 1:], shifted(x)[..., :-1, :-1]
size = sub_pixel_from_transposed(shifted).weight.value.shape[2]
print(
    "\nWith padding 4 instead of 3, everything moves up and left by a pixel "
    f"({apart(kept, moved):.1e} apart),"
)
print(f"and the nine filters need {size} x {size} taps.")
assert apart(kept, moved) < 1e-12

# And the work? Count the multiply-adds per small pixel, with 32 channels as in ESPCN x3.
C, K = 32, 9
print("\nMultiply-adds per small pixel, 32 channels, weights 32 x 9 x 9:")
for name, count in {
    "sub-pixel: 9 filters of 3 x 3": C * R * R * (K // R) ** 2,
    "transposed: each small pixel stamps 9 x 9 taps": C * K * K,
    "zeros inserted between the pixels, then 9 x 9 on the large picture": R * R * C * K * K,
}.items():
    print(f"  {count:>6,}  {name}")
print("The first two do exactly the same multiplications; if one is faster, it is better written.")
print("The third mostly multiplies zeros: work on the large picture costs R squared times as much.")
