"""Nearest-neighbour upsampling and its gradient: a row is widened once, then copied R - 1 times."""

from minisr.kernels.cpu.options import EXACT, OPTIONS, compiled


@compiled(**OPTIONS)
def _repeat(x, R, out):
    for n in range(x.shape[0]):
        for h in range(x.shape[1]):
            source, first = x[n, h], out[n, R * h]
            for j in range(R):
                for w in range(x.shape[2]):
                    first[R * w + j] = source[w]
            for i in range(1, R):
                row = out[n, R * h + i]
                for w in range(out.shape[2]):
                    row[w] = first[w]


def nearest_upsample(x, upscale_factor, out):
    """See ``minisr.kernels``."""
    _repeat(x.reshape(-1, *x.shape[2:]), upscale_factor, out.reshape(-1, *out.shape[2:]))


@compiled(**OPTIONS)
def _gather(dout, R, dx):
    zero = dx.dtype.type(0)
    for n in range(dx.shape[0]):
        for h in range(dx.shape[1]):
            target = dx[n, h]
            for w in range(dx.shape[2]):
                target[w] = zero
            for i in range(R):
                row = dout[n, R * h + i]
                for j in range(R):
                    for w in range(dx.shape[2]):
                        target[w] += row[R * w + j]


def nearest_upsample_backward(dout, upscale_factor, dx):
    """See ``minisr.kernels``."""
    _gather(dout.reshape(-1, *dout.shape[2:]), upscale_factor, dx.reshape(-1, *dx.shape[2:]))


@compiled(**EXACT)
def add_repeated(planes, start, plane, stride, rows, columns, copies, x, top, left):
    """Add ``x``, from (top, left) on, to planes that have yet to be shuffled.

    Each channel is added to `copies` = R * R planes, which the shuffle turns into R x R pixels.
    """
    for c in range(x.shape[0]):
        for y in range(rows):
            for copy in range(c * copies, (c + 1) * copies):
                first = start + copy * plane + y * stride
                for w in range(columns):
                    planes[first + w] += x[c, top + y, left + w]
