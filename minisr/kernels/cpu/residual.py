"""The sum that ends a residual branch, and its gradient by the branch."""

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def _forward(x, branch, scaling, out):
    scaling = x.dtype.type(scaling)
    for i in range(x.size):
        out[i] = x[i] + scaling * branch[i]


def residual_forward(x, branch, scaling, out):
    """See ``minisr.kernels``."""
    _forward(x.reshape(-1), branch.reshape(-1), scaling, out.reshape(-1))


@compiled(**OPTIONS)
def _backward(dout, scaling, dbranch):
    scaling = dout.dtype.type(scaling)
    for i in range(dout.size):
        dbranch[i] = scaling * dout[i]


def residual_backward(dout, scaling, dbranch):
    """See ``minisr.kernels``."""
    _backward(dout.reshape(-1), scaling, dbranch.reshape(-1))
