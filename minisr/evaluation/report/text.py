"""Text that is safe in HTML, and numbers as the tables print them."""

import html
import math

NOTHING = "–"


def escape(text):
    """Return a text that is harmless in HTML, within double quotes too.

    Names come from files, which may be called anything: with markup in them, with quotes, and with
    bytes that are no UTF-8, which Python carries as lone surrogates.
    """
    readable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(readable, quote=True)


def name_in_page(text):
    """Return a name as HTML: whatever direction its letters run in, the rest keeps its own."""
    return f"<bdi>{escape(text)}</bdi>"


def psnr_text(value):
    """Return a PSNR in dB as text; equal pictures have infinity."""
    return _figure(value, ".2f")


def ssim_text(value):
    """Return an SSIM as text."""
    return _figure(value, ".4f")


def gain_text(value):
    """Return a difference in dB as text, with its sign."""
    return _figure(value, "+.2f")


def seconds_text(value):
    """Return seconds as text, three digits of them."""
    return _figure(value, ".3g" if value is None or value < 100 else ".0f")


def gain_over(first, value):
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
