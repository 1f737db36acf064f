"""Adam, learning-rate schedules, and the moving average of the weights."""

import math

from minisr.errors import CheckpointError


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
        self.first_moments = [kernels.zeros(value.shape, value.dtype) for value in values]
        self.second_moments = [kernels.zeros(value.shape, value.dtype) for value in values]

    def step(self):
        """Change every parameter's value by what its gradient says."""
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
            parameter.grad[...] = 0

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


class MovingAverage:
    """The exponential moving average of a network's weights, kept as a network of its own.

    Weights that still jump about a minimum have an average that lies nearer to it (Polyak and
    Juditsky, 1992). The first steps count more, so that the average soon forgets the start:
    the decay of step t is at most (1 + t) / (10 + t).

    Buffers are averaged like weights: the running statistics of batch normalisation belong to the
    weights of the same steps, so that the average of both looks back equally far. What counts
    (batches) is copied.

    Parameters
    ----------
    model, averaged : Layer
        The network that learns, and another of the same shape that follows it.
    decay : float
        In [0, 1); zero makes ``averaged`` a copy.
    """

    def __init__(self, model, averaged, decay):
        self.pairs = [
            (average, value)
            for (_, average), (_, value) in zip(
                averaged.named_arrays(), model.named_arrays(), strict=True
            )
        ]
        self.kernels = model.kernels
        self.decay = decay

    def update(self, step):
        """Follow the network after its step number ``step``, counted from one."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in self.pairs:
            if value.dtype.kind == "f":
                self.kernels.lerp(average, value, 1 - decay)
            else:
                average[...] = value


# A schedule is a function of the number of steps taken; it returns the factor on the learning rate.


def constant():
    """Return the schedule that never changes anything."""
    return lambda step: 1.0


def multi_step(milestones, gamma=0.5):
    """Return the schedule that multiplies by ``gamma`` at each milestone: PyTorch's MultiStepLR.

    Parameters
    ----------
    milestones : sequence of int
        In steps.
    gamma : float, optional
    """
    return lambda step: gamma ** sum(step >= milestone for milestone in milestones)


def cosine(steps, warmup=0, final=0.0):
    """Return the schedule of a straight rise, then half a cosine down to ``final``.

    Parameters
    ----------
    steps : int
        All of them, the warm-up included.
    warmup : int, optional
        Steps of the rise.
    final : float, optional
        The factor at the end.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return final + (1 - final) * (1 + math.cos(math.pi * min(1, done))) / 2

    return factor
