"""Operations of fast backends compared with the reference's, whatever draws the shapes."""

import numpy as np
from backends import FAST_ON_CPU
from numpy.testing import assert_allclose, assert_array_equal

from minisr import kernels
from minisr.kernels import reference

QUICK = [kernels.load(name) for name in FAST_ON_CPU]  # test_cuda_kernels.py draws for the other
DTYPES = [np.float32, np.float64]


def array(*rows):
    return np.array(rows, float)


def close(got, expected, dtype, terms=1):
    """Compare sums of ``terms`` products of numbers of about one."""
    tolerance = 16 * np.finfo(dtype).eps * np.sqrt(terms)
    assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.sqrt(terms))


def check_convolution(modules, dtype, shape, seed):
    """Compare a convolution and its gradients with the reference's."""
    N, C, H, W, F, K, padding = shape
    rng = np.random.default_rng(seed)
    top, bottom, left, right = padding
    out_shape = (N, F, H + top + bottom - K + 1, W + left + right - K + 1)
    x, weight, bias, dout = (
        rng.standard_normal(s).astype(dtype) for s in ((N, C, H, W), (F, C, K, K), F, out_shape)
    )
    start, bias_start = rng.standard_normal(weight.shape), rng.standard_normal(F)
    results = []
    for module in (reference, *modules):
        out, dx = np.full(out_shape, np.nan, dtype), np.full(x.shape, np.nan, dtype)
        module.conv2d_forward(x, weight, bias, padding, out)
        module.conv2d_backward_input(dout, weight, padding, dx)
        dweight, dbias = start.astype(dtype), bias_start.astype(dtype)
        module.conv2d_backward_params(dout, x, padding, dweight, dbias)
        results.append((out, dx, dweight, dbias))
    pixels = N * out_shape[2] * out_shape[3]
    for got in results[1:]:
        for array, expected, terms in zip(
            got, results[0], (C * K * K, F * K * K, pixels, pixels), strict=True
        ):
            close(array, expected, dtype, terms)


def check_shuffle(modules, shape, R, seed):
    """Compare the shuffle with the reference's, and undo it."""
    N, C, H, W = shape
    x = np.random.default_rng(seed).standard_normal((N, C * R * R, H, W)).astype(np.float32)
    expected = np.empty((N, C, H * R, W * R), np.float32)
    reference.pixel_shuffle(x, R, expected)
    for module in modules:
        out, back = np.empty_like(expected), np.empty_like(x)
        module.pixel_shuffle(x, R, out)
        assert_array_equal(out, expected)
        module.pixel_unshuffle(out, R, back)
        assert_array_equal(back, x)


def check_resampling(modules, dtype, shape, axis, length, taps, seed):
    """Compare resampling and its transpose with the reference's."""
    rng = np.random.default_rng(seed)
    out_shape = tuple(length if a == axis else n for a, n in enumerate(shape))
    index = rng.integers(0, shape[axis], (length, taps))
    x, weight, dout = (
        rng.standard_normal(s).astype(dtype) for s in (shape, index.shape, out_shape)
    )
    results = []
    for module in (reference, *modules):
        out, dx = np.full(out_shape, np.nan, dtype), np.full(shape, np.nan, dtype)
        module.resample_forward(x, index, weight, axis, out)
        module.resample_backward(dout, index, weight, axis, dx)
        results.append((out, dx))
    for out, dx in results[1:]:
        close(out, results[0][0], dtype, taps)
        close(dx, results[0][1], dtype, taps * length)


def check_batch_norm(modules, dtype, of_batch, shape, offset, seed):
    """Compare batch normalisation, its statistics and its gradients with the reference's."""
    rng = np.random.default_rng(seed)
    C = shape[1]
    x, dout = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    x += dtype(offset)
    weight, bias, start = (rng.standard_normal(C).astype(dtype) for _ in range(3))
    results = []
    for module in (reference, *modules):
        mean, variance = np.full(C, np.nan, dtype), np.full(C, np.nan, dtype)
        module.batch_statistics(x, mean, variance)
        if not of_batch:
            mean, variance = start.copy(), start * start
        out, dx = np.full(shape, np.nan, dtype), np.full(shape, np.nan, dtype)
        dweight, dbias = start.copy(), -start
        module.batch_norm_forward(x, mean, variance, weight, bias, 0.1, out)
        module.batch_norm_backward(
            dout, x, mean, variance, weight, 0.1, of_batch, dx, dweight, dbias
        )
        results.append((mean, variance, out, dx, dweight, dbias))
    terms = x.size * (1 + offset**2)
    for got in results[1:]:
        for array, expected in zip(got, results[0], strict=True):
            close(array, expected, dtype, terms)


def check_transposed_convolution(modules, dtype, shape, seed):
    """Compare a transposed convolution and its gradients with the reference's."""
    N, C, H, W, F, K, s, padding = shape
    rng = np.random.default_rng(seed)
    top, bottom, left, right = padding
    out_shape = (N, F, (H - 1) * s + K - top - bottom, (W - 1) * s + K - left - right)
    x, weight, bias, dout = (
        rng.standard_normal(s).astype(dtype) for s in ((N, C, H, W), (C, F, K, K), F, out_shape)
    )
    start, bias_start = rng.standard_normal(weight.shape), rng.standard_normal(F)
    results = []
    for module in (reference, *modules):
        out, dx = np.full(out_shape, np.nan, dtype), np.full(x.shape, np.nan, dtype)
        module.conv_transpose2d_forward(x, weight, bias, s, padding, out)
        module.conv_transpose2d_backward_input(dout, weight, s, padding, dx)
        dweight, dbias = start.astype(dtype), bias_start.astype(dtype)
        module.conv_transpose2d_backward_params(dout, x, s, padding, dweight, dbias)
        results.append((out, dx, dweight, dbias))
    pixels, outputs = N * H * W, N * out_shape[2] * out_shape[3]
    for got in results[1:]:
        for result, expected, terms in zip(
            got, results[0], (C * K * K, F * K * K, pixels, outputs), strict=True
        ):
            close(result, expected, dtype, terms)


def check_repetition_and_pooling(modules, shape, R, seed):
    """Compare repetition, pooling, unpooling and their gradients with the reference's."""
    N, C, H, W = shape
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(np.float32)
    large = rng.integers(-3, 3, (N, C, H * R + seed % R, W * R + seed % 2)).astype(np.float32)
    large[rng.random(large.shape) < 0.1] = np.nan
    whole = np.ascontiguousarray(large[:, :, : H * R, : W * R])
    results = []
    for module in (reference, *modules):
        out = [np.full(whole.shape, -9, np.float32), *np.full((3, *shape), -9, np.float32)]
        indices, unpooled = np.empty(shape, np.int64), np.empty_like(large)
        module.nearest_upsample(x, R, out[0])
        module.nearest_upsample_backward(whole, R, out[1])
        module.max_pool2d(large, R, out[2], indices)
        module.max_unpool2d(x, indices, unpooled)
        module.max_unpool2d_backward(large, indices, out[3])
        assert_array_equal(out[3], out[2])  # the maxima are where the indices say
        results.append([*out, indices, unpooled])
    for got in results[1:]:
        for result, expected in zip(got, results[0], strict=True):
            assert_array_equal(result, expected)
