"""Read and write PBM, PGM and PPM: a short header followed by the samples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*)*([0-9]+)")
_LONGEST_HEADER = 65536


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes
    ----------
    width, height, maximum : int
    channels : int
        1 or 3.
    bits : bool
        One bit per pixel, where 1 is black.
    plain : bool
        Samples are written as decimal text.
    offset : int
        Where the samples begin.
    """

    width: int
    height: int
    maximum: int
    channels: int
    bits: bool
    plain: bool
    offset: int

    @property
    def dtype(self) -> Any:
        """The dtype of the decoded pixels."""
        return np.dtype(np.uint8 if self.maximum < 256 else np.uint16)

    @property
    def row_bytes(self) -> Any:
        """Bytes per row of binary samples."""
        if self.bits:
            return -(-self.width // 8)
        return self.width * self.channels * (1 if self.maximum < 256 else 2)


def read_header(file: Any) -> Any:
    """Read the header at the start of an open file.

    Raises
    ------
    ValueError
        It is damaged or cut off.
    """
    file.seek(0)
    head = file.read(_LONGEST_HEADER)
    kind = head[1] - ord("0")
    bits = kind in (1, 4)
    numbers, position = [], 2
    for _ in range(2 if bits else 3):
        match = _TOKEN.match(head, position)
        if not match or len(match[1]) > 9:
            raise ValueError("its header is damaged or cut off")
        numbers.append(int(match[1]))
        position = match.end()
    width, height, maximum = (*numbers, 1)[:3]
    if not (width and height and 0 < maximum < 65536):
        raise ValueError(
            "its header is damaged: expected a size above 0 and a maximum from 1 to 65535, got "
            f"{width} x {height} and {maximum}"
        )
    plain = kind < 4
    return Header(width, height, maximum, 3 if kind in (3, 6) else 1, bits, plain, position + 1)


def read_rows(file: Any, header: Header, start: int, stop: int) -> np.ndarray:
    """Read rows of a binary file.

    Parameters
    ----------
    file : binary file
    header : Header
        The header of that file, which must not be plain.
    start, stop : int

    Returns
    -------
    ndarray, shape (stop - start, W) or (stop - start, W, 3), uint8 or uint16
        Scaled to the full range of the type, whatever the file's maximum is.

    Raises
    ------
    ValueError
        Samples are missing or above the maximum.
    """
    file.seek(header.offset + start * header.row_bytes)
    content = file.read((stop - start) * header.row_bytes)
    if len(content) < (stop - start) * header.row_bytes:
        raise ValueError("the file is cut off: pixels are missing")
    if header.bits:
        rows = np.frombuffer(content, np.uint8).reshape(stop - start, -1)
        return (1 - np.unpackbits(rows, axis=1)[:, : header.width]) * np.uint8(255)
    samples = np.frombuffer(content, np.uint8 if header.maximum < 256 else ">u2")
    return _shaped(samples, header, stop - start)


def read(file: Any) -> Any:
    """Read the whole picture from an open file, scaled like those of `read_rows`."""
    header = read_header(file)
    if not header.plain:
        return read_rows(file, header, 0, header.height)
    file.seek(header.offset - 1)
    text = re.sub(rb"#[^\n\r]*", b" ", file.read())
    # The digits of a plain PBM need no space between them.
    words = re.findall(rb"[01]", text) if header.bits else text.split()
    wanted = header.width * header.height * header.channels
    if len(words) < wanted:
        raise ValueError("the file is cut off: pixels are missing")
    try:
        samples = np.fromiter(map(int, words[:wanted]), np.int64, wanted)
    except (ValueError, OverflowError):
        raise ValueError("it is damaged: one of its samples is not a number") from None
    if header.bits:
        return ((1 - samples) * 255).astype(np.uint8).reshape(header.height, header.width)
    return _shaped(samples, header, header.height)


def _shaped(samples, header, rows):
    """Return samples as rows of pixels, scaled to the full range of their type."""
    if samples.max() > header.maximum or samples.min() < 0:
        raise ValueError(f"a sample of {samples.max()} is above the maximum of {header.maximum}")
    full = np.iinfo(header.dtype).max
    if header.maximum != full:
        wide = samples.astype(np.uint64)
        samples = (wide * (2 * full) + header.maximum) // (2 * header.maximum)
    samples = samples.astype(header.dtype)
    shape = (rows, header.width, 3) if header.channels == 3 else (rows, header.width)
    return samples.reshape(shape)


def header_for(shape: Any, dtype: Any) -> Any:
    """Return the header for binary samples of a given shape and dtype."""
    kind = "P5" if len(shape) == 2 else "P6"
    return f"{kind}\n{shape[1]} {shape[0]}\n{np.iinfo(dtype).max}\n".encode()


def row_bytes_for(pixels: Any) -> Any:
    """Return rows of pixels, uint8 or uint16, as the bytes to write."""
    return pixels.astype(">u2" if pixels.dtype == np.uint16 else np.uint8).tobytes()
