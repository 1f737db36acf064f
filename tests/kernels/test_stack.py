"""The stack that runs as one against the same layers one by one, on drawn shapes."""

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

from minisr import kernels
from minisr.errors import SettingsError
from minisr.kernels.cpu.vectors import LANES
from minisr.layers import Bicubic, Conv2d, ConvStack, PixelShuffle, PReLU, ReLU, Sigmoid, Tanh
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
    """Make a ConvStack with weights that keep every layer's values near one."""
    layers = {}
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
    return ConvStack(layers, cpu, skip, offset)


def layer_by_layer(model):
    """Return a twin with the same weights, other gradients, and no stack."""
    twin = model.replica()
    assert twin.stack is None
    return twin


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


def run(model, x, threads, column=124, band=8, segment=128):
    N, _, H, W = x.shape
    R = model.stack.upscale_factor
    C = model.stack.stages[-1].weight.value.shape[0] // R**2
    out = np.full((N, C, H * R, W * R), np.nan, np.float32)
    model.stack._forward(x, out, threads, column, band, segment)
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
    expected = layer_by_layer(model)(x)
    assert_allclose(out, expected, rtol=1e-5, atol=4e-6)
    assert_array_equal(run(model, x, pool, *sizes), out)
    for n in range(len(x)):  # a batch is its samples
        assert_array_equal(run(model, x[n : n + 1], pool), out[n : n + 1])


@pytest.mark.parametrize("output_activation", ["tanh", "sigmoid", "relu"])
def test_an_activation_after_the_shuffle(output_activation, pool, rng):
    """The stack does it before the shuffle, the layers after it."""
    model = make_stack([1, 6, 9], [5, 3], ["tanh", None], 3, rng, output_activation)
    twin = layer_by_layer(model)
    x, high = 3 * rng.random((3, 1, 13, 21), np.float32), rng.random((3, 1, 39, 63), np.float32)
    assert_allclose(run(model, x, pool), twin(x), rtol=1e-5, atol=4e-6)
    assert model.learn(x, high, "mse", pool) == pytest.approx(twin.learn(x, high, "mse", pool))
    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters, strict=True):
        assert_allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6, err_msg=name)


def thinsr(R, rng, **options):
    """Make a network with slopes of all kinds, whose values keep their size, and with its skip."""
    model = ThinSR(R, rng=rng, **options)
    for layer in model.layers.values():
        if isinstance(layer, PReLU):
            layer.weight.value[...] = rng.uniform(-1, 1.5, layer.weight.value.shape)
            layer.weight.value[:2] = (0, 2)
        elif isinstance(layer, Conv2d):
            initialization.he_normal(layer, rng)
            layer.bias.value[...] = 0.1 * rng.standard_normal(layer.bias.value.shape)
    model.convolutions[-1].weight.value[...] *= 0.2
    return model


def espcn(R, rng, **options):
    return ESPCN(R, rng=rng, **options)


NETWORKS = [
    (espcn, {}),
    (espcn, {"activation": "relu", "in_channels": 3}),
    (thinsr, {}),
    (thinsr, {"channels": 16, "depth": 3, "in_channels": 3}),
    (thinsr, {"channels": 7, "depth": 9}),
]


@pytest.mark.parametrize("R", [2, 3, 4])
@pytest.mark.parametrize(("make", "options"), NETWORKS, ids=str)
def test_every_size_of_the_pieces_and_number_of_threads_gives_the_same_bits(R, make, options, rng):
    model = make(R, rng, **options)
    x = rng.random((1, model.in_channels, 150, 270), np.float32)
    results = []
    for threads in (1, 2, 3):
        with Threads(threads) as pool:
            results += [run(model, x, pool, *sizes) for sizes in SIZES]
            results.append(model(x, pool))
    for result in results:
        assert_array_equal(result, results[0])
    closeness = 2e-6 if make is espcn else 2e-5  # more layers round more often
    assert_allclose(results[0], layer_by_layer(model)(x), rtol=closeness, atol=closeness)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 3), (3000, 5), (5, 3000)])
@pytest.mark.parametrize(("make", "options"), [(espcn, {}), (thinsr, {"channels": 22, "depth": 5})])
def test_pictures_of_unusual_shape(shape, make, options, pool, rng):
    model = make(3, rng, **options)
    x = rng.random((1, 1, *shape), np.float32)
    assert_allclose(model(x, pool), layer_by_layer(model)(x), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ["tanh", "relu", "prelu"])
def test_a_pixel_that_is_no_number_spoils_what_the_layers_would(bad, activation, pool, rng):
    if activation == "prelu":
        model = thinsr(3, rng, channels=12, depth=1)
    else:
        model = ESPCN(3, rng=rng, activation=activation)
    clean = rng.random((1, 1, 140, 270), np.float32)
    places = [(0, 0), (9, 123), (31, 124), (64, 60), (128, 200), (139, 269)]
    for y, x in places:
        clean[0, 0, y, x] = bad
    expected = layer_by_layer(model)(clean)
    for sizes in SIZES:
        out = run(model, clean, pool, *sizes)
        assert_array_equal(np.isfinite(out), np.isfinite(expected))
        assert_array_equal(np.isnan(out), np.isnan(expected))
        near = np.isfinite(expected)
        assert_allclose(out[near], expected[near], rtol=2e-6, atol=2e-6)


def test_other_memory_layouts_and_read_only_arrays(pool, rng):
    model = ESPCN(2, rng=rng)
    x = rng.random((2, 1, 21, 34), np.float32)
    expected = model(x, pool)
    assert_array_equal(model(np.asfortranarray(x), pool), expected)
    assert_array_equal(model(x[:, :, ::-1, ::-1], pool), model(x[:, :, ::-1, ::-1].copy(), pool))
    x.flags.writeable = False
    assert_array_equal(model(x, pool), expected)


def test_changed_weights_are_seen_by_the_next_call(pool, rng):
    model = ESPCN(2, rng=rng)
    x = rng.random((1, 1, 21, 34), np.float32)
    before = model(x, pool)
    model.parameters[3].value[1] += 1
    after = model(x, pool)
    assert (before != after).any()
    assert_allclose(after, layer_by_layer(model)(x), rtol=0, atol=4e-6)
    model.parameters[0].value[2] = np.nan
    assert np.isnan(model(x, pool)).all()


def test_several_threads_may_call_one_network(rng):
    model = ESPCN(3, rng=rng)
    pictures = rng.random((12, 1, 1, 90, 130), np.float32)
    with Threads(1) as one, Threads(4) as four:
        expected = [model(x, one) for x in pictures]
        for out, alone in zip(four.map(lambda x: model(x, one), pictures), expected, strict=True):
            assert_array_equal(out, alone)


def test_memory_is_input_and_output_and_little_more(pool, rng):
    model = ESPCN(2, rng=rng)
    x = rng.random((1, 1, 3000, 3000), np.float32)
    tracemalloc.start()
    out = model(x, pool)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < out.nbytes + 64 * 2**20


def test_double_precision_goes_layer_by_layer():
    assert ESPCN(2, dtype=np.float64).stack is None


def test_tanh_of_vectors():
    from minisr.kernels.cpu.vector_tanh import tanh

    x = np.concatenate([np.linspace(-12, 12, 1_000_001), np.geomspace(1e-38, 1e38, 5003)])
    x = np.concatenate([x, -x]).astype(np.float32)
    out = np.empty_like(x)
    tanh(x, out)
    exact = np.tanh(x.astype(np.float64))
    assert np.abs(out - exact).max() < 3.3e-7  # measured 3.25e-7 at worst
    assert np.abs((out - exact)[exact != 0] / exact[exact != 0]).max() < 5e-7
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    out = np.empty_like(special)
    tanh(special, out)
    assert_allclose(out, [np.nan, 1, -1, 0, 0], atol=2.5e-7)
    assert_array_equal(np.signbit(out[3:]), [False, True])


def gradients(model):
    return [parameter.grad.copy() for parameter in model.parameters]


def assert_gradients_agree(model, twin, tolerance=1e-4):
    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters, strict=True):
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
    twin = layer_by_layer(model)
    low = rng.random((N, C, H, W), np.float32)
    high = rng.standard_normal((N, network[0][-1] // R**2, H * R, W * R)).astype(np.float32)
    ours, theirs = (m.learn(low, high, loss, pool) for m in (model, twin))
    assert ours == pytest.approx(theirs, rel=1e-6)
    # A value on the very corner of l1, ReLU or PReLU may fall to either side.
    has_corner = loss == "l1" or {"relu", "prelu"} & {*network[2]}
    assert_gradients_agree(model, twin, 1e-2 if has_corner else 1e-4)


@pytest.mark.parametrize("shape", [(16, 32, 32), (7, 17, 17), (5, 9, 21), (2, 1, 1), (3, 48, 5)])
@pytest.mark.parametrize(("make", "options"), NETWORKS, ids=str)
def test_learning_gives_the_same_bits_for_any_number_of_threads(shape, make, options, rng):
    model = make(3, rng, **options)
    N, H, W = shape
    low = rng.random((N, model.in_channels, H, W), np.float32)
    high = rng.random((N, model.in_channels, 3 * H, 3 * W), np.float32)
    results = []
    for threads in (1, 2, 3):
        model.zero_grad()
        with Threads(threads) as pool:
            results.append([model.learn(low, high, "mse", pool), *gradients(model)])
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            assert_array_equal(got, expected)
    twin = layer_by_layer(model)
    with Threads(1) as pool:
        assert twin.learn(low, high, "mse", pool) == pytest.approx(results[0][0], rel=1e-6)
    assert_gradients_agree(model, twin, 1e-3 if make is thinsr else 1e-4)  # of PReLU's corner


@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier"])
def test_slopes_learn_what_double_precision_says(loss, pool, rng):
    """The definition in float64, layer by layer: for slopes below and above zero, and at it."""
    model = thinsr(3, rng, depth=2)
    twin = ThinSR(3, depth=2, backend="reference", dtype=np.float64)
    twin.load_state_dict(model.state_dict())
    low, high = rng.random((3, 1, 18, 23), np.float32), rng.random((3, 1, 54, 69), np.float32)
    ours = model.learn(low, high, loss, pool)
    theirs = twin.learn(low.astype(np.float64), high.astype(np.float64), loss, pool)
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert_gradients_agree(model, twin, 1e-4)


def test_a_last_prelu_is_left_to_the_layers(pool, rng):
    model = make_stack([1, 6, 8], [3, 3], ["prelu", "prelu"], 2, rng, offset=0.5)
    assert model.stack is None
    x, high = rng.random((2, 1, 7, 9), np.float32), rng.random((2, 2, 14, 18), np.float32)
    assert_array_equal(model(x, pool), model.forward(x)[0])
    model.learn(x, high, "mse", pool)
    assert all(parameter.grad.any() for parameter in model.parameters)


def test_a_skip_past_other_layers_is_refused():
    layers = {"bicubic": Bicubic(2, cpu), "conv": Conv2d(1, 1, 3, cpu, np.float32)}
    for past in ({"skip": True}, {"offset": 0.5}):
        with pytest.raises(SettingsError, match="must begin with a convolution"):
            ConvStack(layers, cpu, **past)


def test_learn_adds_and_sees_changed_weights(pool, rng):
    model = ESPCN(2, rng=rng)
    low, high = rng.random((4, 1, 9, 13), np.float32), rng.random((4, 1, 18, 26), np.float32)
    model.learn(low, high, "mse", pool)
    once = gradients(model)
    model.learn(low[:, :, ::-1], high[:, :, ::-1], "mse", pool)
    model.zero_grad()
    model.learn(low, high, "mse", pool)
    for got, expected in zip(gradients(model), once, strict=True):
        assert_array_equal(got, expected)
    model.learn(low, high, "mse", pool)
    for got, expected in zip(gradients(model), once, strict=True):
        assert_array_equal(got, 2 * expected)
    model.parameters[2].value[...] *= 2
    model.zero_grad()
    twin = layer_by_layer(model)
    for m in (model, twin):
        m.learn(low, high, "mse", pool)
    assert_gradients_agree(model, twin)


def test_changed_slopes_are_seen(pool, rng):
    model = thinsr(2, rng, channels=6, depth=1)
    low, high = rng.random((4, 1, 9, 13), np.float32), rng.random((4, 1, 18, 26), np.float32)
    before = model(low, pool)
    model.learn(low, high, "mse", pool)
    model.layers["prelu1"].weight.value[...] *= -0.5
    assert (model(low, pool) != before).any()
    twin = layer_by_layer(model)
    model.zero_grad()
    for m in (model, twin):
        m.learn(low, high, "mse", pool)
    assert_allclose(model(low, pool), twin(low), rtol=2e-6, atol=2e-6)
    assert_gradients_agree(model, twin)


def test_a_smaller_last_group_does_not_see_its_predecessors(rng):
    """Nine-pixel patches lie three side by side: seven of them leave one alone."""
    model = ESPCN(2, rng=rng)
    low, high = rng.random((7, 1, 9, 9), np.float32), rng.random((7, 1, 18, 18), np.float32)
    with Threads(1) as one:
        for _ in range(2):
            model.zero_grad()
            model.learn(low, high, "mse", one)
        twin = layer_by_layer(model)
        twin.learn(low, high, "mse", one)
    assert_gradients_agree(model, twin)


PROCESS = """
import hashlib
import numpy as np
from minisr.models import ESPCN, ThinSR
from minisr.system.threads import Threads
from minisr.kernels.cpu.vectors import LANES

rng = np.random.default_rng(0)
low, high = rng.random((3, 1, 9, 11), np.float32), rng.random((3, 1, 27, 33), np.float32)
digest = hashlib.sha256()
for model in (ESPCN(3, rng=rng), ThinSR(3, depth=2, rng=rng)):
    digest.update(model(low).tobytes())
    twin = model.replica()
    assert np.abs(twin(low) - model(low)).max() < 2e-6
    with Threads(2) as threads:
        for m in (model, twin):
            m.learn(low, high, "mse", threads)
    for ours, theirs in zip(model.parameters, twin.parameters):
        assert np.linalg.norm(ours.grad - theirs.grad) < 1e-4 * np.linalg.norm(theirs.grad)
        digest.update(ours.grad.tobytes())
print(LANES, digest.hexdigest())
"""
HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"}


@pytest.mark.parametrize("processor", [{}, HASWELL], ids=["this", "haswell"])
def test_just_compiled_and_loaded_code_give_the_same_bits(processor, tmp_path):
    """Also with the vectors of a smaller processor, if this one is of its kind."""
    if processor and LANES < 8:
        pytest.skip("this processor has no AVX2 to try")
    environment = {**os.environ, **processor, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROCESS]
    said = [subprocess.check_output(command, env=environment, text=True) for _ in range(2)]
    assert said[0] == said[1]
    assert said[0].startswith("8 " if processor else f"{LANES} ")


def test_a_change_in_one_file_makes_all_kernels_compile_anew():
    """Numba's own check would look at `bands` alone, and run yesterday's micro-kernel."""
    from minisr.kernels.cpu import bands, options

    assert {"bands.py", "microkernel.py", "vectors.py"} <= {name for name, _ in options.FOLDER}
    assert bands.run_column._cache._cache_file._source_stamp[1] == options.FOLDER
