"""Check whether a file is the expected one, by its bytes or by its picture.

The expected hash is one of these, in this order:

- pinned: `hashes/*.txt`, bundled with minisr. A line is `SHA-256  FILE`, as sha256sum writes it. A
  line that begins with `pixels:` has the hash of the decoded picture, so that a dataset may be in
  any lossless format;
- recorded: SHA256SUMS in the dataset's folder, written when a picture without a pinned hash first
  arrives (trust on first use). `sha256sum -c SHA256SUMS` reads it too;
- unknown, for any other picture.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import DatasetError, PictureError
from minisr.images import read_picture
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

PINNED = Path(__file__).parent / "hashes"
RECORD = "SHA256SUMS"
_LINE = re.compile(r"(pixels:)?([0-9a-f]{64}) [ *](\S.*)")


@dataclass(frozen=True)
class Expected:
    """The expected hashes of a file.

    Attributes
    ----------
    content, pixels : str or None
        SHA-256 in hexadecimal. A file is right if either matches.
    """

    content: str | None = None
    pixels: str | None = None

    def __bool__(self) -> Any:
        return bool(self.content or self.pixels)


def content_hash(path: Any) -> Any:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def pixel_hash(path: PathLike) -> str:
    """Return the SHA-256 of the picture in a file: shape, dtype and pixels.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        In hexadecimal. A PNG and a BMP of one picture have equal hashes. A grey picture and its
        copy in RGB do not, since their luma differs too.

    Raises
    ------
    PictureError
        If it is not a whole picture.
    """
    return digest(read_picture(path).pixels)


def digest(pixels: Any) -> Any:
    """Return the SHA-256 of a picture in memory; see `pixel_hash`."""
    content = hashlib.sha256(f"{pixels.shape} {pixels.dtype}\n".encode())
    content.update(pixels.tobytes())
    return content.hexdigest()


def difference(path: PathLike, expected: Expected) -> str:
    """Return how a file differs from the expected one.

    Parameters
    ----------
    path : path-like
    expected : Expected
        With at least one hash.

    Returns
    -------
    str
        Empty if it does not differ.
    """
    content = content_hash(path)
    if content == expected.content:
        return ""
    if expected.pixels:
        try:
            pixels = pixel_hash(path)
        except PictureError as error:
            return str(error).removeprefix(f"{path}: ")
        if pixels == expected.pixels:
            return ""
    if expected.content:
        return f"expected SHA-256 {expected.content}, got {content}"
    return f"expected SHA-256 {expected.pixels} for its pixels, got {pixels}"


def lines_of(path: Any, name: Any, content: bool = True, pixels: bool = True) -> Any:
    """Return the lines that pin a file under a name in ``hashes/*.txt``."""
    lines = f"{content_hash(path)}  {name}\n" if content else ""
    return lines + (f"pixels:{pixel_hash(path)}  {name}\n" if pixels else "")


def pinned(name: Any) -> Any:
    """Return the hashes bundled with minisr for a dataset: dict of file name to Expected."""
    return _read(PINNED / f"{name.lower()}.txt")


def recorded(folder: Any) -> Any:
    """Return the hashes recorded in a dataset's folder: dict of file name to Expected."""
    path = Path(folder) / RECORD
    return _read(path) if path.exists() else {}


def record(folder: Any, name: Any, content: Any) -> None:
    """Add a file's hash to the record in a dataset's folder."""
    path = Path(folder) / RECORD
    known = recorded(folder) | {name: Expected(content)}
    with atomic_path(path) as temporary:
        lines = [f"{expected.content}  {name}\n" for name, expected in sorted(known.items())]
        temporary.write_text("".join(lines), encoding="utf-8")


def _read(path):
    known = {}
    text = path.read_text(encoding="utf-8", errors="replace")  # a damaged line is reported below
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise DatasetError(f"{path}, line {number}: expected 'SHA-256  FILE', got {line[:70]}")
        pixels, digest, name = match.groups()
        before = known.get(name, Expected())
        known[name] = (
            Expected(before.content, digest) if pixels else Expected(digest, before.pixels)
        )
    return known
