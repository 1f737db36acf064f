"""One convolution by hand: forward, backward, and a check that the gradient is right.

A network learns by asking of every weight: if you were a little larger, how much larger would the
loss be? That is the gradient. Frameworks derive it automatically; here it is written out.
"""

import numpy as np

from minisr import kernels

reference = kernels.load("reference")
rng = np.random.default_rng(0)

# A picture of 5 x 6 pixels with two channels, and three filters of 3 x 3 taps for each channel.
x = rng.standard_normal((1, 2, 5, 6))
weight = rng.standard_normal((3, 2, 3, 3))
bias = rng.standard_normal(3)
same = (1, 1, 1, 1)  # a row or column of zeros on each side keeps the size

# Forward. Each output pixel is the sum of the pixels in its 3 x 3 window, weighted by the taps.
out = np.empty((1, 3, 5, 6))
reference.conv2d_forward(x, weight, bias, same, out)
h, w, f = 2, 3, 1
by_hand = bias[f] + (weight[f] * x[0, :, h - 1 : h + 2, w - 1 : w + 2]).sum()
print(f"Output pixel ({h}, {w}) of filter {f}: {out[0, f, h, w]:.6f}, by hand {by_hand:.6f}")
assert np.isclose(out[0, f, h, w], by_hand)

# A loss: how far the output is from some target. Its gradient with respect to the output is simple.
target = rng.standard_normal(out.shape)
dout = np.empty_like(out)
loss = reference.mse_loss(out, target, out.size, dout)
print(f"Loss: {loss:.6f}")

# Backward, with respect to the weights. Tap (i, j) was multiplied by pixel (i, j) of every window,
# so its gradient is the sum over all windows of that pixel times the gradient of the output there.
dweight, dbias = np.zeros_like(weight), np.zeros_like(bias)
reference.conv2d_backward_params(dout, x, same, dweight, dbias)
padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
f, c, i, j = 1, 0, 0, 2
by_hand = sum(dout[0, f, h, w] * padded[0, c, h + i, w + j] for h in range(5) for w in range(6))
print(f"Gradient of tap ({i}, {j}): {dweight[f, c, i, j]:+.8f}, by hand {by_hand:+.8f}")
assert np.isclose(dweight[f, c, i, j], by_hand)

# Backward, with respect to the input. Pixel (h, w) was under tap (i, j) when the output at
# (h + 1 - i, w + 1 - j) was computed. Written out for all pixels, that is a convolution with the
# taps rotated by 180 degrees.
dx = np.empty_like(x)
reference.conv2d_backward_input(dout, weight, same, dx)
by_convolution = np.empty_like(x)
rotated = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
reference.conv2d_forward(dout, rotated, np.zeros(2), same, by_convolution)
assert np.allclose(dx, by_convolution)

# Trust, but verify. Push each weight up and down a little and watch the loss: the slope must be the
# gradient. This "central difference" does not depend on how the gradient was derived.
step, worst = 1e-6, 0.0
for index in np.ndindex(*weight.shape):
    losses = []
    for sign in (+1, -1):
        pushed = weight.copy()
        pushed[index] += sign * step
        reference.conv2d_forward(x, pushed, bias, same, out)
        losses.append(reference.mse_loss(out, target, out.size, np.empty_like(out)))
    slope = (losses[0] - losses[1]) / (2 * step)
    worst = max(worst, abs(slope - dweight[index]))
print(f"All {weight.size} taps: gradient and measured slope differ by at most {worst:.1e}.")
assert worst < 1e-8

# Now break it: change a sign in minisr/kernels/reference.py, and run this again.
