"""A branch, and a shortcut past it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import ShapeError
from minisr.layers.base import Sequential

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from minisr.layers.base import Layer


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

    def __init__(
        self,
        layers: dict[Any, Any],
        kernels: ModuleType,
        scaling: float = 1.0,
        shortcut: Layer | None = None,
    ) -> None:
        super().__init__(layers)
        self.kernels = kernels
        self.scaling = scaling
        self.shortcut = shortcut

    def __call__(self, x: Any) -> Any:
        """Return the result alone, and keep no cache meanwhile."""
        branch = super().__call__(x)
        return self._add(x if self.shortcut is None else self.shortcut(x), branch)

    def forward(self, x: Any) -> Any:
        """Run branch and shortcut, and add; the cache holds theirs."""
        branch, caches = super().forward(x)
        past, cache = (x, None) if self.shortcut is None else self.shortcut.forward(x)
        return self._add(past, branch), (caches, cache, branch.shape, branch.dtype)

    def _add(self, past, branch):
        if past.shape != branch.shape:
            raise ShapeError(
                f"{self!s} expects a branch of shape {past.shape}, like the shortcut, "
                f"got {branch.shape}"
            )
        out = self.kernels.empty(past.shape, past.dtype)
        self.kernels.residual_forward(past, branch, self.scaling, out)
        return out

    def backward(self, dout: Any, cache: Any) -> Any:
        """Send the gradient through the branch, and past it."""
        caches, past, shape, dtype = cache
        self.check_gradient(dout, shape, dtype)
        dbranch = self.kernels.empty(dout.shape, dout.dtype)
        self.kernels.residual_backward(dout, self.scaling, dbranch)
        dx = super().backward(dbranch, caches)
        self.kernels.add(dx, dout if self.shortcut is None else self.shortcut.backward(dout, past))
        return dx

    def __str__(self) -> str:
        return "Residual" if self.scaling == 1 else f"Residual(x{self.scaling:g})"

    def __repr__(self) -> str:
        past = "the input" if self.shortcut is None else f"{self.shortcut} of the input"
        return f"{super().__repr__()}\n  + {past}"
