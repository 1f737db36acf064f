"""Adam."""

from minisr.errors import CheckpointError


class Adam:
    """Adam, with PyTorch's semantics and defaults.

    Parameters
    ----------
    parameters : list of Parameter
    kernels : module
        The backend of the parameters, see `minisr.kernels.load`.
    learning_rate : float, optional
        May be changed before every step.
    betas : pair of float, optional
        Decay of the first and the second moment.
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

    def zero_grad(self):
        """Set every gradient to zero."""
        for parameter in self.parameters:
            self.kernels.fill_zero(parameter.grad)

    def state_dict(self):
        """Return the moments as ``{name: ndarray}``; the trainer keeps the step count."""
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
        self.steps = steps
