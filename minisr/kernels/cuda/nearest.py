"""Nearest-neighbour upsampling and its gradient: each thread computes one pixel."""

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

PLANES = "float32[:,:,::1]"


@kernel(PLANES, "int64", PLANES)
def _repeat(x, R, out):
    _, height, width = out.shape
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        w, h, plane = p % width, p // width % height, p // width // height
        out[plane, h, w] = x[plane, h // R, w // R]


def _planes(x):
    """Merge samples and channels into one axis: all planes are treated alike."""
    return x.reshape(-1, *x.shape[2:])


def nearest_upsample(x, upscale_factor, out):
    """See ``minisr.kernels``."""
    _repeat.each(out.size, _planes(x), upscale_factor, _planes(out))
    synchronize()


@kernel(PLANES, "int64", PLANES)
def _gather(dout, R, dx):
    _, H, W = dx.shape
    for p in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        w, h, plane = p % W, p // W % H, p // W // H
        total = dx.dtype.type(0)
        for i in range(R):
            for j in range(R):
                total += dout[plane, R * h + i, R * w + j]
        dx[plane, h, w] = total


def nearest_upsample_backward(dout, upscale_factor, dx):
    """See ``minisr.kernels``."""
    _gather.each(dx.size, _planes(dout), upscale_factor, _planes(dx))
    synchronize()
