"""Measure checkerboard artefacts: the repeating pattern that upscaling layers may leave."""

from __future__ import annotations

import numpy as np

from minisr.errors import SettingsError, ShapeError


def checkerboard(picture: np.ndarray, upscale_factor: int) -> float:
    """Return the share of a picture's fine detail explained by position in its R x R cell.

    A network that enlarges R-fold computes the R x R pixels of a cell with different weights, and
    nothing forces these to agree. Where they do not, the same pattern repeats in every cell. It is
    most visible where there should be no detail at all: in flat areas.

    Parameters
    ----------
    picture : ndarray, shape (H, W), any range
        An enlarged picture whose first cell is in the upper left corner. It is best to crop the
        borders, where a network sees padding, by whole cells.
    upscale_factor : int
        R, at least 2.

    Returns
    -------
    float
        From 0 to 1: 0 if the pixels of a cell do not differ on average, or if there is no detail;
        1 if all detail is one pattern that repeats from cell to cell. A picture without any pattern
        scores about 1 / (number of cells) by chance, a smooth one less.

    Raises
    ------
    SettingsError
        If ``upscale_factor`` is below 2.
    ShapeError
        If the picture does not have two axes, or is too small: it must be two cells larger than the
        filter.

    Notes
    -----
    The detail d is the picture minus its mean over a triangular window of 2R - 1 pixels a side. The
    response of that window at the frequencies k / R is exactly zero, so subtracting the mean
    removes nothing from the pattern; it does remove everything that is constant or a linear ramp.
    With m(i, j) the mean of d over the pixels at position (i, j) of all cells, the result is the
    variance of m divided by the variance of d: the eta squared of a one-way analysis of variance.
    Equivalently, it is the energy of d at the multiples of 1 / R, each a single line of the
    spectrum, divided by its total energy.

    Two alternatives were rejected. Comparing the lines with neighbouring frequencies would need
    some width to separate the two, which is arbitrary, and the spectrum of a natural picture falls
    so steeply that the result would depend on it. Means over small windows would also detect
    patterns whose sign changes from place to place; but so does the staircase of repeated pixels,
    which is a different artefact. Averaged over the picture, a staircase that rises in one place
    and falls in another is no pattern.

    References
    ----------
    Odena et al., "Deconvolution and checkerboard artifacts", Distill, 2016; Aitken et al.,
    arXiv 1707.02937, section 2.
    """
    R = upscale_factor
    if R < 2:
        raise SettingsError(f"checkerboard expects an upscale_factor of at least 2, got {R}")
    picture = np.asarray(picture, np.float64)
    if picture.ndim != 2 or min(picture.shape) < 4 * R - 2:
        raise ShapeError(
            f"checkerboard expects a picture of shape (H, W) and at least {4 * R - 2} pixels a "
            f"side, got {picture.shape}"
        )
    inside = picture[R - 1 : 1 - R, R - 1 : 1 - R]
    detail = inside - _smooth(_smooth(picture, R).T, R).T
    rows, columns = (length // R for length in detail.shape)
    cells = detail[: rows * R, : columns * R].reshape(rows, R, columns, R)
    cells = cells - cells.mean()
    total = np.mean(cells**2)
    # Detail no larger than the rounding of float32 does not count.
    if total <= (np.finfo(np.float32).eps * np.abs(picture).max()) ** 2:
        return 0.0
    return float(np.mean(cells.mean(axis=(0, 2)) ** 2) / total)


def _smooth(picture, R):
    """Return triangular means over 2R - 1 rows, for all but the outermost R - 1 rows."""
    weights = np.convolve(np.ones(R), np.ones(R)) / R**2
    height = len(picture) - 2 * R + 2
    return sum(weight * picture[tap : tap + height] for tap, weight in enumerate(weights))
