"""Write several pictures side by side as one picture, with a label under each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.images import to_8_bits, write_picture

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

MARGIN = 12
WHITE = 48  # the error, in levels of 255, from which an error map is white


def heat(strength: np.ndarray) -> np.ndarray:
    """Map numbers to colours from black through red and yellow to white.

    Parameters
    ----------
    strength : ndarray, any shape, float
        0 is black; 1 and above is white.

    Returns
    -------
    ndarray, shape (*strength.shape, 3), uint8
    """
    return to_8_bits(np.stack([3 * strength, 3 * strength - 1, 3 * strength - 2], axis=-1))


def error_map(picture: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Return a map of where two pictures differ.

    Parameters
    ----------
    picture, original : ndarray, shape (H, W, 3), uint8

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        Black where they are equal, then red and yellow, to white from 48 levels of 255 on.
    """
    return heat(np.abs(picture.astype(np.float64) - original).mean(axis=2) / WHITE)


def write_comparison(path: PathLike, panels: list[Any], columns: int = 2) -> None:
    """Write labelled pictures of the same size as one picture.

    Parameters
    ----------
    path : path-like
    panels : list of (str, ndarray)
        A one-line label and a picture, shape (H, W, 3), uint8.
    columns : int, optional
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = panels[0][1].shape[:2]
    font = ImageFont.load_default(size=max(14, width // 28))
    line = font.getbbox("Ag")[3] + 8
    rows = -(-len(panels) // columns)
    cell_width, cell_height = width + MARGIN, height + line + MARGIN
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, rows * cell_height + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (label, pixels) in enumerate(panels):
        left = MARGIN + k % columns * cell_width
        top = MARGIN + k // columns * cell_height
        sheet.paste(Image.fromarray(pixels), (left, top))
        draw.text((left, top + height + 2), label, fill="black", font=font)
    write_picture(path, np.asarray(sheet))
