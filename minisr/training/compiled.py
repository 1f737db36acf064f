"""The trainer with the engine in it: the same steps, faster."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from minisr import engine, optim
from minisr.engine.blas import one_blas_thread
from minisr.engine.flat import flat_arrays, flat_parameters
from minisr.training.trainer import Trainer

if TYPE_CHECKING:
    from typing import Any

    from minisr.system.threads import Threads
    from minisr.training.config import TrainConfig
    from minisr.training.patches import Patches


def make_trainer(
    config: TrainConfig, patches: Patches, threads: Threads, backend: str = "cpu"
) -> Trainer:
    """Make the trainer: the one place where training chooses its engine.

    Parameters
    ----------
    config : minisr.training.config.TrainConfig
        Its ``engine`` decides.
    patches : minisr.training.patches.Patches
    threads : minisr.system.threads.Threads
        How many there are changes nothing in what is learnt; "layers" uses none.
    backend : str, optional
        On "reference" there is nothing to compile: it trains layer by layer in any case.

    Returns
    -------
    Trainer
    """
    if config.engine == "layers" or backend == "reference":
        return Trainer(config, patches, backend)
    return CompiledTrainer(config, patches, threads, backend)


class CompiledTrainer(Trainer):
    """A `Trainer` whose gradients come from `minisr.engine`.

    Parameters
    ----------
    config, patches, backend
        As of `Trainer`.
    threads : minisr.system.threads.Threads
        They share a batch's samples; the result does not depend on how many there are.
    """

    def __init__(self, config: Any, patches: Any, threads: Threads, backend: str = "cpu") -> None:
        super().__init__(config, patches, backend)
        self.threads = threads
        self.compiled = engine.compile(self.model)
        engine.compile(self.averaged)
        # The backend may now have moved each network's parameters into one flat array. So what
        # holds arrays is made anew, and one kernel can update all of them.
        self.optimizer = self.make_optimizer(self.model.parameters)
        self.average = _FlatAverage(self.model, self.averaged, config.average_decay)
        # Only SOAP needs BLAS, whose threads spin while they wait and take processors from ours.
        is_soap = isinstance(self.optimizer, optim.SOAP)
        self._blas = one_blas_thread if is_soap else contextlib.nullcontext

    def make_optimizer(self, parameters: Any) -> Any:
        """See `Trainer.make_optimizer`."""
        optimizer = super().make_optimizer(parameters)
        whole = flat_parameters(parameters)
        if whole is parameters or type(optimizer) is not optim.Adam:
            return optimizer
        return _FlatAdam(optimizer, whole)

    def step_on(self, low: Any, high: Any) -> Any:
        """See `Trainer.step_on`."""
        with self._blas():
            return super().step_on(low, high)

    def learn(self, low: Any, high: Any, loss: Any) -> Any:
        """See `Trainer.learn`."""
        return self.compiled.learn(low, high, loss, self.threads)


class _FlatAdam(optim.Adam):
    """Adam that updates all arrays at once; a checkpoint still has moments for each parameter.

    Parameters
    ----------
    adam : minisr.optim.Adam
    whole : list of Parameter
        All its parameters as one, see `minisr.engine.flat.flat_parameters`.
    """

    def __init__(self, adam, whole):
        settings = adam.kernels, adam.learning_rate, adam.betas, adam.epsilon
        super().__init__(adam.parameters, *settings)
        self.at_once = optim.Adam(whole, *settings)
        self.first_moments, self.second_moments = (
            _split(moments[0], adam.parameters)
            for moments in (self.at_once.first_moments, self.at_once.second_moments)
        )

    def step(self):
        self.at_once.steps, self.at_once.learning_rate = self.steps, self.learning_rate
        self.at_once.step()
        self.steps = self.at_once.steps

    def zero_grad(self):
        self.at_once.zero_grad()


def _split(whole, parameters):
    """Split a flat array into views, one per parameter and of its shape."""
    ends = np.cumsum([parameter.value.size for parameter in parameters])
    parts = np.split(whole, ends[:-1])
    return [part.reshape(p.value.shape) for part, p in zip(parts, parameters, strict=True)]


class _FlatAverage(optim.MovingAverage):
    """A moving average that updates all arrays at once if they are parts of one."""

    def pairs(self):
        averages, values = zip(*super().pairs(), strict=True)
        return zip(flat_arrays(averages), flat_arrays(values), strict=True)
