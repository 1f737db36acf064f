"""Max pooling, which records where its maxima were, and unpooling, which puts values there."""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def max_pool2d(x, kernel_size, out, indices):
    """See ``minisr.kernels``."""
    K, width = kernel_size, x.shape[3]
    for n in range(out.shape[0]):
        for c in range(out.shape[1]):
            for h in range(out.shape[2]):
                for w in range(out.shape[3]):
                    place = K * h * width + K * w
                    best = x[n, c, K * h, K * w]
                    for i in range(K):
                        for j in range(K):
                            value = x[n, c, K * h + i, K * w + j]
                            # No comparison with NaN is true, so the first NaN wins and stays.
                            if value > best or (np.isnan(value) and not np.isnan(best)):
                                best = value
                                place = (K * h + i) * width + K * w + j
                    out[n, c, h, w] = best
                    indices[n, c, h, w] = place


@compiled(**OPTIONS)
def _put(x, indices, out):
    zero = out.dtype.type(0)
    for n in range(out.shape[0]):
        for p in range(out.shape[1]):
            out[n, p] = zero
        for p in range(x.shape[1]):
            out[n, indices[n, p]] = x[n, p]


@compiled(**OPTIONS)
def _fetch(dout, indices, dx):
    for n in range(dx.shape[0]):
        for p in range(dx.shape[1]):
            dx[n, p] = dout[n, indices[n, p]]


def _planes(x):
    """Lay each plane's rows end to end, as the indices count."""
    return x.reshape(x.shape[0] * x.shape[1], -1)


def max_unpool2d(x, indices, out):
    """See ``minisr.kernels``."""
    _put(_planes(x), _planes(indices), _planes(out))


def max_unpool2d_backward(dout, indices, dx):
    """See ``minisr.kernels``."""
    _fetch(_planes(dout), _planes(indices), _planes(dx))
