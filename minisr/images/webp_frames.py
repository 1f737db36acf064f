"""Read the frames of an animated WebP; libwebp composites them, through Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@dataclass(frozen=True)
class Movie:
    """An animated WebP.

    Attributes
    ----------
    file : binary file
    size : (int, int)
        Width and height.
    durations : list of float
        Duration of each frame in milliseconds.
    plays : int
        How often the animation plays; 0 means forever.
    """

    file: object
    size: tuple
    durations: list
    plays: int


def parse(file: Any) -> Any:
    """Return the `Movie` in an open file; None if it has only one picture."""
    with _opened(file) as image:
        if image.n_frames < 2:
            return None
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()  # the duration is known only after this
            durations.append(float(image.info["duration"]))
        return Movie(file, image.size, durations, int(image.info.get("loop") or 0))


def composited(movie: Any) -> Iterator[Any]:
    """Yield the whole picture that is visible during each frame.

    Yields
    ------
    ndarray, shape (H, W, 4), uint8
    """
    with _opened(movie.file) as image:
        for number in range(len(movie.durations)):
            image.seek(number)
            yield np.asarray(image.convert("RGBA"))


def _opened(file):
    from PIL import Image

    file.seek(0)
    return Image.open(file, formats=["WEBP"])
