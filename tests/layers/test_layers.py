import numpy as np
import pytest
from backends import BACKENDS
from numpy.testing import assert_allclose, assert_array_equal

from minisr import ESPCN, kernels, models
from minisr.errors import CheckpointError, SettingsError, ShapeError
from minisr.images import imresize
from minisr.layers import Bicubic, Conv2d, Layer, PixelShuffle
from minisr.models import initialization


@pytest.fixture
def model():
    return ESPCN(3, channels=(6, 4), rng=np.random.default_rng(5))


@pytest.mark.parametrize(("R", "count"), [(2, 21_284), (3, 22_729), (4, 24_752)])
def test_the_papers_parameter_counts(R, count):
    model = ESPCN(upscale_factor=R)
    assert model.parameter_count == count
    assert f"{count:,} parameters" in repr(model)


def test_repr_shows_layers_and_shapes():
    assert repr(ESPCN(3)).splitlines() == [
        "ESPCN(x3, 1-64-32, tanh): 22,729 parameters",
        "  conv1          Conv2d(1 -> 64, 5x5)   weight (64, 1, 5, 5), bias (64,)",
        "  tanh1          Tanh",
        "  conv2          Conv2d(64 -> 32, 3x3)  weight (32, 64, 3, 3), bias (32,)",
        "  tanh2          Tanh",
        "  conv3          Conv2d(32 -> 9, 3x3)   weight (9, 32, 3, 3), bias (9,)",
        "  pixel_shuffle  PixelShuffle(3)",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"upscale_factor": 1}, "upscale_factor must be an integer from 2 to 8, got 1"),
        ({"upscale_factor": 2.5}, "from 2 to 8, got 2.5"),
        ({"upscale_factor": 3, "in_channels": 2}, r"in_channels must be 1 \(luma\) or 3"),
        ({"upscale_factor": 3, "activation": "gelu"}, "one of tanh, relu, got 'gelu'"),
        ({"upscale_factor": 3, "output_activation": "relu"}, "one of None, tanh, sigmoid, got 're"),
        ({"upscale_factor": 3, "luma_range": "tv"}, "luma_range must be one of studio, full, got"),
        ({"upscale_factor": 3, "channels": (64,)}, "channels must be two positive numbers"),
        ({"upscale_factor": 3, "backend": "tpu"}, "backend must be one of"),
    ],
)
def test_an_option_that_is_none_is_refused(options, message):
    with pytest.raises(SettingsError, match=message):
        ESPCN(**options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((1, 2, 5, 5), np.float32),
            r"expects x of shape \(N, 1, H, W\) .* \(1, 2, 5, 5\)",
        ),
        (np.zeros((5, 5), np.float32), r"got \(5, 5\)"),
        (np.zeros((1, 1, 5, 5)), "dtype float32, got .* float64"),
        (np.zeros((1, 1, 5, 0), np.float32), "at least one sample and one pixel"),
        (np.zeros((0, 1, 5, 5), np.float32), "at least one sample and one pixel"),
    ],
)
def test_a_wrong_input_is_refused(model, x, message):
    with pytest.raises(ShapeError, match=message):
        model(x)


def test_layers_refuse_what_they_cannot_be():
    cpu = kernels.load("cpu")
    with pytest.raises(SettingsError, match="kernel_size must be odd and positive, got 4"):
        Conv2d(1, 1, 4, cpu, np.float32)
    with pytest.raises(ShapeError, match=r"\(N, C\*9, H, W\), got \(1, 8, 2, 2\)"):
        PixelShuffle(3, cpu)(np.zeros((1, 8, 2, 2), np.float32))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("R", [2, 3, 4])
def test_bicubic_is_matlabs(backend, dtype, R, rng):
    layer = Bicubic(R, kernels.load(backend))
    for shape in ((1, 1), (1, 9), (2, 3), (7, 5)):
        x = rng.random((2, 3, *shape)).astype(dtype)
        for n, c in np.ndindex(2, 3):
            expected = imresize(x[n, c].astype(np.float64), [R * k for k in shape])
            closeness = 1e-6 if dtype == np.float32 else 1e-14
            np.testing.assert_allclose(layer(x)[n, c], expected, rtol=0, atol=closeness)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bicubics_backward_is_its_transpose(backend, rng):
    """<dout, forward(x)> = <backward(dout), x>, to the last bits of float64."""
    layer = Bicubic(3, kernels.load(backend))
    for H, W in ((1, 1), (2, 7), (6, 4)):
        x, dout = rng.standard_normal((2, 2, H, W)), rng.standard_normal((2, 2, 3 * H, 3 * W))
        out, cache = layer.forward(x)
        one, other = (dout * out).sum(), (layer.backward(dout, cache) * x).sum()
        assert one == pytest.approx(other, rel=1e-12)
    with pytest.raises(ShapeError, match=r"Bicubic\(3\) expects x of shape .* got \(5, 5\)"):
        layer(np.zeros((5, 5)))


def test_a_picture_of_one_pixel_is_enlarged(model):
    assert model(np.zeros((1, 1, 1, 1), np.float32)).shape == (1, 1, 3, 3)


def test_a_layer_that_is_not_one_contiguous_block_of_memory(model, rng):
    x = rng.random((1, 1, 8, 12)).astype(np.float32)
    assert_array_equal(model(x[..., ::2]), model(np.ascontiguousarray(x[..., ::2])))


def test_calling_is_forward_without_the_cache(model, rng):
    x = rng.random((2, 1, 6, 5)).astype(np.float32)
    assert_array_equal(model(x), model.forward(x)[0])


def test_state_dict_goes_there_and_back(model):
    state = model.state_dict()
    assert list(state) == [f"conv{k}.{p}" for k in (1, 2, 3) for p in ("weight", "bias")]
    other = ESPCN(3, channels=(6, 4), rng=np.random.default_rng(6))
    other.load_state_dict(state)
    for a, b in zip(model.parameters, other.parameters, strict=True):
        assert_array_equal(a.value, b.value)
    state["conv1.weight"][...] = 0  # a copy: the network keeps its own
    assert model.layers["conv1"].weight.value.any()


def test_weights_of_another_network_change_nothing(model):
    state, before = model.state_dict(), model.state_dict()
    state["conv1.bias"] = state["conv1.bias"] + 1
    del state["conv2.bias"]
    state["conv9.bias"] = np.zeros(3)
    state["conv3.weight"] = np.zeros((4, 4, 3, 3))
    with pytest.raises(CheckpointError) as error:
        model.load_state_dict(state)
    for fault in (
        "conv2.bias is missing",
        "conv9.bias is not in this network",
        "conv3.weight has shape (4, 4, 3, 3), expected (9, 4, 3, 3)",
    ):
        assert fault in str(error.value)
    for name, value in model.state_dict().items():
        assert_array_equal(value, before[name])


def test_a_layer_must_define_its_two_methods():
    with pytest.raises(NotImplementedError, match="Layer has no forward"):
        Layer()(np.zeros(1))
    with pytest.raises(NotImplementedError, match="Layer has no backward"):
        Layer().backward(np.zeros(1), None)


def test_icnr_starts_by_repeating_pixels(model, rng):
    initialization.icnr(model.layers["conv3"], 3)
    out = model(rng.random((1, 1, 6, 5)).astype(np.float32))
    assert_array_equal(out, np.repeat(np.repeat(out[..., ::3, ::3], 3, axis=2), 3, axis=3))
    with pytest.raises(SettingsError, match="groups of 4, got 9"):
        initialization.icnr(model.layers["conv3"], 2)


def test_initialize_knows_its_methods_and_gains(model):
    initialization.initialize(model, np.random.default_rng(0), "orthogonal", with_icnr=True)
    weight = model.layers["conv3"].weight.value
    assert_array_equal(weight[0], weight[8])
    relu = ESPCN(2, activation="relu")
    initialization.initialize(relu, np.random.default_rng(0), "orthogonal")
    lengths = np.linalg.norm(relu.layers["conv2"].weight.value.reshape(32, -1), axis=1)
    np.testing.assert_allclose(lengths, np.sqrt(2), rtol=1e-5)
    balanced = ESPCN(3)
    initialization.initialize(balanced, np.random.default_rng(0), "balanced", with_icnr=True)
    filters = balanced.layers["conv1"].weight.value
    np.testing.assert_allclose(filters.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    assert 0.3 < filters.std() < 0.6  # 4 / 5 / sqrt(3)
    flat = balanced(np.full((1, 1, 20, 20), 0.4, np.float32))[..., 15:-15, 15:-15]
    assert abs(flat.mean() - 0.4) < 0.2
    with pytest.raises(SettingsError, match="initialization must be one of uniform, orthogonal"):
        initialization.initialize(model, np.random.default_rng(0), "xavier")


def test_the_same_rng_gives_the_same_network():
    a, b, c = (ESPCN(3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert_array_equal(a.layers["conv2"].weight.value, b.layers["conv2"].weight.value)
    assert (a.layers["conv2"].weight.value != c.layers["conv2"].weight.value).any()


def test_residual_initialization_begins_near_the_identity_between_the_ends():
    model = models.build(
        "thinsr", {"upscale_factor": 3, "channels": 24, "depth": 3}, rng=np.random.default_rng(1)
    )
    size = np.sqrt(2 / ((1 + 0.25**2) * 24 * 9))  # he_normal's
    for name in ("conv2", "conv3", "conv4"):
        rest = model.layers[name].weight.value.copy()
        rest[np.arange(24), np.arange(24), 1, 1] -= 1
        assert_allclose(rest.std(), 0.5 * size, rtol=0.05)
    assert_allclose(model.layers["conv5"].weight.value.std(), 0.1 * size, rtol=0.05)
    assert_allclose(model.layers["conv1"].weight.value.std(), size * np.sqrt(24 * 9 / 25), rtol=0.1)
