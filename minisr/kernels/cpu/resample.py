"""Resampling along one axis, and its transpose: a few multiply-adds per pixel, row by row.

Along the width, a pixel's taps lie in one row and are gathered. Along the height, whole rows are
added, which vectorises. Either way, a pixel's sum runs in the order of its taps.
"""

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def _forward_rows(x, index, weight, out):
    zero = x.dtype.type(0)
    for n in range(x.shape[0]):
        for h in range(out.shape[1]):
            for w in range(out.shape[2]):
                out[n, h, w] = zero
            for tap in range(index.shape[1]):
                source, scale = x[n, index[h, tap]], weight[h, tap]
                for w in range(out.shape[2]):
                    out[n, h, w] += scale * source[w]


@compiled(**OPTIONS)
def _forward_columns(x, index, weight, out):
    zero = x.dtype.type(0)
    for n in range(x.shape[0]):
        for h in range(x.shape[1]):
            row = x[n, h]
            for w in range(out.shape[2]):
                total = zero
                for tap in range(index.shape[1]):
                    total += weight[w, tap] * row[index[w, tap]]
                out[n, h, w] = total


@compiled(**OPTIONS)
def _backward_rows(dout, index, weight, dx):
    dx[...] = dx.dtype.type(0)
    for n in range(dout.shape[0]):
        for h in range(dout.shape[1]):
            for tap in range(index.shape[1]):
                target, scale = dx[n, index[h, tap]], weight[h, tap]
                for w in range(dout.shape[2]):
                    target[w] += scale * dout[n, h, w]


@compiled(**OPTIONS)
def _backward_columns(dout, index, weight, dx):
    dx[...] = dx.dtype.type(0)
    for n in range(dout.shape[0]):
        for h in range(dout.shape[1]):
            row = dx[n, h]
            for w in range(dout.shape[2]):
                for tap in range(index.shape[1]):
                    row[index[w, tap]] += weight[w, tap] * dout[n, h, w]


def _planes(x):
    """Merge samples and channels into one axis: all planes are treated alike."""
    return x.reshape(-1, *x.shape[2:])


def resample_forward(x, index, weight, axis, out):
    """See ``minisr.kernels``."""
    (_forward_rows if axis == 2 else _forward_columns)(_planes(x), index, weight, _planes(out))


def resample_backward(dout, index, weight, axis, dx):
    """See ``minisr.kernels``."""
    (_backward_rows if axis == 2 else _backward_columns)(_planes(dout), index, weight, _planes(dx))
