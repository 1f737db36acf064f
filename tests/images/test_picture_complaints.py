"""Damaged TIFFs: the one line about them is ours, and libtiff prints none."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from minisr.errors import PictureError
from minisr.images import read_picture
from minisr.images.tiff import complaints


@pytest.fixture(autouse=True)
def _needs_libtiff():
    if complaints._setter() is None:
        pytest.skip("this Pillow hides its libtiff, which goes on printing")


def tiff(compression, damage=None, mode="RGB"):
    """Return a TIFF of 70 x 60 pixels; ``damage`` overwrites bytes amid its pixels."""
    y, x = np.mgrid[:60, :70]
    image = Image.fromarray(np.uint8(np.stack([x, y, x * y // 20], axis=2))).convert(mode)
    image.save(file := io.BytesIO(), "TIFF", compression=compression)
    content = bytearray(file.getvalue())
    if damage is not None:
        with Image.open(io.BytesIO(content)) as image:
            start = image.tag_v2[273][0] + image.tag_v2[279][0] // 3
        content[start : start + len(damage)] = damage
    return bytes(content)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "lzma"])
def test_nothing_is_printed_of_a_damaged_file(compression, capfd):
    content = tiff(compression, b"\xff" * 40)
    with pytest.raises(PictureError, match="the picture: cannot be read"):
        read_picture(content)
    assert capfd.readouterr().err == ""
    with Image.open(io.BytesIO(content)) as image, pytest.raises(OSError, match="decoder error"):
        image.load()
    assert capfd.readouterr().err != ""  # what others do with libtiff is their own affair


def test_pixels_that_libtiff_makes_up_are_told_of(capfd):
    damaged = tiff("group4", b"\x05\x77\x93\x11\x42", mode="1")
    assert read_picture(damaged).notes == ("its pixels are damaged in places",)
    assert read_picture(tiff("group4", mode="1")).notes == ()
    assert capfd.readouterr().err == ""


def test_each_thread_hears_of_its_own_picture_alone(capfd):
    whole = tiff("group4", mode="1")
    damaged = tiff("group4", b"\x05\x77\x93\x11\x42", mode="1")
    with ThreadPoolExecutor(8) as pool:
        notes = list(pool.map(lambda content: read_picture(content).notes, [whole, damaged] * 40))
    assert notes == [(), ("its pixels are damaged in places",)] * 40
    assert capfd.readouterr().err == ""
    assert complaints._users_and_before[0] == 0


@pytest.mark.parametrize(
    "content",
    [
        tiff("tiff_lzw", b"\xff" * 40),
        tiff("jpeg").replace(b"\x15\x01\x03\0\1\0\0\0\x03", b"\x15\x01\x03\0\1\0\0\0\x0f"),
    ],
    ids=["pixels", "samples a pixel"],  # of the second one, Pillow prints a line of its own
)
def test_the_command_line_has_one_line(content, weights, tmp_path):
    (tmp_path / "bad.tif").write_bytes(content)
    words = [sys.executable, "-m", "minisr", "upscale", tmp_path / "bad.tif", "-m", weights]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"minisr: error: {tmp_path / 'bad.tif'}: cannot be read")
