"""ONNX files in onnxruntime and OpenCV, at sizes that the file leaves open."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import minisr
from minisr import ESPCN, models, weights
from minisr.errors import SettingsError
from minisr.images import rgb_to_ycbcr
from minisr.layers import Layer
from minisr.models import EDSR, SRCNN, ThinSR
from minisr.weights.convert import convert, write
from minisr.weights.formats import onnx as formats_onnx

onnx = pytest.importorskip("onnx", reason="needs onnx, of the extra `test`")

STUDIO = {"espcn": {}, "relu, sigmoid": {"activation": "relu", "output_activation": "sigmoid"}}
FULL = {"luma_range": "full", "output_activation": "tanh", "activation": "relu"}


def networks():
    for scale in (2, 3, 4):
        yield ESPCN(scale, rng=np.random.default_rng(scale))
    for options in (*STUDIO.values(), FULL):
        yield ESPCN(3, channels=(8, 5), rng=np.random.default_rng(1), **options)
    yield models.build("subpixelcnn", {"upscale_factor": 3, "luma_range": "full"})
    yield SRCNN(3, channels=(6, 5))
    thin = ThinSR(3, channels=6, depth=2, rng=np.random.default_rng(1))
    thin.layers["conv4"].weight.value[...] *= 3  # otherwise its output is hardly more than the skip
    thin.layers["prelu2"].weight.value[:3] = (-0.5, 0, 1.5)
    yield thin
    for scale, options in ((4, {}), (3, {"batch_norm": False, "residual_scaling": 0.5})):
        yield with_statistics(EDSR(scale, in_channels=1, channels=6, residual_blocks=2, **options))


def with_statistics(edsr):
    """Give a network batch statistics, as training does, and outputs of about one."""
    rng = np.random.default_rng(2)
    for name, array in edsr.named_arrays():
        if array.dtype == np.float32:
            array[...] = (
                rng.random(array.shape) if "running" in name else rng.random(array.shape) / 30
            )
    return edsr


NETWORKS = list(networks())
SIZES = ((9, 14), (16, 7))


def full_range(model, low):
    """Run a network on full-range luma and return its output in full range."""
    if model.luma_range == "full":
        return model(low)
    studio = np.float32(16 / 255) + np.float32(219 / 255) * low
    return (model(studio) - np.float32(16 / 255)) * np.float32(255 / 219)


def expected_and_feed(model, low, layout):
    if layout == "nchw":
        return model(low), low
    return full_range(model, low), np.ascontiguousarray(low.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("model", NETWORKS, ids=str)
def test_onnxruntime_gives_the_same_at_any_size(model, layout, tmp_path, rng):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of `test`")
    write(model, tmp_path / "w.onnx", layout=layout)
    session = onnxruntime.InferenceSession(tmp_path / "w.onnx", providers=["CPUExecutionProvider"])
    for batch, size in zip((1, 2), SIZES, strict=True):
        low = rng.random((batch, 1, *size)).astype(np.float32)
        expected, feed = expected_and_feed(model, low, layout)
        (high,) = session.run(["high"], {"low": feed})
        assert_allclose(high, expected, rtol=0, atol=1e-5)


def opencv():
    return pytest.importorskip("cv2", reason="needs opencv-contrib-python-headless, of `test`")


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("model", NETWORKS, ids=str)
def test_opencv_gives_the_same_at_any_size(model, layout, tmp_path, rng):
    cv2 = opencv()
    write(model, tmp_path / "w.onnx", layout=layout)
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "w.onnx"))
    for size in SIZES:
        low = rng.random((1, 1, *size)).astype(np.float32)
        expected, feed = expected_and_feed(model, low, layout)
        network.setInput(feed)
        assert_allclose(network.forward(), expected, rtol=0, atol=1e-5)


def test_colours_keep_their_place(tmp_path, rng):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of `test`")
    model = ESPCN(2, in_channels=3, channels=(5, 4), rng=rng)
    write(model, tmp_path / "w.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "w.onnx", providers=["CPUExecutionProvider"])
    low = rng.random((2, 3, 6, 9)).astype(np.float32)
    assert_allclose(session.run(None, {"low": low})[0], model(low), rtol=0, atol=1e-5)


def test_the_skip_keeps_colours_in_their_place(tmp_path, rng):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of `test`")
    model = ThinSR(2, in_channels=3, channels=5, depth=1, rng=rng)
    write(model, tmp_path / "w.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "w.onnx", providers=["CPUExecutionProvider"])
    low = rng.random((2, 3, 6, 9)).astype(np.float32)
    assert_allclose(session.run(None, {"low": low})[0], model(low), rtol=0, atol=1e-5)


def test_the_file_describes_itself(tmp_path):
    model = ESPCN(3, channels=(5, 4))
    weights.save(model, tmp_path / "own", {"pictures": ["a"]})
    convert(tmp_path / "own", tmp_path / "w.onnx")
    file = onnx.load(tmp_path / "w.onnx")
    onnx.checker.check_model(file, full_check=True)
    shuffle = next(node for node in file.graph.node if node.op_type == "DepthToSpace")
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in shuffle.attribute}
    assert attributes == {"blocksize": 3, "mode": b"CRD"}

    def dimensions(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    assert dimensions(file.graph.input[0]) == ["batch", 1, "height", "width"]
    assert dimensions(file.graph.output[0]) == ["batch", 1, "height_x3", "width_x3"]
    (about,) = (json.loads(p.value) for p in file.metadata_props if p.key == "minisr")
    assert about == weights.describe(model, {"pictures": ["a"]})


def test_the_shape_can_be_fixed():
    content = formats_onnx.to_bytes(ESPCN(2), {}, shape=(1, 10, 12))
    for value, shape in zip(("input", "output"), ([1, 1, 10, 12], [1, 1, 20, 24]), strict=True):
        (value,) = getattr(onnx.load_from_string(content).graph, value)
        assert [d.dim_value for d in value.type.tensor_type.shape.dim] == shape


def dnn_superres(cv2, path, picture, scale):
    """Repeat step by step what dnn_superres of OpenCV after 5.0.0 does with an ONNX file.

    From modules/dnn_superres/src/dnn_superres.cpp of opencv_contrib at commit 0514f770. The
    dnn_superres of 5.0.0 and of 4.x reads only TensorFlow's files.
    """
    network = cv2.dnn.readNetFromONNX(str(path))
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb) * np.float32(1 / 255))
    network.setInput(planes[0].reshape(1, *planes[0].shape, 1))
    large = [cv2.dnn.imagesFromBlob(network.forward())[0]]
    large += [cv2.resize(plane, None, fx=scale, fy=scale) for plane in planes[1:]]
    eight = np.clip(np.rint(cv2.merge(large) * 255), 0, 255).astype(np.uint8)
    return cv2.cvtColor(eight, cv2.COLOR_YCrCb2BGR)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_dnn_superres_enlarges_alike_with_our_onnx_and_its_own_file(scale, shared_data, tmp_path):
    cv2 = opencv()
    if not hasattr(cv2, "dnn_superres"):
        pytest.skip("this OpenCV has no dnn_superres")
    source = shared_data / "opencv-espcn" / f"ESPCN_x{scale}.pb"
    convert(source, tmp_path / "w.onnx", layout="nhwc")
    photograph = next(iter(sorted((shared_data / "Set5").iterdir())))
    picture = cv2.imread(str(photograph))[100:220, 100:260].copy()
    theirs = cv2.dnn_superres.DnnSuperResImpl_create()
    theirs.readModel(str(source))
    theirs.setModel("espcn", scale)
    ours = dnn_superres(cv2, tmp_path / "w.onnx", picture, scale)
    # A value halfway between two integers may be rounded to either.
    assert np.abs(theirs.upsample(picture).astype(int) - ours).max() <= 2


def test_luma_of_studio_range_is_converted_for_opencv(tmp_path):
    """Use nearly black and nearly white squares: in between, the range hardly matters."""
    cv2 = opencv()
    y, x = np.mgrid[:20, :26]
    grey = np.uint8(128 + 120 * np.sign(np.sin(x / 2) * np.cos(y / 2)))
    picture = np.dstack([grey] * 3)
    model = minisr.from_pretrained("espcn", 3)
    write(model, tmp_path / "w.onnx", layout="nhwc")
    high = dnn_superres(cv2, tmp_path / "w.onnx", picture, 3)
    luma = rgb_to_ycbcr(high / 255)[..., 0]
    expected = rgb_to_ycbcr(minisr.upscale(picture, model=model) / 255)[..., 0]
    # 0.13 levels from OpenCV's rounding; it would be 1.8 if luma were not converted.
    assert np.abs(luma - expected).mean() < 0.5 / 255


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    model = ESPCN(2)
    with pytest.raises(SettingsError, match="layout must be one of nchw, nhwc, got 'hwc'"):
        write(model, tmp_path / "w.onnx", layout="hwc")
    with pytest.raises(SettingsError, match="layout nhwc is for networks of luma"):
        write(ESPCN(2, in_channels=3), tmp_path / "w.onnx", layout="nhwc")
    with pytest.raises(SettingsError, match=r"layout nhwc is for \.onnx files only"):
        write(model, tmp_path / "w.npz", layout="nhwc")
    model.layers["odd"] = Layer()
    with pytest.raises(SettingsError, match="the layer odd, Layer, cannot be written as ONNX"):
        write(model, tmp_path / "w.onnx")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(SettingsError, match=r"needs the onnx package: pip install minisr\[onnx\]"):
        write(ESPCN(2), tmp_path / "w.onnx")
    assert not list(tmp_path.iterdir())
