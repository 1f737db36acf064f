"""Ring two: central differences in float64, with a random upstream gradient.

An upstream gradient of ones would let a wrong permutation of the pixels pass.
"""

import numpy as np
import pytest
from backends import BACKENDS, ON_CPU
from gradient_cases import layers_of, numeric_gradient
from numpy.testing import assert_allclose

from minisr import ESPCN, kernels


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
