"""Whether a file is the one expected: by its bytes, or by the picture that it holds.

Three kinds of knowledge, in this order:

- pinned: `hashes/*.txt`, which come with minisr. A line is `SHA-256  FILE`, as sha256sum has it; a
  line that begins with `pixels:` has the hash of the decoded picture, so that a set counts as whole
  whichever lossless format somebody has turned it into;
- recorded: SHA256SUMS in a set's folder, written when a picture without a pinned hash first comes
  (trust on first use); `sha256sum -c SHA256SUMS` reads it too;
- none.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from minisr.system.atomic import atomic_path
from minisr.errors import DatasetError, PictureError
from minisr.images import read_picture

PINNED = Path(__file__).parent / "hashes"
RECORD = "SHA256SUMS"
_LINE = re.compile(r"(pixels:)?([0-9a-f]{64}) [ *](\S.*)")


@dataclass(frozen=True)
class Expected:
    """The hashes that a file should have.

    Attributes
    ----------
    content, pixels : str or None
        SHA-256 in hexadecimal; a file is right if either agrees.
    """

    content: str | None = None
    pixels: str | None = None

    def __bool__(self):
        return bool(self.content or self.pixels)


def content_hash(path):
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def pixel_hash(path):
    """Return the SHA-256 of the picture in a file: shape, dtype and pixels.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        In hexadecimal. Of a PNG and a BMP of one picture the same; of grey and the same grey as RGB
        not, since their luma differs too.

    Raises
    ------
    PictureError
        If it is not a picture, or not a whole one.
    """
    return digest(read_picture(path).pixels)


def digest(pixels):
    """Return the SHA-256 of a picture in memory, as `pixel_hash` does."""
    content = hashlib.sha256(f"{pixels.shape} {pixels.dtype}\n".encode())
    content.update(pixels.tobytes())
    return content.hexdigest()


def difference(path, expected):
    """Say how a file differs from what is expected.

    Parameters
    ----------
    path : path-like
    expected : Expected
        With at least one hash.

    Returns
    -------
    str
        Empty if it does not.
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
    return f"expected SHA-256 {expected.pixels} of its pixels, got {pixels}"


def lines_of(path, name, content=True, pixels=True):
    """Return the lines that pin a file under a name, as the files in `hashes/` have them."""
    lines = f"{content_hash(path)}  {name}\n" if content else ""
    return lines + (f"pixels:{pixel_hash(path)}  {name}\n" if pixels else "")


def pinned(name):
    """Return what comes with minisr about a set: dict of str, file's name, to Expected."""
    return _read(PINNED / f"{name.lower()}.txt")


def recorded(folder):
    """Return what the record in a set's folder says: dict of str, file's name, to Expected."""
    path = Path(folder) / RECORD
    return _read(path) if path.exists() else {}


def record(folder, name, content):
    """Add a file's hash to the record in a set's folder."""
    path = Path(folder) / RECORD
    known = recorded(folder) | {name: Expected(content)}
    with atomic_path(path) as temporary:
        lines = [f"{expected.content}  {name}\n" for name, expected in sorted(known.items())]
        temporary.write_text("".join(lines), encoding="utf-8")


def _read(path):
    known = {}
    text = path.read_text(encoding="utf-8", errors="replace")  # a damaged line is named below
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
