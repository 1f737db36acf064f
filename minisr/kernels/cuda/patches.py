"""How the pixels of a batch fall into pieces, which blocks of threads take: 8 rows of 16 pixels.

The patches that networks learn from are a few dozen pixels wide, so pieces are small enough to fill
them, and a picture's piece with what surrounds it still fits into shared memory.

Indices are unsigned. Numba lets a signed one be negative and counts it from the end, which costs
three instructions an access and hides from the compiler that neighbours are neighbours, which it
would load four at a time. It sees that best where an index is written as ``4 * place + k``.
"""

import numpy as np

HEIGHT, WIDTH = 8, 16
PIXELS = HEIGHT * WIDTH
unsigned = np.uint64


def pieces(H, W):
    """Return how many pieces a plane has, down and across."""
    return -(-H // HEIGHT), -(-W // WIDTH)


def row_length(least, step, rest):
    """Return the smallest length from ``least`` on that leaves ``rest`` when divided by ``step``.

    Rows in shared memory have a length that keeps threads from asking one bank for two numbers.
    """
    return least + (rest - least) % step
