"""How a batch's pixels are divided into pieces, one per block of threads: 8 rows of 16 pixels.

Training patches are a few dozen pixels wide, so pieces are small enough to fill them, and a piece
with its surroundings still fits into shared memory.

Indices are unsigned. Numba lets a signed index be negative and counts it from the end. That costs
three instructions per access and hides from the compiler which values are adjacent, so that it does
not load four at a time. It sees this best when an index is written as ``4 * place + k``.
"""

import numpy as np

HEIGHT, WIDTH = 8, 16
PIXELS = HEIGHT * WIDTH
unsigned = np.uint64


def pieces(H, W):
    """Return the number of pieces in a plane, down and across."""
    return -(-H // HEIGHT), -(-W // WIDTH)


def row_length(least, step, rest):
    """Return the smallest length >= ``least`` that leaves ``rest`` when divided by ``step``.

    Rows of such lengths in shared memory avoid bank conflicts.
    """
    return least + (rest - least) % step
