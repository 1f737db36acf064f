"""Camera raw files: developed whole or refused, but never taken for their thumbnail."""

import importlib.util
import io
import sys

import numpy as np
import pytest
from stand_in_enlarger import StandIn

from minisr.errors import PictureError
from minisr.images import camera_raw, read_picture
from minisr.upscaling.file import upscale_file

tifffile = pytest.importorskip("tifffile")

CFA = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes([0, 1, 1, 2]), True)]
DNG = [(50706, "B", 4, bytes([1, 4, 0, 0]), True)]
MAKER = [(271, "s", 0, "Maker", True), (272, "s", 0, "Camera", True)]


def raw(extra=(), height=192, width=256):
    """Return a file as cameras write it: a small picture, and what the sensor has seen in it."""
    file = io.BytesIO()
    seen = np.full((height, width), 20000, np.uint16)
    with tifffile.TiffWriter(file, byteorder="<") as writer:
        thumbnail = np.full((12, 16, 3), 99, np.uint8)
        writer.write(
            *(thumbnail,),
            **{"photometric": "rgb", "subfiletype": 1, "subifds": 1, "metadata": None},
            extratags=[*MAKER, *extra],
        )
        writer.write(seen, photometric=32803, metadata=None, extratags=CFA)
    return file.getvalue()


@pytest.mark.parametrize("extra", [DNG, ()], ids=["DNG", "NEF"])
def test_without_rawpy_it_is_refused_and_its_thumbnail_is_not_read(extra, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.delitem(sys.modules, "imageio.plugins.rawpy", raising=False)
    for read in (read_picture, lambda content: upscale_file(content, None, StandIn())):
        with pytest.raises(PictureError, match=r"needs rawpy: pip install 'minisr\[raw\]'$"):
            read(raw(extra))


@pytest.mark.parametrize(
    "head",
    [b"FUJIFILMCCD-RAW 0201", b"IIU\0\x18\0\0\0", b"IIRO\x08\0\0\0", b"FOVb\0\0\2\0"]
    + [b"II*\0\x10\0\0\0CR\2\0", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"],
)
def test_raw_files_are_known_by_how_they_begin(head):
    assert camera_raw.is_raw(head, io.BytesIO(head))


def test_other_tiffs_are_still_tiffs():
    pixels = np.full((12, 16, 3), 99, np.uint8)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:  # a pyramid, as microscopes write it
        writer.write(pixels, photometric="rgb", subifds=1, metadata=None)
        writer.write(pixels[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    picture = read_picture(file.getvalue())
    assert picture.format == "TIFF"
    np.testing.assert_array_equal(picture.pixels, pixels)
    damaged = file.getvalue()[:60]
    assert not camera_raw.is_raw(damaged, io.BytesIO(damaged))


needs_rawpy = pytest.mark.skipif(importlib.util.find_spec("rawpy") is None, reason="needs rawpy")


@needs_rawpy
def test_the_whole_picture_is_developed():
    content = raw(DNG)
    picture = read_picture(content)
    assert picture.format == "camera raw"
    assert picture.pixels.shape == (192, 256, 3)
    assert picture.pixels.dtype == np.uint16
    assert picture.notes == (
        "it was developed by LibRaw, with the camera's white balance",
        "the metadata of the camera raw file was left out",
    )
    done = upscale_file(content, None, StandIn())
    assert done.size_out == (512, 384)
    assert done.content.startswith(b"\x89PNG")
    assert done.notes == ("camera raw is not written: the result is PNG", *picture.notes)


@needs_rawpy
def test_a_damaged_raw_file_is_refused_in_one_line():
    content = raw(DNG)
    for length in (len(content) // 2, len(content) - 10_000):
        with pytest.raises(PictureError) as caught:
            read_picture(content[:length])
        assert "\n" not in str(caught.value)
