"""Transposed convolution and its gradients, straight from their definitions.

Stamps overlap, so threads do not stamp: forward, each output pixel collects the stamps that reach
it, those of every ``stride``-th tap. The rest is as in `convolution`.
"""

from numba import cuda

from minisr.kernels.cuda.convolution import IMAGES, add_bias_gradient
from minisr.kernels.cuda.launch import THREADS, kernel, synchronize
from minisr.kernels.cuda.sums import block_sum


@kernel(IMAGES, IMAGES, "float32[::1]", "int64", "int64", "int64", IMAGES)
def _forward(x, weight, bias, stride, top, left, out):
    _, C, H, W = x.shape
    _, F, height, width = out.shape
    K = weight.shape[2]
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        z, y, f, n = p % width, p // width % height, p // width // height % F, p // out[0].size
        total = bias[f]
        for c in range(C):
            for i in range((y + top) % stride, min(K, y + top + 1), stride):
                h = (y + top - i) // stride
                if h < H:
                    for j in range((z + left) % stride, min(K, z + left + 1), stride):
                        w = (z + left - j) // stride
                        if w < W:
                            total += weight[c, f, i, j] * x[n, c, h, w]
        out[n, f, y, z] = total


def conv_transpose2d_forward(x, weight, bias, stride, padding, out):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _forward.each(out.size, x, weight, bias, stride, top, left, out)
    synchronize()


@kernel(IMAGES, IMAGES, "int64", "int64", "int64", IMAGES)
def _backward_input(dout, weight, stride, top, left, dx):
    _, F, height, width = dout.shape
    _, C, H, W = dx.shape
    K = weight.shape[2]
    for p in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        w, h, c, n = p % W, p // W % H, p // W // H % C, p // dx[0].size
        total = dx.dtype.type(0)
        y, z = h * stride - top, w * stride - left  # where tap (0, 0) was stamped
        for f in range(F):
            for i in range(max(0, -y), min(K, height - y)):
                for j in range(max(0, -z), min(K, width - z)):
                    total += weight[c, f, i, j] * dout[n, f, y + i, z + j]
        dx[n, c, h, w] = total


def conv_transpose2d_backward_input(dout, weight, stride, padding, dx):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _backward_input.each(dx.size, dout, weight, stride, top, left, dx)
    synchronize()


@kernel(IMAGES, IMAGES, "int64", "int64", "int64", IMAGES)
def _weight_gradient(dout, x, stride, top, left, dweight):
    _, F, height, width = dout.shape
    N, _, H, W = x.shape
    K = dweight.shape[2]
    for tap in range(cuda.blockIdx.x, dweight.size, cuda.gridDim.x):
        j, i, f, c = tap % K, tap // K % K, tap // K // K % F, tap // K // K // F
        total = dweight.dtype.type(0)
        for p in range(cuda.threadIdx.x, N * H * W, THREADS):
            w, h, n = p % W, p // W % H, p // W // H
            y, z = h * stride + i - top, w * stride + j - left
            if 0 <= y < height and 0 <= z < width:
                total += dout[n, f, y, z] * x[n, c, h, w]
        total = block_sum(total, dweight.dtype)
        if cuda.threadIdx.x == 0:
            dweight[c, f, i, j] += total


def conv_transpose2d_backward_params(dout, x, stride, padding, dweight, dbias):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _weight_gradient.each_block(dweight.size, dout, x, stride, top, left, dweight)
    add_bias_gradient(dout, dbias)
    synchronize()
