"""A training run in a folder: pictures in; checkpoints, weights, a log and a plot out.

==========================  ======================================================================
checkpoint.safetensors      everything that a resumed run needs, to the bit
model.safetensors           the weights to use: the moving average
log.csv                     loss and validation PSNR as they went
curves.png                  the same, drawn
==========================  ======================================================================
"""

import csv
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from minisr import checkpoint, models
from minisr.atomic import atomic_path
from minisr.data import Patches, read_pairs
from minisr.errors import CheckpointError, PictureError, SettingsError
from minisr.evaluation import mean, score_pair
from minisr.images import find_pictures
from minisr.metrics import PROTOCOLS
from minisr.plots import plot_curves
from minisr.threads import Threads
from minisr.trainer import TrainConfig, Trainer
from minisr.version import __version__

CHECKPOINT, MODEL, LOG, CURVES = (
    "checkpoint.safetensors",
    "model.safetensors",
    "log.csv",
    "curves.png",
)
ROUNDS = 40  # rows in the log: after each round the network is validated
COLUMNS = ("step", "seconds", "learning_rate", "loss", "psnr", "bicubic_psnr")
CHECKPOINT_SECONDS = 20


@dataclass(frozen=True)
class Result:
    """What a run has come to.

    Attributes
    ----------
    model : ESPCN
        With the averaged weights.
    rows : list of dict
        The log.
    finished : bool
        False if it was stopped before its last step.
    """

    model: models.ESPCN
    rows: list
    finished: bool


def train(
    folder,
    pictures=(),
    config=None,
    *,
    minutes=None,
    validation=(),
    resume=False,
    threads=None,
    backend="cpu",
    show_progress=True,
    say=print,
    should_stop=lambda: False,
):
    """Train a network on pictures.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    pictures : list of path-like
        Files and folders to learn from; a resumed run has them in its checkpoint.
    config : TrainConfig, optional
        A resumed run has it in its checkpoint; one given must be the same.
    minutes : float, optional
        Replaces ``config.steps`` by as many as take that long: the speed of the first steps is
        measured, then the number is fixed.
    validation : list of path-like, optional
        By default one picture in ten, at most eight, is held out.
    resume : bool, optional
        Go on from the folder's checkpoint; begin if there is none.
    threads : int, optional
        By default one a processor. The result does not depend on it.
    backend : str, optional
    show_progress : bool, optional
        Whether to draw bars on stderr, if that is a terminal.
    say : callable, optional
        Takes a line about something worth knowing.
    should_stop : callable, optional
        Asked after every step; if true, the run is saved and ends.

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, PictureError, CheckpointError
        If something given cannot be used; it says what.
    """
    folder = Path(folder)
    saved = _saved_run(folder, resume)
    if saved:
        tensors, metadata = saved
        config = _agree(config, minutes, metadata, folder)
        pictures = pictures or metadata["pictures"]
        validation = validation or metadata["validation"]
    elif config is None:
        raise SettingsError(f"there is no run in {folder} to resume; give pictures and a scale")
    with Threads(threads) as pool:
        learn, held_out = _read(pictures, validation, config, pool, show_progress, say)
        patches = Patches(learn, config.patch_size, config.batch_size, config.seed)
        fingerprint = patches.fingerprint()
        if saved and metadata["fingerprint"] != fingerprint:
            raise CheckpointError(
                f"the run in {folder} learnt from other pictures than these; "
                "give it the same ones, or begin a new run in another folder"
            )
        if minutes is not None and not saved:
            config = dataclasses.replace(
                config, steps=_steps_in(60 * minutes, config, patches, pool, backend)
            )
        trainer = Trainer(config, patches, pool, backend)
        about = {
            "format": "training",
            "version": __version__,
            "config": dataclasses.asdict(config),
            "fingerprint": fingerprint,
            "pictures": [str(Path(path).absolute()) for path in pictures],
            "validation": [str(Path(path).absolute()) for path in validation],
            "rows": [],
            "seconds": 0.0,
        }
        if saved:
            trainer.load_state_dict(tensors, metadata["steps"])
            about |= {"rows": metadata["rows"], "seconds": metadata["seconds"]}
        _make_folder(folder)
        names = sorted({Path(path).name for path in about["pictures"]})
        run = _Run(folder, trainer, held_out, about, names)
        run.go(show_progress, should_stop)
        if not run.draw():
            say("matplotlib is not installed, so no curves were drawn: pip install minisr[demo]")
        return Result(trainer.averaged, run.about["rows"], trainer.steps == config.steps)


class _Run:
    """The loop around `Trainer.step`: rounds, validation, log, checkpoints."""

    def __init__(self, folder, trainer, held_out, about, names):
        self.folder, self.trainer, self.held_out = folder, trainer, held_out
        self.about, self.names = about, names
        self.protocol = PROTOCOLS["matlab"]
        self.bicubic = self._validate(None)

    def go(self, show_progress, should_stop):
        """Train to the last step, or until told to stop; save whatever happens between steps."""
        trainer = self.trainer
        steps = trainer.config.steps
        per_round = -(-steps // ROUNDS)
        began = saved_at = time.perf_counter()
        before = self.about["seconds"]
        loss_sum, loss_count = 0.0, 0
        bar = tqdm(total=steps, initial=trainer.steps, unit="step", disable=_hidden(show_progress))
        with bar:
            while trainer.steps < steps and not should_stop():
                loss_sum += trainer.step()
                loss_count += 1
                bar.update()
                now = time.perf_counter()
                self.about["seconds"] = before + now - began
                if trainer.steps % per_round == 0 or trainer.steps == steps:
                    self._log(loss_sum / loss_count, bar)
                    loss_sum, loss_count = 0.0, 0
                if now - saved_at > CHECKPOINT_SECONDS:
                    self.save()
                    saved_at = now
        self.save()

    def _validate(self, model):
        if not self.held_out:
            return None
        alone = Threads(1)  # the pictures are shared among the threads already
        scores = self.trainer.threads.map(
            lambda pair: score_pair(model, pair, self.protocol, alone), self.held_out
        )
        return mean(scores).psnr

    def _log(self, loss, bar):
        psnr = self._validate(self.trainer.averaged)
        row = {
            "step": self.trainer.steps,
            "seconds": round(self.about["seconds"], 2),
            "learning_rate": self.trainer.optimizer.learning_rate,
            "loss": loss,
            "psnr": psnr,
            "bicubic_psnr": self.bicubic,
        }
        self.about["rows"].append(row)
        text = f"loss {loss:.3g}"
        if psnr is not None:
            text += f", {psnr:.2f} dB (bicubic {self.bicubic:.2f})"
        bar.set_postfix_str(text)

    def save(self):
        """Write checkpoint, weights and log; each appears whole or not at all."""
        trainer = self.trainer
        checkpoint.save(
            self.folder / CHECKPOINT, trainer.state_dict(), self.about | {"steps": trainer.steps}
        )
        training = {
            "config": self.about["config"],
            "steps": trainer.steps,
            "pictures": self.names,
            "fingerprint": self.about["fingerprint"],
        }
        models.save(trainer.averaged, self.folder / MODEL, training)
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


def _saved_run(folder, resume):
    """Return a folder's checkpoint, or None; refuse to overwrite one that is not to be resumed."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise SettingsError(
            f"{folder} already holds a run: resume it with --resume, or choose another folder"
        )
    tensors, metadata = checkpoint.load(path)
    if metadata.get("format") != "training":
        raise CheckpointError(f"{path} holds {metadata.get('format')}, not the state of a run")
    return tensors, metadata


def _agree(config, minutes, metadata, folder):
    """Return the saved settings; raise if others were asked for."""
    saved = TrainConfig(**metadata["config"])
    if config is None:
        return saved
    given, kept = dataclasses.asdict(config), dataclasses.asdict(saved)
    if minutes is not None:
        given["steps"] = kept["steps"]
    differing = [f"{k} {kept[k]} (now {given[k]})" for k in kept if kept[k] != given[k]]
    if differing:
        raise SettingsError(
            f"the run in {folder} has other settings: {', '.join(differing)}; "
            "resume it without them, or begin a new run in another folder"
        )
    return saved


def _read(pictures, validation, config, pool, show_progress, say):
    """Return the pairs to learn from and those held out."""

    def pairs_of(paths, what):
        def progress(items):
            return tqdm(items, desc=what, leave=False, disable=_hidden(show_progress))

        files = find_pictures(paths)
        return read_pairs(files, config.upscale_factor, config.in_channels, pool, progress)

    pairs = pairs_of(pictures, "reading pictures")
    if validation:
        held_out = pairs_of(validation, "reading validation pictures")
    else:
        held_out = _spread(pairs, min(8, -(-len(pairs) // 10)) if len(pairs) > 1 else 0)
        pairs = [pair for pair in pairs if pair not in held_out]
    fitting = [pair for pair in pairs if min(pair.low.shape[1:]) >= config.patch_size]
    small = [pair for pair in pairs if pair not in fitting]
    need = config.patch_size * config.upscale_factor
    if small and not fitting:
        raise PictureError(
            f"all pictures are smaller than a patch: patches of {config.patch_size} at "
            f"x{config.upscale_factor} need {need} x {need} pixels; "
            "use larger pictures or a smaller --patch-size"
        )
    if small:
        names = ", ".join(Path(pair.name).name for pair in small[:3])
        more = f" and {len(small) - 3} more" if len(small) > 3 else ""
        say(f"left out, smaller than a patch of {need} x {need} pixels: {names}{more}")
    return fitting, held_out


def _spread(items, count):
    """Return ``count`` items, evenly spread over the list."""
    return [items[k * len(items) // count] for k in range(count)]


def _steps_in(seconds, config, patches, pool, backend):
    """Return how many steps take so long here, by taking some on a network to throw away."""
    if seconds <= 0:
        raise SettingsError(f"minutes must be above 0, got {seconds / 60}")
    trainer = Trainer(config, patches, pool, backend)
    trainer.step()  # compiles
    probe = min(5.0, seconds / 20)
    began = time.perf_counter()
    taken = 0
    while taken == 0 or time.perf_counter() - began < probe:
        trainer.step()
        taken += 1
    per_step = (time.perf_counter() - began) / taken
    return max(1, round((seconds - probe) / per_step))


def _hidden(show_progress):
    """Return tqdm's ``disable``: None leaves it to whether stderr is a terminal."""
    return None if show_progress else True


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made: {error.strerror or error}") from error
