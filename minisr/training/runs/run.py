"""A training run from beginning to end: read `_carry_out` for its course."""

from dataclasses import dataclass
from pathlib import Path

from minisr import models
from minisr.errors import CheckpointError, short
from minisr.system.threads import Threads
from minisr.training.compiled import make_trainer
from minisr.training.patches import Patches
from minisr.training.runs.console import Console
from minisr.training.runs.folder import CHECKPOINT, make_folder
from minisr.training.runs.loop import Loop
from minisr.training.runs.metadata import remembered
from minisr.training.runs.pictures import read
from minisr.training.runs.plan import Request, Sources, settle
from minisr.training.runs.steps import with_steps


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes
    ----------
    model : Network
        With the averaged weights.
    rows : list of dict
        The log.
    finished : bool
        False if the run was stopped before its last step.
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
    exclude=(),
    recipe=None,
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
        Created if it does not exist.
    pictures : list of path-like or minisr.datasets.pairs.PictureSet
        Files and folders to learn from; a resumed run has them in its checkpoint.
    minutes : float, optional
        Instead of ``steps``: as many steps as take that long. The speed of the first steps is
        measured, then their number is fixed.
    validation : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Measured during training and never learnt from, even if they are among ``pictures``, too. By
        default one picture in ten, at most eight, is held out.
    exclude : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Files not to learn from.
    recipe : str, optional
        The name of the recipe that all this comes from.
    resume : bool, optional
        Whether to continue from the folder's checkpoint; if there is none, a new run begins.
    threads : int, optional
        By default one per processor. The result does not depend on it.
    backend : str, optional
        See `minisr.kernels.load`; for "cuda", `minisr.engine.devices.choose` decides which GPU.
    show_progress : bool, optional
        Whether to draw bars on stderr, if that is a terminal.
    say : callable, optional
        Takes a line for the user to read.
    should_stop : callable, optional
        Asked before every step; if it returns True, the run is saved and ends.
    **settings
        Of `minisr.training.TrainConfig`: ``upscale_factor`` at least, and at most one of ``steps``,
        ``epochs`` and ``minutes``. A resumed run has its own settings; any given must be the same.

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, PictureError, CheckpointError, TrainingError
        If something given cannot be used, or training diverges; the message says what.

    Examples
    --------
    >>> train("run", ["T91"], upscale_factor=3, minutes=10)  # doctest: +SKIP
    """
    sources = Sources(pictures, validation, exclude)
    request = Request(Path(folder), sources, recipe, minutes, backend, resume, settings)
    plan = settle(request)
    if plan.start is not None:
        say(_taken(plan.start.about))
    with Threads(threads) as pool:
        return _carry_out(plan, pool, Console(show_progress, say, should_stop))


def _carry_out(plan, pool, console):
    """Read the pictures, train on them, and return the `Result`."""
    pictures = read(plan.sources, plan.config, pool, console)
    config = plan.config
    patches = Patches(pictures.learn, config.patch_size, config.batch_size, config.seed)
    config = with_steps(plan, patches, pool, console.should_stop)
    about = remembered(plan, config, pictures)
    trainer = _ready(plan, make_trainer(config, patches, pool, plan.backend))
    loop = Loop(plan.folder, trainer, pictures.held_out, about, pool, console)
    make_folder(plan.folder)
    loop.go()
    if about["rows"] and not loop.draw():
        console.say(
            "matplotlib is not installed, so no curves were drawn: pip install minisr[demo]"
        )
    return Result(trainer.averaged, about["rows"], trainer.steps == config.steps)


def _ready(plan, trainer):
    """Load a saved run's state, or other weights to start from, into the trainer."""
    if plan.saved is not None:
        try:
            trainer.load_state_dict(plan.saved.tensors, plan.saved.steps)
        except CheckpointError as error:
            raise CheckpointError(f"{plan.folder / CHECKPOINT}: {short(error)}") from error
    elif plan.start is not None:
        trainer.start_from(plan.start.state)
    return trainer


def _taken(start):
    """Say where the initial weights come from."""
    left = f", except for {', '.join(start['left'])}" if start["left"] else ""
    return f"the initial weights are those of {start['weights']}{left}"
