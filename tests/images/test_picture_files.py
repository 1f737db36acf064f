"""Pictures on disk: every kind is read as documented, and no partial file is ever left."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from minisr.errors import PictureError
from minisr.images import find_pictures, formats, read_picture, write_picture
from minisr.images.png import deep


def png_bytes(width, height, depth, colour, rows, transparency=b""):
    """Build a PNG by hand; Pillow cannot write these."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    if transparency:
        header += chunk(b"tRNS", transparency)
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


@pytest.fixture
def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


LOSSLESS = [".png", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".PNG"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_colour_survives_a_round_trip(suffix, tmp_path, rng):
    pixels = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    write_picture(tmp_path / f"a{suffix}", pixels)
    picture = read_picture(str(tmp_path / f"a{suffix}"))
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_16_bit_png_is_compressed_in_the_way_that_suits_its_pixels(rng):
    y, x = np.mgrid[:300, :120]
    waves = 30000 + 20000 * np.sin(x[..., None] / 20 + np.arange(3)) * np.cos(y[..., None] / 30)
    photo = np.uint16(waves + rng.normal(0, 100, waves.shape))
    pattern = rng.integers(0, 65536, (8, 8), dtype=np.uint16)[y % 8, x % 8]

    def length(pixels, strategy):
        sizes, packer = range(0, 300, deep._ROWS), zlib.compressobj(*strategy)
        packed = [packer.compress(deep._filtered_band(pixels, start)) for start in sizes]
        return sum(map(len, packed)) + len(packer.flush())

    for pixels in (photo, pattern):
        content = deep.encode(pixels)
        assert (read_picture(content).pixels == pixels).all()
        best = min(length(pixels, strategy) for strategy in (deep._RUNS, deep._REPEATS))
        assert len(content) < 1.03 * best + 100
    assert length(pattern, deep._RUNS) > 10 * length(pattern, deep._REPEATS)


@pytest.mark.parametrize(
    ("suffix", "shape", "dtype"),
    [
        (".png", (5, 3), np.uint8),
        (".tif", (5, 3), np.uint8),
        (".bmp", (5, 3), np.uint8),
        (".pgm", (5, 3), np.uint8),
        (".png", (5, 3), np.uint16),
        (".tif", (5, 3), np.uint16),
        (".pgm", (5, 3), np.uint16),
        (".tif", (5, 3), np.float32),
        (".png", (5, 3, 2), np.uint16),
        (".png", (5, 3, 3), np.uint16),
        (".png", (70, 31, 4), np.uint16),
        (".tif", (5, 3, 2), np.uint16),
        (".tif", (5, 3, 3), np.uint16),
        (".tif", (5, 3, 4), np.uint16),
        (".tif", (5, 3, 3), np.float32),
        (".tif", (5, 3, 4), np.float32),
        (".tif", (5, 3, 2), np.float32),
        (".ppm", (5, 3, 3), np.uint16),
        (".png", (5, 3, 2), np.uint8),
        (".tif", (5, 3, 2), np.uint8),
        (".png", (5, 3, 4), np.uint8),
        (".tif", (5, 3, 4), np.uint8),
        (".webp", (5, 3, 4), np.uint8),
        (".bmp", (5, 3, 4), np.uint8),
    ],
)
def test_every_dtype_and_alpha_survive_a_round_trip(suffix, shape, dtype, tmp_path, rng):
    pixels = rng.random(shape, np.float32)
    if dtype != np.float32:
        pixels = (pixels * (np.iinfo(dtype).max + 1)).astype(dtype)
    write_picture(tmp_path / f"a{suffix}", pixels)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.pixels, pixels)


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50)])
def test_jpeg_has_high_quality_and_full_chroma(shape, tmp_path):
    pixels = np.zeros(shape, np.uint8)
    pixels[:, ::2] = 200 if len(shape) == 2 else (255, 0, 0)  # red on black: all in the chroma
    write_picture(tmp_path / "a.jpg", pixels)
    got = read_picture(tmp_path / "a.jpg").pixels
    assert got.shape == shape
    assert np.abs(got.astype(int) - pixels).max() < 30  # subsampled chroma is off by 100


def test_palettes_become_colour(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "p.png")
    image.save(tmp_path / "p.gif")
    image.save(tmp_path / "t.png", transparency=1)
    expected = [[[10, 20, 30], [200, 100, 50]]]
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png").pixels, expected)
    np.testing.assert_array_equal(read_picture(tmp_path / "p.gif").pixels, expected)
    transparent = read_picture(tmp_path / "t.png").pixels
    np.testing.assert_array_equal(transparent, [[[10, 20, 30, 255], [200, 100, 50, 0]]])


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.gif").pixels[0, 0], [255, 0, 0])
    assert read_picture(tmp_path / "a.gif").pixels.shape == (2, 3, 3)


def test_cmyk_becomes_rgb_without_its_cmyk_profile(tmp_path, srgb):
    cmyk_profile = srgb[:16] + b"CMYK" + srgb[20:]
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan: red
    image.save(tmp_path / "a.jpg", quality=100, icc_profile=cmyk_profile)
    picture = read_picture(tmp_path / "a.jpg")
    np.testing.assert_allclose(picture.pixels[4, 4], [255, 0, 0], atol=3)
    assert "icc_profile" not in picture.metadata


def test_one_bit_becomes_8_bit_grey(tmp_path):
    (tmp_path / "a.pbm").write_bytes(b"P1 3 1\n0 1 0\n")
    (tmp_path / "a.png").write_bytes(png_bytes(3, 1, 1, 0, [b"\xa0"]))
    for name in ("a.pbm", "a.png"):
        pixels = read_picture(tmp_path / name).pixels
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, [[255, 0, 255]])


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (1, b"\x80", 1, [[255, 0], [0, 255]]),
        (2, b"\x90", 1, [[170, 255], [85, 0]]),
        (4, b"\x5a", 5, [[85, 0], [170, 255]]),
        (8, b"\x05\x06", 5, [[5, 0], [6, 255]]),
        (16, b"\x00\x05\x01\x06", 5, [[5, 0], [262, 65535]]),
    ],
)
def test_a_transparent_grey_becomes_alpha(depth, row, key, expected, tmp_path):
    content = png_bytes(2, 1, depth, 0, [row], struct.pack(">H", key))
    (tmp_path / "a.png").write_bytes(content)
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.dtype == (np.uint16 if depth == 16 else np.uint8)
    np.testing.assert_array_equal(picture.pixels, [expected])


def test_a_transparent_colour_becomes_alpha(tmp_path):
    content = png_bytes(2, 1, 8, 2, [b"\1\2\3\1\2\4"], struct.pack(">HHH", 1, 2, 3))
    (tmp_path / "a.png").write_bytes(content)
    expected = [[[1, 2, 3, 0], [1, 2, 4, 255]]]
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, expected)


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_stays_16_bit(colour, channels, tmp_path):
    rows = [bytes(range(k, k + 4 * channels)) for k in (1, 40)]
    (tmp_path / "deep.png").write_bytes(png_bytes(2, 2, 16, colour, rows))
    expected = np.frombuffer(b"".join(rows), ">u2").reshape(2, 2, channels)
    pixels = read_picture(tmp_path / "deep.png").pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, expected[..., 0] if channels == 1 else expected)


def test_a_transparent_16_bit_colour_becomes_alpha(tmp_path):
    row = struct.pack(">6H", 1, 2, 300, 1, 2, 301)
    content = png_bytes(2, 1, 16, 2, [row], struct.pack(">3H", 1, 2, 300))
    (tmp_path / "a.png").write_bytes(content)
    expected = [[[1, 2, 300, 0], [1, 2, 301, 65535]]]
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, expected)


def test_16_bit_ppm_uses_the_full_range(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 1 1 65535\n" + bytes([1, 2, 3, 4, 5, 6]))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.ppm").pixels, [[[258, 772, 1286]]])
    (tmp_path / "b.ppm").write_bytes(b"P3 # plain\n1 1 1023\n1 512 1023\n")
    np.testing.assert_array_equal(read_picture(tmp_path / "b.ppm").pixels, [[[64, 32800, 65535]]])


def test_samples_that_picture_cannot_hold_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.int32)).save(tmp_path / "i.tif")
    with pytest.raises(PictureError, match=r"i\.tif: expected .*, got 32-bit or signed"):
        read_picture(tmp_path / "i.tif")
    Image.new("LAB", (2, 2)).save(tmp_path / "lab.tif")
    with pytest.raises(PictureError, match="got pixels of kind LAB: convert it to RGB"):
        read_picture(tmp_path / "lab.tif")


def test_five_and_six_bits_per_channel_are_not_taken_for_sixteen(tmp_path):
    header = struct.pack("<2sIHHI", b"BM", 70, 0, 0, 66)
    header += struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    (tmp_path / "a.bmp").write_bytes(header + masks + struct.pack("<HH", 0xF800, 0))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.bmp").pixels, [[[255, 0, 0]]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_orientation_is_applied_once(orientation, suffix, tmp_path):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255  # a mark top left,
    upright[:8, 16:] = 120  # a darker one top right
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    image = Image.fromarray(upright)
    if orientation > 1:
        # The members of PIL's Transpose, from 0, are orientations 2, 4, 8, 3, 6, 5, 7.
        image = image.transpose({2: 0, 4: 1, 8: 2, 3: 3, 6: 4, 5: 5, 7: 6}[undo])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == ".webp" else {}
    image.save(tmp_path / f"a{suffix}", exif=exif, dpi=(100, 100), **options)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.pixels.shape == upright.shape
    assert np.abs(picture.pixels.astype(int) - upright).max() < 40
    write_picture(tmp_path / f"b{suffix}", picture.pixels, picture.metadata)
    again = read_picture(tmp_path / f"b{suffix}")
    assert np.abs(again.pixels.astype(int) - upright).max() < 40


def test_a_rotated_picture_swaps_its_resolutions(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 150))
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (4, 3, 3)
    assert picture.metadata["dpi"] == (150, 300)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_profile_exif_and_resolution_survive(suffix, tmp_path, srgb):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:24 12:00:00"
    metadata = {"icc_profile": srgb, "exif": exif.tobytes(), "dpi": (300, 300)}
    write_picture(tmp_path / f"a{suffix}", np.zeros((4, 5, 3), np.uint8), metadata)
    first = read_picture(tmp_path / f"a{suffix}")
    write_picture(tmp_path / f"b{suffix}", first.pixels, first.metadata)
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["icc_profile"] == srgb
        assert image.getexif()[0x010F] == "Maker"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:11:24 12:00:00"
        if suffix != ".webp":  # which cannot hold it
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_a_resolution_of_zero_is_dropped(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.tif", dpi=(0, 0))
    assert "dpi" not in read_picture(tmp_path / "a.tif").metadata


def test_a_profile_of_another_colour_space_is_not_written(tmp_path, srgb):
    write_picture(tmp_path / "a.png", np.zeros((4, 5), np.uint8), {"icc_profile": srgb})
    assert "icc_profile" not in read_picture(tmp_path / "a.png").metadata


def test_damaged_exif_does_not_spoil_a_good_picture(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png", exif=b"Exif\0\0" + b"nonsense" * 4)
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.shape == (3, 4, 3)
    assert "exif" not in picture.metadata


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif", ".ppm"])
def test_truncated_pictures_are_refused(suffix, tmp_path, rng):
    pixels = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    for length in (0, 1, 10, 30, len(content) // 3, len(content) // 2, len(content) * 9 // 10):
        path.write_bytes(content[:length])
        with pytest.raises(PictureError, match=rf"cut\{suffix}: ") as caught:
            read_picture(path)
        assert "\n" not in str(caught.value)


def test_what_is_not_a_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(PictureError, match=r"text\.png: not a picture, .*\.png \.apng \.jpg"):
        read_picture(tmp_path / "text.png")
    with pytest.raises(PictureError, match=r"nothing\.png: no such file"):
        read_picture(tmp_path / "nothing.png")
    with pytest.raises(PictureError, match="expected a picture, got a folder"):
        read_picture(tmp_path)
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(PictureError, match="not a picture"):  # Pillow would start Ghostscript
        read_picture(tmp_path / "script.eps")


def test_decompression_bombs_are_refused(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_bytes(60000, 60000, 8, 2, [b""]))
    with pytest.raises(PictureError, match=r"bomb\.png: too large: .*decompression bomb"):
        read_picture(tmp_path / "bomb.png")


COLOUR = np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "pixels", "message"),
    [
        ("a.xyz", COLOUR, r"a\.xyz: cannot write pictures of kind '\.xyz': use \.png"),
        ("a", COLOUR, "cannot write pictures of kind ''"),
        ("a.jpg", np.zeros((4, 5, 4), np.uint8), r"\.jpg cannot hold transparency: write PNG"),
        ("a.ppm", np.zeros((4, 5, 2), np.uint8), r"\.ppm cannot hold transparency: write PNG"),
        ("a.bmp", COLOUR.astype(np.uint16), r"\.bmp cannot hold 16 bits: .* convert to uint8"),
        ("a.jpg", np.zeros((4, 5), np.uint16), r"\.jpg cannot hold 16 bits: .* convert to uint8"),
        (
            "a.png",
            np.zeros((4, 5), np.float32),
            r"\.png cannot hold floats: write TIFF, or convert to uint8",
        ),
        ("a.webp", np.zeros((1, 16384, 3), np.uint8), "16384 x 1 pixels are more than WebP can"),
        ("a.png", COLOUR.astype(float), "expected uint8, uint16 or float32, got float64"),
        ("a.png", COLOUR[..., :1], r"expected pixels of shape .* got \(4, 5, 1\)"),
        ("a.png", COLOUR[0, 0], r"got \(3,\)"),
        ("a.png", COLOUR[:0], r"got \(0, 5, 3\)"),
        ("missing/a.png", COLOUR, "a.png: cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_refused(name, pixels, message, tmp_path):
    with pytest.raises(PictureError, match=message):
        write_picture(tmp_path / name, pixels)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_picture(path, COLOUR)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PictureError, match=r"a\.png: cannot be written: No space left on device"):
        write_picture(path, COLOUR + 1)

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_picture(path, COLOUR + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_written_before_the_whole_picture_is_encoded(tmp_path):
    path = tmp_path / "a.jpg"
    with pytest.raises(PictureError, match=r"a\.jpg: cannot be encoded"):
        write_picture(path, COLOUR, {"exif": "not bytes"})
    assert list(tmp_path.iterdir()) == []


def test_names_may_be_unicode_and_permissions_are_the_usual_ones(tmp_path):
    path = tmp_path / "Größe 日本.png"
    write_picture(path, COLOUR)
    assert read_picture(path).pixels.shape == COLOUR.shape
    other = tmp_path / "other"
    other.write_bytes(b"")
    assert path.stat().st_mode == other.stat().st_mode


def test_pictures_are_found_and_sorted(tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner.png").mkdir(parents=True)
    (folder / "inner.png" / "deep.png").touch()
    for name in ("b.png", "a.JPG", "c.tiff", "notes.txt", "._b.png"):
        (folder / name).touch()
    odd = tmp_path / "odd.suffix"
    odd.touch()
    inside = [folder / "a.JPG", folder / "b.png", folder / "c.tiff"]
    assert find_pictures(folder) == inside
    assert find_pictures(str(folder)) == inside
    assert find_pictures([odd, str(folder), odd]) == [odd, *inside]
    assert find_pictures(str(folder / "?.[pt]*")) == inside[1:]  # as if no shell had expanded it
    assert find_pictures([folder / "c.tiff", folder]) == [inside[2], inside[0], inside[1]]


def test_a_path_without_pictures_is_an_error(tmp_path):
    with pytest.raises(PictureError, match=r"gone: expected a picture or a folder, found nothing"):
        find_pictures([tmp_path / "gone"])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PictureError, match=r"expected a folder of pictures, found none in"):
        find_pictures(tmp_path)
    with pytest.raises(PictureError, match="got none"):
        find_pictures([])


def test_every_suffix_that_is_written_is_also_found():
    assert set(formats.WRITE_SUFFIXES) <= set(formats.READ_SUFFIXES)


def test_importing_pictures_does_not_import_their_libraries():
    code = (
        "import sys, minisr.images, minisr.evaluation.metrics;"
        "sys.exit(any(name in sys.modules for name in ('PIL', 'imageio', 'scipy')))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
