"""Adam."""

from minisr.errors import CheckpointError
from minisr.optim.optimizer import Optimizer
from minisr.types import Any, State


class Adam(Optimizer):
    """Adam, with PyTorch's semantics and defaults; its parameters are those of `Optimizer`.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        shapes = [(p.value.shape, p.value.dtype) for p in self.parameters]
        self.first_moments = [self.kernels.zeros(*shape) for shape in shapes]
        self.second_moments = [self.kernels.zeros(*shape) for shape in shapes]

    def step(self) -> None:
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

    def state_dict(self) -> State:
        """Return the moments as ``{name: ndarray}``."""
        moments = {"first": self.first_moments, "second": self.second_moments}
        return {f"{name}.{k}": m.copy() for name, ms in moments.items() for k, m in enumerate(ms)}

    def load_state_dict(self, state: State, steps: int) -> None:
        """Continue from a ``state_dict`` that was taken after ``steps`` steps."""
        for name, moments in (("first", self.first_moments), ("second", self.second_moments)):
            for k, moment in enumerate(moments):
                value = state[f"{name}.{k}"]
                if value.shape != moment.shape:
                    raise CheckpointError(f"{name}.{k} has shape {value.shape}, not {moment.shape}")
                moment[...] = value
        super().load_state_dict(state, steps)
