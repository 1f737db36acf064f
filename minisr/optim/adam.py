"""Adam."""

from minisr.errors import CheckpointError
from minisr.kernels.contiguous import joined


class Adam:
    """Adam, with PyTorch's semantics and defaults.

    Parameters
    ----------
    parameters : list of Parameter
    kernels : module
        The backend that the parameters live on.
    learning_rate : float, optional
        May be set anew before every step.
    betas : pair of float, optional
        Decay of the first and of the second moment.
    epsilon : float, optional

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters, kernels, learning_rate=1e-3, betas=(0.9, 0.999), epsilon=1e-8):
        self.parameters = parameters
        self.kernels = kernels
        self.learning_rate = learning_rate
        self.betas = betas
        self.epsilon = epsilon
        self.steps = 0
        values = [parameter.value for parameter in parameters]
        whole = [joined(values), joined([parameter.grad for parameter in parameters])]
        self._whole = None  # where a backend has put all parameters together, all are changed so
        if all(array is not None for array in whole):
            moments = [kernels.zeros(whole[0].size, whole[0].dtype) for _ in range(2)]
            self._whole = (*whole, *moments)
            self.first_moments, self.second_moments = (_split(m, values) for m in moments)
        else:
            self.first_moments = [kernels.zeros(value.shape, value.dtype) for value in values]
            self.second_moments = [kernels.zeros(value.shape, value.dtype) for value in values]

    def step(self):
        """Change every parameter's value by what its gradient says."""
        self.steps += 1
        for arrays in self._arrays():
            self.kernels.adam_step(
                *arrays, self.learning_rate, *self.betas, self.epsilon, self.steps
            )

    def _arrays(self):
        """Return, for each parameter or once for all, value, gradient and moments."""
        if self._whole is not None:
            return [self._whole]
        moments = zip(self.first_moments, self.second_moments, strict=True)
        pairs = zip(self.parameters, moments, strict=True)
        return [(parameter.value, parameter.grad, *both) for parameter, both in pairs]

    def zero_grad(self):
        """Set every gradient to zero."""
        for _, grad, *_ in self._arrays():
            self.kernels.fill_zero(grad)

    def state_dict(self):
        """Return the moments as ``{name: ndarray}``; the trainer keeps the number of steps."""
        moments = {"first": self.first_moments, "second": self.second_moments}
        return {f"{name}.{k}": m.copy() for name, ms in moments.items() for k, m in enumerate(ms)}

    def load_state_dict(self, state, steps):
        """Go on where ``state_dict`` was taken, after ``steps`` steps."""
        for name, moments in (("first", self.first_moments), ("second", self.second_moments)):
            for k, moment in enumerate(moments):
                value = state[f"{name}.{k}"]
                if value.shape != moment.shape:
                    raise CheckpointError(f"{name}.{k} has shape {value.shape}, not {moment.shape}")
                moment[...] = value
        self.steps = steps


def _split(flat, shaped):
    """View parts of a flat array, one after the other, in the shapes of other arrays."""
    parts, start = [], 0
    for array in shaped:
        parts.append(flat[start : start + array.size].reshape(array.shape))
        start += array.size
    return parts
