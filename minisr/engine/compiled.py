"""A network, run by whatever its backend does best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.engine.bands import BLOCK, WithinMemory, run_in_bands
from minisr.engine.learning import learn
from minisr.engine.receptive_field import receptive_field
from minisr.engine.stacks import plan_stack
from minisr.errors import ShapeError
from minisr.kernels.losses import LOSSES
from minisr.system.threads import pool_of

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network
    from minisr.system.threads import Threads


class LayerByLayer:
    """The lesson: a network run as it is written, layer after layer, by one thread.

    Parameters
    ----------
    network : Network

    Attributes
    ----------
    halo : int or None
        How many rows away a result still sees a pixel; None if that is unknown.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.halo = receptive_field(network)

    def __call__(self, x: Any, threads: Any = None) -> Any:
        """Enlarge a batch; ``threads`` are not used."""
        return self.network(x)

    def learn(self, low: Any, high: Any, loss: Any, threads: Any = None) -> Any:
        """See `minisr.models.network.Network.learn`."""
        return self.network.learn(low, high, loss)


class CompiledNetwork:
    """A network run by its backend's stack where it is one, else in bands or by samples.

    Parameters
    ----------
    network : Network
        Or anything that can be called with a batch. It is not copied.

    Attributes
    ----------
    network : Network
    plan : minisr.engine.stacks.StackPlan or None
    halo : int or None
        How many rows away a result still sees a pixel, to the bit; None if that is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from minisr import ESPCN
    >>> compiled = CompiledNetwork(ESPCN.from_pretrained(3))
    >>> compiled(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.plan = plan_stack(network)
        factor = getattr(network, "upscale_factor", None)  # without one nothing can be cut
        self.halo = None
        if factor is not None:
            self.halo = receptive_field(network, BLOCK if self.plan else 1)
        self._run = WithinMemory(self._run_at_once, factor, self.halo)

    def __call__(self, x: np.ndarray, threads: Threads | int | None = None) -> np.ndarray:
        """Enlarge a batch of pictures.

        Parameters
        ----------
        x : ndarray, shape (N, in_channels, H, W)
        threads : minisr.system.threads.Threads or int, optional
            By default one per processor.

        Returns
        -------
        ndarray, shape (N, in_channels, H * upscale_factor, W * upscale_factor)

        Raises
        ------
        ShapeError
            If ``x`` is not what the network takes.
        DeviceMemoryError
            If a GPU has no memory even for a few rows.
        """
        if x.ndim != 4 or min(x.shape) < 1:
            raise ShapeError(
                f"{self.network} expects x of shape (N, C, H, W) with at least one sample and one "
                f"pixel, got {x.shape}"
            )
        return self._run(x, pool_of(threads))

    def _run_at_once(self, x, threads):
        if self.plan is not None:
            return self._run_stack(x, threads)
        network = self.network
        if self.halo is None or not _takes_bands(network):
            return network(x)
        return run_in_bands(network, x, network.upscale_factor, self.halo, threads)

    def _run_stack(self, x, threads):
        x = self._prepared(x)
        out = self.network.kernels.empty(self._out_shape(x), x.dtype)
        self.plan.stack.forward(x, out, threads)
        return out

    def _prepared(self, x):
        """Return what the first convolution takes, checked."""
        for layer in self.plan.before:
            x = layer(x)
        self.plan.first.check(x)
        return x

    def _out_shape(self, x):
        R = self.plan.upscale_factor
        N, _, H, W = x.shape
        return N, self.plan.last.weight.value.shape[0] // R**2, H * R, W * R

    def learn(self, low: np.ndarray, high: np.ndarray, loss: str, threads: Threads) -> float:
        """Add the gradient of a batch's mean loss to every ``grad``, and return that loss.

        Parameters
        ----------
        low : ndarray, shape (N, C, H, W)
        high : ndarray, shape of the network's result
        loss : {"mse", "l1", "charbonnier"} or str
            Or one of `minisr.register.loss`.
        threads : minisr.system.threads.Threads
            The result's bits do not depend on how many there are.

        Returns
        -------
        float

        Raises
        ------
        ShapeError
            If ``low`` or ``high`` is not what the network takes and makes.
        """
        stack: Any = None if self.plan is None else self.plan.stack
        fused = hasattr(stack, "learn") and LOSSES.get(loss, loss) is None
        if fused:  # some backends' stacks only run forwards, and none knows registered losses
            low = self._prepared(low)
            self.network.check_target(high, self._out_shape(low), low.dtype)
            return stack.learn(low, high, loss, threads)
        return learn(self.network, low, high, loss, threads)


def _takes_bands(network):
    """Return whether bands change no bit: in float32, on a backend made for speed.

    Elsewhere a pixel's sum may depend on where in a picture it lies.
    """
    first = next(iter(network.parameters), None)
    fast = hasattr(getattr(network, "kernels", None), "stack")
    return fast and first is not None and first.value.dtype == np.float32
