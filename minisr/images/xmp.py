"""Change the few values in XMP that depend on the pixels, in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_NAMESPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
_WIDTHS = ("tiff:ImageWidth", "exif:PixelXDimension")
_HEIGHTS = ("tiff:ImageLength", "exif:PixelYDimension")


def orientation_of(xmp: Any) -> Any:
    """Return the orientation, 1 to 8; None if there is none or it is out of range."""
    match = re.search(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]", xmp)
    return int(match[1]) if match else None


def upright(xmp: Any) -> Any:
    """Return XMP for pixels to which the orientation has been applied."""
    return _replaced(xmp, "tiff:Orientation", "1")


def resized(xmp: bytes, size: tuple[int, int]) -> Any:
    """Return XMP with the width and height of the pixels, where it states any.

    Parameters
    ----------
    xmp : bytes
    size : (int, int)
        Width and height in pixels.
    """
    for names, value in zip((_WIDTHS, _HEIGHTS), size, strict=True):
        for name in names:
            xmp = _replaced(xmp, name, str(value))
    return xmp


def stamped(xmp: Any, software: Any) -> Any:
    """Return XMP that names the program that made the picture, as xmp:CreatorTool."""
    value = software.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    changed = _replaced(xmp, "xmp:CreatorTool", value)
    if changed != xmp or value.encode() in xmp:
        return changed
    attribute = f' xmlns:xmp="{_NAMESPACES["xmp"]}" xmp:CreatorTool="{value}"'
    if b"xmlns:xmp=" in xmp:
        attribute = f' xmp:CreatorTool="{value}"'
    return re.sub(rb"<rdf:Description\b", lambda match: match[0] + attribute.encode(), xmp, count=1)


def _replaced(xmp, name, value):
    """Replace a simple value, whether it is an attribute or an element."""
    name, value = re.escape(name.encode()), value.encode()
    xmp = re.sub(rb"(\b" + name + rb"\s*=\s*([\"'])).*?\2", lambda m: m[1] + value + m[2], xmp)
    return re.sub(rb"(<" + name + rb">)[^<]*(</)", lambda m: m[1] + value + m[2], xmp)
