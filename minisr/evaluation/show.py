"""Look at pictures side by side in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.evaluation.notebook import MOST, middle, picture_html, viewable
from minisr.images.arrays import pixels_from

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures side by side, as large as the largest; a notebook shows them.

    Attributes
    ----------
    pictures : dict of str to ndarray
        By caption.
    """

    pictures: dict

    def __str__(self) -> str:
        return "; ".join(map(self._caption, self.pictures))

    def _caption(self, name):
        height, width = self.pictures[name].shape[:2]
        return f"{name}, {width} x {height}"

    def _repr_html_(self):
        largest = max((p.shape[:2] for p in self.pictures.values()), key=np.prod)
        parts = []
        for name, pixels in self.pictures.items():
            # The same part of each, so that the eye compares the same things.
            scale = max(1, round(largest[1] / pixels.shape[1]))
            part = middle(pixels, MOST // scale)
            caption = self._caption(name)
            if part.shape != pixels.shape:
                caption += f"; the middle {part.shape[1]} x {part.shape[0]}"
            parts.append(picture_html(viewable(part), caption, part.shape[1] * scale))
        return f"<div>{''.join(parts)}</div>"


def show(picture: Any, enlarged: Any = None, **others: Any) -> Comparison:
    """Show a picture and what it became, side by side, in a notebook.

    Parameters
    ----------
    picture : array_like or PIL.Image.Image
        See `minisr.upscale`.
    enlarged : array_like or PIL.Image.Image, optional
        By default what `minisr.upscale` makes of ``picture``.
    **others : array_like or PIL.Image.Image
        More pictures, under their names: ``bicubic=minisr.imresize(picture, 3)``.

    Returns
    -------
    Comparison
        Of pictures of more than 480 pixels a side, a notebook shows the middle.

    Raises
    ------
    PictureError
        One of them is not a picture.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((4, 5), np.uint8)
    >>> print(show(picture, picture.repeat(2, 0).repeat(2, 1)))
    picture, 5 x 4; enlarged, 10 x 8
    """
    from minisr.upscaling.picture import upscale

    given = {"picture": picture, "enlarged": enlarged, **others}
    pictures = {}
    for name, pixels in given.items():
        if pixels is None:
            pixels = upscale(pictures["picture"])
        try:
            pictures[name] = pixels_from(pixels)[0]
        except PictureError as error:
            raise PictureError(f"{name}: {error}") from None
    return Comparison(pictures)
