"""A loss of your own.

minisr train PICTURES -o RUN -s 2 --import examples/extending/loss.py --loss huber
"""

import numpy as np

from minisr import register

DELTA = 0.02  # about five 8-bit levels


@register.loss("huber")
def huber(prediction, target, count, dprediction):
    """Squared up to ``DELTA``, absolute beyond (Huber, 1964)."""
    error = prediction - target
    slope = np.clip(error, -DELTA, DELTA)
    dprediction[...] = slope / count
    return float((slope * (error - slope / 2)).sum() / count)


if __name__ == "__main__":
    x, gradient = np.array([[0.0, 0.01, 0.5]]), np.empty((1, 3))
    print("loss", huber(x, np.zeros_like(x), x.size, gradient), "gradient", gradient)
