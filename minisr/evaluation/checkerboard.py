"""How much of a checkerboard a picture has: the pattern that enlarging in cells may leave."""

import numpy as np

from minisr.errors import SettingsError, ShapeError


def checkerboard(picture, upscale_factor):
    """Return the share of a picture's fine detail that a pixel's place in its R x R cell explains.

    A network that enlarges R-fold makes the R x R pixels of a cell with weights of their own, and
    nothing forces those to agree. Where they do not, one and the same pattern lies over all cells,
    most visible where there should be none: on flat areas.

    Parameters
    ----------
    picture : ndarray, shape (H, W), any range
        An enlarged picture, with its first cell in the upper left corner. Borders, where a
        network sees padding, are better cut off, by whole cells.
    upscale_factor : int
        R, at least 2.

    Returns
    -------
    float
        From 0 to 1: 0 where the pixels of a cell do not differ on average, or there is no detail;
        1 where all detail is one pattern, repeated from cell to cell. By chance a picture without
        any pattern has about 1 / (number of cells), a smooth one less.

    Raises
    ------
    SettingsError
        If ``upscale_factor`` is below 2.
    ShapeError
        If the picture has not two axes, or is less than two cells larger than the filter.

    Notes
    -----
    The detail d is the picture less its mean over a triangular window of 2R - 1 pixels a side. That
    window takes nothing from the pattern, because its response at the frequencies k / R is exactly
    zero, and it removes all that is flat or a ramp. With m(i, j) the mean of d over the pixels at
    place (i, j) of all cells, the result is the variance of m over the variance of d: the eta
    squared of a one-way analysis of variance. Equivalently, it is the energy of d at the multiples
    of 1 / R, each a single line of the spectrum, over all its energy.

    Chosen over two others. Neighbouring frequencies would have to be told apart from the lines by
    a width, which is arbitrary, and a natural picture's spectrum falls so steeply that the result
    would depend on it. Means over small windows would also see patterns whose sign changes from
    place to place; but so does the staircase of repeated pixels, which is another fault. Averaged
    over the picture, a staircase that rises here and falls there is no pattern.

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
    # Detail that is no more than the rounding of float32 is none.
    if total <= (np.finfo(np.float32).eps * np.abs(picture).max()) ** 2:
        return 0.0
    return float(np.mean(cells.mean(axis=(0, 2)) ** 2) / total)


def _smooth(picture, R):
    """Return the triangular means of 2R - 1 rows, for all rows but the outermost R - 1."""
    weights = np.convolve(np.ones(R), np.ones(R)) / R**2
    height = len(picture) - 2 * R + 2
    return sum(weight * picture[tap : tap + height] for tap, weight in enumerate(weights))
