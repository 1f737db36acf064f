"""The pixel shuffle and its inverse: copies that read or write every R-th pixel of a row."""

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def pixel_shuffle(x, upscale_factor, out):
    """See ``minisr.kernels``."""
    N, _, H, W = x.shape
    R = upscale_factor
    for n in range(N):
        for c in range(out.shape[1]):
            for h in range(H):
                for i in range(R):
                    row = out[n, c, R * h + i]
                    for j in range(R):
                        source = x[n, (c * R + i) * R + j, h]
                        for w in range(W):
                            row[R * w + j] = source[w]


@compiled(**OPTIONS)
def pixel_unshuffle(x, downscale_factor, out):
    """See ``minisr.kernels``."""
    N, _, H, W = out.shape
    R = downscale_factor
    for n in range(N):
        for c in range(x.shape[1]):
            for h in range(H):
                for i in range(R):
                    row = x[n, c, R * h + i]
                    for j in range(R):
                        target = out[n, (c * R + i) * R + j, h]
                        for w in range(W):
                            target[w] = row[R * w + j]
