"""Updates in place: Adam, the moving average, the sum of gradients."""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def _adam(value, grad, first_moment, second_moment, rate, beta1, beta2, root_scale, epsilon):
    T = value.dtype.type
    keep1, keep2 = T(1 - beta1), T(1 - beta2)
    rate, root_scale, epsilon = T(rate), T(root_scale), T(epsilon)
    for i in range(value.size):
        g = grad[i]
        first = first_moment[i] + keep1 * (g - first_moment[i])
        second = second_moment[i] + keep2 * (g * g - second_moment[i])
        first_moment[i] = first
        second_moment[i] = second
        value[i] -= rate * first / (np.sqrt(second) * root_scale + epsilon)


def adam_step(value, grad, first_moment, second_moment, learning_rate, beta1, beta2, epsilon, step):
    """See ``minisr.kernels``. The bias corrections are two numbers per step, computed here."""
    _adam(
        value.reshape(-1),
        grad.reshape(-1),
        first_moment.reshape(-1),
        second_moment.reshape(-1),
        learning_rate / (1 - beta1**step),
        beta1,
        beta2,
        1 / (1 - beta2**step) ** 0.5,
        epsilon,
    )


@compiled(**OPTIONS)
def _lerp(average, value, fraction):
    fraction = average.dtype.type(fraction)
    for i in range(average.size):
        average[i] += fraction * (value[i] - average[i])


def lerp(average, value, fraction):
    """See ``minisr.kernels``."""
    _lerp(average.reshape(-1), value.reshape(-1), fraction)


@compiled(**OPTIONS)
def _add(total, part):
    for i in range(total.size):
        total[i] += part[i]


def add(total, part):
    """See ``minisr.kernels``."""
    _add(total.reshape(-1), part.reshape(-1))
