"""Updates in place: Adam, the moving average, sums, and setting to zero."""

import math

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

VALUES = "float32[::1]"


@kernel(VALUES, VALUES, VALUES, VALUES, *["float32"] * 5)
def _adam(value, grad, first_moment, second_moment, rate, keep1, keep2, root_scale, epsilon):
    for i in range(cuda.grid(1), value.size, cuda.gridsize(1)):
        g = grad[i]
        first = first_moment[i] + keep1 * (g - first_moment[i])
        second = second_moment[i] + keep2 * (g * g - second_moment[i])
        first_moment[i] = first
        second_moment[i] = second
        value[i] -= rate * first / (math.sqrt(second) * root_scale + epsilon)


def adam_step(value, grad, first_moment, second_moment, learning_rate, beta1, beta2, epsilon, step):
    """See ``minisr.kernels``. The bias corrections are two numbers per step, computed here."""
    numbers = (
        learning_rate / (1 - beta1**step),
        1 - beta1,
        1 - beta2,
        1 / (1 - beta2**step) ** 0.5,
        epsilon,
    )
    arrays = (value, grad, first_moment, second_moment)
    values = (array.reshape(-1) for array in arrays)
    _adam.each(value.size, *values, *map(value.dtype.type, numbers))
    synchronize()


@kernel(VALUES, VALUES, "float32")
def _lerp(average, value, fraction):
    for i in range(cuda.grid(1), average.size, cuda.gridsize(1)):
        average[i] += fraction * (value[i] - average[i])


def lerp(average, value, fraction):
    """See ``minisr.kernels``."""
    fraction = average.dtype.type(fraction)
    _lerp.each(average.size, average.reshape(-1), value.reshape(-1), fraction)
    synchronize()


@kernel(VALUES, VALUES)
def _add(total, part):
    for i in range(cuda.grid(1), total.size, cuda.gridsize(1)):
        total[i] += part[i]


def add(total, part):
    """See ``minisr.kernels``."""
    _add.each(total.size, total.reshape(-1), part.reshape(-1))
    synchronize()


@kernel(VALUES)
def _fill_zero(out):
    zero = out.dtype.type(0)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = zero


def fill_zero(out):
    """See ``minisr.kernels``."""
    _fill_zero.each(out.size, out.reshape(-1))
    synchronize()
