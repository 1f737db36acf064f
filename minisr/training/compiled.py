"""The trainer with the engine in it: the same steps, faster."""

import contextlib

from minisr import engine, optim
from minisr.engine.blas import one_blas_thread
from minisr.engine.flat import flat_arrays, flat_parameters
from minisr.training.trainer import Trainer


def make_trainer(config, patches, threads, backend="cpu"):
    """Make what trains: the one place where training chooses its engine.

    Parameters
    ----------
    config : minisr.training.config.TrainConfig
        Its ``engine`` decides.
    patches : minisr.training.patches.Patches
    threads : minisr.system.threads.Threads
        Of no effect on what is learnt; "layers" needs none.
    backend : str, optional
        On "reference" there is nothing to compile: layer by layer is all it knows.

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

    def __init__(self, config, patches, threads, backend="cpu"):
        super().__init__(config, patches, backend)
        self.threads = threads
        self.compiled, _ = (engine.compile(net) for net in (self.model, self.averaged))
        # A backend may have moved all parameters into one array: one kernel then updates them all.
        self.average = _FlatAverage(self.model, self.averaged, config.average_decay)
        if isinstance(self.optimizer, optim.Adam):
            self.optimizer = self.make_optimizer(flat_parameters(self.model.parameters))
        # BLAS is SOAP's alone; its threads spin while they wait, and take the processors from ours.
        is_soap = isinstance(self.optimizer, optim.SOAP)
        self._blas = one_blas_thread if is_soap else contextlib.nullcontext

    def step_on(self, low, high):
        """See `Trainer.step_on`."""
        with self._blas():
            return super().step_on(low, high)

    def learn(self, low, high, loss):
        """See `Trainer.learn`."""
        return self.compiled.learn(low, high, loss, self.threads)


class _FlatAverage(optim.MovingAverage):
    """A moving average that takes all arrays at once where they lie in one."""

    def pairs(self):
        averages, values = zip(*super().pairs(), strict=True)
        return zip(flat_arrays(averages), flat_arrays(values), strict=True)
