"""A branch beside which the input goes on as it is."""

from minisr.layers.base import Sequential


class Residual(Sequential):
    """Layers one after the other, whose result is added to their input: x + scaling * f(x).

    Parameters
    ----------
    layers : dict of str to Layer
        They keep the shape.
    kernels : module
        A backend, see `minisr.kernels.load`.
    scaling : float, optional
        Below 1 it keeps many wide blocks in a row from growing (Lim et al., CVPR Workshops 2017).
    """

    def __init__(self, layers, kernels, scaling=1.0):
        super().__init__(layers)
        self.kernels = kernels
        self.scaling = scaling

    def __call__(self, x):
        """Return the result alone, and keep no cache meanwhile."""
        return self._add(x, super().__call__(x))

    def forward(self, x):
        """Run all layers and add; the caches are theirs."""
        branch, caches = super().forward(x)
        return self._add(x, branch), caches

    def _add(self, x, branch):
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.residual_forward(x, branch, self.scaling, out)
        return out

    def backward(self, dout, caches):
        """Send the gradient through the branch, and past it."""
        dbranch = self.kernels.empty(dout.shape, dout.dtype)
        self.kernels.residual_backward(dout, self.scaling, dbranch)
        dx = super().backward(dbranch, caches)
        self.kernels.add(dx, dout)
        return dx

    def __str__(self):
        return "Residual" if self.scaling == 1 else f"Residual(x{self.scaling:g})"
