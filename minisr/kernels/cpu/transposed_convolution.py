"""Transposed convolution and its gradients as an ordinary convolution and a shuffle.

This is the equivalence that the ESPCN paper builds on. With stride s, output row y of the uncut
result uses only the taps i with i % s == y % s. So the s * s phases of the output are s * s
ordinary convolutions of the small input, each with every s-th tap in each direction, and the fast
convolution computes them all at once, as filters. What remains is to interleave its channels: a
pixel shuffle, which starts in the middle of a cell where ``padding`` cuts one.

If s does not divide K, zero taps fill the kernel up to the next multiple. They cost time (K = 4
with s = 3: 36 multiply-adds instead of 16), and zero times NaN or infinity is NaN. So arrays with
such values go to the reference, where they spread no further than they should.
"""

import numpy as np

from minisr.kernels import reference
from minisr.kernels.cpu.convolution import (
    conv2d_backward_input,
    conv2d_backward_params,
    conv2d_forward,
)
from minisr.kernels.cpu.options import OPTIONS, compiled


def _sub_kernels(weight, stride):
    """Turn (C, F, K, K) into a convolution's (F * s * s, C, T, T), where s * T is K rounded up."""
    C, F, K, _ = weight.shape
    T = -(-K // stride)
    whole = np.zeros((C, F, T * stride, T * stride), weight.dtype)
    whole[:, :, :K, :K] = weight
    parts = whole.reshape(C, F, T, stride, T, stride)[:, :, ::-1, :, ::-1]  # c f t i u j, flipped
    return np.ascontiguousarray(parts.transpose(1, 3, 5, 0, 2, 4)).reshape(-1, C, T, T)


def _add_sub_kernels(dparts, stride, dweight):
    """Add the gradient of the sub-kernels to that of the kernel: undo `_sub_kernels`."""
    C, F, K, _ = dweight.shape
    T = dparts.shape[2]
    parts = dparts.reshape(F, stride, stride, C, T, T)[..., ::-1, ::-1]  # f i j c t u
    whole = parts.transpose(3, 0, 4, 1, 5, 2).reshape(C, F, T * stride, T * stride)
    dweight += whole[:, :, :K, :K]


def _geometry(small, large, kernel_size, stride, padding):
    """Determine which cells an output of these sizes touches.

    Parameters
    ----------
    small, large : (int, int)
        Height and width of the transposed convolution's input and output.

    Returns
    -------
    inside : pair of slice
        The part of the input they are computed from; all of it, unless much is cut off.
    around : (int, int, int, int)
        The padding of the convolution that computes them.
    cells : list of (int, int)
        For each axis, the number of cells, and how many pixels of the first are cut off.
    """
    T = -(-kernel_size // stride)
    inside, around, cells = [], [], []
    for axis, (length, result) in enumerate(zip(small, large, strict=True)):
        first, cut = divmod(padding[2 * axis], stride)
        last = (padding[2 * axis] + result - 1) // stride
        # Cell m is computed from pixels m - T + 1 to m; those beyond the input are zeros.
        before, after = T - 1 - first, last - (length - 1)
        inside.append(slice(max(0, -before), length + min(0, after)))
        around += [max(0, before), max(0, after)]
        cells.append((last - first + 1, cut))
    return tuple(inside), tuple(around), cells


@compiled(**OPTIONS)
def _interleave(cells, s, top, left, out):
    """Shuffle (N, F * s * s, rows, columns) into ``out``, without the pixels that are cut off."""
    N, F, H, W = out.shape
    for n in range(N):
        for f in range(F):
            for y in range(H):
                m, i = divmod(y + top, s)
                for j in range(s):
                    source = cells[n, (f * s + i) * s + j, m]
                    first = 1 if j < left else 0
                    count = (W - 1 + left - j) // s + 1
                    for k in range(first, count):
                        out[n, f, y, s * k + j - left] = source[k]


@compiled(**OPTIONS)
def _collect(dout, s, top, left, dcells):
    """Put each output's gradient at its place in its cell; cut-off pixels get zero."""
    N, F, H, W = dout.shape
    dcells[...] = dcells.dtype.type(0)
    for n in range(N):
        for f in range(F):
            for y in range(H):
                m, i = divmod(y + top, s)
                for j in range(s):
                    target = dcells[n, (f * s + i) * s + j, m]
                    first = 1 if j < left else 0
                    count = (W - 1 + left - j) // s + 1
                    for k in range(first, count):
                        target[k] = dout[n, f, y, s * k + j - left]


def _needs_reference(array, kernel_size, stride):
    return kernel_size % stride != 0 and not np.isfinite(array).all()


def conv_transpose2d_forward(x, weight, bias, stride, padding, out):
    """See ``minisr.kernels``."""
    K = weight.shape[2]
    if _needs_reference(x, K, stride):
        reference.conv_transpose2d_forward(x, weight, bias, stride, padding, out)
        return
    (rows, columns), around, cells = _geometry(x.shape[2:], out.shape[2:], K, stride, padding)
    (high, top), (wide, left) = cells
    parts = np.empty((len(x), out.shape[1] * stride**2, high, wide), x.dtype)
    biases = np.repeat(bias, stride**2)
    conv2d_forward(x[:, :, rows, columns], _sub_kernels(weight, stride), biases, around, parts)
    _interleave(parts, stride, top, left, out)


def _collected(dout, stride, cells):
    """Return the gradient by the convolution's output."""
    (high, top), (wide, left) = cells
    N, F, _, _ = dout.shape
    dparts = np.empty((N, F * stride**2, high, wide), dout.dtype)
    _collect(np.ascontiguousarray(dout), stride, top, left, dparts)
    return dparts


def conv_transpose2d_backward_input(dout, weight, stride, padding, dx):
    """See ``minisr.kernels``."""
    K = weight.shape[2]
    if _needs_reference(dout, K, stride):
        reference.conv_transpose2d_backward_input(dout, weight, stride, padding, dx)
        return
    inside, around, cells = _geometry(dx.shape[2:], dout.shape[2:], K, stride, padding)
    dparts = _collected(dout, stride, cells)
    used = dx[:, :, inside[0], inside[1]]
    dused = np.empty(used.shape, dx.dtype)
    conv2d_backward_input(dparts, _sub_kernels(weight, stride), around, dused)
    dx[...] = 0  # for pixels that went into no output
    used[...] = dused


def conv_transpose2d_backward_params(dout, x, stride, padding, dweight, dbias):
    """See ``minisr.kernels``."""
    C, F, K, _ = dweight.shape
    inside, around, cells = _geometry(x.shape[2:], dout.shape[2:], K, stride, padding)
    dparts = _collected(dout, stride, cells)
    T = -(-K // stride)
    dsub = np.zeros((F * stride**2, C, T, T), dweight.dtype)
    dbiases = np.zeros(F * stride**2, dbias.dtype)
    used = x[:, :, inside[0], inside[1]]
    conv2d_backward_params(dparts, used, around, dsub, dbiases)
    _add_sub_kernels(dsub, stride, dweight)
    dbias += dbiases.reshape(F, -1).sum(axis=1)
