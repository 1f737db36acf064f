"""Every operation in plain NumPy: the definition that the fast backends are held to.

Written to be read and to be right in float64; nothing here is fast. The table in
``minisr.kernels`` says what each function takes and gives.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Charbonnier's epsilon, in intensities: the loss is quadratic below about a quarter of an
# 8-bit level and absolute above it. (Charbonnier et al., ICIP 1994; 1e-3 as in LapSRN, CVPR 2017.)
CHARBONNIER_EPSILON = 1e-3


def empty(shape, dtype):
    """Allocate an array with whatever is in it."""
    return np.empty(shape, dtype)


def zeros(shape, dtype):
    """Allocate an array of zeros."""
    return np.zeros(shape, dtype)


def _windows(x, padding, kernel_size):
    """View zero-padded ``x`` as (N, C, H', W', K, K): at each output pixel, what its taps see."""
    top, bottom, left, right = padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    return sliding_window_view(padded, (kernel_size, kernel_size), axis=(2, 3))


def conv2d_forward(x, weight, bias, padding, out):
    """Cross-correlate, as every framework's "convolution": the taps are not flipped.

    out[n, f, h, w] = bias[f] + sum over c, i, j of
    weight[f, c, i, j] * padded[n, c, h + i, w + j].
    """
    windows = _windows(x, padding, weight.shape[2])
    out[...] = np.einsum("nchwij,fcij->nfhw", windows, weight) + bias[:, None, None]


def conv2d_backward_input(dout, weight, padding, dx):
    """Send each output's gradient back along the taps that it was made with.

    Input pixel (h, w) met tap (i, j) when output pixel (h + top - i, w + left - j) was made. That
    is a convolution of ``dout`` with the taps flipped in both directions and with the roles of F
    and C exchanged, so the forward function serves, with what padding is left of K - 1.
    """
    K = weight.shape[2]
    flipped = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    no_bias = np.zeros(weight.shape[1], dout.dtype)
    # A padding wider than K - 1 made outputs of zeros alone; no input's gradient needs them.
    cut = [max(0, p - (K - 1)) for p in padding]
    H, W = dout.shape[2:]
    kept = dout[:, :, cut[0] : H - cut[1], cut[2] : W - cut[3]]
    conv2d_forward(kept, flipped, no_bias, [max(0, K - 1 - p) for p in padding], dx)


def conv2d_backward_params(dout, x, padding, dweight, dbias):
    """Add up, for each tap, what it saw times what came back."""
    windows = _windows(x, padding, dweight.shape[2])
    dweight += np.einsum("nfhw,nchwij->fcij", dout, windows)
    dbias += dout.sum(axis=(0, 2, 3))


def _stamps(out, H, W, kernel_size, stride, padding):
    """Return the uncut result, zeros as yet, a view of ``out`` in it, and a view for each tap.

    The views of a tap (i, j) have H x W pixels: where the input's pixels put that tap.
    """
    K, (top, _, left, _) = kernel_size, padding
    N, F, height, width = out.shape
    tall, wide = ((n - 1) * stride + K for n in (H, W))
    whole = np.zeros((N, F, max(tall, top + height), max(wide, left + width)), out.dtype)
    taps = [
        (i, j, whole[:, :, i : i + tall - K + 1 : stride, j : j + wide - K + 1 : stride])
        for i in range(K)
        for j in range(K)
    ]
    return whole[:, :, top : top + height, left : left + width], taps


def conv_transpose2d_forward(x, weight, bias, stride, padding, out):
    """Stamp the taps, times each pixel, onto the output, and let the stamps overlap.

    whole[n, f, stride * h + i, stride * w + j] sums x[n, c, h, w] * weight[c, f, i, j] over all
    that fall there; out is whole without its padding, plus the bias.
    """
    window, taps = _stamps(out, *x.shape[2:], weight.shape[2], stride, padding)
    for i, j, view in taps:
        view += np.einsum("nchw,cf->nfhw", x, weight[:, :, i, j])
    out[...] = window + bias[:, None, None]


def conv_transpose2d_backward_input(dout, weight, stride, padding, dx):
    """Collect, at every pixel, what came back from all places that it was stamped onto."""
    window, taps = _stamps(dout, *dx.shape[2:], weight.shape[2], stride, padding)
    window[...] = dout  # what was cut off gets no gradient: zero
    dx[...] = sum(np.einsum("nfhw,cf->nchw", view, weight[:, :, i, j]) for i, j, view in taps)


def conv_transpose2d_backward_params(dout, x, stride, padding, dweight, dbias):
    """Add up, for each tap, the pixels that it was stamped with times what came back."""
    window, taps = _stamps(dout, *x.shape[2:], dweight.shape[2], stride, padding)
    window[...] = dout
    for i, j, view in taps:
        dweight[:, :, i, j] += np.einsum("nchw,nfhw->cf", x, view)
    dbias += dout.sum(axis=(0, 2, 3))


def tanh_forward(x, out):
    """Out = tanh(x)."""
    np.tanh(x, out=out)


def tanh_backward(dout, out, dx):
    """Since tanh' = 1 - tanh^2, the forward result is all that backward needs."""
    dx[...] = dout * (1 - out * out)


def relu_forward(x, out):
    """Out = max(x, 0), and NaN stays NaN."""
    np.maximum(x, 0, out=out)


def relu_backward(dout, out, dx):
    """Pass where the output is positive; at exactly zero the gradient is zero, as in PyTorch."""
    dx[...] = np.where(out > 0, dout, 0)


def sigmoid_forward(x, out):
    """Out = 1 / (1 + exp(-x)), by tanh, which does not overflow: (1 + tanh(x/2)) / 2."""
    out[...] = 0.5 * np.tanh(0.5 * x) + 0.5


def sigmoid_backward(dout, out, dx):
    """Since sigmoid' = sigmoid (1 - sigmoid), the forward result is enough here, too."""
    dx[...] = dout * (out * (1 - out))


def prelu_forward(x, slope, out):
    """Out = x where x > 0, slope * x elsewhere; a slope for each channel."""
    out[...] = np.where(x > 0, 1, slope[:, None, None]) * x


def prelu_backward(dout, x, slope, dx, dslope):
    """Pass where x is positive; elsewhere x met the slope. At zero it does, too, as in PyTorch."""
    dx[...] = np.where(x > 0, 1, slope[:, None, None]) * dout
    dslope += np.where(x > 0, 0, dout * x).sum(axis=(0, 2, 3))


def pixel_shuffle(x, upscale_factor, out):
    """Spread R*R channels over R x R pixels: the paper's periodic shuffle, equation 4.

    out[n, c, R*h + i, R*w + j] = x[n, c*R*R + i*R + j, h, w].
    """
    N, C, H, W = x.shape
    R = upscale_factor
    grid = x.reshape(N, C // (R * R), R, R, H, W)  # n c i j h w
    out[...] = grid.transpose(0, 1, 4, 2, 5, 3).reshape(out.shape)  # n c (h i) (w j)


def pixel_unshuffle(x, downscale_factor, out):
    """Gather R x R pixels into R*R channels: the inverse, and the gradient, of the shuffle."""
    N, C, H, W = x.shape
    R = downscale_factor
    grid = x.reshape(N, C, H // R, R, W // R, R)  # n c h i w j
    out[...] = grid.transpose(0, 1, 3, 5, 2, 4).reshape(out.shape)  # n (c i j) h w


def nearest_upsample(x, upscale_factor, out):
    """Repeat every pixel R x R times."""
    out[...] = np.repeat(np.repeat(x, upscale_factor, axis=2), upscale_factor, axis=3)


def nearest_upsample_backward(dout, upscale_factor, dx):
    """Add up what came back from a pixel's R x R copies."""
    N, C, H, W = dx.shape
    R = upscale_factor
    dx[...] = dout.reshape(N, C, H, R, W, R).sum(axis=(3, 5))


def max_pool2d(x, kernel_size, out, indices):
    """Keep the largest of each K x K pixels, and where it was.

    Windows do not overlap; rows and columns that fill none are left out, as in PyTorch.
    """
    N, C, h, w = out.shape
    K, W = kernel_size, x.shape[3]
    windows = x[:, :, : h * K, : w * K].reshape(N, C, h, K, w, K).transpose(0, 1, 2, 4, 3, 5)
    place = windows.reshape(N, C, h, w, K * K).argmax(axis=4)  # to argmax, too, NaN is the largest
    rows = np.arange(h)[:, None] * K + place // K
    columns = np.arange(w) * K + place % K
    indices[...] = rows * W + columns
    max_unpool2d_backward(x, indices, out)


def max_unpool2d(x, indices, out):
    """Put each value where its index says, and zero elsewhere."""
    out[...] = 0
    N, C, H, W = out.shape
    planes = out.reshape(N, C, H * W)  # a view, since outputs are contiguous
    np.put_along_axis(planes, indices.reshape(N, C, -1), x.reshape(N, C, -1), axis=2)


def max_unpool2d_backward(dout, indices, dx):
    """Fetch each value from where its index says."""
    N, C = dout.shape[:2]
    planes, places = dout.reshape(N, C, -1), indices.reshape(N, C, -1)
    dx[...] = np.take_along_axis(planes, places, axis=2).reshape(dx.shape)


def mse_loss(prediction, target, count, dprediction):
    """Sum of squared errors over ``count``, and its gradient."""
    error = prediction - target
    dprediction[...] = 2 / count * error
    return float(np.sum(error * error, dtype=np.float64) / count)


def l1_loss(prediction, target, count, dprediction):
    """Sum of absolute errors over ``count``; the gradient at zero is zero, as in PyTorch."""
    error = prediction - target
    dprediction[...] = np.sign(error) / count
    return float(np.sum(np.abs(error), dtype=np.float64) / count)


def charbonnier_loss(prediction, target, count, dprediction):
    """Sum of sqrt(error^2 + epsilon^2) over ``count``: absolute error with a rounded corner."""
    error = prediction - target
    root = np.sqrt(error * error + CHARBONNIER_EPSILON**2)
    dprediction[...] = error / root / count
    return float(np.sum(root, dtype=np.float64) / count)


def adam_step(value, grad, first_moment, second_moment, learning_rate, beta1, beta2, epsilon, step):
    """Take Adam's step number ``step``, counted from one, in place.

    Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with epsilon added outside the root of the
    bias-corrected second moment, as in PyTorch.
    """
    first_moment += (1 - beta1) * (grad - first_moment)
    second_moment += (1 - beta2) * (grad * grad - second_moment)
    first_unbiased = first_moment / (1 - beta1**step)
    second_unbiased = second_moment / (1 - beta2**step)
    value -= learning_rate * first_unbiased / (np.sqrt(second_unbiased) + epsilon)


def lerp(average, value, fraction):
    """Move ``average`` a fraction of the way towards ``value``, in place."""
    average += fraction * (value - average)


def add(total, part):
    """Add ``part`` to ``total`` in place."""
    total += part


def fill_zero(out):
    """Set every number to zero, in place."""
    out[...] = 0


def resample_forward(x, index, weight, axis, out):
    """Make each pixel along an axis a weighted sum: out[i] = sum_p weight[i, p] x[index[i, p]]."""
    taps = np.moveaxis(x, axis, -1)[..., index]  # (..., out pixels, taps)
    out[...] = np.moveaxis((taps * weight).sum(axis=-1), -1, axis)


def resample_backward(dout, index, weight, axis, dx):
    """Send each output's gradient back to the pixels it was made of: the transpose."""
    dx[...] = 0
    shares = np.moveaxis(dout, axis, -1)[..., None] * weight
    np.add.at(np.moveaxis(dx, axis, -1), (..., index), shares)


def subtract_by_level(x, table, rows, columns, out):
    """Take table[level, place], between levels linearly, off the R x R pixels that x became."""
    steps, R = len(table) - 1, table.shape[-1]
    place = np.clip(x[:, 0] * x.dtype.type(steps), 0, steps)
    level = np.minimum(place.astype(np.intp), steps - 1)
    part = (place - level).astype(x.dtype)[..., None, None]
    low, high = (table[found, rows[:, None], columns] for found in (level, level + 1))
    N, H, W = level.shape
    found = low + part * (high - low)  # (N, H, W, R, R)
    out[:, 0] -= found.transpose(0, 1, 3, 2, 4).reshape(N, H * R, W * R)


def batch_statistics(x, mean, variance):
    """Take each channel's mean and biased variance over samples and pixels."""
    mean[...] = x.mean(axis=(0, 2, 3), dtype=np.float64)
    variance[...] = x.var(axis=(0, 2, 3), dtype=np.float64)


def _normalized(x, mean, variance, epsilon):
    inverse = 1 / np.sqrt(variance + epsilon)
    return (x - mean[:, None, None]) * inverse[:, None, None], inverse


def batch_norm_forward(x, mean, variance, weight, bias, epsilon, out):
    """Out = weight * (x - mean) / sqrt(variance + epsilon) + bias, channel by channel."""
    normalized, _ = _normalized(x, mean, variance, epsilon)
    out[...] = normalized * weight[:, None, None] + bias[:, None, None]


def batch_norm_backward(dout, x, mean, variance, weight, epsilon, of_batch, dx, dweight, dbias):
    """Ioffe and Szegedy, section 3; without a batch's statistics, the slope is a constant.

    ``of_batch``: mean and variance moved with ``x``, so ``dx`` has neither a mean nor a part along
    the normalised values.
    """
    normalized, inverse = _normalized(x, mean, variance, epsilon)
    along = (dout * normalized).sum(axis=(0, 2, 3))
    total = dout.sum(axis=(0, 2, 3))
    dweight += along
    dbias += total
    rest = dout
    if of_batch:
        count = dout.size // dout.shape[1]
        rest = dout - (total[:, None, None] + normalized * along[:, None, None]) / count
    dx[...] = (weight * inverse)[:, None, None] * rest


def residual_forward(x, branch, scaling, out):
    """Out = x + scaling * branch."""
    out[...] = x + scaling * branch


def residual_backward(dout, scaling, dbranch):
    """Into the branch goes scaling * dout; past it goes dout as it is."""
    dbranch[...] = scaling * dout
