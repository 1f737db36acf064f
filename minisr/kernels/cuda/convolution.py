"""Convolution and its two gradients, straight from their definitions.

Forward, and for the gradient by input, a thread computes one pixel. Neighbouring threads compute
neighbouring pixels of a row, so they read neighbouring pixels and all the same tap. For the
gradient by weight, a block computes one number: its threads share all pixels of all samples, and
their sums are added.
"""

from numba import cuda

from minisr.kernels.cuda.launch import THREADS, kernel, synchronize
from minisr.kernels.cuda.sums import block_sum

IMAGES = "float32[:,:,:,::1]"


@kernel(IMAGES, IMAGES, "float32[::1]", "int64", "int64", IMAGES)
def _forward(x, weight, bias, top, left, out):
    _, C, H, W = x.shape
    _, F, height, width = out.shape
    K = weight.shape[2]
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        w, h, f, n = p % width, p // width % height, p // width // height % F, p // out[0].size
        total = bias[f]
        for c in range(C):
            for i in range(max(0, top - h), min(K, H + top - h)):
                for j in range(max(0, left - w), min(K, W + left - w)):
                    total += weight[f, c, i, j] * x[n, c, h + i - top, w + j - left]
        out[n, f, h, w] = total


def conv2d_forward(x, weight, bias, padding, out):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _forward.each(out.size, x, weight, bias, top, left, out)
    synchronize()


@kernel(IMAGES, IMAGES, "int64", "int64", IMAGES)
def _backward_input(dout, weight, top, left, dx):
    _, F, height, width = dout.shape
    _, C, H, W = dx.shape
    K = weight.shape[2]
    for p in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        w, h, c, n = p % W, p // W % H, p // W // H % C, p // dx[0].size
        total = dx.dtype.type(0)
        y, z = h + top, w + left  # the output that read this pixel through tap (0, 0)
        for f in range(F):
            for i in range(max(0, y - height + 1), min(K, y + 1)):
                for j in range(max(0, z - width + 1), min(K, z + 1)):
                    total += weight[f, c, i, j] * dout[n, f, y - i, z - j]
        dx[n, c, h, w] = total


def conv2d_backward_input(dout, weight, padding, dx):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _backward_input.each(dx.size, dout, weight, top, left, dx)
    synchronize()


@kernel(IMAGES, IMAGES, "int64", "int64", IMAGES)
def _weight_gradient(dout, x, top, left, dweight):
    N, _, height, width = dout.shape
    _, C, H, W = x.shape
    K = dweight.shape[2]
    for tap in range(cuda.blockIdx.x, dweight.size, cuda.gridDim.x):
        j, i, c, f = tap % K, tap // K % K, tap // K // K % C, tap // K // K // C
        total = dweight.dtype.type(0)
        for p in range(cuda.threadIdx.x, N * height * width, THREADS):
            w, h, n = p % width, p // width % height, p // width // height
            y, z = h + i - top, w + j - left
            if 0 <= y < H and 0 <= z < W:
                total += dout[n, f, h, w] * x[n, c, y, z]
        total = block_sum(total, dweight.dtype)
        if cuda.threadIdx.x == 0:
            dweight[f, c, i, j] += total


@kernel(IMAGES, "float32[::1]")
def _bias_gradient(dout, dbias):
    N, _, height, width = dout.shape
    for f in range(cuda.blockIdx.x, dbias.size, cuda.gridDim.x):
        total = dbias.dtype.type(0)
        for p in range(cuda.threadIdx.x, N * height * width, THREADS):
            total += dout[p // width // height, f, p // width % height, p % width]
        total = block_sum(total, dbias.dtype)
        if cuda.threadIdx.x == 0:
            dbias[f] += total


def add_bias_gradient(dout, dbias):
    """Add to ``dbias`` each filter's sum of gradients; do not wait for the kernel."""
    _bias_gradient.each_block(dbias.size, dout, dbias)


def conv2d_backward_params(dout, x, padding, dweight, dbias):
    """See ``minisr.kernels``."""
    top, _, left, _ = padding
    _weight_gradient.each_block(dweight.size, dout, x, top, left, dweight)
    add_bias_gradient(dout, dbias)
    synchronize()
