"""The loop around the trainer's step: rounds, validation, log, checkpoints."""

import csv
import math
import time

import numpy as np
from tqdm import tqdm

from minisr import engine, weights
from minisr.errors import TrainingError
from minisr.evaluation.evaluate import as_trained, mean, score_pair
from minisr.evaluation.protocols import PROTOCOLS
from minisr.system import tensor_files
from minisr.system.atomic import atomic_path
from minisr.system.threads import Threads, processor
from minisr.training.compiled import make_trainer
from minisr.training.plots import plot_curves
from minisr.training.runs.folder import CHECKPOINT, COLUMNS, CURVES, LOG, MODEL
from minisr.training.runs.pictures import hidden

ROUNDS = 40  # rows in the log: after each round the network is validated
CHECKPOINT_SECONDS = 20


class Run:
    """A trainer at work in a folder.

    Parameters
    ----------
    folder : pathlib.Path
    trainer : minisr.training.trainer.Trainer
    held_out : list of minisr.datasets.pairs.Pair
    about : dict
        What the checkpoint says beside tensors and steps; rows of the log are added to it.
    threads : minisr.system.threads.Threads
        They share the pictures that are held out.
    say : callable
        Takes a line about each epoch, where the run is counted in epochs.
    """

    def __init__(self, folder, trainer, held_out, about, threads, say):
        self.threads = threads
        self.folder, self.trainer, self.held_out = folder, trainer, held_out
        self.about = about
        self.say = say
        self.in_epochs = trainer.config.epochs is not None
        self.protocol = PROTOCOLS["matlab"]
        self.bicubic = self._validate(None)

    def go(self, show_progress, should_stop):
        """Train to the last step, or until told to stop; save whatever happens between steps."""
        trainer = self.trainer
        steps = trainer.config.steps
        per_round = trainer.patches.steps_per_epoch if self.in_epochs else -(-steps // ROUNDS)
        began = saved_at = time.perf_counter()
        before = self.about["seconds"]
        loss_sum, loss_count = self.about["round"]  # of a round begun before a stop, too
        bar = tqdm(total=steps, initial=trainer.steps, unit="step", disable=hidden(show_progress))
        with bar:
            while trainer.steps < steps and not should_stop():
                loss = trainer.step()
                if not math.isfinite(loss):
                    self._fell_apart(loss)
                loss_sum += loss
                loss_count += 1
                bar.update()
                now = time.perf_counter()
                self.about["seconds"] = before + now - began
                if trainer.steps % per_round == 0 or trainer.steps == steps:
                    self._log(loss_sum / loss_count, bar)
                    loss_sum, loss_count = 0.0, 0
                self.about["round"] = [loss_sum, loss_count]
                if now - saved_at > CHECKPOINT_SECONDS:
                    self.save()
                    saved_at = now
        if trainer.steps:
            self.save()

    def _fell_apart(self, loss):
        raise TrainingError(
            f"training fell apart at step {self.trainer.steps} (loss {loss}): "
            f"begin again with a lower learning rate than {self.trainer.config.learning_rate:g}"
        )

    def _validate(self, model):
        if not self.held_out:
            return None
        alone = Threads(1)  # the pictures are shared among the threads already
        enlarger = None if model is None else as_trained(model, self.trainer.config.engine)
        scores = self.threads.map(
            lambda pair: score_pair(enlarger, pair, self.protocol, alone), self.held_out
        )
        return mean(scores).psnr

    def _log(self, loss, bar):
        psnr = self._validate(self.trainer.averaged)
        config = self.trainer.config
        epoch = self.trainer.steps / self.trainer.patches.steps_per_epoch
        count = self.threads.count
        is_mse = config.loss_at(self.trainer.steps - 1) == "mse" and loss > 0
        row = {
            "step": self.trainer.steps,
            "epoch": round(epoch, 3),
            "seconds": round(self.about["seconds"], 2),
            "learning_rate": self.trainer.optimizer.learning_rate,
            "loss": loss,
            "training_psnr": 10 * math.log10(1 / loss) if is_mse else None,
            "psnr": psnr,
            "bicubic_psnr": self.bicubic,
            "processor": f"{processor()}, {count} thread{'s' * (count > 1)}",
        }
        self.about["rows"].append(row)
        text = f"loss {loss:.3g}"
        if psnr is not None:
            text += f", {psnr:.2f} dB (bicubic {self.bicubic:.2f})"
        bar.set_postfix_str(text)
        if self.in_epochs:
            training = f" ({row['training_psnr']:.2f} dB)" if is_mse else ""
            held_out = "" if psnr is None else f", held out {psnr:.2f} dB"
            self.say(f"epoch {epoch:.0f} of {config.epochs}: loss {loss:.4g}{training}{held_out}")

    def save(self):
        """Write checkpoint, weights and log; each appears whole or not at all."""
        trainer = self.trainer
        state = trainer.state_dict()
        if not all(np.isfinite(array).all() for array in state.values()):
            self._fell_apart("finite, weights not")  # a good checkpoint must not be replaced by it
        tensor_files.save(self.folder / CHECKPOINT, state, self.about | {"steps": trainer.steps})
        about = self.about
        training = {  # neither paths nor times: the same run gives the same file anywhere
            "recipe": about["recipe"],
            "config": _config_of_weights(about),
            "start": about["start"],
            "steps": trainer.steps,
            "pictures": sorted({each["name"] for each in about["pictures"]}),
            "sets": about["sets"],
            "excluded": [each["name"] for each in about["exclude"]],
            "fingerprint": about["fingerprint"],
            "validation": about["held_out"],
            "validation_fingerprint": about["validation_fingerprint"],
        }
        weights.save(trainer.averaged, self.folder / MODEL, training)
        with (
            atomic_path(self.folder / LOG) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.about["rows"])

    def draw(self):
        """Draw the curves; return whether matplotlib was there to do it."""
        title = str(self.trainer.averaged)
        return plot_curves(self.about["rows"], self.folder / CURVES, title)


def _config_of_weights(about):
    """Return the settings as weights tell them: no path, and no engine but an unusual one."""
    config = about["config"] | {"start": about["start"] and about["start"]["weights"]}
    if config["engine"] == engine.DEFAULT:
        del config["engine"]
    return config


def steps_in(seconds, config, patches, pool, backend, should_stop):
    """Return how many steps take so long here, by taking some on a network to throw away."""
    trainer = make_trainer(config, patches, pool, backend)
    trainer.step()  # compiles
    probe = min(5.0, seconds / 20)
    began = time.perf_counter()
    taken = 0
    while taken == 0 or (time.perf_counter() - began < probe and not should_stop()):
        trainer.step()
        taken += 1
    per_step = (time.perf_counter() - began) / taken
    return max(1, round((seconds - probe) / per_step))
