"""Draw wrong arrays for every layer, network and loss; each must end in a ShapeError.

Run as a program, so that memory read or written beyond an array ends this process and no other.
"""

import argparse

import numpy as np
from gradient_cases import layers_of
from small_networks import network_of

from minisr import engine, kernels
from minisr.errors import ShapeError
from minisr.layers import ConvTranspose2d, MaxPool2d, MaxUnpool2d, NearestUpsample
from minisr.models import ESPCN, SRCNN, ThinSR
from minisr.system.threads import Threads

LOSSES = ("mse_loss", "l1_loss", "charbonnier_loss")


def wrong(rng, right):
    """Return an array whose shape or dtype is not that of ``right``."""
    shape, dtype = list(right.shape), right.dtype
    kind = rng.integers(6)
    if kind == 0:
        dtype = rng.choice([d for d in (np.float32, np.float64, np.int64) if d != dtype])
    elif kind == 1:
        shape.append(1)
    elif kind == 2:
        shape.pop()
    elif kind == 3:
        shape[rng.integers(len(shape))] = 0
    else:
        axis = rng.integers(len(shape))
        shape[axis] = max(0, shape[axis] + rng.choice([-1, 1, 2, 18]))
    if tuple(shape) == right.shape and dtype == right.dtype:
        shape[0] += 1
    return rng.random(shape).astype(dtype)


def refused(call, *arguments):
    """Raise AssertionError unless the call raises ShapeError."""
    try:
        call(*arguments)
    except ShapeError as error:
        said = str(error)
    else:
        shapes = [(a.shape, a.dtype) for a in arguments if isinstance(a, np.ndarray)]
        raise AssertionError(f"{call} accepted {shapes}")
    assert "expect" in said, said
    assert "got" in said, said


def layer_cases(rng, backend):
    """Hand every layer's ``backward`` wrong gradients; each step is one refusal."""
    module = kernels.load(backend)
    layers = layers_of(backend)
    layers["transposed"] = ConvTranspose2d(2, 3, 3, 2, module, np.float64), 2
    layers["nearest"] = NearestUpsample(3, module), 2
    layers["pool"] = MaxPool2d(2, module), 2
    pool, unpool = MaxPool2d(2, module), MaxUnpool2d(2, module)
    while True:
        for layer, channels in layers.values():
            out, cache = layer.forward(rng.standard_normal((2, channels, 4, 5)))
            refused(layer.backward, wrong(rng, out), cache)
            yield
        pooled, left = pool.forward(rng.standard_normal((2, 2, 4, 6)))
        out, cache = unpool.forward(pooled, left.indices)
        refused(unpool.backward, wrong(rng, out), cache)
        yield


def network_cases(rng, backend, threads):
    """Give the lesson and the engine wrong targets."""
    options = {"channels": (4, 3), "backend": backend}
    conv = layers_of(backend)["conv 3x3"][0]
    networks = [
        (ESPCN(3, **options), 1),
        (ThinSR(2, channels=4, depth=1, backend=backend), 1),
        (SRCNN(2, **options), 1),
        (ESPCN(2, dtype=np.float64, **options), 1),
        (network_of({"conv": conv}, kernels.load(backend)), 2),
    ]
    while True:
        for network, channels in networks:
            dtype = network.parameters[0].value.dtype
            low = rng.random((2, channels, 5, 7)).astype(dtype)
            high = network(low)
            refused(network.learn, low, wrong(rng, high))
            yield
            refused(engine.compile(network).learn, low, wrong(rng, high), "mse", threads)
            yield


def loss_cases(rng, backend):
    """Call the losses themselves."""
    module = kernels.load(backend)
    right = rng.random((2, 1, 4, 5), np.float32)
    while True:
        for name in LOSSES:
            loss, room = getattr(module, name), np.empty_like(right)
            refused(loss, right, wrong(rng, right), right.size, room)
            yield
            refused(loss, right, right, right.size, wrong(rng, right))
            yield


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("backend")
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    rng = np.random.default_rng(16)
    with Threads(2) as threads:
        sources = [
            layer_cases(rng, arguments.backend),
            network_cases(rng, arguments.backend, threads),
            loss_cases(rng, arguments.backend),
        ]
        for k in range(arguments.count):
            next(sources[k % len(sources)])
    print(f"{arguments.count} wrong arrays refused")


if __name__ == "__main__":
    main()
