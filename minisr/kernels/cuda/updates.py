"""Updates in place: sums."""

from numba import cuda

from minisr.kernels.cuda.launch import blocks, finish, kernel

THREADS = 256


@kernel("float32[::1]", "float32[::1]", threads=THREADS)
def _add(total, part):
    i = cuda.grid(1)
    if i < total.size:
        total[i] += part[i]


def add(total, part):
    """See ``minisr.kernels``."""
    _add(blocks(total.size, THREADS), THREADS, total.reshape(-1), part.reshape(-1))
    finish()
