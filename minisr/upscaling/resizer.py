"""Pictures resized a few rows at a time: MATLAB's bicubic, by kernels in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr import kernels
from minisr.images.resize import axis_weights

if TYPE_CHECKING:
    from typing import Any


class Resizer:
    """Resizes planes from one size to another, and makes only the rows that are asked for.

    Parameters
    ----------
    shape, size : (int, int)
        Height and width before and after.
    backend : str, optional
        See `minisr.kernels.load`.

    Notes
    -----
    `minisr.images.imresize` is the definition. It sums in float64; here sums are float32, since
    results will be rounded to 8 or 16 bits. A row does not depend on where the picture is cut.
    """

    def __init__(self, shape: tuple[int, int], size: tuple[int, int], backend: str = "cpu") -> None:
        self.shape, self.size = shape, size
        self._kernels = kernels.load(backend)
        self._scales = [large / small for large, small in zip(size, shape, strict=True)]
        self._weights = [
            axis_weights(*lengths) for lengths in zip(shape, size, self._scales, strict=True)
        ]

    def source_rows(self, first: int, last: int) -> Any:
        """Return which rows of the source some rows of the result need, as start and stop.

        Parameters
        ----------
        first, last : int
            Rows ``first`` to ``last - 1`` of the result.
        """
        index = self._weights[0][0][first:last]
        return int(index.min()), int(index.max()) + 1

    def rows(self, band: np.ndarray, top: int, first: int, last: int) -> np.ndarray:
        """Return some rows of the resized planes.

        Parameters
        ----------
        band : ndarray, shape (C, h, W), float32
            Rows ``top`` to ``top + h - 1`` of the planes, with at least those of `source_rows`.
        top, first, last : int

        Returns
        -------
        ndarray, shape (C, last - first, width), float32
        """
        x = np.ascontiguousarray(band, np.float32)[None]
        index, weight = self._weights[0]
        steps = [(2, index[first:last] - top, weight[first:last]), (3, *self._weights[1])]
        # The axis that shrinks most goes first; on a tie, the rows.
        for axis, index, weight in steps if self._scales[0] <= self._scales[1] else steps[::-1]:
            if self._scales[axis - 2] == 1:  # the weights are 0, 1, 0
                x = x if axis == 3 else x[:, :, index[0, 0] : index[-1, 0] + 1]
                continue
            shape = list(x.shape)
            shape[axis] = len(index)
            out = self._kernels.empty(shape, np.float32)
            x = np.ascontiguousarray(x)
            self._kernels.resample_forward(x, index, weight.astype(np.float32), axis, out)
            x = out
        return x[0]
