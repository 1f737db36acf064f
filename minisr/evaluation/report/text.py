"""Escape text for HTML, and format numbers for the tables."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

NOTHING = "–"


def escape(text: Any) -> Any:
    """Return a text that is safe in HTML, also within double quotes.

    Names come from files, and those may contain anything: markup, quotes, and bytes that are not
    UTF-8, which Python represents as lone surrogates.
    """
    readable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(readable, quote=True)


def name_in_page(text: Any) -> Any:
    """Return a name as HTML, isolated so that its text direction does not affect the rest."""
    return f"<bdi>{escape(text)}</bdi>"


def psnr_text(value: Any) -> Any:
    """Return a PSNR in dB as text; it is infinite for identical pictures."""
    return _figure(value, ".2f")


def ssim_text(value: Any) -> Any:
    """Return an SSIM as text."""
    return _figure(value, ".4f")


def gain_text(value: Any) -> Any:
    """Return a difference in dB as text, with its sign."""
    return _figure(value, "+.2f")


def seconds_text(value: Any) -> Any:
    """Return seconds as text, with three significant digits."""
    return _figure(value, ".3g" if value is None or value < 100 else ".0f")


def gain_over(first: Any, value: Any) -> Any:
    """Return ``value - first`` in dB, or None where either is missing or both are infinite."""
    if first is None or value is None:
        return None
    difference = value - first
    return None if math.isnan(difference) else difference


def _figure(value, form):
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return ("−" if value < 0 else "+" if "+" in form else "") + "∞"
    return format(value, form).replace("-", "−")
