"""Adam."""

from minisr.errors import CheckpointError
from minisr.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam, with PyTorch's semantics and defaults.

    Parameters
    ----------
    parameters, kernels, learning_rate, betas
        As of `Optimizer`.
    epsilon : float, optional

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters, kernels, learning_rate=1e-3, betas=(0.9, 0.999), epsilon=1e-8):
        super().__init__(parameters, kernels, learning_rate, betas)
        self.epsilon = epsilon
        self.first_moments, self.second_moments = (
            [kernels.zeros(p.value.shape, p.value.dtype) for p in parameters] for _ in range(2)
        )

    def step(self):
        """Update every parameter from its gradient."""
        self.steps += 1
        for parameter, first, second in zip(
            self.parameters, self.first_moments, self.second_moments, strict=True
        ):
            self.kernels.adam_step(
                parameter.value,
                parameter.grad,
                first,
                second,
                self.learning_rate,
                *self.betas,
                self.epsilon,
                self.steps,
            )

    def state_dict(self):
        """Return the moments as ``{name: ndarray}``."""
        moments = {"first": self.first_moments, "second": self.second_moments}
        return {f"{name}.{k}": m.copy() for name, ms in moments.items() for k, m in enumerate(ms)}

    def load_state_dict(self, state, steps):
        """Continue from a ``state_dict`` that was taken after ``steps`` steps."""
        for name, moments in (("first", self.first_moments), ("second", self.second_moments)):
            for k, moment in enumerate(moments):
                value = state[f"{name}.{k}"]
                if value.shape != moment.shape:
                    raise CheckpointError(f"{name}.{k} has shape {value.shape}, not {moment.shape}")
                moment[...] = value
        super().load_state_dict(state, steps)
