"""From a picture file to a larger one: names, bytes, memory, and the errors."""

import io
import os
import threading

import numpy as np
import pytest
from picture_kinds import HEIGHT, KINDS, WIDTH, encoded, exif, moving, samples
from PIL import Image
from stand_in_enlarger import StandIn, repeated

from minisr.errors import PictureError, SettingsError
from minisr.images import encode_picture, read_picture, sources, write_picture
from minisr.system import memory
from minisr.upscaling.file import upscale_file

TWICE = StandIn()


def test_a_still_is_enlarged(tmp_path, rng):
    pixels = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    write_picture(tmp_path / "a.png", pixels)
    done = upscale_file(tmp_path / "a.png", tmp_path / "b.png", TWICE)
    assert (done.content, done.size_in, done.size_out) == (None, (5, 4), (10, 8))
    assert (done.frames, done.notes) == (1, ())
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png").pixels, repeated(pixels))


def test_bytes_go_in_and_come_out():
    content = encoded(samples(3), "PNG")
    for source in (content, io.BytesIO(content), memoryview(content)):
        done = upscale_file(source, None, TWICE)
        assert done.content.startswith(b"\x89PNG")  # the format of the source, if none is given
        np.testing.assert_array_equal(read_picture(done.content).pixels, repeated(samples(3)))
    assert upscale_file(content, None, TWICE, suffix=".jpg").content.startswith(b"\xff\xd8")


def test_a_pipe_can_be_read():
    content = encoded(samples(3), "PNG")
    reader, writer = os.pipe()
    thread = threading.Thread(target=lambda: (os.write(writer, content), os.close(writer)))
    thread.start()
    with open(reader, "rb") as file:
        done = upscale_file(file, None, TWICE)
    thread.join()
    np.testing.assert_array_equal(read_picture(done.content).pixels, repeated(samples(3)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_the_orientation_is_applied_once(orientation, suffix, tmp_path):
    stored = samples(3, smooth=True)
    options = {"lossless": True} if suffix == ".webp" else {}
    block = exif(orientation)
    if suffix == ".tif":
        block = Image.Exif()
        block.load(exif(orientation))
    options |= {"quality": 98, "subsampling": 0} if suffix == ".jpg" else {}
    form = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    content = encoded(stored, form, exif=block, **options)
    upscale_file(content, tmp_path / f"a{suffix}", TWICE)
    expected = {  # EXIF 3.0, orientation: what the first row and the first column show
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: stored.swapaxes(0, 1)[::-1, ::-1],
        8: np.rot90(stored),
    }[orientation]
    got = read_picture(tmp_path / f"a{suffix}")
    assert np.abs(got.pixels.astype(int) - repeated(expected)).max() <= (
        6 if suffix == ".jpg" else 0
    )
    with Image.open(tmp_path / f"a{suffix}") as image:
        again = image.getexif()
        assert again.get(0x0112, 1) == 1
        inner = again.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == repeated(expected).shape[1::-1]


def test_a_jpeg_keeps_its_quality_unless_told_otherwise(tmp_path):
    content = encoded(samples(3, smooth=True), "JPEG", quality=70, subsampling=2)
    for quality, expected in ((None, 70), (88, 88)):
        done = upscale_file(content, None, TWICE, quality=quality)
        picture = read_picture(done.content)
        assert (picture.quality, picture.subsampling) == (expected, "4:2:0")
    png = encoded(samples(3, smooth=True), "PNG")
    picture = read_picture(upscale_file(png, None, TWICE, suffix=".jpg").content)
    assert (picture.quality, picture.subsampling) == (95, "4:4:4")
    for quality in (0, 101, "high"):
        with pytest.raises(PictureError, match="expected a quality from 1 to 100, got"):
            upscale_file(png, None, TWICE, suffix=".jpg", quality=quality)


def test_a_webp_is_lossy_only_if_its_source_was_or_quality_is_given():
    pixels = samples(3)
    for options, quality, lossy in (
        ({"lossless": True}, None, False),
        ({"quality": 90}, None, True),
        ({"lossless": True}, 80, True),
    ):
        content = encoded(pixels, "WEBP", **options)
        done = upscale_file(content, None, TWICE, quality=quality)
        assert (b"VP8 " in done.content) == lossy


def test_a_stamp_is_written_where_the_format_has_a_place():
    stamp = {"Software": "minisr", "Artist": "me", "Anything": "else"}
    picture = read_picture(
        upscale_file(encoded(samples(3), "PNG"), None, TWICE, stamp=stamp).content
    )
    assert {(entry.keyword, entry.text) for entry in picture.metadata["text"]} == {*stamp.items()}
    for suffix in (".jpg", ".tif", ".webp"):
        done = upscale_file(encoded(samples(3), "PNG"), None, TWICE, suffix=suffix, stamp=stamp)
        with Image.open(io.BytesIO(done.content)) as image:
            found = image.getexif()
        assert (found[0x0131], found[0x013B]) == ("minisr", "me")
    for suffix in (".bmp", ".gif", ".ppm"):
        upscale_file(encoded(samples(3), "PNG"), None, TWICE, suffix=suffix, stamp=stamp)
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        done = upscale_file(encoded(samples(3), "PNG"), None, TWICE, suffix=suffix)
        assert read_picture(done.content).metadata.keys() <= {"dpi"}


NAMES = {".jpg": "JPEG", ".tif": "TIFF", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}
NAMES |= {".gif": "GIF", ".ppm": "PPM"}


@pytest.mark.parametrize("suffix", NAMES)
def test_a_cut_file_is_one_clear_line_and_nothing_is_written(suffix, tmp_path):
    content = encoded(np.tile(samples(3), (9, 9, 1)), NAMES[suffix])
    source = tmp_path / f"Größe 日本{suffix}"
    for length in (0, 1, 8, 20, len(content) // 2, len(content) * 9 // 10):
        source.write_bytes(content[:length])
        with pytest.raises(PictureError, match=f"Größe 日本\\{suffix}: ") as caught:
            upscale_file(source, tmp_path / "out.png", TWICE)
        assert "\n" not in str(caught.value)
        assert str(caught.value).count(str(source)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize(
    "name",
    [
        "PNG, RGBA, 16 bits",
        "JPEG, rotated by 90° in EXIF",
        "GIF",
        "WebP, animated",
        "TIFF, RGB, 16 bits, LZW, predictor",
        "BMP",
        "PPM, plain text",
    ],
)
def test_a_file_cut_anywhere_is_refused_or_read(name):
    """Whatever is missing gives one line, unless it is dispensable, such as the last byte."""
    content, _ = next(kind for kind in KINDS if kind.name == name).make()
    lengths = range(0, len(content), 1 + len(content) // 60)
    told = []
    for length in lengths:
        try:
            upscale_file(content[:length], None, TWICE, suffix=".png")
        except PictureError as error:
            told.append(str(error))
    assert all(line.startswith("the picture: ") and "\n" not in line for line in told)
    assert len(told) >= len(lengths) - 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the picture: not a picture: the file is empty"),
        (b"hello, world", "not a picture, or not of a kind that minisr can read"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "not a picture, but a video"),
        (b"8BPS\0\1", "but PSD: convert it to PNG"),
        (b"%PDF-1.7", "but PDF"),
        (b"P6 0 5 255\n", "its header is damaged: expected .*, got 0 x 5 and 255"),
        (b"P6 2 2 255\n123", "the file is cut off: pixels are missing"),
        (b"P2 1 1 9\n12", "a sample of 12 is above the maximum of 9"),
        (b"P3 1 1 9\n1 x 2", "it is damaged: one of its samples is not a number"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "it is damaged: it has no width or no height"),
        (b"\x89PNG\r\n\x1a\n", "the file is cut off"),
        (b"GIF89a", "it is damaged or cut off"),
    ],
)
def test_an_error_says_what_a_file_is_that_is_not_a_picture(content, message):
    with pytest.raises(PictureError, match=message):
        upscale_file(content, None, TWICE)


def test_errors_name_the_file_at_fault(tmp_path):
    write_picture(tmp_path / "a.png", samples(3))
    with pytest.raises(PictureError, match=r"gone\.png: no such file$"):
        upscale_file(tmp_path / "gone.png", tmp_path / "b.png", TWICE)
    with pytest.raises(PictureError, match=r"b\.xyz: cannot write pictures of kind '\.xyz'"):
        upscale_file(tmp_path / "a.png", tmp_path / "b.xyz", TWICE)
    with pytest.raises(PictureError, match=r"no/b\.png: cannot be written: no folder .*no$"):
        upscale_file(tmp_path / "a.png", tmp_path / "no" / "b.png", TWICE)

    def picky(pixels):
        raise SettingsError("not today")

    with pytest.raises(SettingsError, match=r"a\.png: not today$"):
        upscale_file(tmp_path / "a.png", tmp_path / "b.png", StandIn(picky))

    def broken(pixels):
        raise ZeroDivisionError("a fault in the program, not in the picture")

    with pytest.raises(ZeroDivisionError):
        upscale_file(tmp_path / "a.png", tmp_path / "b.png", StandIn(broken))

    def greedy(pixels):
        raise MemoryError

    with pytest.raises(PictureError, match=r"a\.png: there is not enough memory to enlarge it"):
        upscale_file(tmp_path / "a.png", tmp_path / "b.png", StandIn(greedy))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_old_result_stays_until_the_new_one_is_whole(tmp_path):
    write_picture(tmp_path / "a.png", samples(3))
    target = tmp_path / "b.png"
    target.write_bytes(b"old")

    def interrupted(pixels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscale_file(tmp_path / "a.png", target, StandIn(interrupted))
    assert target.read_bytes() == b"old"
    upscale_file(tmp_path / "a.png", target, TWICE)
    assert read_picture(target).pixels.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_large_picture_is_refused_unless_allowed(monkeypatch):
    monkeypatch.setattr(sources, "LARGE_PIXELS", HEIGHT * WIDTH - 1)
    for kind in KINDS:
        if not kind.needs:
            content, _ = kind.make()
            with pytest.raises(PictureError, match=r"too large: \d+ x \d+ pixels, .*allow_large"):
                upscale_file(content, None, TWICE, suffix=".png")
            done = upscale_file(content, None, TWICE, suffix=".png", allow_large=True)
            assert done.size_out == tuple(2 * side for side in done.size_in)


def test_memory_is_checked_before_it_is_used(monkeypatch, tmp_path):
    monkeypatch.setattr("minisr.upscaling.file._SMALL", 0)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    content = encoded(samples(3), "PNG")
    decoded = []

    def enlarge(pixels):
        decoded.append(pixels.any())
        return repeated(pixels)

    enlarger = StandIn(enlarge)
    message = (
        r"the picture: 9 x 6 pixels enlarged to 18 x 12 need at least 0\.0 GB .* 0\.0 GB are free"
    )
    with pytest.raises(PictureError, match=message):
        upscale_file(content, None, enlarger)
    assert decoded == []
    monkeypatch.setattr(memory, "available", lambda: 6 * 9 * 3 * (1 + 4 * 5))
    upscale_file(content, None, enlarger)
    animation, _ = moving("GIF", 3)()
    monkeypatch.setattr(memory, "available", lambda: 6 * 9 * 4 * (1 + 4 * 5))
    with pytest.raises(PictureError, match="4 frames of 9 x 6 pixels enlarged to 18 x 12"):
        upscale_file(animation, None, enlarger)
    monkeypatch.setattr(memory, "available", lambda: None)
    upscale_file(animation, None, enlarger)


def test_a_width_is_that_of_the_upright_picture_even_if_it_is_stored_on_its_side(monkeypatch):
    monkeypatch.setattr("minisr.upscaling.file._SMALL", 0)  # memory is checked only for large ones

    def size_of(height, width):
        if width >= 8:
            raise PictureError(f"its {width} pixels are enough for 8 already")
        return 9 * 8 // 6, 8

    content = encoded(samples(3), "JPEG", exif=exif(6))  # 9 x 6, displayed as 6 x 9
    assert upscale_file(content, None, StandIn(size_of=size_of)).size_in == (6, 9)
    square = encoded(np.zeros((9, 9), np.uint8), "PNG")
    with pytest.raises(PictureError, match="the picture: its 9 pixels are enough"):
        upscale_file(square, None, StandIn(size_of=size_of))


@pytest.mark.parametrize("frames", [1, 3])
def test_a_result_too_large_for_its_format_is_an_error_before_the_work(frames, tmp_path):
    def work(pixels):
        raise AssertionError("it has begun")

    first, *others = (Image.new("RGB", (1100, 2), (50 * k, 0, 0)) for k in range(frames))
    first.save(tmp_path / "a.webp", save_all=True, append_images=others)
    message = r"b\.webp: 17600 x 32 pixels are more than WebP can hold, 16383 per side: write PNG"
    with pytest.raises(PictureError, match=message):
        upscale_file(tmp_path / "a.webp", tmp_path / "b.webp", StandIn(work, 16))
    wrong = StandIn(scale=16, size_of=lambda height, width: (2 * height, 2 * width))
    with pytest.raises(PictureError, match=message):  # also after the work, if the result is larger
        upscale_file(tmp_path / "a.webp", tmp_path / "b.webp", wrong)


def test_a_failure_of_an_animations_encoder_is_one_line(monkeypatch, tmp_path):
    def fail(*_):
        raise RuntimeError("ERROR adding frame")

    monkeypatch.setattr("minisr.images.animation.encode_frames", fail)
    with pytest.raises(PictureError, match=r"b\.gif: cannot be encoded: ERROR adding frame"):
        upscale_file(moving("GIF", 3)()[0], tmp_path / "b.gif", TWICE)


def test_available_memory_is_known_only_on_linux(monkeypatch, tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:       2048 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available() == 2048 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100000\n")
    assert memory.available() == 400000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available() == 2048 * 1024
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert memory.available() is None


def test_pillows_own_limit_is_restored():
    before = Image.MAX_IMAGE_PIXELS
    assert before
    upscale_file(encoded(samples(3), "PNG"), None, TWICE)
    with pytest.raises(PictureError):
        upscale_file(b"P6", None, TWICE)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_gif_of_many_colours_says_so():
    pixels = np.dstack([*np.mgrid[:32, :32].astype(np.uint8) * 8, np.zeros((32, 32), np.uint8)])
    content, notes = encode_picture(pixels, ".gif")
    assert notes == ("GIF can hold only 256 colours per frame: the others were dithered",)
    assert np.abs(read_picture(content).pixels.astype(int) - pixels).mean() < 16
    half = np.dstack([pixels, np.full((32, 32), 128, np.uint8)])
    notes = encode_picture(half, ".gif")[1]
    assert "GIF cannot hold partial transparency: pixels became opaque or invisible" in notes


def test_times_that_gif_cannot_hold_are_rounded_without_drift():
    frames = [Image.fromarray(samples(3, seed=k)) for k in range(6)]
    content = encoded(
        *(frames[0], "WEBP"),
        **{"save_all": True, "append_images": frames[1:], "duration": 33, "lossless": True},
    )
    done = upscale_file(content, None, TWICE, suffix=".gif")
    with Image.open(io.BytesIO(done.content)) as image:
        times = []
        for number in range(image.n_frames):
            image.seek(number)
            times.append(image.info["duration"])
        assert "loop" in image.info
    assert times == [30, 40, 30, 30, 40, 30]  # 33, 66, 99, 132, 165 and 198 ms
