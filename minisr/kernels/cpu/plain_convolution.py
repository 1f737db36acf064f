"""Convolution and its two gradients as plain loops that the compiler vectorises.

All three rest on one idea. Pad a channel with zeros and lay its rows end to end, Wp pixels each.
Output pixel (h, w) is then number h*Wp + w, and tap (i, j) reads number h*Wp + w + i*Wp + j: the
distance is the same for every pixel. So a tap's work on a whole band of rows is one long loop,
``out[p] += tap * channel[p + distance]``, which is exactly what vector units are good at. The loop
also computes K - 1 useless pixels per row, which straddle two rows; they are dropped when the band
is copied to its place.

Each load in the loop must earn its keep: 18 multiply-adds for 9 loads when two filters share a
3 x 3 window, 10 for 5 with a row of five taps. Other kernel sizes are built from rows of five taps
and single taps.
"""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled

# Pixels in a band: two bands of sums and the input they read fit into a 32 KiB L1 cache.
BAND = 2048


@compiled(**OPTIONS)
def _pad(x, padding, width, padded):
    """Copy (C, H, W) into (C, rows * width) with zeros around it; ``width`` may exceed W."""
    C, H, W = x.shape
    top, left = padding[0], padding[2]
    padded[:] = 0
    for c in range(C):
        for h in range(H):
            start = (h + top) * width + left
            for w in range(W):
                padded[c, start + w] = x[c, h, w]


@compiled(**OPTIONS)
def _add_3x3(a, b, row0, row1, row2, taps_a, taps_b):
    """Add to two filters' sums what their nine taps contribute from one channel."""
    a00, a01, a02 = taps_a[0, 0], taps_a[0, 1], taps_a[0, 2]
    a10, a11, a12 = taps_a[1, 0], taps_a[1, 1], taps_a[1, 2]
    a20, a21, a22 = taps_a[2, 0], taps_a[2, 1], taps_a[2, 2]
    b00, b01, b02 = taps_b[0, 0], taps_b[0, 1], taps_b[0, 2]
    b10, b11, b12 = taps_b[1, 0], taps_b[1, 1], taps_b[1, 2]
    b20, b21, b22 = taps_b[2, 0], taps_b[2, 1], taps_b[2, 2]
    for p in range(len(a)):
        x00, x01, x02 = row0[p], row0[p + 1], row0[p + 2]
        x10, x11, x12 = row1[p], row1[p + 1], row1[p + 2]
        x20, x21, x22 = row2[p], row2[p + 1], row2[p + 2]
        a[p] += (
            (a00 * x00 + a01 * x01 + a02 * x02)
            + (a10 * x10 + a11 * x11 + a12 * x12)
            + (a20 * x20 + a21 * x21 + a22 * x22)
        )
        b[p] += (
            (b00 * x00 + b01 * x01 + b02 * x02)
            + (b10 * x10 + b11 * x11 + b12 * x12)
            + (b20 * x20 + b21 * x21 + b22 * x22)
        )


@compiled(**OPTIONS)
def _add_5(a, b, row, taps_a, taps_b):
    """Add to two filters' sums what five taps in a row contribute from one channel."""
    a0, a1, a2, a3, a4 = taps_a[0], taps_a[1], taps_a[2], taps_a[3], taps_a[4]
    b0, b1, b2, b3, b4 = taps_b[0], taps_b[1], taps_b[2], taps_b[3], taps_b[4]
    for p in range(len(a)):
        x0, x1, x2, x3, x4 = row[p], row[p + 1], row[p + 2], row[p + 3], row[p + 4]
        a[p] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3 + a4 * x4
        b[p] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3 + b4 * x4


@compiled(**OPTIONS)
def _add_1(a, b, row, tap_a, tap_b):
    """Add to two filters' sums what one tap contributes from one channel."""
    for p in range(len(a)):
        x = row[p]
        a[p] += tap_a * x
        b[p] += tap_b * x


@compiled(**OPTIONS)
def _add_channel(a, b, channel, start, width, taps_a, taps_b):
    """Add to a band of two filters' sums what all K x K taps contribute from one channel."""
    K = taps_a.shape[0]
    n = len(a)
    if K == 3:
        row0, row1, row2 = channel[start:], channel[start + width :], channel[start + 2 * width :]
        _add_3x3(a, b, row0, row1, row2, taps_a, taps_b)
        return
    for i in range(K):
        j = 0
        while j + 5 <= K:
            row = channel[start + i * width + j :]
            _add_5(a, b, row, taps_a[i, j : j + 5], taps_b[i, j : j + 5])
            j += 5
        while j < K:
            row = channel[start + i * width + j : start + i * width + j + n]
            _add_1(a, b, row, taps_a[i, j], taps_b[i, j])
            j += 1


@compiled(**OPTIONS)
def _convolve(x, weight, bias, padding, out):
    N, C, H, W = x.shape
    _, F, height, width_out = out.shape
    width = W + padding[2] + padding[3]
    padded = np.empty((C, (H + padding[0] + padding[1]) * width), x.dtype)
    band_rows = max(1, BAND // width)
    sums = np.empty((2, band_rows * width), x.dtype)
    for n in range(N):
        _pad(x[n], padding, width, padded)
        for f in range(0, F, 2):
            # With an odd number of filters, the last one is computed twice.
            g = min(f + 1, F - 1)
            for first in range(0, height, band_rows):
                rows = min(band_rows, height - first)
                length = (rows - 1) * width + width_out
                a, b = sums[0, :length], sums[1, :length]
                a[:] = bias[f]
                b[:] = bias[g]
                for c in range(C):
                    _add_channel(a, b, padded[c], first * width, width, weight[f, c], weight[g, c])
                for h in range(rows):
                    for w in range(width_out):
                        out[n, f, first + h, w] = a[h * width + w]
                        out[n, g, first + h, w] = b[h * width + w]


def conv2d_forward(x, weight, bias, padding, out):
    """See ``minisr.kernels``."""
    # Another memory layout would also work, but Numba would compile for it again.
    _convolve(np.ascontiguousarray(x), weight, bias, tuple(padding), out)


def conv2d_backward_input(dout, weight, padding, dx):
    """Convolve with flipped, transposed taps, by the forward kernel (see the reference)."""
    K = weight.shape[2]
    flipped = np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
    no_bias = np.zeros(weight.shape[1], dout.dtype)
    top, bottom, left, right = padding
    if max(padding) >= K:  # outputs that saw only padding send nothing back
        H, W = dout.shape[2:]
        cut = [max(0, p - K + 1) for p in padding]
        dout = dout[:, :, cut[0] : H - cut[1], cut[2] : W - cut[3]]
        top, bottom, left, right = (min(p, K - 1) for p in padding)
    rest = (K - 1 - top, K - 1 - bottom, K - 1 - left, K - 1 - right)
    _convolve(np.ascontiguousarray(dout), flipped, no_bias, rest, dx)


@compiled(**OPTIONS)
def _dot_3x3(d, row0, row1, row2, dtaps):
    """Add to nine taps' gradients the product of the output's gradient and each tap's input."""
    zero = d.dtype.type(0)
    s00 = s01 = s02 = s10 = s11 = s12 = s20 = s21 = s22 = zero
    for p in range(len(d)):
        g = d[p]
        s00 += g * row0[p]
        s01 += g * row0[p + 1]
        s02 += g * row0[p + 2]
        s10 += g * row1[p]
        s11 += g * row1[p + 1]
        s12 += g * row1[p + 2]
        s20 += g * row2[p]
        s21 += g * row2[p + 1]
        s22 += g * row2[p + 2]
    dtaps[0, 0] += s00
    dtaps[0, 1] += s01
    dtaps[0, 2] += s02
    dtaps[1, 0] += s10
    dtaps[1, 1] += s11
    dtaps[1, 2] += s12
    dtaps[2, 0] += s20
    dtaps[2, 1] += s21
    dtaps[2, 2] += s22


@compiled(**OPTIONS)
def _dot_5(d, row, dtaps):
    """Add to five taps' gradients the product of the output's gradient and each tap's input."""
    zero = d.dtype.type(0)
    s0 = s1 = s2 = s3 = s4 = zero
    for p in range(len(d)):
        g = d[p]
        s0 += g * row[p]
        s1 += g * row[p + 1]
        s2 += g * row[p + 2]
        s3 += g * row[p + 3]
        s4 += g * row[p + 4]
    dtaps[0] += s0
    dtaps[1] += s1
    dtaps[2] += s2
    dtaps[3] += s3
    dtaps[4] += s4


@compiled(**OPTIONS)
def _dot_1(d, row):
    """Return the product of the output's gradient and one tap's input."""
    total = d.dtype.type(0)
    for p in range(len(d)):
        total += d[p] * row[p]
    return total


@compiled(**OPTIONS)
def _correlate(dout, x, padding, dweight, dbias):
    N, F, height, width_out = dout.shape
    _, C, H, W = x.shape
    K = dweight.shape[2]
    width = W + padding[2] + padding[3]
    padded = np.empty((C, (H + padding[0] + padding[1]) * width), x.dtype)
    # The rows of dout are spaced like the input's. The zeros in between cancel the pixels that
    # straddle two rows.
    spaced = np.empty((F, height * width), x.dtype)
    length = (height - 1) * width + width_out
    for n in range(N):
        _pad(x[n], padding, width, padded)
        _pad(dout[n], (0, 0, 0, 0), width, spaced)
        for f in range(F):
            d = spaced[f, :length]
            dbias[f] += d.sum()
            for c in range(C):
                channel = padded[c]
                if K == 3:
                    _dot_3x3(d, channel, channel[width:], channel[2 * width :], dweight[f, c])
                    continue
                for i in range(K):
                    j = 0
                    while j + 5 <= K:
                        _dot_5(d, channel[i * width + j :], dweight[f, c, i, j : j + 5])
                        j += 5
                    while j < K:
                        dweight[f, c, i, j] += _dot_1(d, channel[i * width + j :])
                        j += 1


def conv2d_backward_params(dout, x, padding, dweight, dbias):
    """See ``minisr.kernels``."""
    dout, x = np.ascontiguousarray(dout), np.ascontiguousarray(x)
    _correlate(dout, x, tuple(padding), dweight, dbias)
