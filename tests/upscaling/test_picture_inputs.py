"""What programs hand over as a picture is enlarged, or refused in one line."""

import io
import re

import numpy as np
import pytest
from PIL import Image

import minisr
from minisr.errors import PictureError, PictureWarning, SettingsError
from minisr.images import imresize, write_picture
from minisr.images.arrays import value_range
from minisr.upscaling import file as upscale_file_module
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.pixels import levels_of


@pytest.fixture(scope="module")
def enlarger():
    return Enlarger("espcn", 2)


@pytest.fixture(scope="module")
def rgb():
    return np.random.default_rng(3).integers(0, 256, (12, 10, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def png(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("form", [bytes, bytearray, io.BytesIO, "file", "path", "pipe"])
def test_files_in_every_form(form, png, rgb, enlarger, tmp_path):
    expected = minisr.upscale(rgb, model=enlarger)
    path = tmp_path / "rgb.png"
    path.write_bytes(png)
    if form == "path":
        got = minisr.upscale(path, model=enlarger)
    elif form == "file":
        with path.open("rb") as file:
            got = minisr.upscale(file, model=enlarger)
    elif form == "pipe":

        class Pipe(io.BytesIO):
            def seekable(self):
                return False

        got = minisr.upscale(Pipe(png), model=enlarger)
    else:
        got = minisr.upscale(form(png), model=enlarger)
    assert np.array_equal(got, expected)


def test_the_content_of_a_file_with_an_output(png, enlarger, tmp_path):
    written = minisr.upscale(png, model=enlarger, output=tmp_path / "large.png")
    assert written == tmp_path / "large.png"
    assert np.asarray(Image.open(written)).shape == (24, 20, 3)


@pytest.mark.parametrize(
    "mode", ["RGB", "RGBA", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr", "I;16"]
)
def test_pillow_images_are_enlarged_as_what_they_show(mode, rgb, enlarger):
    image = Image.fromarray(rgb)
    if mode == "PA":
        image = image.convert("LA").convert("PA")
    elif mode == "I;16":
        image = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    elif mode == "LA":
        image = image.convert("L").convert("LA")
    else:
        image = image.convert(mode)
    shown = image
    if mode == "I;16":
        shown = np.asarray(image)
    elif mode in ("P", "YCbCr", "CMYK"):
        shown = np.asarray(image.convert("RGB"))
    elif mode == "PA":
        shown = np.asarray(image.convert("RGBA"))
    elif mode == "1":
        shown = np.asarray(image.convert("L"))
    else:
        shown = np.asarray(image)
    expected = minisr.upscale(shown, model=enlarger)
    if mode == "CMYK":
        with pytest.warns(PictureWarning, match="the picture: CMYK was converted to RGB without"):
            got = minisr.upscale(image, model=enlarger)
    else:
        got = minisr.upscale(image, model=enlarger)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("mode", ["HSV", "LAB"])
def test_pillow_images_of_other_kinds_are_refused(mode, rgb, enlarger):
    image = (
        Image.fromarray(rgb, "RGB").convert("HSV") if mode == "HSV" else Image.new("LAB", (4, 4))
    )
    with pytest.raises(PictureError, match=f"got pixels of kind {mode}: convert it to RGB first"):
        minisr.upscale(image, model=enlarger)


class Tensor:
    """Refuses to be an array, as other libraries' tensors do."""

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse detach().")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (None, "got NoneType"),
        (object(), "got object"),
        ({}, "got dict"),
        (3, r"got \(\)"),
        (np.float32(3), r"got \(\)"),
        (np.zeros(5, np.uint8), r"got \(5,\)"),
        (np.zeros((0, 5), np.uint8), r"got \(0, 5\)"),
        (np.zeros((1, 2, 5, 5), np.uint8), r"got \(1, 2, 5, 5\)"),
        (np.zeros((5, 5, 5), np.uint8), r"got \(5, 5, 5\)"),
        ([[1, 2], [3, 4]], "expected uint8, uint16, float32, float64, got int64"),
        ([[1, 2], [3]], "expected an array, got a list: "),
        (np.zeros((4, 4), bool), "got bool"),
        (np.zeros((4, 4), np.float16), "got float16"),
        (np.zeros((4, 4), np.complex64), "got complex64"),
        (np.array([["a", "b"]]), "got <U1"),
        (np.ma.masked_less(np.eye(4, dtype=np.float32), 1), "got a masked one: replace"),
        (Tensor(), r"got a Tensor: Can't call numpy\(\) on Tensor that requires grad. Use detach"),
        (np.full((4, 4), np.nan), "got NaN or infinity"),
        (np.full((4, 4), 1e300), r"got 1e\+300, a mark for missing data"),
        (np.full((4, 4), np.finfo(np.float32).min), r"got -3\.4e\+38, a mark for missing data"),
        (np.full((4, 4, 4), 255.0), "expected alpha from 0 to 1, got 255 to 255"),
        (b"", "the file is empty"),
        (b"no picture", "not a picture"),
        (io.BytesIO(), "the file is empty"),
        (io.StringIO("text"), "expected a file that is open for reading bytes"),
        ("", "expected a picture, got a folder"),
        ("no such file.png", "no such file"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_picture_is_refused_in_one_line(picture, message, enlarger):
    with pytest.raises(PictureError, match=message) as raised:
        minisr.upscale(picture, model=enlarger)
    assert "\n" not in str(raised.value)


def test_a_mask_that_hides_nothing(enlarger):
    plain = np.eye(5, dtype=np.float32)
    masked = np.ma.masked_array(plain, mask=False)
    got = minisr.upscale(masked, model=enlarger)
    assert np.array_equal(got, minisr.upscale(plain, model=enlarger))


@pytest.mark.parametrize("threads", [1, 2, np.int64(3)])
def test_threads_by_number(threads, rgb, enlarger):
    expected = minisr.upscale(rgb, model=enlarger)
    assert np.array_equal(minisr.upscale(rgb, model=enlarger, threads=threads), expected)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2", [1]])
def test_threads_that_make_no_sense(threads, rgb, enlarger):
    with pytest.raises(SettingsError, match="threads must be"):
        minisr.upscale(rgb, model=enlarger, threads=threads)


@pytest.mark.parametrize("size", [(24, 20), [24, 20], np.array([24, 20]), (24, None)])
def test_sizes_in_every_form(size, rgb):
    assert minisr.upscale(rgb, model="espcn", size=size).shape == (24, 20, 3)


@pytest.mark.parametrize(
    "size", [24, (24,), (None, None), (24.0, 20.0), np.array([24.5, 20]), (True, 20), "24", (0, 3)]
)
def test_sizes_that_make_no_sense(size, rgb):
    with pytest.raises(SettingsError, match=r"size must be \(height, width\)|must be integers"):
        minisr.upscale(rgb, model="espcn", size=size)


def test_what_was_converted_is_a_warning(rgb, tmp_path):
    path = tmp_path / "cmyk.jpg"
    Image.fromarray(rgb).convert("CMYK").save(path)
    for options in ({}, {"output": tmp_path / "large.png"}):
        with pytest.warns(PictureWarning, match="cmyk.jpg: CMYK was converted") as said:
            minisr.upscale(path, 2, "espcn", **options)
        assert [warning.filename for warning in said] == [__file__]


# Floats beyond 0 to 1


def picture_like(shape, dtype=np.float64):
    """Return a smooth picture with edges, in [0, 1]."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / 7
    plane = np.where(np.sin(rows + 2 * np.cos(columns)) > 0, 0.8, 0.2) + 0.1 * np.sin(3 * columns)
    plane = plane if len(shape) == 2 else np.stack([plane, plane**2, 1 - plane], axis=2)
    return plane.astype(dtype)


@pytest.mark.parametrize("shape", [(40, 36), (40, 36, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (200, 2400), (-1000, 3000), (0, 65535)])
def test_floats_are_enlarged_by_their_own_range(shape, dtype, low, high, enlarger):
    original = (low + (high - low) * picture_like(shape)).astype(dtype)
    small = imresize(original, (20, 18)).astype(dtype)
    large = minisr.upscale(small, model=enlarger)
    bicubic = imresize(small, (40, 36))

    def error(picture):
        return np.sqrt(((picture - original) ** 2).mean())

    assert large.dtype == dtype
    assert error(large) < error(bicubic)


def test_floats_within_0_and_1_are_as_they_were_to_the_bit(enlarger):
    small = picture_like((20, 18), np.float32)
    assert small.min() >= 0
    assert small.max() <= 1
    plane = enlarger.plane(small)
    assert np.abs(minisr.upscale(small, model=enlarger) - plane).max() < 1e-3
    assert value_range([small]) is None


@pytest.mark.parametrize("factor", [2.0, 256.0, 2.0**-3])
def test_a_power_of_two_changes_no_digit(factor, enlarger):
    small = picture_like((20, 18), np.float32)
    small[0, :2] = 0, 1.5  # beyond 1
    large = minisr.upscale(small, model=enlarger)
    scaled = minisr.upscale(small * np.float32(8 * factor), model=enlarger)
    assert np.array_equal(scaled, large * np.float32(8 * factor))


@pytest.mark.parametrize("value", [700.0, -3.5, 1e20])
def test_a_constant_picture_of_any_value(value, enlarger):
    assert (minisr.upscale(np.full((6, 7), value), model=enlarger) == value).all()


def test_hidden_colours_do_not_count(enlarger):
    small = np.dstack([picture_like((20, 18, 3), np.float32), np.ones((20, 18), np.float32)])
    small[:4, :4, 3] = 0
    expected = minisr.upscale(small, model=enlarger)
    small[:4, :4, :3] = -5000
    assert np.array_equal(minisr.upscale(small, model=enlarger), expected)


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        (0, 255, (0, 256)),
        (0, 256, (0, 256)),
        (-1, 1, (-1, 2)),
        (5, 5, (5, 1)),
        (0, 1.05, (0.025, 1)),
        (0, 1.5, (0, 2)),
        (200, 2400, (200, 4096)),
    ],
)
def test_the_distance_of_the_levels_is_a_power_of_two(low, high, levels):
    assert levels_of(low, high) == pytest.approx(levels, rel=1e-12)


def test_bands_of_a_file_share_the_range_of_the_whole(tmp_path, monkeypatch, enlarger):
    rows = np.linspace(-1000, 3000, 200, dtype=np.float32)[:, None]
    small = rows + 100 * picture_like((200, 18), np.float32)
    write_picture(tmp_path / "small.tif", small)
    monkeypatch.setattr(upscale_file_module, "LARGEST_WHOLE", 100)
    monkeypatch.setattr(upscale_file_module, "_BAND", 18 * 32)
    result = upscale_file_module.upscale_file(
        tmp_path / "small.tif", tmp_path / "large.tif", enlarger
    )
    assert result.size_out == (36, 400)
    large = minisr.images.read_picture(tmp_path / "large.tif").pixels
    assert np.array_equal(large, minisr.upscale(small, model=enlarger))


def test_missing_data_in_a_file_is_refused_before_the_work(tmp_path, monkeypatch, enlarger):
    small = picture_like((200, 18), np.float32)
    small[150:, 3] = np.finfo(np.float32).min
    write_picture(tmp_path / "small.tif", small)
    for limit in (100, 10**8):
        monkeypatch.setattr(upscale_file_module, "LARGEST_WHOLE", limit)
        with pytest.raises(PictureError, match=r"small.tif: expected intensities, got -3\.4e\+38"):
            minisr.upscale(tmp_path / "small.tif", model=enlarger, output=tmp_path / "large.tif")
        assert re.fullmatch(r"small\.tif", " ".join(file.name for file in tmp_path.iterdir()))
