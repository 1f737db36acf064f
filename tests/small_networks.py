"""Networks of whatever layers a test wants."""

from minisr.layers import Residual, Sequential
from minisr.models import Network


class Plain(Network, Sequential):
    """Layers one after the other, and what a network has beside them."""


class WithShortcut(Network, Residual):
    """The same, and a shortcut past them."""


def network_of(layers, kernels, upscale_factor=1, **residual):
    """Make a network.

    Parameters
    ----------
    layers : dict of str to Layer
    kernels : module
    upscale_factor : int, optional
        What the layers enlarge by.
    **residual
        ``shortcut`` and ``scaling`` of `Residual`; without either there is no shortcut.
    """
    network = WithShortcut(layers, kernels, **residual) if residual else Plain(layers)
    network.kernels, network.upscale_factor = kernels, upscale_factor
    return network
