"""Max pooling, which records where its maxima were, and unpooling, which puts values there.

Each thread computes one maximum or moves one value; no two indices of a plane are equal.
"""

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize
from minisr.kernels.cuda.updates import fill_zero

PLANES, INDICES = "float32[:,:,::1]", "int64[:,:,::1]"
VALUES, PLACES = "float32[:,::1]", "int64[:,::1]"  # a plane's rows end to end, as indices count


@kernel(PLANES, "int64", PLANES, INDICES)
def _pool(x, K, out, indices):
    W = x.shape[2]
    _, height, width = out.shape
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        w, h, plane = p % width, p // width % height, p // width // height
        place = K * h * W + K * w
        best = x[plane, K * h, K * w]
        for i in range(K):
            for j in range(K):
                value = x[plane, K * h + i, K * w + j]
                # No comparison with NaN is true, so the first NaN wins and stays.
                if value > best or (value != value and best == best):
                    best = value
                    place = (K * h + i) * W + K * w + j
        out[plane, h, w] = best
        indices[plane, h, w] = place


def max_pool2d(x, kernel_size, out, indices):
    """See ``minisr.kernels``."""
    planes = (array.reshape(-1, *array.shape[2:]) for array in (out, indices))
    _pool.each(out.size, x.reshape(-1, *x.shape[2:]), kernel_size, *planes)
    synchronize()


@kernel(VALUES, PLACES, VALUES)
def _put(x, indices, out):
    values = x.shape[1]
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        plane, p = k // values, k % values
        out[plane, indices[plane, p]] = x[plane, p]


@kernel(VALUES, PLACES, VALUES)
def _fetch(dout, indices, dx):
    values = dx.shape[1]
    for k in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        plane, p = k // values, k % values
        dx[plane, p] = dout[plane, indices[plane, p]]


def _planes(x):
    return x.reshape(x.shape[0] * x.shape[1], -1)


def max_unpool2d(x, indices, out):
    """See ``minisr.kernels``."""
    fill_zero(out)
    _put.each(x.size, _planes(x), _planes(indices), _planes(out))
    synchronize()


def max_unpool2d_backward(dout, indices, dx):
    """See ``minisr.kernels``."""
    _fetch.each(dx.size, _planes(dout), _planes(indices), _planes(dx))
    synchronize()
