"""HDR10's static metadata, written into the bitstream by the encoder.

PyAV cannot pass it to an encoder, so it goes through each encoder's own options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def hdr_options(codec: Any, info: Any) -> Any:
    """Return the encoder options that write mastering display and light levels."""
    parts = {}
    if info.mastering is not None:
        red, green, blue, white = (info.mastering[n : n + 2] for n in range(0, 8, 2))
        least, largest = info.mastering[8:]
        whole = codec != "av1"
        points = [(name, *xy) for name, xy in zip("GBR", (green, blue, red), strict=True)]
        points += [("WP", *white)]
        colours = "".join(
            f"{name}({_unit(x, 50000, whole)},{_unit(y, 50000, whole)})" for name, x, y in points
        )
        light = f"L({_unit(largest, 10000, whole)},{_unit(least, 10000, whole)})"
        parts["mastering"] = colours + light
    if info.light is not None:
        parts["light"] = ",".join(str(level) for level in info.light)
    names = {
        "h264": ("x264-params", "mastering-display", "cll"),
        "h265": ("x265-params", "master-display", "max-cll"),
        "av1": ("svtav1-params", "mastering-display", "content-light"),
    }.get(codec)
    if not parts or names is None:
        return {}
    option, mastering, light = names
    values = {mastering: parts.get("mastering"), light: parts.get("light")}
    return {option: ":".join(f"{name}={value}" for name, value in values.items() if value)}


def _unit(value, steps, whole):
    return str(round(value * steps)) if whole else f"{float(value):.5f}"
