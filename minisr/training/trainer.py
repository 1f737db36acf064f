"""Training: one step, repeated until the network has learnt."""

from minisr import optim
from minisr.errors import CheckpointError
from minisr.training.config import TrainConfig
from minisr.training.patches import Patches
from minisr.types import Array, State


class Trainer:
    """A network that learns, its optimizer, and the moving average of its weights.

    Parameters
    ----------
    config : minisr.training.config.TrainConfig
    patches : minisr.training.patches.Patches
    backend : str, optional
        See `minisr.kernels.load`.

    Attributes
    ----------
    model, averaged : Network
        The network that learns, and one with the average of its weights, which is the one to use.
    steps : int
        Taken so far.
    """

    def __init__(self, config: TrainConfig, patches: Patches, backend: str = "cpu") -> None:
        self.config = config
        self.patches = patches
        self.model = config.make_model(backend).train()
        self.averaged = config.make_model(backend)
        self.average = optim.MovingAverage(self.model, self.averaged, config.average_decay)
        self.optimizer = self.make_optimizer(self.model.parameters)
        self.schedule = config.make_schedule(patches.steps_per_epoch)
        self.steps = 0

    def make_optimizer(self, parameters: list) -> optim.Optimizer:
        """Make the optimizer that the settings name."""
        optimizer = optim.OPTIMIZERS[self.config.optimizer]
        betas = (0.9, self.config.beta2)
        return optimizer(parameters, self.model.kernels, self.config.learning_rate, betas)

    def start_from(self, state: State) -> None:
        """Start from the arrays in ``state``, by name; others keep their initial values."""
        for network in (self.model, self.averaged):
            network.load_state_dict(network.state_dict() | state)

    def step(self) -> float:
        """Draw a batch, take one step on it, and return its loss."""
        return self.step_on(*self.patches.batch(self.steps))

    def step_on(self, low: Array, high: Array) -> float:
        """Take one step on a batch, shapes as of `Patches.batch`, and return its loss."""
        self.optimizer.zero_grad()
        loss = self.learn(low, high, self.config.loss_at(self.steps))
        self.optimizer.learning_rate = self.config.learning_rate * self.schedule(self.steps)
        self.optimizer.step()
        self.steps += 1
        self.average.update(self.steps)
        return loss

    def learn(self, low: Array, high: Array, loss: str) -> float:
        """Add the gradient of a batch's mean loss to every ``grad``, and return that loss."""
        return self.model.learn(low, high, loss)

    def state_dict(self) -> State:
        """Return what a resumed run needs besides config and steps, as ``{name: ndarray}``."""
        parts = {"model": self.model, "average": self.averaged, "optimizer": self.optimizer}
        return {
            f"{part}.{name}": array
            for part, owner in parts.items()
            for name, array in owner.state_dict().items()
        }

    def load_state_dict(self, state: State, steps: int) -> None:
        """Continue from a ``state_dict`` that was taken after ``steps`` steps."""

        def part(prefix):
            start = f"{prefix}."
            return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}

        try:
            self.model.load_state_dict(part("model"))
            self.averaged.load_state_dict(part("average"))
            self.optimizer.load_state_dict(part("optimizer"), steps)
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"the state of training is incomplete: {error}") from error
        self.steps = steps
