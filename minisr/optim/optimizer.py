"""What all optimizers share."""

from minisr.types import Kernels, State


class Optimizer:
    """The base of optimizers; a subclass defines ``step``.

    Parameters
    ----------
    parameters : list of Parameter
    kernels : module
        The backend of the parameters, see `minisr.kernels.load`.
    learning_rate : float, optional
        May be changed before every step.
    betas : pair of float, optional
        Decay of the first and the second moment, where there are any.
    epsilon : float, optional

    Attributes
    ----------
    steps : int
        Taken so far; ``step`` counts them.
    """

    def __init__(
        self,
        parameters: list,
        kernels: Kernels,
        learning_rate: float = 1e-3,
        betas: tuple = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters, self.kernels = parameters, kernels
        self.learning_rate, self.betas, self.epsilon = learning_rate, betas, epsilon
        self.steps = 0

    def step(self) -> None:
        """Update every parameter from its gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for parameter in self.parameters:
            self.kernels.fill_zero(parameter.grad)

    def state_dict(self) -> State:
        """Return what a resumed run needs as ``{name: ndarray}``; the trainer keeps the steps."""
        return {}

    def load_state_dict(self, state: State, steps: int) -> None:
        """Continue from a ``state_dict`` that was taken after ``steps`` steps."""
        self.steps = steps
