"""A branch, and a shortcut past it."""

from minisr.layers.base import Sequential


class Residual(Sequential):
    """Layers one after the other, and a shortcut past them: shortcut(x) + scaling * f(x).

    Parameters
    ----------
    layers : dict of str to Layer
        The branch f. Its result has the shape of the shortcut's.
    kernels : module
        A backend, see `minisr.kernels.load`.
    scaling : float, optional
        Below 1 it keeps many wide blocks in a row from growing (Lim et al., CVPR Workshops 2017).
    shortcut : Layer, optional
        One that learns nothing, such as `NearestUpsample`; by default the input as it is.
    """

    def __init__(self, layers, kernels, scaling=1.0, shortcut=None):
        super().__init__(layers)
        self.kernels = kernels
        self.scaling = scaling
        self.shortcut = shortcut

    def __call__(self, x):
        """Return the result alone, and keep no cache meanwhile."""
        return self._add(x, super().__call__(x))

    def forward(self, x):
        """Run all layers and add; the caches are theirs."""
        branch, caches = super().forward(x)
        return self._add(x, branch), caches

    def _add(self, x, branch):
        if self.shortcut is not None:
            x = self.shortcut(x)
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.residual_forward(x, branch, self.scaling, out)
        return out

    def backward(self, dout, caches):
        """Send the gradient through the branch, and past it."""
        dbranch = self.kernels.empty(dout.shape, dout.dtype)
        self.kernels.residual_backward(dout, self.scaling, dbranch)
        dx = super().backward(dbranch, caches)
        self.kernels.add(dx, dout if self.shortcut is None else self.shortcut.backward(dout, None))
        return dx

    def __str__(self):
        return "Residual" if self.scaling == 1 else f"Residual(x{self.scaling:g})"

    def __repr__(self):
        past = "the input" if self.shortcut is None else f"{self.shortcut} of the input"
        return f"{super().__repr__()}\n  + {past}"
