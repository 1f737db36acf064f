"""Layers and networks whose gradients are checked, and central differences to check them by."""

import numpy as np

from minisr import ESPCN, kernels
from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from minisr.models import EDSR, SRCNN, ThinSR, initialization

STEP = 1e-5


def numeric_gradient(loss, array):
    """Change every number of ``array`` a little up and down, and see what ``loss()`` does."""
    gradient = np.empty_like(array)
    for index in np.ndindex(*array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = loss()
        array[index] = kept - STEP
        gradient[index] = (above - loss()) / (2 * STEP)
        array[index] = kept
    return gradient


def layers_of(backend):
    """Return layers in float64 by name, each with the channels that it takes."""
    module = kernels.load(backend)

    def conv(*shape):
        layer = Conv2d(*shape, module, np.float64)
        rng = np.random.default_rng(1)
        for parameter in layer.parameters:
            parameter.value[...] = rng.standard_normal(parameter.value.shape)
        return layer

    def norm(training):
        layer = BatchNorm2d(2, module, np.float64)
        layer.weight.value[...], layer.bias.value[...] = (1.5, -0.7), (0.3, 2)
        layer.running_mean[...], layer.running_var[...] = (0.4, -1), (0.5, 3)
        return layer.train(training)

    small = {"backend": backend, "dtype": np.float64}
    paper = EDSR(
        3, in_channels=1, channels=4, residual_blocks=2, batch_norm=False, residual_scaling=0.1,
        **small,
    )  # fmt: skip
    # Its own first weights are so small that a step of the differences would cross ReLU's corner.
    initialization.initialize(paper, np.random.default_rng(3), "uniform")
    prelu = PReLU(3, module, np.float64)
    prelu.weight.value[...] = (-0.7, 0, 1.6)
    thin = ThinSR(2, in_channels=3, channels=3, depth=2, **small)
    initialization.initialize(thin, np.random.default_rng(3), "uniform")
    shared = norm(True)
    seeded = np.random.default_rng(2)
    lopsided = conv(2, 3, 3)
    lopsided.padding = (2, 0, 1, 3)
    return {
        "conv 1x1": (conv(3, 2, 1), 3),
        "conv 3x3": (conv(2, 3, 3), 2),
        "conv 5x5": (conv(2, 3, 5), 2),
        "conv 7x7": (conv(1, 2, 7), 1),
        "conv 3x3, padded unevenly": (lopsided, 2),
        "tanh": (Tanh(module), 2),
        "relu": (ReLU(module), 2),
        "prelu": (prelu, 3),
        "prelu after the shuffle, and a skip": (
            Residual(
                {
                    "offset": Offset(-0.3, module),
                    "a": conv(3, 12, 3),
                    "b": PixelShuffle(2, module),
                    "c": prelu,
                },
                module,
                shortcut=NearestUpsample(2, module),
            ),
            3,
        ),
        "thinsr": (thin, 3),
        "batch norm in training": (norm(True), 2),
        "batch norm in use": (norm(False), 2),
        "one batch norm met twice": (
            Sequential({"a": shared, "b": conv(2, 2, 3), "c": Tanh(module), "d": shared}),
            2,
        ),
        "residual": (Residual({"a": conv(2, 2, 3), "b": ReLU(module)}, module, 0.3), 2),
        "edsr": (EDSR(4, channels=3, residual_blocks=2, rng=seeded, **small).train(), 3),
        "edsr of its paper": (paper, 1),
        "srcnn": (SRCNN(2, channels=(3, 2), rng=seeded, **small), 1),
        "bicubic": (Bicubic(3, module), 2),
        "sigmoid": (Sigmoid(module), 2),
        "shuffle": (PixelShuffle(3, module), 18),
        "nested": (Sequential({"a": conv(2, 4, 3), "b": Sequential({"c": Tanh(module)})}), 2),
        "espcn": (ESPCN(3, channels=(5, 4), rng=seeded, **small), 1),
        "espcn of RGB with relu": (
            ESPCN(
                2,
                in_channels=3,
                channels=(5, 4),
                activation="relu",
                output_activation="sigmoid",
                backend=backend,
                dtype=np.float64,
                rng=seeded,
            ),
            3,
        ),
    }
