import json
import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import save_file

import minisr
from minisr import ESPCN, models, weights
from minisr.errors import CheckpointError, SettingsError
from minisr.models import SubPixelCNN
from minisr.system import atomic, tensor_files


@pytest.fixture
def model():
    return ESPCN(2, channels=(6, 4), activation="relu", rng=np.random.default_rng(5))


def test_a_network_survives_a_file(model, tmp_path, rng):
    path = tmp_path / "weights.safetensors"
    weights.save(model, path, {"pictures": ["Zoë"]})
    again = minisr.load(path)
    x = rng.random((1, 1, 6, 5)).astype(np.float32)
    assert_array_equal(again(x), model(x))
    assert repr(again) == repr(model)
    metadata = tensor_files.load(path)[1]
    assert metadata["training"] == {"pictures": ["Zoë"]}
    assert metadata["version"] == minisr.__version__
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_a_file_keeps_all_options(tmp_path):
    options = {"output_activation": "sigmoid", "luma_range": "full"}
    for make in (ESPCN, SubPixelCNN):
        model = make(2, **options)
        weights.save(model, tmp_path / "w")
        assert minisr.load(tmp_path / "w").settings == model.settings
        assert model.settings.items() >= options.items()


def test_a_file_from_before_an_option_gets_its_default(model, tmp_path):
    weights.save(model, tmp_path / "w")
    tensors, metadata = tensor_files.load(tmp_path / "w")
    for option in ("output_activation", "luma_range"):
        del metadata["settings"][option]
    tensor_files.save(tmp_path / "w", tensors, metadata)
    assert minisr.load(tmp_path / "w").settings == model.settings
    assert model.settings["luma_range"] == "studio"
    assert model.settings["output_activation"] is None


def test_the_same_weights_make_the_same_file(model, tmp_path):
    for name in ("a", "b"):
        weights.save(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def damaged(path, how):
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("these are no weights")
    elif how == "header":
        path.write_bytes(struct.pack("<Q", 2**60) + content[8:])


@pytest.mark.parametrize("how", ["cut", "empty", "text", "header"])
def test_a_damaged_file_is_named(model, tmp_path, how):
    path = tmp_path / "w.safetensors"
    weights.save(model, path)
    damaged(path, how)
    with pytest.raises(
        CheckpointError, match=r"w\.safetensors is damaged or not a safetensors file"
    ):
        minisr.load(path)


def test_other_files_are_refused(model, tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        minisr.load(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="is a folder"):
        minisr.load(tmp_path)
    for name, metadata in (
        ("list", {"minisr": "[1]"}),
        ("foreign", None),
        ("broken", {"minisr": "{"}),
        ("deep", {"minisr": "[" * 10_000}),
    ):
        save_file({"a": np.zeros(1)}, tmp_path / name, metadata)
        with pytest.raises(CheckpointError, match="has no settings of minisr"):
            tensor_files.load(tmp_path / name)
        with pytest.raises(CheckpointError, match="has no filters of a convolution, expected"):
            minisr.load(tmp_path / name)
    tensor_files.save(tmp_path / "training", {}, {"format": "training"})
    with pytest.raises(
        CheckpointError, match=r"holds training, not weights; .* model\.safetensors"
    ):
        minisr.load(tmp_path / "training")


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F4", 0.5)])
def test_numbers_that_numpy_lacks_are_refused(kind, size, tmp_path):
    entry = {"dtype": kind, "shape": [8, 1, 1, 1], "data_offsets": [0, int(8 * size)]}
    text = json.dumps({"a.weight": entry}).encode()
    (tmp_path / "w").write_bytes(struct.pack("<Q", len(text)) + text + bytes(int(8 * size)))
    with pytest.raises(CheckpointError, match="w has numbers of a dtype that NumPy lacks"):
        minisr.load(tmp_path / "w")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "vdsr"}, "cannot be used: model must be one of espcn, .*, got 'vdsr'"),
        ({"model": None}, "cannot be used: model must be one of"),
        ({"settings": {"upscale_factor": 3}}, "cannot be used: these weights are not for ESPCN"),
        ({"settings": {"upscale_factor": 99}}, "upscale_factor must be an integer from 2 to 8"),
        (
            {"settings": {"depth": 3}},
            "cannot be used: espcn has no option depth; it has activation",
        ),
        ({"settings": {"channels": [4, 3]}}, "cannot be made with"),
    ],
)
def test_settings_that_do_not_fit_are_named(model, tmp_path, changes, message):
    path = tmp_path / "w"
    weights.save(model, path)
    tensors, metadata = tensor_files.load(path)
    tensor_files.save(path, tensors, metadata | changes)
    with pytest.raises(CheckpointError, match=message):
        minisr.load(path)


def test_a_file_that_cannot_be_written_is_named(model, tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot write .*nowhere.*: No such file"):
        weights.save(model, tmp_path / "nowhere" / "w")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write_half():
        with atomic.atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]


def test_bundled_networks_can_be_listed_and_loaded(rng):
    names = minisr.pretrained_names()
    assert {("espcn", scale) for scale in (2, 3, 4)} <= set(names)
    for name, scale in names:
        model = minisr.from_pretrained(name, scale)
        assert model.upscale_factor == scale
        metadata = tensor_files.load(models.bundled.FOLDER / f"{name}_x{scale}.safetensors")[1]
        training = metadata["training"]
        assert training["pictures"]
        assert training["config"]["upscale_factor"] == scale
        assert not [p for p in training["pictures"] if p.startswith(("/", ".", "~")) or ":" in p]


def test_espcn_from_pretrained_is_the_bundled_network(rng):
    x = rng.random((1, 1, 6, 5)).astype(np.float32)
    expected = minisr.from_pretrained("espcn", 3)(x)
    assert_array_equal(ESPCN.from_pretrained(upscale_factor=3)(x), expected)


def test_weights_that_are_not_bundled_are_refused():
    with pytest.raises(SettingsError, match=r"no weights of espcn x7 .*espcn x2.*minisr train"):
        minisr.from_pretrained("espcn", 7)
    with pytest.raises(SettingsError, match="no weights of vdsr x3"):
        minisr.from_pretrained("vdsr", 3)


def test_a_variance_below_zero_is_refused(tmp_path):
    model = models.build("edsr", {"upscale_factor": 2, "channels": 2, "residual_blocks": 1})
    state = model.state_dict()
    state["body.0.norm.running_var"] *= -1
    tensor_files.save(tmp_path / "w", state, weights.describe(model))
    with pytest.raises(CheckpointError, match=r"variance below zero in body\.0\.norm\.running_var"):
        minisr.load(tmp_path / "w")
