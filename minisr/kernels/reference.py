"""Every operation in plain NumPy: the definition that the fast backends are held to.

Written to be read and to be right in float64, not to be fast. `minisr.kernels` lists the shapes.
What ESPCN needs comes first, in the order of a training step; the rest is for other networks.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minisr.kernels.checks import check_loss


def empty(shape, dtype):
    """Allocate an array without initialising it."""
    return np.empty(shape, dtype)


def zeros(shape, dtype):
    """Allocate an array of zeros."""
    return np.zeros(shape, dtype)


def _windows(x, padding, kernel_size):
    """View zero-padded ``x`` as (N, C, H', W', K, K): the K x K inputs of each output pixel."""
    top, bottom, left, right = padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    return sliding_window_view(padded, (kernel_size, kernel_size), axis=(2, 3))


def conv2d_forward(x, weight, bias, padding, out):
    """Cross-correlate: like every framework's "convolution", this does not flip the taps.

    out[n, f, h, w] = bias[f] + sum_cij weight[f, c, i, j] * padded[n, c, h + i, w + j].
    """
    windows = _windows(x, padding, weight.shape[2])
    out[...] = np.einsum("nchwij,fcij->nfhw", windows, weight) + bias[:, None, None]


def conv2d_backward_input(dout, weight, padding, dx):
    """Send each output's gradient back to the inputs it was computed from.

    Input (h, w) went through tap (i, j) into output (h + top - i, w + left - j). So this, too, is a
    convolution: of ``dout``, with flipped taps, F and C exchanged and a padding of K - 1 - padding.
    """
    K = weight.shape[2]
    flipped = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    no_bias = np.zeros(weight.shape[1], dout.dtype)
    cut = [max(0, p - (K - 1)) for p in padding]  # outputs that saw only zeros send nothing back
    H, W = dout.shape[2:]
    kept = dout[:, :, cut[0] : H - cut[1], cut[2] : W - cut[3]]
    conv2d_forward(kept, flipped, no_bias, [max(0, K - 1 - p) for p in padding], dx)


def conv2d_backward_params(dout, x, padding, dweight, dbias):
    """Add, for each tap, the sum of its inputs times the gradients of the outputs they went into.

    dweight[f, c, i, j] += sum_nhw dout[n, f, h, w] * padded[n, c, h + i, w + j];
    dbias[f] += sum_nhw dout[n, f, h, w].
    """
    windows = _windows(x, padding, dweight.shape[2])
    dweight += np.einsum("nfhw,nchwij->fcij", dout, windows)
    dbias += dout.sum(axis=(0, 2, 3))


def tanh_forward(x, out):
    """Compute out = tanh(x)."""
    np.tanh(x, out=out)


def tanh_backward(dout, out, dx):
    """Multiply by tanh' = 1 - tanh^2, which needs only the forward result."""
    dx[...] = dout * (1 - out * out)


def relu_forward(x, out):
    """Compute out = max(x, 0); NaN stays NaN."""
    np.maximum(x, 0, out=out)


def relu_backward(dout, out, dx):
    """Pass the gradient where the output is positive; at zero it is zero, as in PyTorch."""
    dx[...] = np.where(out > 0, dout, 0)


def pixel_shuffle(x, upscale_factor, out):
    """Turn R*R channels into R x R pixels: the ESPCN paper's periodic shuffling, equation 4.

    out[n, c, R*h + i, R*w + j] = x[n, c*R*R + i*R + j, h, w].
    """
    N, C, H, W = x.shape
    R = upscale_factor
    grid = x.reshape(N, C // (R * R), R, R, H, W)  # n c i j h w
    out[...] = grid.transpose(0, 1, 4, 2, 5, 3).reshape(out.shape)  # n c (h i) (w j)


def pixel_unshuffle(x, downscale_factor, out):
    """Turn R x R pixels into R*R channels: the inverse of the shuffle, and its gradient."""
    N, C, H, W = x.shape
    R = downscale_factor
    grid = x.reshape(N, C, H // R, R, W // R, R)  # n c h i w j
    out[...] = grid.transpose(0, 1, 3, 5, 2, 4).reshape(out.shape)  # n (c i j) h w


def mse_loss(prediction, target, count, dprediction):
    """Return sum(error^2) / count; its gradient is 2 * error / count."""
    check_loss(prediction, target, dprediction)
    error = prediction - target
    dprediction[...] = 2 / count * error
    return float(np.sum(error * error, dtype=np.float64) / count)


def adam_step(value, grad, first_moment, second_moment, learning_rate, beta1, beta2, epsilon, step):
    """Take Adam's step number ``step``, counted from one, in place.

    value -= learning_rate * m / (sqrt(v) + epsilon), where m and v are the moments: running means
    of grad and grad^2, divided by 1 - beta^step because they start at zero. (Kingma and Ba, "Adam",
    ICLR 2015, algorithm 1; epsilon stands outside the root, as in PyTorch.)
    """
    first_moment += (1 - beta1) * (grad - first_moment)
    second_moment += (1 - beta2) * (grad * grad - second_moment)
    first_unbiased = first_moment / (1 - beta1**step)
    second_unbiased = second_moment / (1 - beta2**step)
    value -= learning_rate * first_unbiased / (np.sqrt(second_unbiased) + epsilon)


def lerp(average, value, fraction):
    """Move ``average`` a fraction of the way towards ``value``, in place."""
    average += fraction * (value - average)


def fill_zero(out):
    """Set all values to zero, in place."""
    out[...] = 0


# ESPCN needs nothing below this line: the rest is for other networks and other losses.

CHARBONNIER_EPSILON = 1e-3  # about a quarter of an 8-bit level, as in LapSRN (CVPR 2017)


def add(total, part):
    """Add ``part`` to ``total``, in place."""
    total += part


def sigmoid_forward(x, out):
    """Compute out = 1 / (1 + exp(-x)), as (1 + tanh(x/2)) / 2, which does not overflow."""
    out[...] = 0.5 * np.tanh(0.5 * x) + 0.5


def sigmoid_backward(dout, out, dx):
    """Multiply by sigmoid' = sigmoid * (1 - sigmoid), which needs only the forward result."""
    dx[...] = dout * (out * (1 - out))


def prelu_forward(x, slope, out):
    """Compute out = x where x > 0 and slope * x elsewhere, with one slope per channel."""
    out[...] = np.where(x > 0, 1, slope[:, None, None]) * x


def prelu_backward(dout, x, slope, dx, dslope):
    """Pass the gradient where x > 0, and times the slope elsewhere (at zero too, as in PyTorch)."""
    dx[...] = np.where(x > 0, 1, slope[:, None, None]) * dout
    dslope += np.where(x > 0, 0, dout * x).sum(axis=(0, 2, 3))


def l1_loss(prediction, target, count, dprediction):
    """Return sum(|error|) / count; the gradient of |error| at zero is zero, as in PyTorch."""
    check_loss(prediction, target, dprediction)
    error = prediction - target
    dprediction[...] = np.sign(error) / count
    return float(np.sum(np.abs(error), dtype=np.float64) / count)


def charbonnier_loss(prediction, target, count, dprediction):
    """Return sum(sqrt(error^2 + epsilon^2)) / count, after Charbonnier et al., ICIP 1994."""
    check_loss(prediction, target, dprediction)
    error = prediction - target
    root = np.sqrt(error * error + CHARBONNIER_EPSILON**2)
    dprediction[...] = error / root / count
    return float(np.sum(root, dtype=np.float64) / count)


def residual_forward(x, branch, scaling, out):
    """Compute out = x + scaling * branch."""
    out[...] = x + scaling * branch


def residual_backward(dout, scaling, dbranch):
    """Compute dbranch = scaling * dout. The gradient by ``x`` is ``dout`` itself."""
    dbranch[...] = scaling * dout


def _stamps(out, H, W, kernel_size, stride, padding):
    """View ``out`` in a larger array of zeros, and for each tap the H x W pixels it lands on."""
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
    """Stamp the taps, times each pixel, onto a larger array; crop it and add the bias.

    whole[n, f, stride*h + i, stride*w + j] += x[n, c, h, w] * weight[c, f, i, j] for all indices.
    """
    window, taps = _stamps(out, *x.shape[2:], weight.shape[2], stride, padding)
    for i, j, view in taps:
        view += np.einsum("nchw,cf->nfhw", x, weight[:, :, i, j])
    out[...] = window + bias[:, None, None]


def conv_transpose2d_backward_input(dout, weight, stride, padding, dx):
    """Collect, for each pixel, the gradients of all outputs it was stamped onto."""
    window, taps = _stamps(dout, *dx.shape[2:], weight.shape[2], stride, padding)
    window[...] = dout  # what was cut off keeps a gradient of zero
    dx[...] = sum(np.einsum("nfhw,cf->nchw", view, weight[:, :, i, j]) for i, j, view in taps)


def conv_transpose2d_backward_params(dout, x, stride, padding, dweight, dbias):
    """Add, for each tap, the sum of the pixels it was stamped with times the outputs' gradients."""
    window, taps = _stamps(dout, *x.shape[2:], dweight.shape[2], stride, padding)
    window[...] = dout
    for i, j, view in taps:
        dweight[:, :, i, j] += np.einsum("nchw,nfhw->cf", x, view)
    dbias += dout.sum(axis=(0, 2, 3))


def nearest_upsample(x, upscale_factor, out):
    """Repeat every pixel R x R times: out[n, c, h, w] = x[n, c, h // R, w // R]."""
    out[...] = np.repeat(np.repeat(x, upscale_factor, axis=2), upscale_factor, axis=3)


def nearest_upsample_backward(dout, upscale_factor, dx):
    """Sum the gradients of a pixel's R x R copies."""
    N, C, H, W = dx.shape
    R = upscale_factor
    dx[...] = dout.reshape(N, C, H, R, W, R).sum(axis=(3, 5))


def resample_forward(x, index, weight, axis, out):
    """Compute out[i] = sum over p of weight[i, p] * x[index[i, p]] along an axis."""
    taps = np.moveaxis(x, axis, -1)[..., index]  # (..., out pixels, taps)
    out[...] = np.moveaxis((taps * weight).sum(axis=-1), -1, axis)


def resample_backward(dout, index, weight, axis, dx):
    """Send each output's gradient back to the pixels it was computed from: the transpose."""
    dx[...] = 0
    shares = np.moveaxis(dout, axis, -1)[..., None] * weight
    np.add.at(np.moveaxis(dx, axis, -1), (..., index), shares)


def max_pool2d(x, kernel_size, out, indices):
    """Keep the largest of each K x K pixels and its position; drop rows and columns left over."""
    N, C, h, w = out.shape
    K, W = kernel_size, x.shape[3]
    windows = x[:, :, : h * K, : w * K].reshape(N, C, h, K, w, K).transpose(0, 1, 2, 4, 3, 5)
    place = windows.reshape(N, C, h, w, K * K).argmax(axis=4)  # argmax takes NaN as the largest
    rows = np.arange(h)[:, None] * K + place // K
    columns = np.arange(w) * K + place % K
    indices[...] = rows * W + columns
    max_unpool2d_backward(x, indices, out)


def max_unpool2d(x, indices, out):
    """Put each value at the position its index gives, and zeros elsewhere."""
    out[...] = 0
    N, C, H, W = out.shape
    planes = out.reshape(N, C, H * W)  # a view, since outputs are contiguous
    np.put_along_axis(planes, indices.reshape(N, C, -1), x.reshape(N, C, -1), axis=2)


def max_unpool2d_backward(dout, indices, dx):
    """Fetch each value from the position its index gives."""
    N, C = dout.shape[:2]
    planes, places = dout.reshape(N, C, -1), indices.reshape(N, C, -1)
    dx[...] = np.take_along_axis(planes, places, axis=2).reshape(dx.shape)


def batch_statistics(x, mean, variance):
    """Compute each channel's mean and biased variance over samples and pixels."""
    mean[...] = x.mean(axis=(0, 2, 3), dtype=np.float64)
    variance[...] = x.var(axis=(0, 2, 3), dtype=np.float64)


def _normalized(x, mean, variance, epsilon):
    inverse = 1 / np.sqrt(variance + epsilon)
    return (x - mean[:, None, None]) * inverse[:, None, None], inverse


def batch_norm_forward(x, mean, variance, weight, bias, epsilon, out):
    """Compute out = weight * (x - mean) / sqrt(variance + epsilon) + bias, per channel."""
    normalized, _ = _normalized(x, mean, variance, epsilon)
    out[...] = normalized * weight[:, None, None] + bias[:, None, None]


def batch_norm_backward(dout, x, mean, variance, weight, epsilon, of_batch, dx, dweight, dbias):
    """Multiply by weight / sqrt(variance + epsilon) (Ioffe and Szegedy, ICML 2015, section 3).

    Statistics ``of_batch`` move with ``x``: then ``dx`` has no mean and no part along x - mean.
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


def subtract_by_level(x, table, rows, columns, out):
    """Subtract table[level, place], linear between levels, from the R x R pixels of each pixel."""
    steps, R = len(table) - 1, table.shape[-1]
    place = np.clip(x[:, 0] * x.dtype.type(steps), 0, steps)
    level = np.minimum(place.astype(np.intp), steps - 1)
    part = (place - level).astype(x.dtype)[..., None, None]
    low, high = (table[found, rows[:, None], columns] for found in (level, level + 1))
    N, H, W = level.shape
    found = low + part * (high - low)  # (N, H, W, R, R)
    out[:, 0] -= found.transpose(0, 1, 3, 2, 4).reshape(N, H * R, W * R)
