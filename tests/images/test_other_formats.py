"""Formats that minisr reads through imageio: read as documented, and nothing else is read."""

import base64
import dataclasses
import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import PIL
import pytest
from other_kinds import OTHER_KINDS, heic_of
from picture_kinds import HEIGHT, WIDTH, chunk, encoded, exif, samples, srgb_profile, xmp
from PIL import Image
from stand_in_enlarger import StandIn

from minisr.errors import PictureError
from minisr.images import encode_picture, jp2, jxl, read_picture, sources
from minisr.images import exif as exifs
from minisr.images.formats import FORMATS, READ_SUFFIXES, default_format
from minisr.images.other_formats import OTHERS, result_suffix
from minisr.images.xmp import orientation_of as orientation_in_xmp
from minisr.upscaling.file import upscale_file

TWICE = StandIn()

# 16-bit RGB and 32-bit floats, 3 x 2, lossless, by libjxl: no Python package that the tests need
# writes these.
DEEP_JXL = {
    "16 bits": (
        "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABIanhsY/8KCED8ABQtAggEAQDEAEsY"
        "ixXCOahndcA1zwXCAIhglGCUYJRglGDUQvC6bsn72kYCCGNTcDqeE+zm26dUnVU="
    ),
    "32-bit floats": (
        "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABfanhsY/8KCEByAEWLCAQBACQBSxiL"
        "FUJ60F0AACirh00pFRjFH2/cr2g8jx9YPxeIErzCAcJ6SC8hLvLv8dH2rIAKjOqYQCgcILyH33rGogKjwmQHFiow"
        "avx+Ew=="
    ),
}


def made(kind):
    """Return what a kind's maker returns; skip without the package that it needs."""
    if kind.needs:
        pytest.importorskip(kind.needs)
    return kind.make()


every_kind = pytest.mark.parametrize("kind", OTHER_KINDS, ids=lambda kind: kind.name)


@every_kind
def test_each_is_read_by_its_content_whatever_its_name(kind, tmp_path):
    content, pixels = made(kind)
    (tmp_path / "a.png").write_bytes(content)
    picture = read_picture(tmp_path / "a.png")
    assert picture.format == kind.name.split(",")[0]
    assert picture.pixels.shape == pixels.shape
    assert picture.pixels.dtype == pixels.dtype
    full = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    np.testing.assert_allclose(
        picture.pixels / full, pixels / full, atol=kind.tolerance / 255 + 1e-9
    )
    assert read_picture(io.BytesIO(content)).pixels.tobytes() == picture.pixels.tobytes()


@every_kind
def test_a_file_cut_anywhere_is_refused_or_read(kind):
    content, _ = made(kind)
    lengths = range(0, len(content), 1 + len(content) // 40)
    told = []
    for length in lengths:
        try:
            upscale_file(content[:length], None, TWICE, suffix=".tif")
        except PictureError as error:
            told.append(str(error))
    assert all(line.startswith("the picture: ") and "\n" not in line for line in told)
    assert len(told) >= len(lengths) * 2 // 3


@every_kind
def test_a_large_picture_is_refused_unless_allowed(kind, monkeypatch):
    content, _ = made(kind)
    monkeypatch.setattr(sources, "LARGE_PIXELS", HEIGHT * WIDTH - 1)
    for read in (read_picture, lambda content: upscale_file(content, None, TWICE, suffix=".tif")):
        with pytest.raises(PictureError, match=r"too large: \d+ x \d+ pixels, .*allow_large"):
            read(content)
    picture = read_picture(content, allow_large=True)
    assert picture.pixels.shape[0] * picture.pixels.shape[1] == HEIGHT * WIDTH


def test_bombs_are_refused_before_they_are_decoded(monkeypatch):
    from PIL import IcoImagePlugin, TgaImagePlugin

    def decoded(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(IcoImagePlugin.IcoFile, "getimage", decoded)
    monkeypatch.setattr(TgaImagePlugin.TgaImageFile, "load", decoded)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)  # it would be imported first
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22)  # it says 16 x 16
    tga = struct.pack("<BBBHHBHHHHBB", 0, 0, 3, 0, 0, 0, 0, 0, 60000, 60000, 8, 0)
    bombs = {
        "ICO": struct.pack("<HHH", 0, 1, 1) + entry + png,
        "TGA": tga + b"\0" * 100,
        # Not small; 1 + 18 bits of height; ratio 1; then everything as usual.
        "JPEG XL": b"\xff\x0a" + (0b100 | 59999 << 3 | 1 << 21 | 1 << 24).to_bytes(8, "little"),
        "QOI": b"qoif" + struct.pack(">IIBB", 60000, 60000, 3, 0) + b"\xfe" * 99,
    }
    for content in bombs.values():
        with pytest.raises(PictureError, match="too large: 60000 x 60000 pixels, 3600 megapixels"):
            read_picture(content)
        with pytest.raises(PictureError, match="too large: 60000 x 60000 pixels, 3600 megapixels"):
            upscale_file(content, None, TWICE, suffix=".png")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7\n" + b" " * 500, "but PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "but PostScript"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>" + b" " * 500, "but SVG or XML"),
        (b"<!DOCTYPE html><html>" + b" " * 500, "but a web page"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(500), "but a video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  " + bytes(500), "but a video"),
        (b"8BPS\0\1" + bytes(500), "but PSD"),
        (b"\x1aE\xdf\xa3" + bytes(500), "or not of a kind that minisr can read"),
        (b"RIFF\0\1\0\0AVI LIST" + bytes(500), "or not of a kind that minisr can read"),
        (b"PK\3\4" + bytes(500), "or not of a kind that minisr can read"),
        (b"the quick brown fox\n" * 50, "or not of a kind that minisr can read"),
        (b"SIMPLE  =                    T" + b" " * 2850, "or not of a kind that minisr can"),
        (bytes(3000), "or not of a kind that minisr can read"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(content, message, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for source in (path, content):
        with pytest.raises(PictureError, match=f"not a picture.*{message}") as caught:
            read_picture(source)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["https://example.org/a.avif", "http://[::1]/a.tga", "ftp://example.org/a.jp2", "<video0>"]
    + ["<screen>", "<clipboard>", "imageio:chelsea.png", "a.zip/b.avif"],
)
def test_a_name_is_never_an_address_or_a_camera(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PictureError, match=r": no such file$"):
        read_picture(name)


def test_imageio_is_given_bytes_and_never_a_name(monkeypatch, tmp_path):
    import imageio.v3 as imageio

    opened, given = imageio.imopen, []

    def imopen(source, *args, **options):
        given.append(type(source))
        return opened(source, *args, **options)

    monkeypatch.setattr(imageio, "imopen", imopen)
    path = tmp_path / "https:"
    path.write_bytes(encoded(samples(3), "TGA"))
    assert read_picture(path).format == "TGA"
    assert given == [bytes]


def test_what_the_detour_loses_of_the_depth_is_said():
    cv2 = pytest.importorskip("cv2")
    y, x = np.mgrid[:64, :80]
    deep = np.uint16(np.stack([x * 700, y * 900, 60000 - x * 300], axis=2))
    for bits in (10, 12):
        options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95]
        done, content = cv2.imencode(".avif", deep >> (16 - bits), options)
        assert done
        picture = read_picture(content.tobytes())
        assert picture.notes == (f"{bits} bits became 8 bits, all that Pillow reads of AVIF",)
        assert np.abs(picture.pixels[..., ::-1].astype(int) - (deep >> 8)).max() < 8
    content = cv2.imencode(".jp2", deep)[1].tobytes()
    picture = read_picture(content)
    assert picture.notes == ("16 bits became 8 bits, all that Pillow reads of JPEG 2000",)
    assert picture.pixels.dtype == np.uint8
    grey = read_picture(cv2.imencode(".jp2", deep[..., 0])[1].tobytes())
    assert grey.pixels.dtype == np.uint16
    assert grey.notes == ()


@pytest.mark.parametrize("depth", DEEP_JXL)
def test_a_deep_jpeg_xl_says_that_it_becomes_8_bits(depth):
    pytest.importorskip("pillow_jxl")
    picture = read_picture(base64.b64decode(DEEP_JXL[depth]))
    assert picture.pixels.shape == (2, 3, 3)
    assert picture.notes == (f"{depth} became 8 bits, all that Pillow reads of JPEG XL",)


def test_only_the_first_frame_of_an_animated_avif_is_read():
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue", "lime")]
    content = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=50)
    picture = read_picture(content)
    assert picture.pixels[0, 0, 0] > 240
    assert any("only the first of 3 frames was read" in note for note in picture.notes)


def test_palettes_bits_and_inks_become_what_a_picture_holds():
    palette = Image.fromarray(samples(1) % 4)
    palette.putpalette([10, 20, 30, 200, 100, 50, 1, 2, 3, 4, 5, 6])
    colours = np.uint8([[10, 20, 30], [200, 100, 50], [1, 2, 3], [4, 5, 6]])[samples(1) % 4]
    bits = np.where(samples(1) > 127, 255, 0).astype(np.uint8)
    black = Image.fromarray(bits).convert("1")
    for content, pixels in (
        (encoded(palette, "TGA"), colours),
        (encoded(palette, "PCX"), colours),
        (encoded(black, "PCX"), bits),
        (encoded(black, "XBM"), bits),
        (encoded(samples(2), "TGA"), samples(2)),
    ):
        np.testing.assert_array_equal(read_picture(content).pixels, pixels)
    rgb = samples(3)
    inks = np.dstack([255 - rgb, np.zeros((HEIGHT, WIDTH), np.uint8)])
    cmyk = Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes())
    picture = read_picture(encoded(cmyk, "JPEG2000"))
    np.testing.assert_array_equal(picture.pixels, rgb)
    assert picture.notes == ("CMYK was converted to RGB without using a profile",)


@pytest.mark.skipif(PIL.__version__ < "13", reason="Pillow 12 cannot decode it")
def test_a_transparent_colour_of_a_palette_becomes_alpha():
    xpm = b'/* XPM */\nstatic char *a[] = {\n"2 1 2 1",\n"a c #ff0000",\n"b c None",\n"ab"\n};\n'
    pixels = read_picture(xpm).pixels
    assert pixels[0, 0].tolist() == [255, 0, 0, 255]
    assert pixels[0, 1, 3] == 0


def test_profile_exif_and_xmp_of_a_jpeg_2000_are_kept():
    content = encoded(samples(3), "JPEG2000")
    assert jp2.metadata_of(content) == {}
    at = content.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", content, at)
    colour = content.index(b"colr", at) - 4
    profile = srgb_profile()
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    head = content[at:colour] + box + content[colour + 15 : at + length]
    head = struct.pack(">I", len(head)) + head[4:]
    xmp_id = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    extra = b"".join(
        struct.pack(">I4s", 24 + len(data), b"uuid") + name + data
        for name, data in ((xmp_id, xmp()), (b"JpgTiffExif->JP2", exif()[6:]))
    )
    rich = content[:at] + head + extra + content[at + length :]
    picture = read_picture(rich)
    np.testing.assert_array_equal(picture.pixels, samples(3))
    assert picture.metadata["icc_profile"] == profile
    assert picture.metadata["xmp"] == xmp()
    assert picture.metadata["exif"] == exif()


def test_a_jpeg_xl_is_turned_once():
    """Its decoder turns the pixels, except those of a JPEG that it gives back as it was."""
    pillow_jxl = pytest.importorskip("pillow_jxl")
    pixels = samples(3)
    picture = read_picture(encoded(pixels, "JXL", lossless=True, exif=exif(6)))
    np.testing.assert_array_equal(picture.pixels, pixels)  # EXIF alone turns nothing
    assert exifs.orientation_of(picture.metadata["exif"]) == 1
    smooth = samples(3, smooth=True)
    jpeg = encoded(smooth, "JPEG", quality=98, subsampling=0, exif=exif(6))
    encoder = pillow_jxl.Encoder(
        mode="RGB", lossless=True, quality=100, decoding_speed=0, effort=3, use_container=True,
        use_original_profile=False, num_threads=1,
    )  # fmt: skip
    content = encoder(jpeg, WIDTH, HEIGHT, jpeg_encode=True)
    assert jxl.read_header(content).from_jpeg
    picture = read_picture(content)
    assert np.abs(picture.pixels.astype(int) - np.rot90(smooth, -1)).max() <= 4
    assert exifs.orientation_of(picture.metadata["exif"]) == 1


def test_xmp_of_a_jpeg_xl_is_kept_and_what_is_compressed_is_noted():
    pytest.importorskip("pillow_jxl")
    content = encoded(samples(3), "JXL", lossless=True, use_container=True)
    block = xmp(orientation=6)
    content += struct.pack(">I4s", 8 + len(block), b"xml ") + block
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.pixels, samples(3))
    assert orientation_in_xmp(picture.metadata["xmp"]) == 1
    assert picture.notes == ()
    picture = read_picture(content + struct.pack(">I4s4s", 20, b"brob", b"Exif") + b"packed..")
    assert picture.notes == ("compressed metadata (brob) was left out",)


def test_the_header_of_a_jpeg_xl_of_any_size():
    pytest.importorskip("pillow_jxl")
    for width, height in (
        (1, 1),
        (8, 8),
        (16, 8),
        (40, 30),
        (9, 6),
        (300, 7),
        (513, 600),
        (9, 8200),
    ):
        content = encoded(Image.new("L", (width, height)), "JXL", effort=1)
        header = jxl.read_header(content)
        assert (header.width, header.height) == (width, height)
        assert (header.bits, header.floats, header.animated) == (8, False, False)


def bits(*fields):
    """Return bytes of (value, count) fields, the lowest bit of each byte first."""
    value, at = 0, 0
    for number, count in fields:
        value |= number << at
        at += count
    return value.to_bytes((at + 7) // 8 + 1, "little")


def test_the_header_of_a_jpeg_xl_with_everything_in_it():
    size = (1, 1), (3, 5), (1, 3)  # small, 8 x 4 rows, as wide as high
    extra = (0, 1), (1, 1), (5, 3), (1, 1), *size, (0, 1)  # orientation, intrinsic size, no preview
    moving = (1, 1), (0, 2), (0, 2), (0, 2), (0, 1)
    still = ((0, 1),)
    for motion, animated in ((moving, True), (still, False)):
        for depth, found in (
            (((0, 1), (1, 2)), (10, False)),
            (((0, 1), (3, 2), (13, 6)), (14, False)),
            (((1, 1), (1, 2)), (16, True)),
        ):
            header = jxl.read_header(b"\xff\x0a" + bits(*size, *extra, *motion, *depth))
            assert (header.width, header.height) == (32, 32)
            assert (header.bits, header.floats) == found
            assert header.animated == animated
    with pytest.raises(ValueError, match="damaged or cut off"):
        jxl.read_header(b"\xff\x0a\0")


def test_an_animated_jpeg_xl_is_noted(monkeypatch):
    pytest.importorskip("pillow_jxl")
    content = encoded(samples(3), "JXL", lossless=True)
    header = dataclasses.replace(jxl.read_header(content), animated=True)
    monkeypatch.setattr(jxl, "read_header", lambda content: header)
    assert read_picture(content).notes == ("only the first frame of an animation was read",)


def test_imageio_is_imported_only_where_it_serves():
    code = (
        "import sys, numpy as np; from minisr.images import read_picture, encode_picture;"
        "read_picture(encode_picture(np.zeros((4, 4), np.uint8), '.png')[0]);"
        "print([m for m in sys.modules if m.startswith(('imageio', 'pillow_', 'rawpy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_damaged_metadata_does_not_spoil_a_good_picture():
    pytest.importorskip("pillow_jxl")
    content = encoded(samples(3), "JXL", lossless=True, exif=b"Exif\0\0II*\0\xff\xff\0\0nonsense")
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.pixels, samples(3))
    assert "exif" not in picture.metadata
    assert picture.notes == ("damaged metadata was left out",)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("HEIC", "pillow_heif", "heif"), ("JPEG XL", "pillow_jxl", "jxl")],
)
def test_a_missing_package_is_named_with_its_extra(name, package, extra, monkeypatch):
    content, _ = made(next(kind for kind in OTHER_KINDS if kind.name == name))
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"the picture: {name} needs pillow-.* pip install 'minisr\[{extra}\]'$"
    for read in (read_picture, lambda content: upscale_file(content, None, TWICE)):
        with pytest.raises(PictureError, match=message) as caught:
            read(content)
        assert "\n" not in str(caught.value)


def test_a_pillow_without_avif(monkeypatch):
    from PIL import features

    content = encoded(samples(3), "AVIF")
    monkeypatch.setattr(features, "get_supported_modules", lambda: ["webp"])
    with pytest.raises(PictureError, match=r"AVIF needs Pillow 11.3 or later: pip install -U"):
        read_picture(content)
    with pytest.raises(PictureError, match=r"cannot be encoded: AVIF needs Pillow 11.3 or later"):
        encode_picture(samples(3), ".avif")


def test_what_cannot_be_written_becomes_png_and_a_note_says_so():
    done = upscale_file(encoded(samples(3), "TGA"), None, TWICE)
    assert done.content.startswith(b"\x89PNG")
    assert done.notes == ("TGA is not written: the result is PNG",)
    done = upscale_file(encoded(samples(3), "TGA"), None, TWICE, suffix=".png")
    assert done.notes == ()
    done = upscale_file(encoded(samples(3, smooth=True), "AVIF"), None, TWICE)
    assert done.content[4:12] == b"ftypavif"
    assert done.notes == ()


def test_a_heic_becomes_a_jpeg():
    pytest.importorskip("pillow_heif")
    done = upscale_file(heic_of("RGB", samples(3, smooth=True)), None, TWICE)
    assert done.content.startswith(b"\xff\xd8")
    assert done.notes == ("HEIC is not written: the result is JPEG",)


def test_every_format_that_is_read_has_one_for_its_result():
    names = {form.name for form in FORMATS}
    for other in OTHERS:
        assert default_format(other.name).name in names
        assert result_suffix(other.name) == other.becomes
        assert {*other.suffixes} <= {*READ_SUFFIXES}
    assert default_format("something new").name == "PNG"
    assert all(default_format(name).name == name for name in names)


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 3), (6, 9, 4)])
def test_avif_keeps_its_channels(shape):
    pixels = samples(4, smooth=True)[..., : (*shape, 1)[2]].reshape(shape)
    content, notes = encode_picture(pixels, ".avif")
    picture = read_picture(content)
    assert notes == picture.notes == ()
    assert picture.pixels.shape == shape
    assert np.abs(picture.pixels.astype(int) - pixels).max() <= 6


def test_opaque_stays_opaque_in_an_avif(rng):
    pixels = rng.integers(0, 256, (60, 70, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    again = read_picture(encode_picture(pixels, ".avif")[0]).pixels
    assert again.shape == (60, 70, 3)  # the encoder leaves out alpha that says nothing
    pixels[20:40, 20:40, 3] = 0
    again = read_picture(encode_picture(pixels, ".avif")[0]).pixels
    np.testing.assert_array_equal(again[..., 3], pixels[..., 3])


def test_quality_is_the_quality_of_avif(rng):
    pixels = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
    sizes = [len(encode_picture(pixels, ".avif", quality=q)[0]) for q in (30, 90, None, 100)]
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3]


def test_no_byte_of_exif_moves_in_an_avif():
    block = exif(thumbnail=True)
    content, _ = encode_picture(samples(3), ".avif", {"exif": block})
    kept = read_picture(content).metadata["exif"]
    note = b"a maker's own notes"
    assert kept.index(note) == block.index(note)
    assert exifs.orientation_of(kept) is None
    assert [k for k in range(len(block)) if kept[k] != block[k]][-1] < 100  # only the directory
    assert exifs.raw_entries(kept)[2].keys() == exifs.raw_entries(block)[2].keys() - {0x0112}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_an_avif_is_applied_once(orientation):
    stored = samples(3, smooth=True)
    content = encoded(stored, "AVIF", quality=95, subsampling="4:4:4", exif=exif(orientation))
    picture = read_picture(content)
    with Image.open(io.BytesIO(encoded(stored, "PNG", exif=exif(orientation)))) as image:
        from PIL import ImageOps

        upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.abs(picture.pixels.astype(int) - upright).max() <= 8
    again = read_picture(encode_picture(picture.pixels, ".avif", picture.metadata)[0])
    assert np.abs(again.pixels.astype(int) - upright).max() <= 12


def test_what_minisr_does_not_write_as_avif_is_refused_or_noted(tmp_path):
    moving = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encoded(moving[0], "GIF", save_all=True, append_images=moving[1:], duration=50)
    with pytest.raises(PictureError, match="minisr cannot write an animation as AVIF: write GIF"):
        upscale_file(content, tmp_path / "a.avif", TWICE)
    with pytest.raises(PictureError, match="minisr cannot write 16 bits as AVIF: write PNG, TIFF"):
        encode_picture(samples(3, np.uint16), ".avif")
    with pytest.raises(PictureError, match="40000 x 1 pixels are more than AVIF can hold, 32768"):
        encode_picture(np.zeros((1, 40000, 3), np.uint8), ".avif")
    assert list(tmp_path.iterdir()) == []
