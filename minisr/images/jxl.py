"""The header of a JPEG XL file: ISO/IEC 18181-1, annexes D and E.

The only decoder for Pillow decodes all pixels before it tells how many there are, and makes 8 bits
of 16 without a word.
"""

from __future__ import annotations

from dataclasses import dataclass

from minisr.images.boxes import boxes

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_SIZES = ((1, 9), (1, 13), (1, 18), (1, 30))
_PARTS = (b"jxlc", b"jxlp")  # whole, or one of several
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True)
class Header:
    """What the header tells.

    Attributes
    ----------
    width, height : int
        As stored in the file.
    bits : int
        Per sample.
    floats : bool
    animated : bool
    from_jpeg : bool
        Whether the file can give back the JPEG that it was made from. The decoder then does so, and
        leaves turning it upright to its EXIF.
    xmp : bytes
    packed : tuple of bytes
        Kinds of metadata that are compressed.
    """

    width: int
    height: int
    bits: int
    floats: bool
    animated: bool
    from_jpeg: bool
    xmp: bytes
    packed: tuple


def read_header(content: bytes) -> Header:
    """Return the `Header` of a file's content.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    ValueError
        The header is cut off.
    """
    found = [(kind, content[first:last]) for kind, first, last in boxes(content)]
    stream = content
    if content.startswith(CONTAINER):
        streams = [data[4 * (kind == b"jxlp") :] for kind, data in found if kind in _PARTS]
        stream = streams[0] if streams else _unfinished(content)
    if not stream.startswith(CODESTREAM):
        raise ValueError("its header is damaged or cut off")
    bits = _Bits(stream[2:])
    width, height = _size(bits)
    depth, floats, animated = _samples(bits)
    inner = dict(found) if content.startswith(CONTAINER) else {}
    packed = tuple(data[:4] for kind, data in found if kind == b"brob") if inner else ()
    xmp = inner.get(b"xml ", b"")
    return Header(width, height, depth, floats, animated, b"jbrd" in inner, xmp, packed)


def _unfinished(content):
    """Return what is there of a codestream whose box is cut off."""
    at = content.find(CODESTREAM, len(CONTAINER))
    return content[at:] if at > 0 else b""


class _Bits:
    """Reads bits, the lowest of each byte first."""

    def __init__(self, data):
        self._value = int.from_bytes(data[:64], "little")
        self._left = 8 * min(len(data), 64)

    def take(self, count):
        if count > self._left:
            raise ValueError("its header is damaged or cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def choose(self, choices):
        """Read one of four numbers, each a start and how many bits to add to it."""
        start, count = choices[self.take(2)]
        return start + self.take(count)


def _size(bits):
    small = bits.take(1)

    def side():
        return 8 * (bits.take(5) + 1) if small else bits.choose(_SIZES)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    over, under = _RATIOS[ratio - 1]
    return height * over // under, height


def _samples(bits):
    """Return bits per sample, whether they are floats, and whether the picture moves."""
    if bits.take(1):  # everything is as usual
        return 8, False, False
    animated = False
    if bits.take(1):
        bits.take(3)  # orientation, which the decoder applies
        if bits.take(1):
            _size(bits)  # the intrinsic size
        if bits.take(1):
            return 8, False, False  # a preview, which hides what follows
        if bits.take(1):
            animated = True
            bits.choose(((100, 0), (1000, 0), (1, 10), (1, 30)))
            bits.choose(((1, 0), (1001, 0), (1, 8), (1, 10)))
            bits.choose(((0, 0), (0, 3), (0, 16), (0, 32)))
            bits.take(1)
    if bits.take(1):
        return bits.choose(((32, 0), (16, 0), (24, 0), (1, 6))), True, animated
    return bits.choose(((8, 0), (10, 0), (12, 0), (1, 6))), False, animated
