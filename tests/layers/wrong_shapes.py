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


def refused(call, *arrays):
    """Call with arrays; raise AssertionError unless that raises ShapeError."""
    try:
        call(*arrays)
    except ShapeError as error:
        said = str(error)
    else:
        shown = ", ".join(f"{array.shape} {array.dtype}" for array in arrays)
        raise AssertionError(f"{call} accepted {shown}")
    assert "expect" in said, said
    assert "got" in said, said


def layer_cases(rng, backend):
    """Yield one refusal after another of a layer's ``backward``."""
    module = kernels.load(backend)
    layers = layers_of(backend)
    layers["transposed"] = ConvTranspose2d(2, 3, 3, 2, module, np.float64), 2
    layers["nearest"] = NearestUpsample(3, module), 2
    layers["pool"] = MaxPool2d(2, module), 2
    while True:
        for layer, channels in layers.values():
            x = rng.standard_normal((2, channels, 4, 5))
            out, cache = layer.forward(x)
            yield lambda: refused(layer.backward, wrong(rng, out), cache)  # noqa: B023
        pool, unpool = MaxPool2d(2, module), MaxUnpool2d(2, module)
        pooled, left = pool.forward(rng.standard_normal((2, 2, 4, 6)))
        out, cache = unpool.forward(pooled, left.indices)
        yield lambda: refused(unpool.backward, wrong(rng, out), cache)  # noqa: B023


def network_cases(rng, backend, threads):
    """Yield refusals of what is learnt from, by the lesson and by the engine."""
    make = [
        ESPCN(3, channels=(4, 3), backend=backend),
        ThinSR(2, channels=4, depth=1, backend=backend),
        SRCNN(2, channels=(4, 3), backend=backend),
        ESPCN(2, channels=(4, 3), dtype=np.float64, backend=backend),
    ]
    conv = layers_of(backend)["conv 3x3"][0]
    make.append(network_of({"conv": conv}, kernels.load(backend)))
    while True:
        for network in make:
            compiled, C = engine.compile(network), 2 if network is make[-1] else 1
            dtype = network.parameters[0].value.dtype
            low = rng.random((2, C, 5, 7)).astype(dtype)
            high = np.array(network(low))
            yield lambda: refused(network.learn, low, wrong(rng, high))  # noqa: B023
            learn = compiled.learn
            yield lambda: refused(
                lambda a: learn(low, a, "mse", threads),
                wrong(rng, high),  # noqa: B023
            )


def loss_cases(rng, backend):
    """Yield refusals of the losses themselves."""
    module = kernels.load(backend)
    while True:
        for name in LOSSES:
            loss = getattr(module, name)
            right = rng.random((2, 1, 4, 5), np.float32)
            bad = wrong(rng, right)
            yield lambda: refused(
                lambda a: loss(right, a, right.size, np.empty_like(right)),
                bad,  # noqa: B023
            )
            yield lambda: refused(
                lambda a: loss(right, right, right.size, a),
                bad,  # noqa: B023
            )


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
            next(sources[k % len(sources)])()
    print(f"{arguments.count} wrong arrays refused")


if __name__ == "__main__":
    main()
