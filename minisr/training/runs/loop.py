"""The loop around the trainer's step: rounds, validation, log, checkpoints."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from minisr import weights
from minisr.errors import TrainingError
from minisr.evaluation.evaluate import as_trained, mean, score_pair
from minisr.evaluation.protocols import PROTOCOLS
from minisr.system import tensor_files
from minisr.system.threads import Threads, processor
from minisr.training.plots import plot_curves
from minisr.training.runs.folder import BEST, CHECKPOINT, CURVES, MODEL
from minisr.training.runs.log import write_log
from minisr.training.runs.metadata import of_weights

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from minisr.training.runs.console import Console
    from minisr.training.trainer import Trainer

ROUNDS = 40  # of a run; after each, the network is validated and the log gets a row
CHECKPOINT_SECONDS = 20


class Loop:
    """A trainer at work in a folder.

    Parameters
    ----------
    folder : pathlib.Path
    trainer : minisr.training.trainer.Trainer
    held_out : list of minisr.datasets.pairs.Pair
    about : dict
        What the checkpoint holds besides tensors and steps, see `minisr.training.runs.metadata`.
        Kept up to date: the log's rows, the round in progress, the seconds.
    threads : minisr.system.threads.Threads
        They share the held-out pictures.
    console : minisr.training.runs.console.Console
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        held_out: list[Any],
        about: dict[Any, Any],
        threads: Threads,
        console: Console,
    ) -> None:
        self.folder, self.trainer, self.held_out = folder, trainer, held_out
        self.about, self.threads, self.console = about, threads, console
        self.in_epochs = trainer.config.epochs is not None
        self.protocol = PROTOCOLS["matlab"]
        self.bicubic = self._validate(None)

    def go(self) -> None:
        """Train to the last step, or until told to stop; save on the way and at the end."""
        trainer, steps = self.trainer, self.trainer.config.steps
        per_round = trainer.patches.steps_per_epoch if self.in_epochs else -(-steps // ROUNDS)
        began = saved_at = time.perf_counter()
        before = self.about["seconds"]
        hides = self.console.hides_bars
        with tqdm(total=steps, initial=trainer.steps, unit="step", disable=hides) as bar:
            while trainer.steps < steps and not self.console.should_stop():
                self._step()
                bar.update()
                self.console.progress(trainer.steps, steps)
                now = time.perf_counter()
                self.about["seconds"] = before + now - began
                if trainer.steps % per_round == 0 or trainer.steps == steps:
                    self._end_round(bar)
                if now - saved_at > CHECKPOINT_SECONDS:
                    self.save()
                    saved_at = now
        if trainer.steps:
            self.save()

    def _step(self):
        loss = self.trainer.step()
        if not math.isfinite(loss):
            self._raise_diverged(loss)
        total, count = self.about["round"]  # it may have begun before the run was interrupted
        self.about["round"] = [total + loss, count + 1]

    def _raise_diverged(self, loss):
        raise TrainingError(
            f"training diverged at step {self.trainer.steps} (loss {loss}): "
            f"begin again with a lower learning rate than {self.trainer.config.learning_rate:g}"
        )

    def _validate(self, model):
        """Return the mean PSNR of a network, or of bicubic, on held-out pictures, if any."""
        if not self.held_out:
            return None
        alone = Threads(1)  # the threads share the pictures already
        enlarger = None if model is None else as_trained(model, self.trainer.config.engine)
        scores = self.threads.map(
            lambda pair: score_pair(enlarger, pair, self.protocol, alone), self.held_out
        )
        return mean(scores).psnr

    def _end_round(self, bar):
        """Validate the network, add a row to the log, and report."""
        total, count = self.about["round"]
        self.about["round"] = [0.0, 0]
        row = self._row(total / count)
        rows = self.about["rows"]
        if row["psnr"] is not None and all(row["psnr"] > before["psnr"] for before in rows):
            self._save_weights(BEST)
        rows.append(row)
        self.console.on_round(row)
        loss, psnr = row["loss"], row["psnr"]
        against = "" if psnr is None else f", {psnr:.2f} dB (bicubic {self.bicubic:.2f})"
        bar.set_postfix_str(f"loss {loss:.3g}{against}")
        if self.in_epochs and self.console.show_progress:
            learnt, epochs = row["training_psnr"], self.trainer.config.epochs
            training = "" if learnt is None else f" ({learnt:.2f} dB)"
            held_out = "" if psnr is None else f", held out {psnr:.2f} dB"
            self.console.say(
                f"epoch {self._epoch:.0f} of {epochs}: loss {loss:.4g}{training}{held_out}"
            )

    @property
    def _epoch(self):
        return self.trainer.steps / self.trainer.patches.steps_per_epoch

    def _row(self, loss):
        """Return the log's row for a round with this mean loss."""
        trainer, count = self.trainer, self.threads.count
        is_mse = trainer.config.loss_at(trainer.steps - 1) == "mse" and loss > 0
        return {
            "step": trainer.steps,
            "epoch": round(self._epoch, 3),
            "seconds": round(self.about["seconds"], 2),
            "learning_rate": trainer.optimizer.learning_rate,
            "loss": loss,
            "training_psnr": 10 * math.log10(1 / loss) if is_mse else None,
            "psnr": self._validate(trainer.averaged),
            "bicubic_psnr": self.bicubic,
            "processor": f"{processor()}, {count} thread{'s' * (count > 1)}",
        }

    def save(self) -> None:
        """Write checkpoint, weights and log; each file appears whole or not at all."""
        trainer = self.trainer
        state = trainer.state_dict()
        if not all(np.isfinite(array).all() for array in state.values()):
            self._raise_diverged("finite, weights not")  # and keep the last good checkpoint
        about = self.about | {"steps": trainer.steps}
        tensor_files.save(self.folder / CHECKPOINT, state, about)
        self._save_weights(MODEL)
        write_log(self.folder, self.about["rows"])

    def _save_weights(self, name):
        steps = self.trainer.steps
        weights.save(self.trainer.averaged, self.folder / name, of_weights(self.about, steps))

    def draw(self) -> Any:
        """Draw the curves; return False if matplotlib is not installed."""
        title = str(self.trainer.averaged)
        return plot_curves(self.about["rows"], self.folder / CURVES, title)
