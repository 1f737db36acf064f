"""Ring two: central differences in float64, with a random upstream gradient.

An upstream gradient of ones would let a wrong permutation of the pixels pass.
"""

import numpy as np
import pytest
from backends import BACKENDS, ON_CPU
from numpy.testing import assert_allclose

from minisr import ESPCN, kernels
from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    ConvStack,
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
            ConvStack(
                {"a": conv(3, 12, 3), "b": PixelShuffle(2, module), "c": prelu},
                module,
                skip=True,
                offset=0.3,
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


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("name", layers_of("reference"))
def test_every_gradient_matches_central_differences(backend, name, rng):
    layer, C = layers_of(backend)[name]
    x = rng.standard_normal((2, C, 4, 5))
    out, cache = layer.forward(x)
    probe = rng.standard_normal(out.shape)
    layer.zero_grad()
    dx = layer.backward(probe, cache)

    def loss():
        return float((layer(x) * probe).sum())

    assert_allclose(dx, numeric_gradient(loss, x), rtol=1e-6, atol=1e-6)
    for parameter_name, parameter in layer.named_parameters():
        expected = numeric_gradient(loss, parameter.value)
        assert_allclose(parameter.grad, expected, rtol=1e-6, atol=1e-6, err_msg=parameter_name)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "charbonnier_loss"])
def test_every_loss_matches_central_differences(backend, name, rng):
    module = kernels.load(backend)
    prediction, target = rng.standard_normal((2, 2, 1, 3, 4))
    gradient, scrap = np.empty_like(prediction), np.empty_like(prediction)

    def loss():
        return getattr(module, name)(prediction, target, 7, scrap)

    getattr(module, name)(prediction, target, 7, gradient)
    assert_allclose(gradient, numeric_gradient(loss, prediction), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_second_backward_doubles_parameter_gradients_and_not_dx(backend, rng):
    model = ESPCN(2, channels=(3, 2), backend=backend, dtype=np.float64, rng=rng)
    out, caches = model.forward(rng.standard_normal((1, 1, 4, 6)))
    dout = rng.standard_normal(out.shape)
    dx = model.backward(dout, caches)
    once = [parameter.grad.copy() for parameter in model.parameters]
    assert_allclose(model.backward(dout, caches), dx, rtol=1e-14)
    for parameter, grad in zip(model.parameters, once, strict=True):
        assert_allclose(parameter.grad, 2 * grad, rtol=1e-13)
