"""The moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from minisr.layers.base import Layer


class MovingAverage:
    """The exponential moving average of a network's weights, kept as a second network.

    While weights still jump around a minimum, their average lies nearer to it (Polyak and Juditsky,
    1992). Early on the decay is smaller, at most (1 + t) / (10 + t) at step t, so that the average
    soon forgets the start.

    Buffers are averaged like weights: running statistics of batch normalisation belong to the
    weights of the same steps. Counters (of batches) are copied.

    Parameters
    ----------
    model, averaged : Layer
        The network that learns, and one of the same shape that follows it.
    decay : float
        In [0, 1); with zero ``averaged`` is a copy.
    """

    def __init__(self, model: Layer, averaged: Layer, decay: float) -> None:
        self.model, self.averaged = model, averaged
        self.kernels = model.kernels
        self.decay = decay

    def pairs(self) -> Any:
        """Return ``(average, value)`` for every array that a file holds."""
        arrays = ([a for _, a in net.named_arrays()] for net in (self.averaged, self.model))
        return zip(*arrays, strict=True)

    def update(self, step: Any) -> None:
        """Follow the network after step number ``step``, counted from one."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in self.pairs():
            if value.dtype.kind == "f":
                self.kernels.lerp(average, value, 1 - decay)
            else:
                average[...] = value
