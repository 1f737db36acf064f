"""Animations are composited frame by frame as their formats' specifications say."""

import io
import struct
import zlib

import numpy as np
import pytest
from picture_kinds import chunk, encoded, exif, samples
from PIL import Image
from stand_in_enlarger import StandIn, repeated

from minisr.errors import PictureError
from minisr.images.animation import frames_of, read_animation
from minisr.upscaling.file import upscale_file

RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


def played(content, form):
    file = io.BytesIO(content)
    animation = read_animation(file, form)
    return animation, list(frames_of(file, form, animation))


def gif(frames, loop=None):
    """Return a GIF of 4 x 4 pixels.

    A frame is (left, top, width, height, colour, disposal, transparent).

    The palette is red, blue; colour 2 is transparent. The frames are hardly compressed.
    """
    palette = bytes((255, 0, 0, 0, 0, 255, 9, 9, 9, 0, 0, 0))
    out = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x81, 1, 0) + palette
    if loop is not None:
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0"
    for left, top, wide, high, colour, disposal, transparent in frames:
        out += struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | transparent, 5, 2, 0)
        out += struct.pack("<B4HB", 0x2C, left, top, wide, high, 0)
        bits, count = 0, 0
        codes = []
        for _ in range(wide * high):  # a clear code before each keeps codes at 3 bits
            codes += [4, colour]
        for code in [*codes, 5]:
            bits |= code << count
            count += 3
        data = bits.to_bytes(-(-count // 8), "little")
        out += b"\x02" + bytes((len(data),)) + data + b"\0"
    return out + b";"


def test_a_gif_is_composited():
    frames = [
        (0, 0, 4, 4, 0, 1, 0),  # all red, stays
        (1, 1, 2, 2, 1, 3, 0),  # a blue square, replaced afterwards by what was there before
        (0, 0, 2, 2, 2, 1, 1),  # transparent: nothing changes
        (2, 2, 9, 9, 1, 2, 0),  # blue, too large, cleared afterwards
        (0, 0, 1, 1, 1, 1, 0),
    ]
    animation, got = played(gif(frames), "GIF")
    assert animation.plays == 1
    assert animation.durations == (50.0,) * 5
    expected = [np.full((4, 4, 4), RED, np.uint8) for _ in range(5)]
    expected[1][1:3, 1:3] = BLUE
    expected[3][2:, 2:] = BLUE
    expected[4][2:, 2:] = CLEAR  # as in browsers, though no frame has a transparent colour
    expected[4][0, 0] = BLUE
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (2, 3)])
def test_the_loop_count_of_a_gif_is_read_as_in_browsers(loop, plays):
    frames = [(0, 0, 4, 4, colour, 1, 0) for colour in (0, 1)]
    assert played(gif(frames, loop), "GIF")[0].plays == plays
    for suffix in (".gif", ".png", ".webp"):
        again = upscale_file(gif(frames, loop), None, StandIn(), suffix=suffix).content
        form = {".gif": "GIF", ".png": "PNG", ".webp": "WebP"}[suffix]
        assert played(again, form)[0].plays == plays


def test_a_gif_without_an_end_marker_is_read_and_a_truncated_one_is_not():
    content = gif([(0, 0, 4, 4, colour, 1, 0) for colour in (0, 1)])
    assert len(played(content[:-1], "GIF")[1]) == 2
    with pytest.raises(PictureError, match="the picture: cannot be read: the file is cut off"):
        upscale_file(content[:-4], None, StandIn())


def apng(frames, hidden=None, before=(), depth=8):
    """Return an APNG of 4 x 4 pixels; a frame is (left, top, pixels, disposal, blend)."""
    body = [(b"IHDR", struct.pack(">IIBBBBB", 4, 4, depth, 6, 0, 0, 0))]
    body += [(b"acTL", struct.pack(">II", len(frames), 3)), *before]
    if hidden is not None:
        body.append((b"IDAT", packed(hidden)))
    for number, (left, top, pixels, disposal, blend) in enumerate(frames):
        high, wide = pixels.shape[:2]
        numbers = (2 * number, wide, high, left, top, 1, 20, disposal, blend)
        body.append((b"fcTL", struct.pack(">5I2H2B", *numbers)))
        first = number == 0 and hidden is None
        sequence = b"" if first else struct.pack(">I", 2 * number + 1)
        body.append((b"IDAT" if first else b"fdAT", sequence + packed(pixels)))
    body.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in body)


def packed(pixels):
    rows = pixels.astype(">u2" if pixels.dtype == np.uint16 else np.uint8)
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))


def block(colour, high=4, wide=4):
    return np.full((high, wide, 4), colour, np.uint8)


def test_an_apng_is_composited():
    half = (0, 0, 255, 128)
    frames = [
        (0, 0, block(RED), 0, 0),
        (1, 1, block(half, 2, 2), 2, 1),  # half blue over red, then as before
        (0, 0, block(CLEAR, 2, 4), 0, 1),  # transparent over red
        (2, 2, block(half, 2, 2), 1, 0),  # half blue instead of red, cleared afterwards
        (0, 0, block(BLUE, 1, 1), 0, 0),
    ]
    animation, got = played(apng(frames), "PNG")
    assert (animation.plays, animation.durations) == (3, (50.0,) * 5)
    expected = [block(RED) for _ in range(5)]
    expected[1][1:3, 1:3] = (127, 0, 128, 255)
    expected[3][2:, 2:] = half
    expected[4][2:, 2:] = CLEAR
    expected[4][0, 0] = BLUE
    np.testing.assert_array_equal(got, expected)


def test_the_still_for_programs_without_apng_is_not_a_frame():
    frames = [(0, 0, block(RED), 0, 0), (0, 0, block(BLUE), 0, 0)]
    animation, got = played(apng(frames, hidden=block((9, 9, 9, 255))), "PNG")
    assert len(animation.durations) == 2
    np.testing.assert_array_equal(got, [block(RED)[..., :3], block(BLUE)[..., :3]])


def test_a_note_says_that_a_16_bit_apng_becomes_8_bit():
    frames = [(0, 0, block(colour).astype(np.uint16) * 257, 0, 0) for colour in (RED, BLUE)]
    done = upscale_file(apng(frames, depth=16), None, StandIn())
    assert done.notes == ("16 bits became 8 bits, as always in an animation",)
    _, got = played(done.content, "PNG")
    np.testing.assert_array_equal(got, [repeated(block(c))[..., :3] for c in (RED, BLUE)])


def test_a_frame_outside_its_picture_is_refused():
    frames = [(0, 0, block(RED), 0, 0), (3, 0, block(BLUE, 2, 2), 0, 0)]
    with pytest.raises(PictureError, match="a frame lies outside the picture"):
        upscale_file(apng(frames), None, StandIn())


@pytest.mark.parametrize("form", ["PNG", "WebP"])
def test_a_rotated_animation_is_made_upright(form):
    turned = exif(orientation=6)
    pixels = [samples(3, seed=k) for k in range(2)]
    options = {"lossless": True} if form == "WebP" else {}
    content = encoded(
        *(Image.fromarray(pixels[0]), form.upper()),
        **{"save_all": True, "append_images": [Image.fromarray(pixels[1])], "exif": turned},
        **{"duration": 40, **options},
    )
    done = upscale_file(content, None, StandIn())
    assert done.size_in == (6, 9)
    _, got = played(done.content, form)
    np.testing.assert_array_equal(got, [repeated(np.rot90(each, -1)) for each in pixels])


def test_equal_frames_in_a_row_become_one_that_lasts_as_long():
    frames = [(0, 0, 4, 4, colour, 1, 0) for colour in (0, 1, 0)]
    calls = []

    def alike(pixels):
        calls.append(None)
        return repeated(block(RED if len(calls) < 3 else BLUE)[..., :3])

    for suffix, form in ((".gif", "GIF"), (".png", "PNG"), (".webp", "WebP")):
        calls.clear()
        done = upscale_file(gif(frames), None, StandIn(alike), suffix=suffix)
        animation, got = played(done.content, form)
        assert animation.durations == (100.0, 50.0)
        np.testing.assert_array_equal(got[1], repeated(block(BLUE))[..., :3])
