"""The one check in the kernels: unlike the others, losses are often called directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import ShapeError

if TYPE_CHECKING:
    import numpy as np


def check_loss(prediction: np.ndarray, target: np.ndarray, dprediction: np.ndarray) -> None:
    """Raise ShapeError unless all three arrays have one shape and one dtype.

    Parameters
    ----------
    prediction, target, dprediction : ndarray
    """
    for name, array in (("target", target), ("dprediction", dprediction)):
        shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
        if shape != prediction.shape or dtype != prediction.dtype:
            raise ShapeError(
                f"a loss expects {name} of shape {prediction.shape} and dtype {prediction.dtype}, "
                f"like the prediction, got {shape} and {dtype}"
            )
