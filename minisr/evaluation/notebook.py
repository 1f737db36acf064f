"""How results look in a notebook: pictures and tables as HTML, small and complete in itself."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

import numpy as np

from minisr.evaluation.report.encode import encode
from minisr.images import to_8_bits
from minisr.images.arrays import value_range

if TYPE_CHECKING:
    from typing import Any

MOST = 480  # pixels a side; of larger pictures the middle is shown, where details can be seen


def middle(pixels: np.ndarray, most: int = MOST) -> np.ndarray:
    """Return the middle of a picture, at most ``most`` pixels a side.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C)
    most : int, optional

    Returns
    -------
    ndarray
    """
    top, left = (max(0, (side - most) // 2) for side in pixels.shape[:2])
    return pixels[top : top + most, left : left + most]


def viewable(pixels: Any) -> Any:
    """Return a picture as 8-bit pixels; floats beyond [0, 1] are shown by their own range."""
    values = value_range([pixels])
    if values is not None:
        low, high = values
        pixels = (pixels - low) / max(high - low, np.finfo(np.float64).tiny)
    return to_8_bits(pixels)


def picture_html(pixels: np.ndarray, caption: str, width: int) -> str:
    """Return a picture with a caption as an HTML ``figure``.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8
    caption : str
    width : int
        On the screen, in CSS pixels; pixels stay sharp squares.

    Returns
    -------
    str
    """
    encoded = encode(pixels)
    data = base64.b64encode(encoded.data).decode()
    words = html.escape(caption)
    return (
        f'<figure style="display:inline-block;margin:4px">'
        f'<img alt="{words}" width="{width}" style="image-rendering:pixelated" '
        f'src="data:{encoded.mime};base64,{data}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def table_html(heading: list[Any], rows: list[Any]) -> str:
    """Return a table as HTML.

    Parameters
    ----------
    heading : list of str
    rows : list of list of str

    Returns
    -------
    str
    """

    def row(cells, tag):
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    lines = [row(heading, "th"), *(row(cells, "td") for cells in rows)]
    return f"<table>{''.join(lines)}</table>"
