"""Stacks on the GPU, or in Numba's simulator of one, against the definition and the CPU's."""

import copy
import importlib
import itertools
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from find_gpu import patient
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

from numba import cuda

from minisr import engine
from minisr.engine import learning
from minisr.engine.stacks import plan_stack
from minisr.kernels import reference
from minisr.kernels.cuda.blocking import Blocking, filters_per_thread
from minisr.kernels.cuda.epilogue import ACTIVATIONS
from minisr.kernels.cuda.forward_plan import plan
from minisr.kernels.cuda.frames import FrameStream
from minisr.kernels.cuda.fused import Pair, fused
from minisr.kernels.cuda.planes import Geometry, take_in
from minisr.kernels.cuda.stack import row_length, stack
from minisr.kernels.cuda.stage_convolution import convolution
from minisr.kernels.stacks import Stage
from minisr.layers.base import Parameter
from minisr.models import ESPCN, ThinSR
from minisr.system.threads import Threads
from minisr.upscaling.video.planes import to_codes

stack_module = importlib.import_module("minisr.kernels.cuda.stack")  # not its function

APPLY = {None: lambda x, out: np.copyto(out, x), "tanh": reference.tanh_forward,
         "relu": reference.relu_forward, "sigmoid": reference.sigmoid_forward}  # fmt: skip
SMALL = {"across": 2, "down": 2}  # a block of few threads: the simulator's are Python's


def draw(rng, C, F, K, activation):
    """Return a stage with random parameters that keep values near one."""
    arrays = [rng.standard_normal((F, C, K, K)) / np.sqrt(C * K * K), rng.standard_normal(F) * 0.1]
    arrays += [rng.uniform(-1, 1.5, F)] if activation == "prelu" else []
    parameters = [Parameter(np.float32(array), None) for array in arrays]
    return Stage(*parameters[:2], activation, *parameters[2:])


def defined(stages, R, skip, offset, x):
    """Return what the reference makes of it, in float64."""
    x = x.astype(np.float64)
    values = x - offset
    for stage in stages:
        weight, bias = (p.value.astype(np.float64) for p in stage.parameters[:2])
        pad = weight.shape[2] // 2
        out = np.empty((len(x), len(weight), *x.shape[2:]))
        reference.conv2d_forward(values, weight, bias, 4 * [pad], out)
        values = np.empty_like(out)
        if stage.activation == "prelu":
            reference.prelu_forward(out, stage.slope.value.astype(np.float64), values)
        else:
            APPLY[stage.activation](out, values)
    N, F, H, W = values.shape
    out = np.empty((N, F // R**2, H * R, W * R))
    reference.pixel_shuffle(values, R, out)
    if skip:
        large = np.empty_like(out)
        reference.nearest_upsample(x, R, large)
        out += large
    return out


def run_kernel(kernel, grid, packed, x, F, R, offset=0.0):
    """Run one kernel; return planes where R is None, and a picture otherwise."""
    N, C, H, W = x.shape
    stream, geometry = cuda.stream(), Geometry(H, W)
    picture = geometry.planes(N * C, offset, stream)
    take_in(cuda.to_device(x), picture, geometry, 1, 0, stream)
    if R is None:
        target = geometry.planes(N * F, 0, stream)
    else:
        shape = N, F // R**2, H * R, row_length(W, R)
        target = cuda.to_device(np.full(np.prod(shape), np.nan, np.float32))
    numbers = *geometry.numbers, *map(np.float32, (offset, 1, 0))
    weights = cuda.to_device(packed)
    kernel(grid, kernel.threads, picture, weights, target, picture, *numbers, stream=stream)
    stream.synchronize()
    out = target.copy_to_host()
    if R is not None:
        return out.reshape(shape)[..., : W * R]
    planes = out[: N * F * geometry.plane].reshape(N * F, -1, geometry.row)
    inside = planes[:, 4 : 4 + H, 4 : 4 + W].copy()
    planes[:, 4 : 4 + H, 4 : 4 + W] = 0
    assert not planes.any()  # margins stay zero
    return inside.reshape(N, F, H, W)


@pytest.mark.parametrize(
    ("C", "F", "K", "activation", "R", "skip", "shape", "options"),
    [
        (1, 3, 5, "tanh", None, False, (1, 5, 9), SMALL),
        (3, 5, 3, "relu", None, False, (2, 4, 8), SMALL),
        (10, 10, 3, "prelu", None, False, (1, 6, 5), {"across": 1, "down": 2}),
        (2, 4, 1, None, None, False, (1, 1, 1), SMALL),
        (2, 2, 9, "sigmoid", None, False, (1, 9, 3), {"across": 1, "down": 1}),
        (1, 2, 7, None, None, False, (1, 3, 11), {"across": 2, "down": 1, "rows": 1}),
        (2, 35, 1, "tanh", None, False, (2, 3, 4), {"across": 1, "down": 1}),  # two slices
        (1, 4, 3, None, 2, True, (2, 5, 6), SMALL),
        (1, 9, 3, "tanh", 3, True, (1, 3, 5), {"across": 1, "down": 2, "rows": 1}),
        (3, 12, 3, None, 2, True, (1, 3, 3), {"across": 1, "down": 1, "rows": 4}),
        (3, 27, 1, "sigmoid", 3, True, (1, 3, 2), {"across": 1, "down": 1}),
        (1, 16, 3, "prelu", 4, False, (1, 2, 3), SMALL),
        (1, 64, 1, None, 8, False, (1, 1, 2), {"across": 1, "down": 1}),
        (4, 6, 3, None, 1, False, (1, 3, 6), SMALL),
    ],
)
def test_one_convolution(C, F, K, activation, R, skip, shape, options, rng):
    stage = draw(rng, C, F, K, activation)
    blocking = Blocking(C, F, K, filters_per_thread(F, R or 1), **options)
    N, H, W = shape
    x = rng.random((N, C, H, W), np.float32)
    kernel = convolution(blocking, activation, R, skip, shifted=True)
    packed = blocking.pack(*(p.value for p in stage.parameters))
    down, across = blocking.tile
    grid = -(-W // across), -(-H // down), N * blocking.slices
    out = run_kernel(kernel, grid, packed, x, F, R, offset=0.25)
    assert_allclose(out, defined([stage], R or 1, skip, 0.25, x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("channels", "sizes", "activations", "R", "shape", "options"),
    [
        ((1, 11, 5), (5, 3), ("tanh", "tanh"), None, (1, 5, 9), SMALL),
        ((3, 4, 6), (3, 3), ("prelu", "prelu"), None, (2, 4, 3), SMALL),
        ((1, 8, 4), (5, 3), ("sigmoid", None), 2, (1, 1, 1), SMALL),
        ((1, 3, 17), (3, 5), ("relu", "relu"), None, (1, 3, 6), {"across": 1, "down": 2}),
    ],
)
def test_two_convolutions_in_one_kernel(channels, sizes, activations, R, shape, options, rng):
    layers = zip(itertools.pairwise(channels), sizes, activations, strict=True)
    stages = [draw(rng, C, F, K, activation) for (C, F), K, activation in layers]
    C, mid, F = channels
    second = Blocking(mid, F, sizes[1], filters_per_thread(F, R or 1), **options)
    pair = Pair(C, sizes[0], second)
    assert pair.fits
    N, H, W = shape
    x = rng.random((N, C, H, W), np.float32)
    values = []
    for stage in stages:
        values += [p.value for p in stage.parameters] + [None] * (stage.slope is None)
    down, across = second.tile
    grid = -(-W // across), -(-H // down), N * second.slices
    out = run_kernel(fused(pair, activations, R), grid, pair.pack(*values), x, F, R, offset=0.5)
    assert_allclose(out, defined(stages, R or 1, False, 0.5, x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_how_exact_the_activations_are(name):
    """On a GPU this measures its own 2^x and 1 / x; the simulator takes NumPy's."""
    activate = ACTIVATIONS[name]

    @cuda.jit
    def apply(values):
        i = cuda.grid(1)
        if i < values.size:
            values[i] = activate(values[i], values[i])

    x = np.concatenate([np.linspace(-12, 12, 3001), np.geomspace(1e-38, 1e38, 999)])
    x = np.concatenate([x, -x, [np.nan, np.inf, -np.inf]]).astype(np.float32)
    out = x.copy()
    apply[-(-len(x) // 64), 64](out)
    exact = np.tanh(np.float64(x)) if name == "tanh" else 0.5 + 0.5 * np.tanh(np.float64(x) / 2)
    assert_allclose(out, exact, rtol=0, atol=3e-7)


def test_weights_are_packed_in_the_order_of_the_threads():
    blocking = Blocking(1, 70, 1, 9)
    assert blocking.order[:14].tolist() == [*range(9), -1, -1, -1, 9, 10]
    assert sorted(blocking.order[blocking.order >= 0]) == list(range(70))
    assert blocking.slices == 2
    packed = blocking.pack(np.arange(70.0).reshape(70, 1, 1, 1), -np.arange(70.0))
    assert_array_equal(packed[: blocking.bias], np.maximum(blocking.order, 0))
    assert_array_equal(packed[blocking.bias : blocking.slope], -np.maximum(blocking.order, 0))


def jolted(model, rng):
    """Return a model whose biases and slopes are not those of a beginning."""
    for parameter in model.parameters:
        noise = 0.1 * rng.standard_normal(parameter.value.shape)
        parameter.value[...] += noise.astype(np.float32)
    return model


def plan_of(model):
    """Return how a network would run on the GPU, its layers being where they are."""
    planned = copy.copy(model)
    planned.kernels = SimpleNamespace(stack=stack)
    return plan_stack(planned)


def stack_of(model):
    return plan_of(model).stack


def run(model, x, most_bytes=None):
    """Return what a model's stack on the GPU makes of a batch."""
    R = model.upscale_factor
    out = np.full((len(x), model.in_channels, x.shape[2] * R, x.shape[3] * R), np.nan, np.float32)
    if most_bytes is None:
        stack_of(model).forward(x, out)
    else:
        stack_of(model)._forward(x, out, most_bytes)
    return out


@pytest.mark.parametrize(
    ("make", "options", "shape"),
    [
        (ESPCN, {"channels": (4, 3)}, (2, 1, 5, 9)),
        (ESPCN, {"channels": (9, 10), "activation": "relu", "in_channels": 3}, (1, 3, 3, 4)),
        (ESPCN, {"channels": (3, 2), "output_activation": "sigmoid"}, (1, 1, 1, 1)),
        (ThinSR, {"channels": 4, "depth": 2}, (1, 1, 6, 7)),
        (ThinSR, {"channels": 5, "depth": 1, "in_channels": 3}, (1, 3, 2, 5)),
        (ThinSR, {}, (1, 1, 2, 3)),
        (ESPCN, {}, (1, 1, 3, 4)),
    ],
    ids=str,
)
def test_networks_agree_with_the_cpu(make, options, shape, rng):
    model = jolted(make(3, rng=rng, **options), rng)
    x = rng.random(shape, np.float32)
    assert_allclose(run(model, x), engine.compile(model)(x), rtol=1e-5, atol=1e-5)


def test_the_first_two_layers_are_one_kernel(rng):
    for model, count in ((ESPCN(3, rng=rng), 2), (ThinSR(2, rng=rng), 10)):
        ours = stack_of(model)
        steps = plan(ours.stages, ours.upscale_factor, ours.skip, False, 1, 360, 640, 132)
        assert len(steps) == count
        assert [stage for step in steps for stage in step.stages] == ours.stages


@patient
def test_bands_and_batches_give_the_same_bits(rng):
    model = jolted(ThinSR(2, rng=rng, channels=3, depth=1), rng)
    x = rng.random((2, 1, 13, 2), np.float32)
    whole = run(model, x)
    assert_array_equal(run(model, x, most_bytes=1), whole)
    for n in range(2):
        assert_array_equal(run(model, x[n : n + 1]), whole[n : n + 1])


def test_changed_weights_are_seen_by_the_next_call(rng):
    model = ESPCN(2, channels=(3, 2), rng=rng)
    ours = stack_of(model)
    x, out = rng.random((1, 1, 3, 4), np.float32), np.empty((1, 1, 6, 8), np.float32)
    for parameter in model.parameters:
        parameter.value[0] += 0.25
        ours.forward(x, out)
        assert_allclose(out, model(x), rtol=1e-5, atol=1e-5)


def test_a_pixel_that_is_no_number_spoils_what_the_layers_would(rng):
    model = ESPCN(2, channels=(3, 2), rng=rng)
    x = rng.random((1, 1, 5, 12), np.float32)
    x[0, 0, 0, 1] = np.nan
    assert_array_equal(np.isnan(run(model, x)), np.isnan(model(x)))


def test_several_threads_may_call_one_stack(rng):
    model = ESPCN(2, channels=(2, 2), rng=rng)
    ours = stack_of(model)
    xs = rng.random((3, 1, 1, 2, 3), np.float32)
    outs = np.full((3, 1, 1, 4, 6), np.nan, np.float32)
    threads = [
        threading.Thread(target=ours.forward, args=pair) for pair in zip(xs, outs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for x, out in zip(xs, outs, strict=True):
        assert_allclose(out, model(x), rtol=1e-5, atol=1e-5)


def test_what_the_kernels_cannot_take_is_left_to_the_layers(rng):
    assert stack([draw(rng, 1, 4, 11, None)], 2) is None
    assert stack([draw(rng, 1, 4, 4, None)], 2) is None
    assert stack([draw(rng, 1, 5, 3, None)], 2) is None
    assert stack([], 1) is None
    assert plan_of(ESPCN(2, dtype=np.float64, rng=rng)) is None


@pytest.mark.parametrize("width", [4, 5])
def test_frames_of_video_come_back_in_their_order(width, rng):
    model = jolted(ESPCN(2, rng=rng, channels=(3, 2)), rng)
    frames = rng.integers(0, 256, (4, 2, width), np.uint8)
    into, onto = (1 / 219, -16 / 219), (219, 16)
    found = FrameStream(stack_of(model), 2, width, decode=into, encode=onto)(iter(frames))
    for frame in frames:
        intensity = np.multiply(frame, np.float32(into[0]), dtype=np.float32) + np.float32(into[1])
        expected = np.empty((4, 2 * width), np.uint8)
        to_codes(model(intensity[None, None])[0, 0], *onto, 255, expected)
        difference = next(found)[0].astype(int) - expected
        assert abs(difference).max() <= 1  # of a value that lies between two codes
        assert (difference != 0).mean() < 0.05
    assert next(found, None) is None


def test_who_stops_early_may_begin_again(rng):
    model = ESPCN(2, channels=(2, 2), rng=rng)
    frames = rng.random((3, 1, 1, 3), np.float32)
    stream = FrameStream(stack_of(model), 1, 3, dtype=np.float32, depth=2)
    first = stream(frames)
    next(first)
    first.close()
    for frame, large in zip(frames, stream(frames), strict=True):
        assert_allclose(large, model(frame[None])[0], rtol=1e-5, atol=1e-5)


def test_a_stack_that_only_runs_forwards_leaves_learning_to_the_layers(rng):
    model = ESPCN(2, channels=(3, 2), rng=rng)
    compiled = engine.compile(model)
    compiled.plan = compiled.plan._replace(stack=stack_of(model))
    del compiled.plan.stack.learn  # as where PReLU comes last
    other = learning.with_own_gradients(model)
    low, high = rng.random((2, 1, 3, 4), np.float32), rng.random((2, 1, 6, 8), np.float32)
    with Threads(1) as threads:
        loss = learning.learn(other, low, high, "mse", threads)
        assert compiled.learn(low, high, "mse", threads) == loss
    for ours, theirs in zip(model.parameters, other.parameters, strict=True):
        assert_array_equal(ours.grad, theirs.grad)


def test_no_band_has_more_rows_than_a_grid_takes(monkeypatch, rng):
    # A tall picture may be small enough for memory, and have more rows than a grid has blocks.
    model = ESPCN(2, channels=(4, 3), rng=rng)
    x = rng.random((1, 1, 23, 3), np.float32)
    whole = run(model, x)
    heights = []
    picture = stack_module.Stack._picture

    def noted(self, x):
        heights.append(x.shape[2])
        return picture(self, x)

    monkeypatch.setattr(stack_module.Stack, "_picture", noted)
    monkeypatch.setattr(stack_module, "MAX_ROWS", 9)
    assert_array_equal(run(model, x), whole)
    assert len(heights) == 3
    assert max(heights) <= 9 + 2 * stack_of(model).halo
