"""Frames of an animation put together on one canvas, as GIF and APNG both mean it."""

import numpy as np

BACKGROUND, PREVIOUS = "background", "previous"  # what becomes of a frame, if it does not stay


def composited(size, frames, draw):
    """Yield what is to be seen while each frame is shown.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    frames : iterable
        With ``box``, left, top, width and height, and ``disposal``: what becomes of it when its
        time is over. `BACKGROUND`: nothing is left there; `PREVIOUS`: what was there before.
    draw : callable
        Takes a frame and its place on the canvas, an ndarray (H, W, 4) that may be cut off by the
        canvas' edge, and draws.

    Yields
    ------
    ndarray, shape (H, W, 4), uint8
        The same array each time, changed.
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
