"""What a network makes of a flat picture, which should be that picture, and is so only nearly.

A network has learnt pictures, and a flat one teaches little. At the border it is worse: there it
sees padding, a zero or grey that is not there. ESPCN x4 makes white, 255, up to 259 in the middle
and 228 in a corner. What it is off by, for each intensity and each place, is known beforehand, and
can be taken off every result: see `minisr.upscaling.plan.Step`.
"""

import numpy as np

STEPS = (255, 85, 51, 17)  # of intensity: those of 8 bits, or every third, fifth or fifteenth
MOST_PIXELS = 60_000  # that the network may enlarge to find out: those of a small picture


def flat_error(run, radius, shape):
    """Work out by how much a network is off on flat pictures.

    Parameters
    ----------
    run : callable
        A network of one channel, see `minisr.engine.compile`.
    radius : int
        Of its receptive field, see `minisr.engine.receptive_field`.
    shape : (int, int)
        Height and width of a picture.

    Returns
    -------
    ndarray, shape (L + 1, P, Q, R, R), float
        What comes out less what goes in: of intensities 0 to 1 in L equal steps, for each of the
        R x R pixels that a pixel becomes; by its place among P rows and Q columns, see `places`.
    """
    P, Q = (min(length, 2 * radius + 1) for length in shape)
    steps = next((n for n in STEPS if (n + 1) * P * Q <= MOST_PIXELS), STEPS[-1])
    network = run.network
    dtype, R = network.parameters[0].value.dtype, network.upscale_factor
    levels = np.linspace(0, 1, steps + 1, dtype=dtype)
    table = np.empty((steps + 1, P, Q, R, R), dtype)
    for level, error in zip(levels, table, strict=True):
        large = run(np.full((1, 1, P, Q), level, dtype))[0, 0]
        error[...] = large.reshape(P, R, Q, R).swapaxes(1, 2) - level
    return table


def places(length, kept):
    """Return the place in the table of each row (or column) of a picture.

    Parameters
    ----------
    length : int
        Of the picture.
    kept : int
        Of the table, odd if it is shorter: those within reach of a border have places of their own,
        and all between share the middle one.

    Returns
    -------
    ndarray, shape (length,), intp
    """
    place = np.arange(length)
    if kept < length:
        middle = kept // 2
        place = np.minimum(place, middle)
        place[length - middle :] = np.arange(kept - middle, kept)
    return place


def is_flat(plane, distance):
    """Say where a picture is flat as far as a network sees.

    Parameters
    ----------
    plane : ndarray, shape (H, W)
    distance : int
        How far that is, in pixels; beyond the picture there is nothing.

    Returns
    -------
    ndarray, shape (H, W), bool
        False also for some pixels at the edge of a flat place.
    """
    height, width = plane.shape
    if not _may_be_flat(plane, distance):  # most pictures of more than 8 bits, told quickly
        return np.zeros(plane.shape, bool)
    total = np.zeros((height + 1, width + 1), np.int32)  # of steps above and left of a corner
    total[2:, 1:] += plane[1:] != plane[:-1]
    total[1:, 2:] += plane[:, 1:] != plane[:, :-1]
    np.cumsum(total, axis=0, out=total)
    np.cumsum(total, axis=1, out=total)
    top, bottom = _window(height, distance)
    left, right = _window(width, distance)
    return (
        total[np.ix_(bottom, right)]
        - total[np.ix_(top, right)]
        - total[np.ix_(bottom, left)]
        + total[np.ix_(top, left)]
    ) == 0


def _may_be_flat(plane, distance):
    """Return False if no flat place meets rows that each would have to, being so high."""
    rows = plane[:: max(1, distance)]
    run = min(distance, plane.shape[1] - 1)  # of equal pixels, at a border
    equal = np.zeros((len(rows), plane.shape[1]), np.int32)
    np.cumsum(rows[:, 1:] == rows[:, :-1], axis=1, out=equal[:, 1:])
    return bool((equal[:, run:] - equal[:, : equal.shape[1] - run] == run).any())


def _window(length, distance):
    centre = np.arange(length)
    return np.maximum(centre - distance, 0), np.minimum(centre + distance + 1, length)
