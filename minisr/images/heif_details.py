"""What a HEIC or AVIF holds beside its picture, and what its decoders do not tell.

The items and properties of ISO/IEC 23008-12. As in `minisr.images.boxes`, what is damaged is not
found.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from minisr.images.boxes import boxes, inside

# Colour as code points (ITU-T H.273) that need no saying: sRGB, BT.709 and "unspecified".
_USUAL_PRIMARIES = (1, 2)
_HDR_TRANSFERS = (16, 18)  # PQ and HLG


@dataclass(frozen=True)
class Details:
    """What is in a file.

    Attributes
    ----------
    bits : int
        Per sample of the picture; 8 if the file does not say.
    grey : bool
        Whether it is an AVIF of one channel. (pillow-heif tells that of a HEIC.)
    code_points : tuple of int or None
        Its colour primaries and transfer function, unless they are as good as sRGB, or there is a
        profile.
    left_out : tuple of str
        Notes of what is in the file beside its picture.
    """

    bits: int = 8
    grey: bool = False
    code_points: tuple | None = None
    left_out: tuple = ()


def details_of(content: bytes) -> Details:
    """Return the `Details` of a file's content.

    Parameters
    ----------
    content : bytes
    """
    try:
        return _details_of(content)
    except (struct.error, IndexError):
        return Details()


def png_colour(details: Details) -> dict:
    """Return what a PNG says instead of code points, for `Picture.metadata`."""
    if details.code_points is None:
        return {}
    return {"png_colour": {b"cICP": bytes([*details.code_points, 0, 1])}}


def _details_of(content):
    properties = [
        (kind, content[first:last])
        for place in inside(content, b"meta", b"iprp", b"ipco")
        for kind, first, last in boxes(content, *place)
    ]
    own = _numbers_of(content, _primary(content))
    mine = [properties[number - 1] for number in own if 0 < number <= len(properties)]
    bits = _bits(mine) or _bits(properties) or 8
    colours = [data for kind, data in mine if kind == b"colr"]
    code_points = None
    if not any(data[:4] in (b"prof", b"rICC") for data in colours):
        for data in colours:
            if data[:4] == b"nclx":
                primaries, transfer = struct.unpack_from(">HH", data, 4)
                if primaries not in _USUAL_PRIMARIES or transfer in _HDR_TRANSFERS:
                    code_points = primaries, transfer
    grey = any(kind == b"av1C" and data[2] & 0x10 for kind, data in mine)
    return Details(bits, grey, code_points, _left_out(content, properties))


def _bits(properties):
    """Return the most bits per sample that any of these properties tells; 0 if none does."""
    found = [0]
    for kind, data in properties:
        if kind == b"pixi":
            found += data[5 : 5 + data[4]]
        elif kind == b"av1C":
            high, twelve = data[2] & 0x40, data[2] & 0x20
            found.append(12 if high and twelve else 10 if high else 8)
        elif kind == b"hvcC":
            found.append(8 + (data[17] & 7))
    return max(found)


def _primary(content):
    """Return the number of the picture itself among the items."""
    for first, _ in inside(content, b"meta", b"pitm"):
        form = ">H" if content[first] == 0 else ">I"
        return struct.unpack_from(form, content, first + 4)[0]
    return None


def _numbers_of(content, item):
    """Return the numbers, from 1, of an item's properties."""
    found = []
    for at, last in inside(content, b"meta", b"iprp", b"ipma"):
        version, wide = content[at], content[at + 3] & 1
        (count,) = struct.unpack_from(">I", content, at + 4)
        at += 8
        while count and at < last:
            form = ">H" if version == 0 else ">I"
            (whose,) = struct.unpack_from(form, content, at)
            at += struct.calcsize(form)
            number, at = content[at], at + 1
            for _ in range(number):
                entry = struct.unpack_from(">H" if wide else ">B", content, at)[0]
                at += 1 + wide
                if whose == item:
                    found.append(entry & (0x7FFF if wide else 0x7F))
            count -= 1
    return found


def _left_out(content, properties):
    """Return a note for each kind of thing beside the picture."""
    layers = {
        data[4:].partition(b"\0")[0].decode("ascii", "replace")
        for kind, data in properties
        if kind == b"auxC"
    }
    items = [
        content[first + (8 if content[first] < 3 else 10) :][:4]
        for place in inside(content, b"meta", b"iinf")
        for kind, first, _ in _item_boxes(content, place)
        if kind == b"infe" and content[first] >= 2
    ]
    names = {_layer_name(layer) for layer in layers} - {""}
    if b"tmap" in items:
        names.add("gain map (HDR)")
    notes = [f"its {name} was left out" for name in sorted(names)]
    kinds = {kind for kind, _, _ in boxes(content)}
    if b"mpvd" in kinds:
        notes.append("the video in the file (motion photo) was left out")
    if b"moov" in kinds:
        notes.append("only its still was read, not the sequence of pictures in the file")
    return tuple(notes)


def _item_boxes(content, place):
    first, last = place
    return boxes(content, first + (6 if content[first] == 0 else 8), last)


def _layer_name(layer):
    """Return what an auxiliary layer is; empty for alpha, which is kept."""
    if layer.endswith((":auxiliary:alpha", ":2015:auxid:1")):
        return ""
    if layer.endswith((":auxiliary:depth", ":2015:auxid:2")):
        return "depth map"
    if "gainmap" in layer:
        return "gain map (HDR)"
    return f"layer {layer.rpartition(':')[2]}" if layer else ""
