"""Recognise camera raw files, most of which look like a TIFF whose first picture is a thumbnail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.images.tiff.layout import read_directory

if TYPE_CHECKING:
    from typing import BinaryIO

NAME = "camera raw"
# Fujifilm's, Panasonic's, Olympus's and Sigma's.
STARTS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb")
_CANON = slice(8, 10), b"CR"  # in a CR2
_CANON_3 = b"ftypcrx "
_PHOTOMETRIC, _INNER, _DNG = 0x0106, 0x014A, 0xC612
_SENSOR = (32803, 34892)  # one colour per pixel, as the sensor has it; or all, still linear


def is_raw(head: bytes, file: BinaryIO) -> bool:
    """Return whether an open file is a camera raw file.

    Parameters
    ----------
    head : bytes
        How it begins.
    file : binary file
    """
    if head.startswith(STARTS) or head[4:12] == _CANON_3:
        return True
    if head[:4] not in (b"II*\0", b"MM\0*"):
        return False
    if head[_CANON[0]] == _CANON[1]:
        return True
    try:
        first = read_directory(file)
        if _DNG in first or first.get(_PHOTOMETRIC) in _SENSOR:
            return True
        inner = first.get(_INNER, ())
        places = inner if isinstance(inner, tuple) else (inner,)
        return any(read_directory(file, at).get(_PHOTOMETRIC) in _SENSOR for at in places[:8])
    except Exception:  # whatever a damaged directory raises: the reader of TIFFs says what it is
        return False
