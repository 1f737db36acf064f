"""Compiled networks that run as one stack, against the same layers one by one, on drawn shapes."""

import itertools
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from small_networks import network_of

from minisr import engine, kernels
from minisr.engine import learning
from minisr.kernels.cpu.vectors import LANES
from minisr.layers import (
    Bicubic,
    Conv2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Sigmoid,
    Tanh,
)
from minisr.models import ESPCN, ThinSR, initialization
from minisr.system.threads import Threads

cpu = kernels.load("cpu")
pytestmark = pytest.mark.skipif(
    cpu.stack([], 2) is None, reason="this host has no vectors: the plain loops run"
)
LAYERS = {"tanh": Tanh, "relu": ReLU, "sigmoid": Sigmoid}
drawn = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def pool():
    with Threads(2) as threads:
        yield threads


def make_stack(
    channels, kernel_sizes, activations, R, rng, output_activation=None, skip=False, offset=0.0
):
    """Make a network, compiled, with weights that keep every layer's values near one."""
    layers = {"offset": Offset(-offset, cpu)} if offset else {}
    for k, ((C, F), K) in enumerate(zip(itertools.pairwise(channels), kernel_sizes, strict=True)):
        layer = Conv2d(C, F, K, cpu, np.float32)
        layer.weight.value[...] = rng.standard_normal((F, C, K, K)) / np.sqrt(C * K * K)
        layer.bias.value[...] = 0.1 * rng.standard_normal(F)
        layers[f"conv{k}"] = layer
        if activations[k] == "prelu":
            layers[f"activation{k}"] = PReLU(F, cpu, np.float32)
            slope = rng.uniform(-1, 1.5, F) * (rng.random(F) > 0.2)  # some are zero
            layers[f"activation{k}"].weight.value[...] = slope
        elif activations[k] is not None:
            layers[f"activation{k}"] = LAYERS[activations[k]](cpu)
    layers["shuffle"] = PixelShuffle(R, cpu)
    if output_activation is not None:
        layers["output"] = LAYERS[output_activation](cpu)
    residual = {"shortcut": NearestUpsample(R, cpu)} if skip else {}
    return engine.compile(network_of(layers, cpu, R, **residual))


def by_layers(compiled):
    """Return a twin that runs layer by layer, with the same weights and other gradients."""
    return engine.compile(learning.with_own_gradients(compiled.network), "layers")


@st.composite
def stacks(draw):
    """Draw a network and a batch for it."""
    depth = draw(st.integers(1, 4))
    R = draw(st.integers(2, 8))
    final = draw(st.sampled_from([1, 3]))
    channels = [
        draw(st.sampled_from([1, 3])),
        *(draw(st.integers(1, 20)) for _ in range(depth - 1)),
    ]
    kernel_sizes = [draw(st.sampled_from([1, 3, 5, 7, 9, 3])) for _ in range(depth)]
    kinds = ["tanh", "relu", "sigmoid", "prelu", None]
    activations = [draw(st.sampled_from(kinds)) for _ in range(depth - 1)]
    activations.append(draw(st.sampled_from([kind for kind in kinds if kind != "prelu"])))
    shape = draw(st.integers(1, 3)), channels[0], draw(st.integers(1, 50)), draw(st.integers(1, 70))
    past = {"skip": final == channels[0] and draw(st.booleans())}
    past["offset"] = draw(st.sampled_from([0.0, 0.5, -0.25]))
    return [*channels, final * R * R], kernel_sizes, activations, R, past, shape


SIZES = [(124, 8, 128), (4, 4, 4), (16, 12, 20), (60, 8, 1000), (1000, 64, 32)]


def run(compiled, x, threads, column=124, band=8, segment=128):
    N, _, H, W = x.shape
    stack = compiled.plan.stack
    R = stack.upscale_factor
    C = stack.stages[-1].weight.value.shape[0] // R**2
    out = np.full((N, C, H * R, W * R), np.nan, np.float32)
    stack._forward(x, out, threads, column, band, segment)
    return out


@given(drawing=stacks(), sizes=st.sampled_from(SIZES), seed=st.integers(0, 99))
@drawn
def test_forward_agrees_with_the_layers_and_does_not_depend_on_the_pieces(
    pool, drawing, sizes, seed
):
    *network, past, shape = drawing
    rng = np.random.default_rng(seed)
    model = make_stack(*network, rng, **past)
    x = rng.random(shape, np.float32)
    out = run(model, x, pool)
    expected = by_layers(model)(x)
    assert_allclose(out, expected, rtol=1e-5, atol=4e-6)
    assert_array_equal(run(model, x, pool, *sizes), out)
    for n in range(len(x)):  # a batch is its samples
        assert_array_equal(run(model, x[n : n + 1], pool), out[n : n + 1])


@pytest.mark.parametrize("output_activation", ["tanh", "sigmoid", "relu"])
def test_an_activation_after_the_shuffle(output_activation, pool, rng):
    """The stack does it before the shuffle, the layers after it."""
    model = make_stack([1, 6, 9], [5, 3], ["tanh", None], 3, rng, output_activation)
    twin = by_layers(model)
    x, high = 3 * rng.random((3, 1, 13, 21), np.float32), rng.random((3, 1, 39, 63), np.float32)
    assert_allclose(run(model, x, pool), twin(x), rtol=1e-5, atol=4e-6)
    assert model.learn(x, high, "mse", pool) == pytest.approx(twin.learn(x, high, "mse", pool))
    for (name, ours), theirs in zip(
        model.network.named_parameters(), twin.network.parameters, strict=True
    ):
        assert_allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6, err_msg=name)


def thinsr(R, rng, **options):
    """Compile one with slopes of all kinds, whose values keep their size, and with its skip."""
    model = ThinSR(R, rng=rng, **options)
    for layer in model.layers.values():
        if isinstance(layer, PReLU):
            layer.weight.value[...] = rng.uniform(-1, 1.5, layer.weight.value.shape)
            layer.weight.value[:2] = (0, 2)
        elif isinstance(layer, Conv2d):
            initialization.he_normal(layer, rng)
            layer.bias.value[...] = 0.1 * rng.standard_normal(layer.bias.value.shape)
    model.layers[f"conv{model.depth + 2}"].weight.value[...] *= 0.2
    return engine.compile(model)


def espcn(R, rng, **options):
    return engine.compile(ESPCN(R, rng=rng, **options))


def readable(value):
    """Return an id that is the same in every process, as those that share the tests need."""
    return getattr(value, "__name__", str(value))


NETWORKS = [
    (espcn, {}),
    (espcn, {"activation": "relu", "in_channels": 3}),
    (thinsr, {}),
    (thinsr, {"channels": 16, "depth": 3, "in_channels": 3}),
    (thinsr, {"channels": 7, "depth": 9}),
]


@pytest.mark.parametrize("R", [2, 3, 4])
@pytest.mark.parametrize(("make", "options"), NETWORKS, ids=readable)
def test_every_size_of_the_pieces_and_number_of_threads_gives_the_same_bits(R, make, options, rng):
    model = make(R, rng, **options)
    x = rng.random((1, model.network.in_channels, 150, 270), np.float32)
    results = []
    for threads in (1, 2, 3):
        with Threads(threads) as pool:
            results += [run(model, x, pool, *sizes) for sizes in SIZES]
            results.append(model(x, pool))
    for result in results:
        assert_array_equal(result, results[0])
    closeness = 2e-6 if make is espcn else 2e-5  # more layers round more often
    assert_allclose(results[0], by_layers(model)(x), rtol=closeness, atol=closeness)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 3), (3000, 5), (5, 3000)])
@pytest.mark.parametrize(("make", "options"), [(espcn, {}), (thinsr, {"channels": 22, "depth": 5})])
def test_pictures_of_unusual_shape(shape, make, options, pool, rng):
    model = make(3, rng, **options)
    x = rng.random((1, 1, *shape), np.float32)
    assert_allclose(model(x, pool), by_layers(model)(x), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ["tanh", "relu", "prelu"])
def test_a_pixel_that_is_no_number_spoils_what_the_layers_would(bad, activation, pool, rng):
    if activation == "prelu":
        model = thinsr(3, rng, channels=12, depth=1)
    else:
        model = engine.compile(ESPCN(3, rng=rng, activation=activation))
    clean = rng.random((1, 1, 140, 270), np.float32)
    places = [(0, 0), (9, 123), (31, 124), (64, 60), (128, 200), (139, 269)]
    for y, x in places:
        clean[0, 0, y, x] = bad
    expected = by_layers(model)(clean)
    for sizes in SIZES:
        out = run(model, clean, pool, *sizes)
        assert_array_equal(np.isfinite(out), np.isfinite(expected))
        assert_array_equal(np.isnan(out), np.isnan(expected))
        near = np.isfinite(expected)
        assert_allclose(out[near], expected[near], rtol=2e-6, atol=2e-6)


def test_other_memory_layouts_and_read_only_arrays(pool, rng):
    model = engine.compile(ESPCN(2, rng=rng))
    x = rng.random((2, 1, 21, 34), np.float32)
    expected = model(x, pool)
    assert_array_equal(model(np.asfortranarray(x), pool), expected)
    assert_array_equal(model(x[:, :, ::-1, ::-1], pool), model(x[:, :, ::-1, ::-1].copy(), pool))
    x.flags.writeable = False
    assert_array_equal(model(x, pool), expected)


def test_changed_weights_are_seen_by_the_next_call(pool, rng):
    model = engine.compile(ESPCN(2, rng=rng))
    x = rng.random((1, 1, 21, 34), np.float32)
    before = model(x, pool)
    model.network.parameters[3].value[1] += 1
    after = model(x, pool)
    assert (before != after).any()
    assert_allclose(after, by_layers(model)(x), rtol=0, atol=4e-6)
    model.network.parameters[0].value[2] = np.nan
    assert np.isnan(model(x, pool)).all()


def test_several_threads_may_call_one_network(rng):
    model = engine.compile(ESPCN(3, rng=rng))
    pictures = rng.random((12, 1, 1, 90, 130), np.float32)
    with Threads(1) as one, Threads(4) as four:
        expected = [model(x, one) for x in pictures]
        for out, alone in zip(four.map(lambda x: model(x, one), pictures), expected, strict=True):
            assert_array_equal(out, alone)


def test_memory_is_input_and_output_and_little_more(pool, rng):
    model = engine.compile(ESPCN(2, rng=rng))
    x = rng.random((1, 1, 3000, 3000), np.float32)
    tracemalloc.start()
    out = model(x, pool)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < out.nbytes + 64 * 2**20


def test_double_precision_goes_layer_by_layer():
    assert engine.compile(ESPCN(2, dtype=np.float64)).plan is None


def gradients(model):
    return [parameter.grad.copy() for parameter in model.network.parameters]


def assert_gradients_agree(model, twin, tolerance=1e-4):
    for (name, ours), theirs in zip(
        model.network.named_parameters(), twin.network.parameters, strict=True
    ):
        error = np.linalg.norm(ours.grad - theirs.grad)
        assert error <= tolerance * np.linalg.norm(theirs.grad) + 1e-9, name


@given(
    drawing=stacks(),
    loss=st.sampled_from(["mse", "l1", "charbonnier"]),
    seed=st.integers(0, 99),
)
@drawn
def test_learn_agrees_with_the_layers(pool, drawing, loss, seed):
    *network, past, (N, C, H, W) = drawing
    N, H, W = 2 * N - 1, min(H, 24), min(W, 29)
    R = network[-1]
    rng = np.random.default_rng(seed)
    model = make_stack(*network, rng, **past)
    twin = by_layers(model)
    low = rng.random((N, C, H, W), np.float32)
    high = rng.standard_normal((N, network[0][-1] // R**2, H * R, W * R)).astype(np.float32)
    ours, theirs = (m.learn(low, high, loss, pool) for m in (model, twin))
    assert ours == pytest.approx(theirs, rel=1e-6)
    # A value on the very corner of l1, ReLU or PReLU may fall to either side.
    has_corner = loss == "l1" or {"relu", "prelu"} & {*network[2]}
    assert_gradients_agree(model, twin, 1e-2 if has_corner else 1e-4)


@pytest.mark.parametrize("shape", [(16, 32, 32), (7, 17, 17), (5, 9, 21), (2, 1, 1), (3, 48, 5)])
@pytest.mark.parametrize(("make", "options"), NETWORKS, ids=readable)
def test_learning_gives_the_same_bits_for_any_number_of_threads(shape, make, options, rng):
    model = make(3, rng, **options)
    N, H, W = shape
    low = rng.random((N, model.network.in_channels, H, W), np.float32)
    high = rng.random((N, model.network.in_channels, 3 * H, 3 * W), np.float32)
    results = []
    for threads in (1, 2, 3):
        model.network.zero_grad()
        with Threads(threads) as pool:
            results.append([model.learn(low, high, "mse", pool), *gradients(model)])
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            assert_array_equal(got, expected)
    twin = by_layers(model)
    with Threads(1) as pool:
        assert twin.learn(low, high, "mse", pool) == pytest.approx(results[0][0], rel=1e-6)
    assert_gradients_agree(model, twin, 1e-3 if make is thinsr else 1e-4)  # of PReLU's corner


@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier"])
def test_slopes_learn_what_double_precision_says(loss, pool, rng):
    """The definition in float64, layer by layer: for slopes below and above zero, and at it."""
    model = thinsr(3, rng, depth=2)
    definition = ThinSR(3, depth=2, backend="reference", dtype=np.float64)
    definition.load_state_dict(model.network.state_dict())
    twin = engine.compile(definition, "layers")
    low, high = rng.random((3, 1, 18, 23), np.float32), rng.random((3, 1, 54, 69), np.float32)
    ours = model.learn(low, high, loss, pool)
    theirs = twin.learn(low.astype(np.float64), high.astype(np.float64), loss, pool)
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert_gradients_agree(model, twin, 1e-4)


def test_a_last_prelu_is_left_to_the_layers(pool, rng):
    model = make_stack([1, 6, 8], [3, 3], ["prelu", "prelu"], 2, rng, offset=0.5)
    assert model.plan is None
    x, high = rng.random((2, 1, 7, 9), np.float32), rng.random((2, 2, 14, 18), np.float32)
    assert_array_equal(model(x, pool), model.network.forward(x)[0])
    model.learn(x, high, "mse", pool)
    assert all(parameter.grad.any() for parameter in model.network.parameters)


@pytest.mark.parametrize(
    ("begin", "residual"),
    [
        ([], {"shortcut": NearestUpsample(2, cpu)}),
        ([Offset(-0.5, cpu)], {}),
    ],
    ids=["a skip", "an offset"],
)
def test_a_skip_or_an_offset_past_other_layers_is_left_to_the_layers(begin, residual, pool, rng):
    conv = Conv2d(1, 1, 3, cpu, np.float32)
    conv.weight.value[...] = rng.standard_normal(conv.weight.value.shape)
    layers = dict(zip("abc", [*begin, Bicubic(2, cpu), conv], strict=False))
    model = engine.compile(network_of(layers, cpu, 2, **residual))
    assert model.plan is None
    twin = by_layers(model)
    x, high = rng.random((2, 1, 7, 9), np.float32), rng.random((2, 1, 14, 18), np.float32)
    assert_array_equal(model(x, pool), twin(x))
    assert model.learn(x, high, "mse", pool) == pytest.approx(twin.learn(x, high, "mse"))
    assert_gradients_agree(model, twin)


def test_layers_without_parameters_run_before_the_stack(pool, rng):
    """An offset after them is the stack's."""
    model = make_stack([1, 4, 9], [5, 3], ["tanh", None], 3, rng, offset=0.4)
    network = network_of({"bicubic": Bicubic(2, cpu), **model.network.layers}, cpu, 6)
    model = engine.compile(network)
    assert [str(layer) for layer in model.plan.before] == ["Bicubic(2)"]
    assert model.plan.stack.offset == np.float32(0.4)
    twin = by_layers(model)
    x, high = rng.random((2, 1, 7, 9), np.float32), rng.random((2, 1, 42, 54), np.float32)
    assert_allclose(model(x, pool), twin(x), rtol=1e-5, atol=4e-6)
    assert model.learn(x, high, "mse", pool) == pytest.approx(twin.learn(x, high, "mse"), rel=1e-6)
    assert_gradients_agree(model, twin)


def test_learn_adds_and_sees_changed_weights(pool, rng):
    model = engine.compile(ESPCN(2, rng=rng))
    low, high = rng.random((4, 1, 9, 13), np.float32), rng.random((4, 1, 18, 26), np.float32)
    model.learn(low, high, "mse", pool)
    once = gradients(model)
    model.learn(low[:, :, ::-1], high[:, :, ::-1], "mse", pool)
    model.network.zero_grad()
    model.learn(low, high, "mse", pool)
    for got, expected in zip(gradients(model), once, strict=True):
        assert_array_equal(got, expected)
    model.learn(low, high, "mse", pool)
    for got, expected in zip(gradients(model), once, strict=True):
        assert_array_equal(got, 2 * expected)
    model.network.parameters[2].value[...] *= 2
    model.network.zero_grad()
    twin = by_layers(model)
    for m in (model, twin):
        m.learn(low, high, "mse", pool)
    assert_gradients_agree(model, twin)


def test_changed_slopes_are_seen(pool, rng):
    model = thinsr(2, rng, channels=6, depth=1)
    low, high = rng.random((4, 1, 9, 13), np.float32), rng.random((4, 1, 18, 26), np.float32)
    before = model(low, pool)
    model.learn(low, high, "mse", pool)
    model.network.layers["prelu1"].weight.value[...] *= -0.5
    assert (model(low, pool) != before).any()
    twin = by_layers(model)
    model.network.zero_grad()
    for m in (model, twin):
        m.learn(low, high, "mse", pool)
    assert_allclose(model(low, pool), twin(low), rtol=2e-6, atol=2e-6)
    assert_gradients_agree(model, twin)


def test_a_smaller_last_group_does_not_see_its_predecessors(rng):
    """Nine-pixel patches lie three side by side: seven of them leave one alone."""
    model = engine.compile(ESPCN(2, rng=rng))
    low, high = rng.random((7, 1, 9, 9), np.float32), rng.random((7, 1, 18, 18), np.float32)
    with Threads(1) as one:
        for _ in range(2):
            model.network.zero_grad()
            model.learn(low, high, "mse", one)
        twin = by_layers(model)
        twin.learn(low, high, "mse", one)
    assert_gradients_agree(model, twin)


PROCESS = """
import hashlib
import sys
import numpy as np
from minisr import engine
from minisr.engine.learning import with_own_gradients
from minisr.kernels.cpu.vectors import LANES
from minisr.models import ESPCN, ThinSR
from minisr.system.threads import Threads

rng = np.random.default_rng(0)
low, high = rng.random((3, 1, 9, 11), np.float32), rng.random((3, 1, 27, 33), np.float32)
digest = hashlib.sha256()
for network in (ESPCN(3, rng=rng), ThinSR(3, depth=2, rng=rng)):
    model = engine.compile(network)
    digest.update(model(low).tobytes())
    with Threads(2) as threads:
        model.learn(low, high, "mse", threads)
    for parameter in network.parameters:
        digest.update(parameter.grad.tobytes())
    if "compare" in sys.argv:  # layers have kernels of their own to compile
        twin = engine.compile(with_own_gradients(network), "layers")
        assert np.abs(twin(low) - model(low)).max() < 2e-6
        twin.learn(low, high, "mse")
        for ours, theirs in zip(network.parameters, twin.network.parameters):
            assert np.linalg.norm(ours.grad - theirs.grad) < 1e-4 * np.linalg.norm(theirs.grad)
print(LANES, digest.hexdigest())
"""
HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"}


@pytest.mark.parametrize("processor", [{}, HASWELL], ids=["this", "haswell"])
def test_just_compiled_and_loaded_code_give_the_same_bits(processor, tmp_path):
    """Also with the vectors of a smaller processor, if this one is of its kind."""
    if processor and LANES <= 8:
        pytest.skip("this processor has no wider vectors than AVX2, or none of its kind")
    environment = {**os.environ, **processor, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROCESS, *["compare"] * bool(processor)]
    said = [subprocess.check_output(command, env=environment, text=True) for _ in range(2)]
    assert said[0] == said[1]
    assert said[0].startswith("8 " if processor else f"{LANES} ")
