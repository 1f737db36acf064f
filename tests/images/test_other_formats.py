"""Formats that others read for minisr: AVIF by Pillow, HEIC by pillow-heif, the rest by imageio."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms, features

import minisr
from minisr import cli
from minisr.errors import PictureError, PictureWarning
from minisr.images import find_pictures, other_formats, read_picture, write_picture
from minisr.images.probing import probe
from minisr.images.sources import opened

PIXELS = np.random.default_rng(5).integers(0, 256, (16, 24, 3), dtype=np.uint8).repeat(2, 0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a maker"
    return exif.tobytes()


def saved(path, pixels=PIXELS, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "options", "form"),
    [
        (".tga", {}, "TGA"),
        (".ico", {"sizes": [(24, 32)]}, "ICO"),
        (".dds", {}, "DDS"),
        (".sgi", {}, "SGI"),
        (".jp2", {"irreversible": False}, "JPEG 2000"),
        (".j2k", {"irreversible": False}, "JPEG 2000"),
        (".pcx", {}, "PCX"),
        (".qoi", {}, "QOI"),
    ],
)
def test_lossless_ones_come_through_imageio_to_the_bit(tmp_path, suffix, options, form):
    path = tmp_path / f"picture{suffix}"
    try:
        saved(path, **options)
    except (KeyError, ValueError):
        pytest.skip(f"this Pillow cannot write {suffix}")
    picture = read_picture(path)
    assert picture.format == form
    assert np.array_equal(picture.pixels[..., :3], PIXELS)
    assert picture.notes == (f"read through imageio: metadata of {form} is left out",)
    with opened(path) as (file, kind):
        found = probe(file, kind)
    assert (found.height, found.width, found.channels) == picture.pixels.shape
    if suffix != ".tga":  # which is known by its name alone
        assert np.array_equal(read_picture(path.read_bytes()).pixels, picture.pixels)


def test_bombs_are_refused_here_too(tmp_path, monkeypatch):
    path = saved(tmp_path / "picture.sgi")
    monkeypatch.setattr("minisr.images.sources.LARGE_PIXELS", 100)
    with pytest.raises(PictureError, match="too large: 24 x 32 pixels"):
        read_picture(path)
    assert read_picture(path, allow_large=True).pixels.shape == PIXELS.shape


def test_more_bits_than_come_through_are_noted(tmp_path):
    sgi = bytearray(saved(tmp_path / "picture.sgi").read_bytes())
    planes = np.frombuffer(sgi[512:], np.uint8)
    sgi[3] = 2  # bytes per sample
    deep = np.repeat(planes, 2).tobytes()  # each value, times 257, in big-endian 16 bits
    (tmp_path / "deep.sgi").write_bytes(bytes(sgi[:512]) + deep)
    picture = read_picture(tmp_path / "deep.sgi")
    assert "16 bits became 8 bits" in picture.notes
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize("orientation", [1, 6])
def test_avif_keeps_orientation_profile_and_exif(tmp_path, orientation):
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    path = saved(
        *(tmp_path / "picture.avif", PIXELS),
        quality=100,
        subsampling="4:4:4",
        exif=exif_of(orientation),
        icc_profile=SRGB,
    )
    picture = read_picture(path)
    upright = PIXELS if orientation == 1 else np.rot90(PIXELS, -1)
    assert picture.pixels.shape == upright.shape
    assert np.abs(picture.pixels.astype(int) - upright).mean() < 4
    assert cli.main(["upscale", str(path), "-s", "2", "-m", "espcn"]) == 0
    with Image.open(tmp_path / "picture_x2.avif") as large:
        assert large.size == (2 * upright.shape[1], 2 * upright.shape[0])
        assert large.info["icc_profile"] == SRGB
        exif = large.getexif()
        assert exif[0x010F] == "a maker"
        assert exif.get(0x0112, 1) == 1
        assert exif[0x0131].startswith("minisr ")


def test_avif_has_a_quality_and_holds_transparency(tmp_path):
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    pixels = np.dstack([PIXELS, PIXELS[..., 0]])
    sizes = []
    for quality in (20, 90):
        assert write_picture(tmp_path / f"{quality}.avif", pixels, quality=quality) == ()
        sizes.append((tmp_path / f"{quality}.avif").stat().st_size)
    assert sizes[0] < sizes[1]
    assert read_picture(tmp_path / "90.avif").pixels.shape == pixels.shape
    notes = write_picture(tmp_path / "grey.avif", PIXELS[..., 0])
    assert notes == ("AVIF cannot hold grey, so grey became RGB",)


@pytest.mark.parametrize("bits", [8, 10])
def test_heic_keeps_depth_orientation_profile_and_exif(tmp_path, bits):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pip install 'minisr[heif]'")
    path = tmp_path / "phone.heic"
    if bits == 8:
        image = pillow_heif.from_pillow(Image.fromarray(PIXELS))
    else:
        deep = (PIXELS.astype(np.uint16) * 257).tobytes()
        image = pillow_heif.from_bytes("RGB;16", (24, 32), deep)
    image.info["exif"], image.info["icc_profile"] = exif_of(6), SRGB
    image.save(path, quality=100, chroma=444)
    picture = read_picture(path)
    upright = np.rot90(PIXELS, -1)
    assert picture.pixels.shape == upright.shape
    levels = 255 if bits == 8 else 65535
    assert picture.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(picture.pixels / levels - upright / 255).mean() < 0.02
    assert picture.notes == (() if bits == 8 else ("10 bits became 16 bits",))
    assert picture.metadata["icc_profile"] == SRGB
    assert cli.main(["upscale", str(path), "-s", "2", "-m", "espcn"]) == 0
    with Image.open(tmp_path / "phone_x2.jpg") as large:
        assert large.size == (64, 48)
        assert large.info["icc_profile"] == SRGB
        assert large.getexif()[0x010F] == "a maker"
        assert large.getexif().get(0x0112, 1) == 1


def test_white_stays_white_in_10_bits(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pip install 'minisr[heif]'")
    white = np.full((32, 32, 3), 65535, np.uint16)
    pillow_heif.from_bytes("RGB;16", (32, 32), white.tobytes()).save(
        tmp_path / "w.heic", quality=-1
    )
    assert (read_picture(tmp_path / "w.heic").pixels == 65535).all()


def test_further_pictures_of_a_heic_are_noted(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pip install 'minisr[heif]'")
    heif = pillow_heif.from_pillow(Image.fromarray(PIXELS))
    heif.add_from_pillow(Image.fromarray(255 - PIXELS))
    heif.save(tmp_path / "two.heic")
    assert (
        "the other pictures in the file (HEIF) left out"
        in read_picture(tmp_path / "two.heic").notes
    )


def test_jpeg_xl_through_its_plugin(tmp_path):
    pytest.importorskip("pillow_jxl", reason="needs pip install 'minisr[jxl]'")
    path = saved(tmp_path / "picture.jxl", lossless=True)
    picture = read_picture(path)
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize(
    ("module", "signature", "extra"),
    [
        ("pillow_heif", b"\0\0\0\x18ftypheic", "heif"),
        ("pillow_jxl", b"\xff\x0a", "jxl"),
    ],
)
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, module, signature, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PictureError, match=rf"pip install 'minisr\[{extra}\]'"):
        read_picture(signature + bytes(40))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x20ftypisom" + bytes(50), "not a picture, but a video"),
        (b"%PDF-1.4", "not a picture, but PDF"),
        (b"<svg xmlns=''>", "not a picture, but SVG or XML"),
        (b"<!DOCTYPE html>", "not a picture, but a web page"),
        (b"some text that is no picture", "not a picture, or not of a kind that minisr can read"),
        (b"qoif" + bytes(20), "cannot be read"),
        (b"\0\0\0\x18ftypavif" + bytes(60), "cannot be read"),
        (b"DDS " + bytes(124), "cannot be read"),
    ],
)
def test_what_is_no_picture_or_damaged_is_one_line(content, message):
    with pytest.raises(PictureError, match=message) as raised:
        read_picture(content)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["https://example.com/a.png", "<video0>", "imageio:chelsea.png"])
def test_addresses_are_no_files(name):
    with pytest.raises(PictureError, match="no such file"):
        read_picture(name)


def test_a_folder_of_phone_pictures_goes_through_whole(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pip install 'minisr[heif]'")
    folder, out = tmp_path / "phone", tmp_path / "large"
    folder.mkdir()
    saved(folder / "1.jpg", quality=90)
    saved(folder / "2.avif")
    pillow_heif.from_pillow(Image.fromarray(PIXELS)).save(folder / "3.HEIC")
    saved(folder / "4.tga")
    assert len(find_pictures(folder)) == 4
    assert cli.main(["upscale", str(folder), "-o", str(out), "-s", "2", "-m", "espcn"]) == 0
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert {"1_x2.jpg", "2_x2.avif", "3_x2.jpg", "4_x2.png"} <= names


def test_from_python_a_note_is_a_warning(tmp_path):
    path = saved(tmp_path / "picture.tga")
    with pytest.warns(PictureWarning, match="read through imageio"):
        assert minisr.upscale(path, 2, "espcn").shape == (64, 48, 3)


def test_the_door_of_imageio(tmp_path):
    iio = pytest.importorskip("imageio.v3")
    iio.imwrite(tmp_path / "small.png", PIXELS)
    large = minisr.upscale(iio.imread(tmp_path / "small.png"), scale=2)
    iio.imwrite(tmp_path / "large.png", large)
    assert iio.imread(tmp_path / "large.png").shape == (64, 48, 3)


def test_imageio_is_imported_only_where_it_serves():
    code = "import sys, io, numpy as np; from minisr.images import read_picture, encode_picture;"
    code += "read_picture(encode_picture(np.zeros((4, 4), np.uint8), '.png')[0]);"
    code += "print([m for m in sys.modules if m.startswith(('imageio', 'pillow_heif'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_bit_pictures_become_8_bit_grey(tmp_path):
    saved(tmp_path / "bits.pcx", PIXELS[..., 0] > 127)
    pixels = read_picture(tmp_path / "bits.pcx").pixels
    assert np.array_equal(pixels, np.where(PIXELS[..., 0] > 127, 255, 0))


def test_the_names_of_all_formats_are_distinct():
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, "JPEG2000")
    with opened(content) as (file, kind):
        assert kind == "JPEG 2000"
        assert other_formats.size_of(file, kind) == (24, 32, 3, 1)
