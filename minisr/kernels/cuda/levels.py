"""Subtract a table's value for a pixel's intensity and place: each thread changes one pixel."""

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

IMAGES = "float32[:,:,:]"  # may be views


@kernel(IMAGES, "float32[:,:,:,:,::1]", "int64[::1]", "int64[::1]", IMAGES)
def _subtract(x, table, rows, columns, out):
    _, height, width = out.shape
    levels, R = table.shape[0], table.shape[3]
    zero, most = x.dtype.type(0), x.dtype.type(levels - 1)
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        z, y, n = p % width, p // width % height, p // width // height
        h, w = y // R, z // R
        place = x[n, h, w] * most
        if place < zero:
            place = zero
        elif place > most:
            place = most
        level = min(int(place), levels - 2) if place > zero else 0  # for NaN: any
        low = table[level, rows[h], columns[w], y % R, z % R]
        high = table[level + 1, rows[h], columns[w], y % R, z % R]
        part = place - x.dtype.type(level)
        out[n, y, z] -= low + part * (high - low)


def subtract_by_level(x, table, rows, columns, out):
    """See ``minisr.kernels``."""
    _subtract.each(out[:, 0].size, x[:, 0], table, rows, columns, out[:, 0])
    synchronize()
