"""Read and write PNG's text chunks, tEXt, zTXt and iTXt: PNG (third edition), section 11.3.3."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from minisr.images.picture import Text
from minisr.images.png.chunks import MAX_TEXT

if TYPE_CHECKING:
    from typing import Any

XMP_KEYWORD = "XML:com.adobe.xmp"
_LONG = 1024  # bytes; longer text is compressed


def text_of(kind: bytes, data: bytes) -> Any:
    """Return the `Text` of a chunk.

    Parameters
    ----------
    kind : bytes
        tEXt, zTXt or iTXt.
    data : bytes

    Raises
    ------
    ValueError
        It is damaged, or longer than `MAX_TEXT`.
    """
    keyword, found, rest = bytes(data).partition(b"\0")
    if not found:
        raise ValueError("no keyword")
    keyword = keyword.decode("latin-1")
    if kind == b"tEXt":
        return Text(keyword, rest.decode("latin-1"))
    if kind == b"zTXt":
        return Text(keyword, _unpacked(rest[1:]).decode("latin-1"))
    packed, rest = rest[0], rest[2:]
    language, _, rest = rest.partition(b"\0")
    translated, _, rest = rest.partition(b"\0")
    text = _unpacked(rest) if packed else rest
    return Text(keyword, text.decode(), language.decode("latin-1"), translated.decode())


def chunk_of(entry: Any) -> Any:
    """Return (kind, data) of the simplest chunk that can hold a `Text`."""
    keyword = entry.keyword.encode("latin-1", "replace")[:79]
    if not (entry.language or entry.translated):
        try:
            text = entry.text.encode("latin-1")
        except UnicodeEncodeError:
            pass
        else:
            if len(text) > _LONG:
                return b"zTXt", keyword + b"\0\0" + zlib.compress(text)
            return b"tEXt", keyword + b"\0" + text
    text = entry.text.encode()
    # XMP is never compressed: programs search for it without decompressing anything.
    packed = len(text) > _LONG and entry.keyword != XMP_KEYWORD
    head = [
        *(keyword, b"\0", b"\1\0" if packed else b"\0\0"),
        *(entry.language.encode("latin-1", "replace"), b"\0", entry.translated.encode(), b"\0"),
    ]
    return b"iTXt", b"".join((*head, zlib.compress(text) if packed else text))


def _unpacked(data):
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, MAX_TEXT)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof:
        raise ValueError("too long, or cut off")
    return text
