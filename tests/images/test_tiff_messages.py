"""Damaged TIFFs get one line, which is ours; libtiff prints nothing.

The messages of libtiff are captured through a private part of Pillow. If a Pillow no longer has it,
`test_libtiff_lets_its_error_handler_be_set` fails; see `minisr.images.tiff.messages`.
"""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, features

from minisr.errors import PictureError
from minisr.images import read_picture
from minisr.images.tiff import messages


@pytest.mark.skipif(
    sys.platform != "linux" or not features.check("libtiff"),
    reason="only on Linux is Pillow known to link libtiff as a shared library",
)
def test_libtiff_lets_its_error_handler_be_set():
    """If this fails, messages are printed and made-up pixels go unnoticed: find another way."""
    assert messages._setter() is not None


@pytest.fixture
def captured():
    """Skip if libtiff's error handler cannot be set: it then prints its messages."""
    if messages._setter() is None:
        pytest.skip("this Pillow does not export TIFFSetErrorHandler")


def tiff(compression, damage=None, mode="RGB"):
    """Return a TIFF of 70 x 60 pixels; ``damage`` overwrites bytes in the middle of its pixels."""
    y, x = np.mgrid[:60, :70]
    image = Image.fromarray(np.uint8(np.stack([x, y, x * y // 20], axis=2))).convert(mode)
    image.save(file := io.BytesIO(), "TIFF", compression=compression)
    content = bytearray(file.getvalue())
    if damage is not None:
        with Image.open(io.BytesIO(content)) as image:
            start = image.tag_v2[273][0] + image.tag_v2[279][0] // 3
        content[start : start + len(damage)] = damage
    return bytes(content)


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "lzma"])
def test_nothing_is_printed_about_a_damaged_file(compression, capfd):
    content = tiff(compression, b"\xff" * 40)
    with pytest.raises(PictureError, match="the picture: cannot be read"):
        read_picture(content)
    assert capfd.readouterr().err == ""
    with Image.open(io.BytesIO(content)) as image, pytest.raises(OSError, match="decoder error"):
        image.load()
    assert capfd.readouterr().err != ""  # outside our block, libtiff prints as before


@pytest.mark.usefixtures("captured")
def test_a_note_says_that_libtiff_has_made_up_pixels(capfd):
    damaged = tiff("group4", b"\x05\x77\x93\x11\x42", mode="1")
    assert read_picture(damaged).notes == ("its pixels are damaged in places",)
    assert read_picture(tiff("group4", mode="1")).notes == ()
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("captured")
def test_each_thread_gets_the_messages_of_its_own_picture_only(capfd):
    whole = tiff("group4", mode="1")
    damaged = tiff("group4", b"\x05\x77\x93\x11\x42", mode="1")
    with ThreadPoolExecutor(8) as pool:
        notes = list(pool.map(lambda content: read_picture(content).notes, [whole, damaged] * 40))
    assert notes == [(), ("its pixels are damaged in places",)] * 40
    assert capfd.readouterr().err == ""
    assert messages._users_and_before[0] == 0


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize(
    "content",
    [
        tiff("tiff_lzw", b"\xff" * 40),
        tiff("jpeg").replace(b"\x15\x01\x03\0\1\0\0\0\x03", b"\x15\x01\x03\0\1\0\0\0\x0f"),
    ],
    ids=["pixels", "samples per pixel"],  # Pillow itself prints a line about the second
)
def test_the_command_line_prints_one_line(content, weights, tmp_path):
    (tmp_path / "bad.tif").write_bytes(content)
    words = [sys.executable, "-m", "minisr", "upscale", tmp_path / "bad.tif", "-m", weights]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"minisr: error: {tmp_path / 'bad.tif'}: cannot be read")
