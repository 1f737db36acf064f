"""The sum that ends a residual branch, and its gradient by the branch."""

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

VALUES = "float32[::1]"


@kernel(VALUES, VALUES, "float32", VALUES)
def _forward(x, branch, scaling, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = x[i] + scaling * branch[i]


def residual_forward(x, branch, scaling, out):
    """See ``minisr.kernels``."""
    scaling = x.dtype.type(scaling)
    _forward.each(x.size, x.reshape(-1), branch.reshape(-1), scaling, out.reshape(-1))
    synchronize()


@kernel(VALUES, "float32", VALUES)
def _backward(dout, scaling, dbranch):
    for i in range(cuda.grid(1), dout.size, cuda.gridsize(1)):
        dbranch[i] = scaling * dout[i]


def residual_backward(dout, scaling, dbranch):
    """See ``minisr.kernels``."""
    scaling = dout.dtype.type(scaling)
    _backward.each(dout.size, dout.reshape(-1), scaling, dbranch.reshape(-1))
    synchronize()
