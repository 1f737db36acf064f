"""Pictures larger than memory: bands give the same result as the whole, in bounded memory."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from picture_kinds import KINDS, wide_profile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from stand_in_enlarger import StandIn

from minisr import ESPCN, imresize
from minisr.errors import PictureError
from minisr.images import encode_picture, read_picture
from minisr.images.animation import encode_animation
from minisr.images.bands import row_reader
from minisr.images.formats import format_of
from minisr.images.sources import sniff
from minisr.upscaling import file as upscale_file
from minisr.upscaling.enlarger import Enlarger

HEIGHT, WIDTH = 70, 13
HALO = 9


@pytest.fixture
def small_limit(monkeypatch):
    """Treat every picture as large, and enlarge it a few rows at a time."""
    monkeypatch.setattr(upscale_file, "LARGEST_WHOLE", 0)
    monkeypatch.setattr(upscale_file, "_BAND", 5 * WIDTH)
    monkeypatch.setattr(upscale_file, "_SMALL", 0)


def random_pixels(channels, dtype, rng):
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


class Counting(StandIn):
    """Wraps an enlarger and records how many rows each call gets."""

    def __init__(self, enlarger, halo):
        super().__init__(enlarger.pixels, halo=halo, size_of=enlarger.size_of)
        self.heights = []

    def pixels(self, picture, threads=None):
        self.heights.append(len(picture))
        return super().pixels(picture)


def bicubic(scale):
    return StandIn(lambda pixels: imresize(pixels, scale), scale)


def both_ways(content, enlarger, suffix, halo, **options):
    """Return the bytes made whole and made in bands; check that there were bands."""
    whole = upscale_file.upscale_file(
        content, None, Counting(enlarger, None), suffix=suffix, **options
    )
    counting = Counting(enlarger, halo)
    banded = upscale_file.upscale_file(content, None, counting, suffix=suffix, **options)
    assert len(counting.heights) > 3
    assert max(counting.heights) < HEIGHT // 2 + 20
    assert (whole.size_in, whole.size_out) == (banded.size_in, banded.size_out)
    assert whole.notes == banded.notes
    return whole.content, banded.content


@pytest.mark.parametrize(
    ("source", "suffix", "channels", "dtype"),
    [
        (".tif", ".tif", 1, np.uint8),
        (".tif", ".tif", 3, np.uint8),
        (".tif", ".tif", 3, np.uint16),
        (".tif", ".tif", 4, np.uint16),
        (".tif", ".tif", 2, np.uint8),
        (".tif", ".tif", 3, np.float32),
        (".tif", ".tif", 4, np.float32),
        (".tif", ".ppm", 3, np.float32),
        (".tif", ".ppm", 3, np.uint16),
        (".ppm", ".ppm", 3, np.uint8),
        (".pgm", ".pgm", 1, np.uint16),
        (".ppm", ".tif", 3, np.uint16),
    ],
)
@pytest.mark.parametrize(("deflate", "scale"), [(False, 2), (True, 3), (False, 4)])
def test_bands_give_the_same_picture(
    source, suffix, channels, dtype, deflate, scale, small_limit, rng
):
    """Tried with MATLAB's bicubic, whose kernel extends over two rows on each side."""
    metadata = {"tiff_deflate": deflate, "dpi": (300.0, 300.0)}
    if channels > 2:
        metadata["icc_profile"] = wide_profile()
    content, _ = encode_picture(random_pixels(channels, dtype, rng), source, metadata)
    whole, banded = both_ways(content, bicubic(scale), suffix, 3, stamp={"Software": "minisr"})
    if dtype == np.float32 and scale == 3:
        # Thirds of a pixel are not exact: in lower rows, imresize rounds the last bit differently.
        one, other = (read_picture(file).pixels.astype(np.float32) for file in (whole, banded))
        np.testing.assert_allclose(one, other, atol=1 if suffix == ".ppm" else 3e-7, rtol=0)
    else:
        assert banded == whole


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_give_the_same_picture_through_a_network(channels, dtype, small_limit, rng):
    model = ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0))
    pixels = random_pixels(channels, dtype, rng)
    if channels == 4:  # most bands are opaque, the whole is not
        pixels[..., 3] = np.iinfo(dtype).max
        pixels[21:24, 4:, 3] = 7
    content, _ = encode_picture(pixels, ".tif")
    whole, banded = both_ways(content, Enlarger(model), ".tif", HALO)
    np.testing.assert_array_equal(read_picture(banded).pixels, read_picture(whole).pixels)
    assert banded == whole


def test_a_tiff_too_large_for_32_bits_is_a_bigtiff(monkeypatch, rng):
    monkeypatch.setattr("minisr.images.tiff.writing._LARGEST", 0)
    for channels, dtype in ((3, np.uint8), (4, np.uint16), (1, np.float32)):
        pixels = random_pixels(channels, dtype, rng)
        metadata = {"dpi": (300.0, 300.0), "tiff_deflate": True, "icc_profile": wide_profile()}
        content, _ = encode_picture(pixels, ".tif", metadata)
        assert content[:4] == b"II+\0"
        picture = read_picture(content)
        np.testing.assert_array_equal(picture.pixels, pixels)
        assert picture.metadata["dpi"] == (300.0, 300.0)
        assert row_reader(io.BytesIO(content), "TIFF").metadata == picture.metadata
        tifffile = pytest.importorskip("tifffile")
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), pixels)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_survives_a_bigtiff(monkeypatch, tmp_path, order):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x8298] = "a camera", "somebody"  # too long for the entry itself
    details = exif.get_ifd(0x8769)
    details[0x829A], details[0x8827], details[0xA434] = IFDRational(1, 250), 400, "a comment"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 33.5)})
    block = exif.tobytes()
    pixels = np.zeros((4, 5), np.uint8)
    small = read_picture(encode_picture(pixels, ".tif", {"exif": block})[0])
    monkeypatch.setattr("minisr.images.tiff.writing._LARGEST", 0)
    content, notes = encode_picture(pixels, ".tif", {"exif": block})
    assert (content[2:4].strip(b"\0"), notes) == (b"+", ())

    def said(block):
        found = Image.Exif()
        found.load(block)
        parts = found.get_ifd(0x8769), found.get_ifd(0x8825)
        kept = {tag: found[tag] for tag in (0x010F, 0x8298)}
        return kept, *map(dict, parts)

    large = read_picture(content)
    assert said(block)[2] == {1: "N", 2: (47.0, 22.0, 33.5)}
    assert said(large.metadata["exif"]) == said(small.metadata["exif"]) == said(block)
    assert row_reader(io.BytesIO(content), "TIFF").metadata["exif"] == large.metadata["exif"]
    cut = block[: block.index(b"a comment")]
    content, notes = encode_picture(pixels, ".tif", {"exif": cut})
    assert notes == ("damaged EXIF was left out",)
    np.testing.assert_array_equal(read_picture(content).pixels, pixels)
    if not shutil.which("exiftool"):
        pytest.skip("exiftool, which would read it too, is not there")
    (tmp_path / "big.tif").write_bytes(encode_picture(pixels, ".tif", {"exif": block})[0])
    words = ["exiftool", "-s3", "-Make", "-ExposureTime", "-LensModel"]
    out = subprocess.run([*words, tmp_path / "big.tif"], capture_output=True, text=True)
    assert out.stdout.splitlines() == ["a camera", "1/250", "a comment"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_big_endian_bigtiff_which_pillow_cannot_read(dtype, rng):
    tifffile = pytest.importorskip("tifffile")
    pixels = random_pixels(3, dtype, rng)
    words = {"byteorder": ">", "bigtiff": True, "software": "another", "photometric": "rgb"}
    tifffile.imwrite(file := io.BytesIO(), pixels, **words)
    picture = read_picture(file.getvalue())
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert b"another" in picture.metadata["exif"]
    np.testing.assert_array_equal(row_reader(file, "TIFF").rows(3, 9), pixels[3:9])
    file.seek(0)
    tifffile.imwrite(file := io.BytesIO(), pixels[..., 0] > 0, byteorder=">", bigtiff=True)
    with pytest.raises(
        PictureError, match=r"in a big-endian BigTIFF, got .* another kind: convert"
    ):
        read_picture(file.getvalue())


def test_too_small_a_halo_changes_the_result(small_limit, rng):
    """Otherwise the tests above could not fail."""
    content, _ = encode_picture(random_pixels(1, np.uint8, rng), ".tif")
    whole, banded = both_ways(content, bicubic(2), ".tif", 0)
    assert banded != whole


def test_what_cannot_be_made_in_bands_is_made_whole(small_limit, rng):
    pixels = random_pixels(3, np.uint8, rng)
    for source, suffix, scale, halo in (
        (".png", ".bmp", 2, 3),
        (".tif", ".bmp", 2, 3),
        (".tif", ".tif", 1.5, 3),
        (".tif", ".tif", 2, None),
    ):
        content, _ = encode_picture(pixels, source)
        counting = Counting(bicubic(scale), halo)
        done = upscale_file.upscale_file(content, None, counting, suffix=suffix)
        assert counting.heights == [HEIGHT]
        np.testing.assert_array_equal(read_picture(done.content).pixels, imresize(pixels, scale))


@pytest.mark.parametrize(
    ("source", "suffix", "channels", "dtype"),
    [
        (".png", ".png", 1, np.uint8),
        (".png", ".png", 2, np.uint16),
        (".png", ".png", 3, np.uint8),
        (".png", ".png", 4, np.uint8),
        (".png", ".png", 4, np.uint16),
        (".tif", ".png", 3, np.uint16),
        (".png", ".tif", 3, np.uint8),
        (".bmp", ".png", 3, np.uint8),
        (".ppm", ".png", 3, np.uint8),
    ],
)
def test_a_png_is_made_in_bands(source, suffix, channels, dtype, small_limit, rng):
    """Even if the source is read whole. The bytes differ, the pixels and metadata do not."""
    pixels = random_pixels(channels, dtype, rng)
    pixels[: HEIGHT // 2] = pixels[0, 0]  # so that every filter is the best one somewhere
    metadata = {"dpi": (300.0, 300.0)}
    if source != ".bmp" and channels > 2:
        metadata["icc_profile"] = wide_profile()
    content, _ = encode_picture(pixels, source, metadata)
    whole, banded = both_ways(content, bicubic(2), suffix, 3, stamp={"Software": "minisr"})
    one, other = map(read_picture, (whole, banded))
    assert one.pixels.dtype == other.pixels.dtype
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.metadata, one.notes) == (other.metadata, other.notes)
    if suffix == ".png":
        with Image.open(io.BytesIO(banded)) as image:  # read by another program
            image.load()
            assert image.size == (2 * WIDTH, 2 * HEIGHT)


@pytest.mark.parametrize("source", [".png", ".ppm", ".jpg"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_is_made_in_strips(source, channels, subsampling, small_limit, monkeypatch, rng):
    """With restarts or without, the pixels and the metadata are the same."""
    monkeypatch.setattr("minisr.images.jpeg.rows._AT_ONCE", 1)  # strips of 16 rows
    pixels = random_pixels(channels, np.uint8, rng)
    if channels == 1 and source == ".ppm":
        source = ".pgm"
    metadata = {"dpi": (300.0, 300.0)}
    if channels == 3 and source != ".ppm":
        metadata["icc_profile"] = wide_profile()
    options = {"quality": 71, "subsampling": subsampling} if source == ".jpg" else {}
    content, _ = encode_picture(pixels, source, metadata, **options)
    whole, banded = both_ways(content, bicubic(2), ".jpg", 3)
    assert banded.count(b"\xff\xd0") >= 1  # a restart
    one, other = map(read_picture, (whole, banded))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.metadata, one.notes) == (other.metadata, other.notes)
    assert (one.quality, one.subsampling) == (other.quality, other.subsampling)
    with Image.open(io.BytesIO(banded)) as image:
        image.load()
        assert image.size == (2 * WIDTH, 2 * HEIGHT)


def test_an_animation_is_never_made_in_bands(small_limit, rng):
    frames = rng.integers(0, 256, (3, HEIGHT, WIDTH, 3), dtype=np.uint8)
    content, _ = encode_animation(
        iter(frames), [100, 200, 300], 0, format_of(".png"), {}, quality=None
    )
    done = upscale_file.upscale_file(content, None, Counting(bicubic(2), 3), suffix=".png")
    assert done.frames == 3


def test_rows_equal_those_of_the_whole_picture():
    """For every kind of TIFF and PNM that can be read by rows."""
    had = []
    for kind in KINDS:
        if kind.suffix not in (".tif", ".ppm", ".pgm", ".pbm") or kind.needs:
            continue
        content, _ = kind.make()
        reader = row_reader(io.BytesIO(content), sniff(content[:16]))
        if reader is None:
            continue
        had.append(kind.name)
        picture = read_picture(content)
        assert (reader.shape, reader.dtype) == (picture.pixels.shape, picture.pixels.dtype)
        assert (reader.metadata, reader.notes) == (picture.metadata, picture.notes)
        for start, stop in ((0, 1), (1, 4), (3, 6), (0, 6)):
            np.testing.assert_array_equal(reader.rows(start, stop), picture.pixels[start:stop])
    assert len(had) > 12


def test_a_truncated_file_leaves_no_result(small_limit, tmp_path, rng):
    content, _ = encode_picture(random_pixels(3, np.uint8, rng), ".ppm")
    (tmp_path / "cut.ppm").write_bytes(content[:-60])
    with pytest.raises(PictureError, match=r"cut\.ppm: cannot be read: the file is cut off"):
        upscale_file.upscale_file(
            tmp_path / "cut.ppm", tmp_path / "out.ppm", Counting(bicubic(2), 3)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["cut.ppm"]


@pytest.mark.parametrize("suffix", [".tif", ".ppm"])
def test_memory_stays_bounded(suffix, tmp_path):
    """A picture of 26 MB becomes one of 105 MB, with 40 MB of memory."""
    code = """if True:
        import resource, sys
        import numpy as np
        from minisr.upscaling import file as upscale_file
        from minisr.images import write_picture
        from stand_in_enlarger import StandIn
        twice = StandIn(halo=2)
        source, target = sys.argv[1:]
        upscale_file.LARGEST_WHOLE = 0
        upscale_file._BAND = 1 << 18
        small = source + source[-4:]
        write_picture(small, np.zeros((9, 9, 3), np.uint8))
        upscale_file.upscale_file(small, target, twice)  # so that imports are not measured
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        upscale_file.upscale_file(source, target, twice)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    pytest.importorskip("resource")
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    rows = np.arange(2960 * 2960 * 3, dtype=np.uint32).reshape(2960, 2960, 3).astype(np.uint8)
    content, _ = encode_picture(rows, suffix)
    source.write_bytes(content)
    command = [sys.executable, "-c", code, str(source), str(target)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size > 105_000_000
    assert int(done.stdout) * 1024 < 40_000_000
    large = read_picture(target).pixels
    np.testing.assert_array_equal(large[::2, ::2], rows)
