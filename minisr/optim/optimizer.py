"""What all optimizers share."""


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

    Attributes
    ----------
    steps : int
        Taken so far; ``step`` counts them.
    """

    def __init__(self, parameters, kernels, learning_rate=1e-3, betas=(0.9, 0.999)):
        self.parameters = parameters
        self.kernels = kernels
        self.learning_rate = learning_rate
        self.betas = betas
        self.steps = 0

    def step(self):
        """Update every parameter from its gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def zero_grad(self):
        """Set every gradient to zero."""
        for parameter in self.parameters:
            self.kernels.fill_zero(parameter.grad)

    def state_dict(self):
        """Return what a resumed run needs as ``{name: ndarray}``; the trainer keeps the steps."""
        return {}

    def load_state_dict(self, state, steps):
        """Continue from a ``state_dict`` that was taken after ``steps`` steps."""
        self.steps = steps
