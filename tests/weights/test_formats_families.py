"""Every family's file, as its authors' programs save it, is recognised and gives equal outputs."""

import graphdef
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from other_networks import (
    FAMILIES,
    Lornatang,
    Yjn870,
    outputs,
    saved,
    seeded,
    small_pictures,
    torch,
)
from safetensors.numpy import save_file

import minisr
from minisr import weights
from minisr.errors import CheckpointError, SettingsError
from minisr.system import tensor_files
from minisr.weights import load_with_origin
from minisr.weights.convert import convert, write


def write_family(folder, family, scale, network):
    """Write a network as its family does; return the path."""
    if family == "TF-ESPCN":
        path = folder / f"ESPCN_x{scale}.pb"
        path.write_bytes(graphdef.espcn(graphdef.state_of(network), scale))
    elif family == "Lornatang":
        path = folder / "g_best.pth.tar"
        optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
        whole = {
            "epoch": 3,
            "best_psnr": 27.5,
            "state_dict": network.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        path.write_bytes(saved(whole))
    else:
        path = folder / "network.pth"
        path.write_bytes(saved(network.state_dict()))
    return path


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_recognised_and_gives_its_outputs(family, scale, tmp_path, rng):
    make, (name, activation, output_activation, luma_range) = FAMILIES[family]
    network = seeded(make, scale)
    model, origin = load_with_origin(write_family(tmp_path, family, scale, network))
    assert origin["family"] == family
    assert origin["degradation"]
    assert (model.name, model.upscale_factor, model.in_channels) == (name, scale, 1)
    assert model.settings.get("activation", "relu") == activation
    assert (model.output_activation, model.luma_range) == (output_activation, luma_range)
    for low in small_pictures(rng):
        assert_allclose(model(low), outputs(network, low), rtol=0, atol=1e-5)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
@pytest.mark.parametrize("family", FAMILIES)
def test_conversion_back_and_forth_changes_no_bit(family, suffix, tmp_path):
    network = seeded(FAMILIES[family][0], 3)
    source = write_family(tmp_path, family, 3, network)
    first = convert(source, tmp_path / "own.safetensors")
    second = convert(tmp_path / "own.safetensors", tmp_path / f"out{suffix}")
    third = load_with_origin(tmp_path / f"out{suffix}")
    original = [parameter.detach().numpy() for parameter in network.parameters()]
    for model, origin in (first, second, third):
        assert origin["family"] == family
        assert model.settings == first[0].settings
        for array, expected in zip(model.state_dict().values(), original, strict=True):
            assert_array_equal(array, expected)


@pytest.mark.parametrize("family", ["yjn870", "Lornatang", "leftthomas", "pytorch/examples"])
def test_a_family_gets_its_own_names_back(family, tmp_path, rng):
    make, _ = FAMILIES[family]
    network = seeded(make, 3)
    source = write_family(tmp_path, family, 3, network)
    convert(source, tmp_path / "own.safetensors")
    convert(tmp_path / "own.safetensors", tmp_path / "back.pth", keys=family)
    again = make(3)
    again.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True))
    low = rng.random((1, 1, 6, 5)).astype(np.float32)
    assert_array_equal(outputs(again, low), outputs(network, low))
    assert load_with_origin(tmp_path / "back.pth")[1]["family"] == family


def test_names_of_a_family_that_computes_something_else_are_refused(tmp_path):
    model = minisr.ESPCN(2, activation="relu")
    with pytest.raises(SettingsError, match=r"keys yjn870 imply activation tanh, but .* has relu"):
        write(model, tmp_path / "a.pth", keys="yjn870")
    with pytest.raises(SettingsError, match=r"imply output_activation sigmoid, but .* has None"):
        write(minisr.ESPCN(2), tmp_path / "a.pth", keys="leftthomas")
    with pytest.raises(SettingsError, match=r"are for subpixelcnn, not for ESPCN"):
        write(model, tmp_path / "a.pth", keys="pytorch/examples")
    with pytest.raises(SettingsError, match=r"keys must be one of minisr, yjn870, .*got 'kornia'"):
        write(model, tmp_path / "a.pth", keys="kornia")
    with pytest.raises(SettingsError, match=r"keys yjn870 are for \.pth files only"):
        write(model, tmp_path / "a.npz", keys="yjn870")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("make", "scale"), [(Yjn870, 2), (Yjn870, 3), (Lornatang, 4)])
def test_the_first_layer_tells_that_27_filters_are_three_colours(make, scale, tmp_path, rng):
    network = seeded(make, scale, colours=3)
    (tmp_path / "w.pth").write_bytes(saved(network.state_dict()))
    model = minisr.load(tmp_path / "w.pth")
    assert (model.in_channels, model.upscale_factor) == (3, scale)
    for low in small_pictures(rng, 3):
        assert_allclose(model(low), outputs(network, low), rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrap", ["params", "params_ema", "state_dict", "module."])
def test_wrappers_are_unwrapped(wrap, tmp_path):
    network = seeded(Yjn870, 2)
    state = dict(network.state_dict())
    if wrap == "module.":
        value = {f"module.{key}": tensor for key, tensor in state.items()}
    else:
        value = {"step": 3, wrap: state}
    if wrap == "params_ema":  # the better ones
        value["params"] = {key: tensor * 0 for key, tensor in state.items()}
    (tmp_path / "w.pth").write_bytes(saved(value))
    model = minisr.load(tmp_path / "w.pth")
    assert_array_equal(model.state_dict()["conv2.weight"], state["first_part.2.weight"].numpy())


def bare(path, tensors):
    if path.suffix == ".npz":
        np.savez(path, **tensors)
    else:
        save_file({key: np.ascontiguousarray(array) for key, array in tensors.items()}, path)


CHOICES = {"activation": "tanh", "output_activation": "sigmoid", "luma_range": "full"}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_bare_table_of_common_names_needs_options(suffix, tmp_path, rng):
    network = seeded(FAMILIES["leftthomas"][0], 3)
    path = tmp_path / f"bare{suffix}"
    bare(path, {key: tensor.numpy() for key, tensor in network.state_dict().items()})
    with pytest.raises(CheckpointError) as caught:
        minisr.load(path)
    assert str(caught.value).startswith(str(path))
    for words in (
        "--activation {tanh|relu}",
        "--output-activation {none|",
        "--luma-range {studio|",
    ):
        assert words in str(caught.value)
    with pytest.raises(
        CheckpointError, match=r"its network's luma_range, .* --luma-range \{studio"
    ):
        minisr.load(path, activation="tanh", output_activation="sigmoid")
    low = rng.random((1, 1, 7, 8)).astype(np.float32)
    model, origin = load_with_origin(path, **CHOICES)
    assert "family" not in origin
    assert_allclose(model(low), outputs(network, low), rtol=0, atol=1e-5)
    linear = minisr.load(path, **CHOICES | {"output_activation": "none"})
    assert linear.output_activation is None


def test_other_channels_belong_to_no_family(tmp_path):
    state = minisr.ESPCN(2, channels=(6, 4)).state_dict()
    (tmp_path / "w.pt").write_bytes(saved({k: torch.from_numpy(v) for k, v in state.items()}))
    with pytest.raises(CheckpointError, match=r"does not reveal its network's activation"):
        minisr.load(tmp_path / "w.pt")
    assert minisr.load(tmp_path / "w.pt", **CHOICES).channels == (6, 4)


def test_options_override_a_family_but_not_minisr_or_a_graph(tmp_path):
    network = seeded(Yjn870, 2)
    (tmp_path / "w.pth").write_bytes(saved(network.state_dict()))
    model = minisr.load(tmp_path / "w.pth", activation="relu", luma_range="full")
    assert (model.activation, model.output_activation, model.luma_range) == ("relu", None, "full")
    weights.save(model, tmp_path / "own")
    with pytest.raises(CheckpointError, match=r"own has a network whose activation is 'relu', not"):
        minisr.load(tmp_path / "own", activation="tanh")
    tf = write_family(tmp_path, "TF-ESPCN", 2, seeded(FAMILIES["TF-ESPCN"][0], 2))
    with pytest.raises(CheckpointError, match=r"whose output_activation is 'tanh', not None"):
        minisr.load(tf, output_activation="none")
    assert minisr.load(tf, output_activation="tanh").output_activation == "tanh"
    four = write_family(tmp_path, "pytorch/examples", 2, seeded(FAMILIES["pytorch/examples"][0], 2))
    with pytest.raises(CheckpointError, match=r"whose activation is 'relu', not 'tanh'"):
        minisr.load(four, activation="tanh")
    with pytest.raises(SettingsError, match=r"activation must be one of tanh, relu, got 'gelu'"):
        minisr.load(four, activation="gelu")


def test_the_order_of_tensors_does_not_matter(tmp_path):
    state = {key: tensor.numpy() for key, tensor in seeded(Yjn870, 2).state_dict().items()}
    bare(tmp_path / "w.npz", dict(reversed(state.items())))
    model, origin = load_with_origin(tmp_path / "w.npz")
    assert origin["family"] == "yjn870"
    assert_array_equal(model.state_dict()["conv3.bias"], state["last_part.0.bias"])


def test_other_floating_point_numbers_become_float32(tmp_path):
    state = seeded(Yjn870, 2).state_dict()
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        (tmp_path / "w.pth").write_bytes(saved({k: v.to(dtype) for k, v in state.items()}))
        expected = state["last_part.0.weight"].to(dtype).float().numpy()
        assert_array_equal(minisr.load(tmp_path / "w.pth").state_dict()["conv3.weight"], expected)


A, B, C = "first_part.0", "first_part.2", "last_part.0"
SHAPES = {
    f"{A}.weight": (64, 1, 5, 5),
    f"{A}.bias": (64,),
    f"{B}.weight": (32, 64, 3, 3),
    f"{B}.bias": (32,),
    f"{C}.weight": (9, 32, 3, 3),
    f"{C}.bias": (9,),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {f"{C}.weight": (10, 32, 3, 3), f"{C}.bias": (10,)},
            "10 filters in last_part.0.weight, expected 1 times",
        ),
        ({f"{C}.weight": (81, 32, 3, 3), f"{C}.bias": (81,)}, "the square of a scale from 2 to 8"),
        ({f"{C}.weight": (1, 32, 3, 3), f"{C}.bias": (1,)}, "the square of a scale from 2 to 8"),
        ({f"{A}.weight": (64, 3, 5, 5)}, "9 filters in last_part.0.weight, expected 3 times"),
        ({f"{A}.weight": (64, 2, 5, 5)}, "2 input channels in first_part.0.weight, expected 1"),
        (
            {f"{A}.weight": (64, 1, 5, 4)},
            r"first_part.0.weight of shape \(64, 1, 5, 4\), expec",
        ),
        (
            {f"{A}.weight": (64, 1, 9, 9)},
            "of kernel size 9, 3, 3; .* with 5, 3, 3 or 5, 3, 3, 3",
        ),
        ({f"{B}.weight": (32, 63, 3, 3)}, "first_part.2.weight for 63 input channels, expected 64"),
        ({f"{B}.bias": (31,)}, r"first_part.2.bias of shape \(31,\), expected \(32,\)"),
        ({f"{B}.bias": None}, "first_part.2.weight without a tensor first_part.2.bias"),
        ({f"{B}.weight": None}, "has first_part.2.bias, expected only filters"),
        ({"prelu.weight": (1,)}, "has prelu.weight, expected only filters"),
        ({f"{A}.weight": (0, 1, 5, 5), f"{A}.bias": (0,)}, "first_part.0.weight of shape"),
        (dict.fromkeys(SHAPES), "has no filters"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_shapes_that_do_not_fit_are_named(suffix, changes, message, tmp_path):
    shapes = {key: shape for key, shape in (SHAPES | changes).items() if shape is not None}
    path = tmp_path / f"w{suffix}"
    bare(path, {key: np.zeros(shape, np.float32) for key, shape in shapes.items()})
    with pytest.raises(CheckpointError, match=message) as caught:
        minisr.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_named(value, tmp_path):
    tensors = {key: np.zeros(shape) for key, shape in SHAPES.items()}
    tensors[f"{B}.weight"][3, 5, 1, 2] = value
    bare(tmp_path / "w.npz", tensors)
    expected = "values beyond the range of float32" if np.isfinite(value) else "NaN or infinity"
    with pytest.raises(CheckpointError, match=f"w.npz has {expected} in first_part.2.weight"):
        minisr.load(tmp_path / "w.npz")


def test_integers_are_refused_as_weights(tmp_path):
    bare(tmp_path / "w.npz", {key: np.zeros(shape, int) for key, shape in SHAPES.items()})
    with pytest.raises(
        CheckpointError, match=r"has int64 in first_part.0.weight, expected floating"
    ):
        minisr.load(tmp_path / "w.npz")


@pytest.mark.parametrize(
    "settings",
    [
        {"upscale_factor": 2, "channels": [10**9, 10**9]},
        {"upscale_factor": 2, "channels": [4096, 4096]},
        {"upscale_factor": 2, "channels": ["a", "b"]},
        {"upscale_factor": 2, "channels": "ab"},
        {"upscale_factor": 2, "channels": [6, -1]},
        {"upscale_factor": 2, "channels": [[6], 4]},
        {"upscale_factor": 2, "dtype": "no such"},
        {"upscale_factor": {}, "channels": [6, 4]},
        {"upscale_factor": "x" * 10**6},
        {f"option{k}": k for k in range(10**4)},
    ],
)
def test_impossible_settings_of_our_own_end_in_one_short_error(settings, tmp_path):
    model = minisr.ESPCN(2, channels=(6, 4))
    about = weights.describe(model) | {"settings": settings}
    tensor_files.save(tmp_path / "w", model.state_dict(), about)
    with pytest.raises(CheckpointError, match=r"w (cannot be used|has no settings)") as caught:
        minisr.load(tmp_path / "w")
    assert len(str(caught.value)) < 600
