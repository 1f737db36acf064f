"""The gradient of a batch, its samples worked on side by side.

Each thread works on a copy of the network that shares the values of its parameters and has
gradients of its own, so nothing is locked. The samples' gradients are added in the samples' order:
the same bits for any number of threads.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from minisr.engine.receptive_field import uses_batch_statistics
from minisr.engine.sample_parallel import SampleParallel
from minisr.layers import Parameter, Sequential

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from minisr.models.network import Network
    from minisr.system.threads import Threads


def learn(
    network: Network, low: np.ndarray, high: np.ndarray, loss: str, threads: Threads
) -> float:
    """Add the gradient of a batch's mean loss to every ``grad``, and return that loss.

    Where results depend on the whole batch (batch normalisation), the batch is taken as a whole and
    only the convolutions take its samples side by side. A backend that does not say that
    ``WHOLE_BATCHES`` is False gets the whole batch as well, and no threads.

    Parameters
    ----------
    network : Network
    low : ndarray, shape (N, C, H, W)
    high : ndarray, shape of the network's result
    loss : {"mse", "l1", "charbonnier"}
    threads : minisr.system.threads.Threads

    Returns
    -------
    float
    """
    if getattr(network.kernels, "WHOLE_BATCHES", True):
        return network.learn(low, high, loss)
    if uses_batch_statistics(network):
        parallel = SampleParallel(network.kernels, threads)
        return shallow_copy(network, lambda leaf: setattr(leaf, "kernels", parallel)).learn(
            low, high, loss
        )

    if len(high) != len(low):  # each sample's shape is checked below
        network.check_target(high, (len(low), *high.shape[1:]), high.dtype)

    def learn_sample(sample, target):
        own = with_own_gradients(network)  # a thread adds to these gradients, and to no others
        return own.learn(sample[None], target[None], loss, high.size), own

    total = 0.0
    for share, own in threads.map(learn_sample, low, high):
        total += share
        for parameter, part in zip(network.parameters, own.parameters, strict=True):
            network.kernels.add(parameter.grad, part.grad)
    return total


def with_own_gradients(network: Any) -> Any:
    """Return a network that shares the values of this one and has gradients of its own, zero."""

    def change(layer):
        for name, parameter in layer.named_parameters():
            zeros = layer.kernels.zeros(parameter.value.shape, parameter.value.dtype)
            setattr(layer, name, Parameter(parameter.value, zeros))

    return shallow_copy(network, change)


def shallow_copy(layer: Any, change: Any) -> Any:
    """Return a copy that shares all arrays, after ``change(leaf)`` of the copies of its leaves.

    A layer that is met twice is copied once.
    """
    duplicate = copy.copy(layer)
    if not isinstance(layer, Sequential):
        change(duplicate)
        return duplicate
    copies = {id(inner): shallow_copy(inner, change) for _, inner in layer.distinct_layers()}
    duplicate.layers = {name: copies[id(inner)] for name, inner in layer.layers.items()}
    return duplicate
