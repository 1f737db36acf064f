"""The bias of a network on constant images: they should come out constant, and nearly do.

A network is trained on photographs, and constant areas teach it little. At the border it is worse:
padding shows it a zero or grey that is not in the picture. ESPCN x4 turns white, 255, into up to
259 in the middle and 228 in a corner. This error is known in advance for each intensity and each
position, so it can be subtracted from every result: see `minisr.upscaling.plan.CorrectedNetwork`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from minisr.engine.compiled import CompiledNetwork, LayerByLayer

STEPS = (255, 85, 51, 17)  # of intensity: those of 8 bits, or every third, fifth or fifteenth
MOST_PIXELS = 60_000  # to enlarge for a table: no more than a small picture has


def constant_error(
    run: CompiledNetwork | LayerByLayer, radius: int, shape: tuple[int, int]
) -> np.ndarray:
    """Measure the error of a network on constant images.

    Parameters
    ----------
    run : minisr.engine.CompiledNetwork or minisr.engine.LayerByLayer
        A network of one channel, see `minisr.engine.compile`.
    radius : int
        Of its receptive field, see `minisr.engine.receptive_field`.
    shape : (int, int)
        Height and width of a picture.

    Returns
    -------
    ndarray, shape (L + 1, P, Q, R, R), float
        Output minus input: for intensities from 0 to 1 in L equal steps, at P x Q positions of the
        input, see `table_indices`, for each of the R x R pixels that an input pixel becomes.
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


def table_indices(length: int, kept: int) -> np.ndarray:
    """Return which row (or column) of the table each row (or column) of a picture uses.

    Parameters
    ----------
    length : int
        Of the picture.
    kept : int
        Of the table, odd if it is shorter. Rows that see a border have their own rows in the table;
        all others share the middle one.

    Returns
    -------
    ndarray, shape (length,), intp
    """
    index = np.arange(length)
    if kept < length:
        middle = kept // 2
        index = np.minimum(index, middle)
        index[length - middle :] = np.arange(kept - middle, kept)
    return index


def is_constant(plane: np.ndarray, radius: int) -> np.ndarray:
    """Say for each pixel whether all that a network sees around it is constant.

    Parameters
    ----------
    plane : ndarray, shape (H, W)
    radius : int
        Of the receptive field, in pixels. Whatever lies outside the picture does not count.

    Returns
    -------
    ndarray, shape (H, W), bool
        False also for some pixels at the edge of a constant area.
    """
    height, width = plane.shape
    if not _may_be_constant(plane, radius):  # quick, and enough for most pictures of over 8 bits
        return np.zeros(plane.shape, bool)
    total = np.zeros((height + 1, width + 1), np.int32)  # of jumps above and left of a corner
    total[2:, 1:] += plane[1:] != plane[:-1]
    total[1:, 2:] += plane[:, 1:] != plane[:, :-1]
    np.cumsum(total, axis=0, out=total)
    np.cumsum(total, axis=1, out=total)
    top, bottom = _window(height, radius)
    left, right = _window(width, radius)
    return (
        total[np.ix_(bottom, right)]
        - total[np.ix_(top, right)]
        - total[np.ix_(bottom, left)]
        + total[np.ix_(top, left)]
    ) == 0


def _may_be_constant(plane, radius):
    """Check a sample of rows, close enough for every constant area that counts to cross one."""
    rows = plane[:: max(1, radius)]
    run = min(radius, plane.shape[1] - 1)  # equal neighbours that suffice at a border
    equal = np.zeros((len(rows), plane.shape[1]), np.int32)
    np.cumsum(rows[:, 1:] == rows[:, :-1], axis=1, out=equal[:, 1:])
    return bool((equal[:, run:] - equal[:, : equal.shape[1] - run] == run).any())


def _window(length, radius):
    centre = np.arange(length)
    return np.maximum(centre - radius, 0), np.minimum(centre + radius + 1, length)
