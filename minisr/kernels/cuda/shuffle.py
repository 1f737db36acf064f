"""The pixel shuffle and its inverse: adjacent threads write adjacent values, one each."""

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

IMAGES = "float32[:,:,:,::1]"


@kernel(IMAGES, "int64", IMAGES)
def _shuffle(x, R, out):
    _, C, height, width = out.shape
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        w, h, c, n = p % width, p // width % height, p // width // height % C, p // out[0].size
        out[n, c, h, w] = x[n, (c * R + h % R) * R + w % R, h // R, w // R]


def pixel_shuffle(x, upscale_factor, out):
    """See ``minisr.kernels``."""
    _shuffle.each(out.size, x, upscale_factor, out)
    synchronize()


@kernel(IMAGES, "int64", IMAGES)
def _unshuffle(x, R, out):
    _, channels, H, W = out.shape
    for p in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        w, h, k, n = p % W, p // W % H, p // W // H % channels, p // out[0].size
        j, i, c = k % R, k // R % R, k // R // R
        out[n, k, h, w] = x[n, c, R * h + i, R * w + j]


def pixel_unshuffle(x, downscale_factor, out):
    """See ``minisr.kernels``."""
    _unshuffle.each(out.size, x, downscale_factor, out)
    synchronize()
