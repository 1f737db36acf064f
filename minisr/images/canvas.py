"""Composite the frames of an animation on one canvas, the way GIF and APNG define it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

BACKGROUND, PREVIOUS = "background", "previous"  # how a frame that does not stay is disposed of


def composited(
    size: tuple[int, int], frames: Iterable[Any], draw: Callable[..., Any]
) -> Iterator[Any]:
    """Yield the whole picture that is visible during each frame.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    frames : iterable
        Each has a ``box`` (left, top, width and height) and a ``disposal``, which says what
        replaces it when its time is over. `BACKGROUND`: full transparency; `PREVIOUS`: what was
        there before; None: nothing, it stays.
    draw : callable
        Takes a frame and its area of the canvas, an ndarray (H, W, 4), cropped at the edge of the
        canvas, and draws the frame there.

    Yields
    ------
    ndarray, shape (H, W, 4), uint8
        The same array each time, updated.
    """
    width, height = size
    canvas = np.zeros((height, width, 4), np.uint8)
    for frame in frames:
        left, top, wide, high = frame.box
        place = canvas[top : top + high, left : left + wide]
        before = place.copy() if frame.disposal == PREVIOUS else 0
        draw(frame, place)
        yield canvas
        if frame.disposal is not None:
            place[...] = before
