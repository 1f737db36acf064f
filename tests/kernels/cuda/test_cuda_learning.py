"""The kernels of training on the GPU, or in Numba's simulator, against the reference."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

from minisr.kernels import reference
from minisr.kernels.cuda import weight_gradient
from minisr.kernels.cuda.patches import pieces
from minisr.kernels.cuda.training_convolution import (
    NONE,
    PRELU,
    RELU,
    SIGMOID,
    TANH,
    layout,
    training_convolution,
)

CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def activate(kind, z, slope):
    out = np.empty_like(z)
    if kind == PRELU:
        reference.prelu_forward(z, slope, out)
    elif kind == NONE:
        out[...] = z
    else:
        names = {TANH: "tanh", RELU: "relu", SIGMOID: "sigmoid"}
        getattr(reference, f"{names[kind]}_forward")(z, out)
    return out


def convolve(source, weight, bias, slope, activation, backward, kept, offset=0.0):
    """Run the kernel on arrays with shapes; return its result and the slopes' partial sums."""
    N, C, H, W = source.shape
    F = weight.shape[1 if backward else 0]
    K = weight.shape[2]
    plan = layout(C, F, K)
    parameters = np.concatenate([weight.reshape(-1), bias, slope])
    positions = np.split(np.arange(parameters.size), np.cumsum([weight.size, bias.size]))
    order = plan.order(
        positions[0].reshape(weight.shape),
        None if backward else positions[1],
        positions[2],
        backward,
    )
    numbers = np.where(order < 0, np.float32(0), parameters[order])
    numbers = np.concatenate([np.full(7, np.nan, np.float32), numbers])
    down, across = pieces(H, W)
    out = np.full((N, F, H, W), np.nan, np.float32)
    sums = np.full((N * down * across, F), np.nan, np.float32)
    kernel = training_convolution(C, F, K, activation, backward, offset)
    kernel(
        (N * down * across, plan.filter_blocks), plan.threads, source.reshape(-1), numbers,
        np.uint32(7), kept.reshape(-1), out.reshape(-1), sums.reshape(-1),
        *map(np.uint32, (down, across, H, W)),
    )  # fmt: skip
    return out, sums


# (N, H, W), C, F, K: pieces that are not full, one more filter than a group has, several rounds
SHAPES = [
    ((1, 3, 5), 1, 4, 5),
    ((2, 9, 17), 4, 3, 3),
    ((1, 2, 18), 3, 13, 1),
    ((1, 1, 3), 2, 1, 7),
    ((1, 4, 2), 40, 9, 3),
]
CASES = [(*shape, PRELU) for shape in SHAPES]
CASES += [(*SHAPES[k], kind) for k, kind in enumerate([TANH, NONE, SIGMOID, RELU, TANH])]


@pytest.mark.parametrize(("size", "C", "F", "K", "activation"), CASES)
def test_forward(size, C, F, K, activation, rng):
    N, H, W = size
    x, weight = normal(rng, N, C, H, W), normal(rng, F, C, K, K) / np.float32(np.sqrt(C) * K)
    bias, slope = normal(rng, F), normal(rng, F)
    kept = np.full((N, F, H, W), np.nan, np.float32)
    offset = 0.5 if C == 1 else 0.0
    out, _ = convolve(x, weight, bias, slope, activation, False, kept, offset)
    z = np.empty(out.shape)
    reference.conv2d_forward(x - np.float32(offset), weight, bias, (K // 2,) * 4, z)
    assert_allclose(out, activate(activation, z, slope), **CLOSE)
    if activation == PRELU:
        assert_allclose(kept, z, **CLOSE)


@pytest.mark.parametrize(("size", "C", "F", "K", "activation"), CASES)
def test_gradient_by_input(size, C, F, K, activation, rng):
    """Through the convolution, and through the activation of the layer below."""
    N, H, W = size
    dout, weight = normal(rng, N, F, H, W), normal(rng, F, C, K, K) / np.float32(np.sqrt(F) * K)
    z, slope = normal(rng, N, C, H, W), normal(rng, C)
    below = z if activation == PRELU else activate(activation, z, slope)
    dx, sums = convolve(dout, weight, normal(rng, F), slope, activation, True, below)
    passed = np.empty(z.shape)
    reference.conv2d_backward_input(dout, weight, (K // 2,) * 4, passed)
    expected = passed.copy()
    if activation == PRELU:
        dslope = np.zeros(C)
        reference.prelu_backward(passed, z, slope, expected, dslope)
        assert_allclose(sums.sum(axis=0), dslope, rtol=1e-5, atol=1e-5)
    elif activation != NONE:
        names = {TANH: "tanh", RELU: "relu", SIGMOID: "sigmoid"}
        getattr(reference, f"{names[activation]}_backward")(passed, below, expected)
    assert_allclose(dx, expected, **CLOSE)


@pytest.mark.parametrize(
    ("size", "C", "F", "K"),
    [
        ((1, 3, 5), 1, 4, 5),
        ((2, 9, 17), 4, 3, 3),
        ((1, 2, 18), 3, 13, 1),
        ((2, 1, 3), 2, 1, 7),
        ((1, 4, 2), 40, 9, 3),  # two blocks of channels
        ((1, 4, 6), 9, 40, 3),  # two blocks of filters
    ],
)
def test_gradient_by_weight(size, C, F, K, rng):
    N, H, W = size
    offset = 0.5 if C == 1 else 0.0
    source, dout = normal(rng, N, C, H, W), normal(rng, N, F, H, W)
    plan = weight_gradient.layout(C, F, K)
    down, across = pieces(H, W)
    splits = plan.splits(N * down * across)
    partial = np.full(5 + splits * plan.blocks * plan.slots, np.nan, np.float32)
    kernel = weight_gradient.weight_gradient(C, F, K, offset)
    kernel(
        (splits, plan.blocks), kernel.threads, source.reshape(-1), dout.reshape(-1), partial,
        *map(np.uint32, (5, N * down * across, down, across, H, W)),
    )  # fmt: skip
    positions = np.arange(F * C * K * K).reshape(F, C, K, K)
    targets = plan.targets(positions, F * C * K * K + np.arange(F))
    sums = partial[5:].reshape(splits, -1).sum(axis=0)
    assert np.array_equal(np.sort(targets[targets >= 0]), np.arange(F * C * K * K + F))
    found = np.empty(F * C * K * K + F, np.float32)
    found[targets[targets >= 0]] = sums[targets >= 0]
    dweight, dbias = np.zeros((F, C, K, K)), np.zeros(F)
    reference.conv2d_backward_params(
        dout, source - np.float32(offset), (K // 2,) * 4, dweight, dbias
    )
    assert_allclose(found[:-F].reshape(dweight.shape), dweight, rtol=1e-5, atol=2e-5)
    assert_allclose(found[-F:], dbias, rtol=1e-5, atol=1e-5)
