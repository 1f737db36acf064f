"""TensorFlow's graphs of ESPCN without TensorFlow, against OpenCV's own reading."""

import graphdef
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from other_networks import TFESPCN, outputs, seeded, small_pictures

import minisr
from minisr import ESPCN, models
from minisr.errors import CheckpointError, SettingsError
from minisr.weights.convert import write
from minisr.weights.formats import protobuf, tensorflow


@pytest.fixture(scope="module")
def state():
    return graphdef.state_of(seeded(TFESPCN, 3))


def test_filters_are_transposed_back(state):
    tensors, graph = tensorflow.read(graphdef.espcn(state, 3))
    for key, array in state.items():
        assert_array_equal(tensors[key], array)
    assert graph == {
        "layers": [("f1", "b1"), ("f2", "b2"), ("f3", "b3")],
        "activation": "relu",
        "output_activation": "tanh",
        "upscale_factor": 3,
        "luma_range": "full",
    }


def test_values_may_be_stored_in_any_of_the_three_ways(state):
    tensors, _ = tensorflow.read(graphdef.espcn(state, 3, packed=True))
    for key, array in state.items():
        assert_array_equal(tensors[key], array)
    same = state | {"b2": np.full(32, np.float32(0.1))}
    content = graphdef.espcn(same, 3)
    shortened = content.replace(graphdef.constant("b2", same["b2"]), one_for_all("b2", 32, 0.1))
    assert len(shortened) < len(content)
    assert_array_equal(tensorflow.read(shortened)[0]["b2"], same["b2"])


def one_for_all(name, count, value):
    """Return a constant stored as one repeated value."""
    shape = graphdef.field(2, graphdef.field(1, count))
    values = graphdef.field(5, np.float32(value).tobytes())
    tensor = graphdef.field(1, 1) + graphdef.field(2, shape) + values
    return graphdef.node(name, "Const", (), graphdef.attribute("value", graphdef.field(8, tensor)))


@pytest.mark.parametrize(
    ("operations", "activation", "output_activation"),
    [
        (("Tanh", "Tanh", None), "tanh", None),
        (("Tanh", "Tanh", "Sigmoid"), "tanh", "sigmoid"),
        (("Relu", "Relu", "Tanh"), "relu", "tanh"),
    ],
)
def test_a_graph_tells_its_activations(operations, activation, output_activation, state, tmp_path):
    path = tmp_path / "w.pb"
    path.write_bytes(graphdef.espcn(state, 3, operations=operations))
    model = minisr.load(path)
    assert (model.activation, model.output_activation) == (activation, output_activation)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_size": 2}, "has block size 2, but filters for x3"),
        (
            {"operations": ("Relu", "Tanh", "Tanh")},
            "one kind of activation after all but the last",
        ),
        ({"operations": ("Relu", "Relu", "Relu")}, "output_activation must be one of"),
        ({"operations": ("Relu", "Relu", "Softmax")}, "expected Transpose, found 'Softmax'"),
        ({"operations": ("Softmax", "Relu", "Tanh")}, "expected Conv2D or DepthToSpace, found 'So"),
        ({"stride": 2}, "a convolution 'conv1' whose stride is not 1"),
        ({"dilation": 2}, "a convolution 'conv1' whose dilation is not 1"),
        ({"padding": "VALID"}, "a convolution 'conv1' that is not SAME and NHWC"),
        ({"layout": "NCHW"}, "a convolution 'conv1' that is not SAME and NHWC"),
    ],
)
def test_other_graphs_are_refused(changes, message, state, tmp_path):
    path = tmp_path / "w.pb"
    path.write_bytes(graphdef.espcn(state, 3, **changes))
    with pytest.raises(CheckpointError, match=rf"w\.pb .*{message}"):
        minisr.load(path)


def test_graphs_of_rgb_are_refused(tmp_path, rng):
    shapes = {"f1": (8, 3, 5, 5), "f2": (4, 8, 3, 3), "f3": (12, 4, 3, 3)}
    state = {}
    for number, (key, shape) in enumerate(shapes.items(), 1):
        state |= {key: rng.random(shape, np.float32), f"b{number}": np.zeros(shape[0], np.float32)}
    (tmp_path / "w.pb").write_bytes(graphdef.espcn(state, 2))
    with pytest.raises(CheckpointError, match=r"w\.pb is a graph of 3 channels"):
        minisr.load(tmp_path / "w.pb")


def without(content, name):
    """Rename a constant, so that it is not found."""
    encoded = graphdef.field(1, name)
    return content.replace(
        encoded + graphdef.field(2, "Const"), encoded[:-1] + b"x" + graphdef.field(2, "Const")
    )


def test_damaged_graphs_are_named(state, tmp_path):
    content = graphdef.espcn(state, 3)
    path = tmp_path / "w.pb"

    def error():
        with pytest.raises(CheckpointError, match=r"^.*w\.pb ") as caught:
            minisr.load(path)
        return str(caught.value)

    path.write_bytes(without(content, "f2"))
    assert "has no constant weights for 'conv2'; freeze the graph" in error()
    path.write_bytes(content.replace(graphdef.field(3, "Relu_1"), graphdef.field(3, "add_1x")))
    assert "expected 'conv3' to take the output of 'Relu_1'" in error()
    path.write_bytes(content.replace(graphdef.constant("b1", state["b1"]), b""))
    assert "has no constant weights for 'add'; freeze the graph" in error()
    shape = b"".join(graphdef.field(2, graphdef.field(1, n)) for n in (5, 5, 1, 64))
    lie = b"".join(graphdef.field(2, graphdef.field(1, n)) for n in (5, 5, 2, 64))
    path.write_bytes(content.replace(shape, lie))
    assert "'f1' has 6400 bytes of values for shape [5, 5, 2, 64]" in error()
    path.write_bytes(content[: len(content) // 2])
    assert "ends in the middle" in error()
    path.write_bytes(b"\n\x00" * 200_000)
    assert "more than 20000 fields" in error()
    path.write_bytes(b"\n" + b"\xff" * 20)
    assert "a number has more than ten bytes" in error()
    path.write_bytes(b"\n\x01\x0b")
    assert "a field has wire type 3" in error()


def test_varints():
    for value in (0, 1, 127, 128, 300, 2**32, 2**64 - 1):
        assert protobuf.varint(graphdef.varint(value), 0) == (value, len(graphdef.varint(value)))
    assert protobuf.varints([5, memoryview(b"\x01\xac\x02")]) == [5, 1, 300]


def opencv_network(path):
    """Return OpenCV's own reading; its TensorFlow importer needs dnn_superres' DepthToSpace."""
    cv2 = pytest.importorskip("cv2", reason="needs opencv-contrib-python-headless, of `test`")
    if not hasattr(cv2, "dnn_superres") or not hasattr(cv2.dnn, "readNetFromTensorflow"):
        pytest.skip("this OpenCV reads no TensorFlow")
    cv2.dnn_superres.DnnSuperResImpl_create()  # registers it
    return cv2.dnn.readNetFromTensorflow(str(path))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_opencv_reads_the_same_from_our_graph(scale, tmp_path, rng):
    network = seeded(TFESPCN, scale)
    path = tmp_path / "w.pb"
    path.write_bytes(graphdef.espcn(graphdef.state_of(network), scale))
    model, theirs = minisr.load(path), opencv_network(path)
    for low in small_pictures(rng)[:1]:
        theirs.setInput(low)
        assert_allclose(theirs.forward(), outputs(network, low), rtol=0, atol=1e-5)
        assert_allclose(model(low), outputs(network, low), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_files_that_opencv_users_have(scale, shared_data, rng):
    path = shared_data / "opencv-espcn" / f"ESPCN_x{scale}.pb"
    model = minisr.load(path)
    assert str(model) == f"ESPCN(x{scale}, 1-64-32, relu, tanh at the end)"
    assert model.luma_range == "full"
    network = opencv_network(path)
    for low in (rng.random((1, 1, 9, 14)), rng.random((1, 1, 21, 16))):
        low = low.astype(np.float32)
        network.setInput(low)
        assert_allclose(model(low), network.forward(), rtol=0, atol=1e-5)


WRITTEN = [
    ESPCN(2, rng=np.random.default_rng(2)),
    ESPCN(3, activation="relu", output_activation="sigmoid", rng=np.random.default_rng(3)),
    ESPCN(4, luma_range="full", output_activation="tanh", rng=np.random.default_rng(4)),
    models.build("subpixelcnn", {"upscale_factor": 3}, rng=np.random.default_rng(5)),
]


def full_range(model, low):
    """Run a network on full-range luma and return its output in full range."""
    if model.luma_range == "full":
        return model(low)
    studio = np.float32(16 / 255) + np.float32(219 / 255) * low
    return (model(studio) - np.float32(16 / 255)) * np.float32(255 / 219)


@pytest.mark.parametrize("model", WRITTEN, ids=str)
def test_our_graphs_are_read_back_bit_for_bit(model, tmp_path):
    write(model, tmp_path / "w.pb")
    again = minisr.load(tmp_path / "w.pb")
    assert again.settings == model.settings
    for key, array in model.state_dict().items():
        assert_array_equal(again.state_dict()[key], array)


@pytest.mark.parametrize("model", WRITTEN, ids=str)
def test_opencv_reads_our_graphs(model, tmp_path, rng):
    write(model, tmp_path / "w.pb")
    network = opencv_network(tmp_path / "w.pb")
    for size in ((9, 14), (16, 7)):
        low = rng.random((1, 1, *size)).astype(np.float32)
        network.setInput(low)
        assert_allclose(network.forward(), full_range(model, low), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_dnn_superres_enlarges_with_our_weights(scale, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="needs opencv-contrib-python-headless, of `test`")
    if not hasattr(cv2, "dnn_superres"):
        pytest.skip("this OpenCV has no dnn_superres")
    y, x = np.mgrid[:30, :41]
    picture = np.uint8(128 + 90 * np.sin(x / 5) * np.cos(y / 4))
    model = minisr.from_pretrained("espcn", scale)
    write(model, tmp_path / "w.pb")
    program = cv2.dnn_superres.DnnSuperResImpl_create()
    program.readModel(str(tmp_path / "w.pb"))
    program.setModel("espcn", scale)
    expected = full_range(model, np.float32(picture[None, None] / 255))[0, 0]
    expected = np.clip(np.rint(255 * expected), 0, 255)
    assert np.abs(program.upsample(picture) - expected).max() <= 1


def test_networks_that_no_graph_can_hold_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="a TensorFlow graph is for networks of luma"):
        write(ESPCN(2, in_channels=3), tmp_path / "w.pb")
    srcnn = models.build("srcnn", {"upscale_factor": 2})
    with pytest.raises(SettingsError, match=r"the layer bicubic, Bicubic\(2\), cannot be written"):
        write(srcnn, tmp_path / "w.pb")
    thinsr = models.build("thinsr", {"upscale_factor": 2})
    with pytest.raises(SettingsError, match=r"the shortcut of ThinSR.* cannot be written"):
        write(thinsr, tmp_path / "w.pb")
    assert not list(tmp_path.iterdir())


def test_another_conversion_of_luma_is_refused(tmp_path):
    write(WRITTEN[0], tmp_path / "w.pb")
    content = (tmp_path / "w.pb").read_bytes()
    span = np.float32(219 / 255).tobytes()
    assert content.count(span) == 1
    (tmp_path / "w.pb").write_bytes(content.replace(span, np.float32(0.5).tobytes()))
    with pytest.raises(
        CheckpointError, match=r"'to_studio/factor' of another luma conversion, expected 0\.858824"
    ):
        minisr.load(tmp_path / "w.pb")
