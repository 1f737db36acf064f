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
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minisr import checkpoint, models
from minisr.atomic import atomic_path
from minisr.data import Patches, fingerprint, read_pairs
from minisr.errors import CheckpointError, PictureError, SettingsError, TrainingError
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
DEFAULT_STEPS = 20_000


@dataclass(frozen=True)
class Result:
    """What a run has come to.

    Attributes
    ----------
    model : Network
        With the averaged weights.
    rows : list of dict
        The log.
    finished : bool
        False if it was stopped before its last step.
    """

    model: models.Network
    rows: list
    finished: bool


def train(
    folder,
    pictures=(),
    *,
    minutes=None,
    validation=(),
    resume=False,
    threads=None,
    backend="cpu",
    show_progress=True,
    say=print,
    should_stop=lambda: False,
    **settings,
):
    """Train a network on pictures.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    pictures : list of path-like
        Files and folders to learn from; a resumed run has them in its checkpoint.
    minutes : float, optional
        Instead of ``steps``: as many as take that long. The speed of the first steps is measured,
        then the number is fixed.
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
    **settings
        Of `minisr.trainer.TrainConfig`; ``upscale_factor`` at least, and ``steps`` or ``minutes``.
        A resumed run has its own; any that are given must be the same.

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, PictureError, CheckpointError, TrainingError
        If something given cannot be used, or the loss is no number any more; it says what.

    Examples
    --------
    >>> train("run", ["T91"], upscale_factor=3, minutes=10)  # doctest: +SKIP
    """
    folder = Path(folder)
    saved = _saved_run(folder, resume)
    if saved:
        config = _agree(saved, settings, minutes, backend, folder)
        pictures = pictures or saved.about["pictures"]
        validation = validation or saved.about["validation"]
    elif resume and not (settings and pictures):
        raise SettingsError(f"there is no run in {folder} to resume; give pictures and a scale")
    else:
        config = _new_config(settings, minutes)
    with Threads(threads) as pool:
        learn, held_out = _read(pictures, validation, config, pool, show_progress, say)
        patches = Patches(learn, config.patch_size, config.batch_size, config.seed)
        about = {
            "format": "training",
            "version": __version__,
            "backend": backend,
            "fingerprint": fingerprint(learn),
            "validation_fingerprint": fingerprint(held_out),
            "pictures": [str(Path(path).absolute()) for path in pictures],
            "validation": [str(Path(path).absolute()) for path in validation],
            "rows": [],
            "seconds": 0.0,
        }
        if saved:
            for name in ("fingerprint", "validation_fingerprint"):
                if saved.about[name] != about[name]:
                    raise CheckpointError(
                        f"the run in {folder} had other pictures than these; "
                        "give it the same ones, or begin a new run in another folder"
                    )
            about |= {"rows": saved.about["rows"], "seconds": saved.about["seconds"]}
        elif minutes is not None:
            steps = _steps_in(60 * minutes, config, patches, pool, backend, should_stop)
            config = dataclasses.replace(config, steps=steps)
        trainer = Trainer(config, patches, pool, backend)
        if saved:
            trainer.load_state_dict(saved.tensors, saved.steps)
        about["config"] = dataclasses.asdict(config)
        run = _Run(folder, trainer, held_out, about)
        _make_folder(folder)
        run.go(show_progress, should_stop)
        if run.about["rows"] and not run.draw():
            say("matplotlib is not installed, so no curves were drawn: pip install minisr[demo]")
        return Result(trainer.averaged, run.about["rows"], trainer.steps == config.steps)


class _Run:
    """The loop around `Trainer.step`: rounds, validation, log, checkpoints."""

    def __init__(self, folder, trainer, held_out, about):
        self.folder, self.trainer, self.held_out = folder, trainer, held_out
        self.about = about
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
        state = trainer.state_dict()
        if not all(np.isfinite(array).all() for array in state.values()):
            self._fell_apart("finite, weights not")  # a good checkpoint must not be replaced by it
        checkpoint.save(self.folder / CHECKPOINT, state, self.about | {"steps": trainer.steps})
        training = {
            "config": self.about["config"],
            "steps": trainer.steps,
            "pictures": sorted({Path(path).name for path in self.about["pictures"]}),
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


@dataclass(frozen=True)
class _Saved:
    """A run as its checkpoint has it."""

    tensors: dict
    about: dict
    config: TrainConfig
    steps: int


def _saved_run(folder, resume):
    """Return a folder's run, or None; refuse to overwrite one that is not to be resumed."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise SettingsError(
            f"{folder} already holds a run: resume it with --resume, or choose another folder"
        )
    tensors, about = checkpoint.load(path)
    if about.get("format") != "training":
        raise CheckpointError(f"{path} holds {about.get('format')}, not the state of a run")
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    needed = {"backend", "pictures", "validation", "rows", "seconds", "steps"}
    needed |= {"fingerprint", "validation_fingerprint"}
    config = about.get("config")
    if not isinstance(config, dict) or {*config} != names or needed - {*about}:
        raise CheckpointError(
            f"{path} is of version {about.get('version')}, whose runs this version, {__version__}, "
            "cannot resume; its weights can be used, but begin a new run in another folder"
        )
    try:
        return _Saved(tensors, about, TrainConfig(**config), int(about["steps"]))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _new_config(settings, minutes):
    """Return the settings of a new run; with minutes, its steps are still to be found."""
    if "upscale_factor" not in settings:
        raise SettingsError("which scale? give -s 2, -s 3 or -s 4 (or --resume)")
    if minutes is not None and "steps" in settings:
        raise SettingsError("steps and minutes exclude each other; give one of them")
    if minutes is not None and not 0 < minutes < math.inf:
        raise SettingsError(f"minutes must be above 0 and finite, got {minutes}")
    try:
        return TrainConfig(**{"steps": DEFAULT_STEPS if minutes is None else 1} | settings)
    except TypeError as error:
        raise SettingsError(f"unknown setting: {error}") from error


def _agree(saved, settings, minutes, backend, folder):
    """Return the saved settings; raise if others were asked for."""
    kept = dataclasses.asdict(saved.config) | {"backend": saved.about["backend"]}
    given = settings | {"backend": backend}
    if minutes is not None:
        given["minutes"], kept["minutes"] = minutes, f"{saved.config.steps} steps"
    differing = [
        f"{name} {kept.get(name)} (now {value})"
        for name, value in given.items()
        if kept.get(name) != (tuple(value) if isinstance(value, list) else value)
    ]
    if differing:
        raise SettingsError(
            f"the run in {folder} has other settings: {', '.join(differing)}; "
            "resume it without them, or begin a new run in another folder"
        )
    return saved.config


def _read(pictures, validation, config, pool, show_progress, say):
    """Return the pairs to learn from and those held out."""

    def pairs_of(paths, what):
        def progress(items):
            return tqdm(items, desc=what, leave=False, disable=_hidden(show_progress))

        files = find_pictures(paths)
        return read_pairs(files, config.upscale_factor, config.in_channels, pool, progress)

    pairs = pairs_of(pictures, "reading pictures")
    need = config.patch_size * config.upscale_factor
    fitting = [pair for pair in pairs if min(pair.low.shape[1:]) >= config.patch_size]
    small = [Path(pair.name).name for pair in pairs if pair not in fitting]
    if not fitting:
        raise PictureError(
            f"all pictures are smaller than a patch: patches of {config.patch_size} at "
            f"x{config.upscale_factor} need {need} x {need} pixels; "
            "use larger pictures or a smaller --patch-size"
        )
    if small:
        more = f" and {len(small) - 3} more" if len(small) > 3 else ""
        say(
            f"left out, smaller than a patch of {need} x {need} pixels: "
            f"{', '.join(small[:3])}{more}"
        )
    if validation:
        return fitting, pairs_of(validation, "reading validation pictures")
    held_out = _spread(fitting, min(8, -(-len(fitting) // 10)) if len(fitting) > 1 else 0)
    return [pair for pair in fitting if pair not in held_out], held_out


def discard(folder):
    """Remove a run's files, and nothing else, from its folder."""
    for name in (CHECKPOINT, MODEL, LOG, CURVES):
        (Path(folder) / name).unlink(missing_ok=True)


def is_finished(folder):
    """Return whether the folder's run came to its last step; False if there is none."""
    if not (Path(folder) / CHECKPOINT).exists():
        return False
    saved = _saved_run(Path(folder), resume=True)
    return saved.steps == saved.config.steps


def _spread(items, count):
    """Return ``count`` items, evenly spread over the list."""
    return [items[k * len(items) // count] for k in range(count)]


def _steps_in(seconds, config, patches, pool, backend, should_stop):
    """Return how many steps take so long here, by taking some on a network to throw away."""
    trainer = Trainer(config, patches, pool, backend)
    trainer.step()  # compiles
    probe = min(5.0, seconds / 20)
    began = time.perf_counter()
    taken = 0
    while taken == 0 or (time.perf_counter() - began < probe and not should_stop()):
        trainer.step()
        taken += 1
    per_step = (time.perf_counter() - began) / taken
    return max(1, round((seconds - probe) / per_step))


def _hidden(show_progress):
    """Return tqdm's ``disable``: None leaves it to whether stderr is a terminal."""
    return None if show_progress else True


def _make_folder(folder):
    """Make the folder, and find out now rather than after the work whether it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{folder} cannot be made or written to: {reason}") from error
