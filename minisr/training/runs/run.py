"""A training run from beginning to end: read `_carry_out` for its course."""

from __future__ import annotations

import base64
import contextlib
import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr import models
from minisr.errors import CheckpointError, short
from minisr.system.threads import Threads
from minisr.training.compiled import make_trainer
from minisr.training.patches import Patches
from minisr.training.runs.console import Console
from minisr.training.runs.folder import CHECKPOINT, CURVES, make_folder
from minisr.training.runs.loop import Loop
from minisr.training.runs.metadata import remembered
from minisr.training.runs.pictures import read
from minisr.training.runs.plan import Request, Sources, settle
from minisr.training.runs.steps import with_steps
from minisr.training.runs.tensorboard import also_for_tensorboard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from minisr.types import PathLike


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
    folder : pathlib.Path, optional
        With the run's files.
    """

    model: models.Network
    rows: list
    finished: bool
    folder: Path | None = None

    @property
    def best(self) -> Any:
        """The row of the highest validation PSNR; None if nothing was validated."""
        rows = [row for row in self.rows if row["psnr"] is not None]
        return max(rows, key=lambda row: row["psnr"], default=None)

    def __str__(self) -> str:
        steps = self.rows[-1]["step"] if self.rows else 0
        words = f"{self.model} after {steps} steps"
        if self.best is not None:
            last = self.rows[-1]
            words += f": {last['psnr']:.2f} dB, bicubic {last['bicubic_psnr']:.2f} dB"
        return words + ("" if self.finished else " (interrupted)")

    def _repr_html_(self):
        curves = self.folder and self.folder / CURVES
        picture = ""
        if curves and curves.is_file():
            data = base64.b64encode(curves.read_bytes()).decode()
            picture = f'<img alt="curves" width="720" src="data:image/png;base64,{data}">'
        return f"<p>{html.escape(str(self))}</p>{picture}"


def train(
    folder: PathLike,
    pictures: Sequence[Any] = (),
    *,
    minutes: float | None = None,
    validation: Sequence[Any] = (),
    exclude: Sequence[Any] = (),
    recipe: str | None = None,
    resume: bool = False,
    threads: int | None = None,
    backend: str = "cpu",
    show_progress: bool = True,
    say: Callable[..., Any] = print,
    should_stop: Callable[..., Any] | None = None,
    progress: Callable[..., Any] | None = None,
    on_round: Callable[..., Any] | None = None,
    tensorboard: bool = False,
    **settings: Any,
) -> Result:
    """Train a network on pictures.

    Parameters
    ----------
    folder : path-like
        Created if it does not exist.
    pictures : list of path-like or minisr.datasets.pairs.PictureSet
        Files and folders to learn from; a resumed run has them in its checkpoint.
    minutes : float, optional
        Instead of ``steps``: as many steps as take that long. The speed of the first steps is
        measured, then their number is fixed. With ``resume``, so many minutes more.
    validation : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Measured during training and never learnt from, even if they are among ``pictures``, too. By
        default one picture in ten, at most eight, is held out.
    exclude : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Files not to learn from.
    recipe : str, optional
        The name of the recipe that all this comes from.
    resume : bool, optional
        Whether to continue from the folder's checkpoint; if there is none, a new run begins. With
        other ``steps``, ``epochs`` or ``minutes``, even a finished run goes on.
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
    progress : callable, optional
        Told after every step how many steps are done, and of how many.
    on_round : callable, optional
        Given each new row of the log, a dict, when a round ends and the network was validated.
    tensorboard : bool, optional
        Whether to write the rows for TensorBoard, too, into the run's folder (extra
        ``tensorboard``).
    **settings
        Of `minisr.training.TrainConfig`: ``upscale_factor`` at least, and at most one of ``steps``,
        ``epochs`` and ``minutes``. A resumed run has its own settings; any given must be the same,
        but for its length.

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
    sources = Sources(list(pictures), list(validation), list(exclude))
    request = Request(Path(folder), sources, recipe, minutes, backend, resume, settings)
    plan = settle(request)
    if plan.start is not None:
        say(_taken(plan.start.about))
    calls = {"should_stop": should_stop, "progress": progress, "on_round": on_round}
    console = Console(show_progress, say, **{k: v for k, v in calls.items() if v is not None})
    with contextlib.ExitStack() as stack:
        if tensorboard:
            console = stack.enter_context(also_for_tensorboard(console, plan.folder))
        return _carry_out(plan, stack.enter_context(Threads(threads)), console)


def _carry_out(plan, pool, console):
    """Read the pictures, train on them, and return the `Result`."""
    pictures = read(plan.sources, plan.config, pool, console)
    config = plan.config
    learn, held_out = (
        [version for pair in pairs for version in pair.versions()]
        for pairs in (pictures.learn, pictures.held_out)
    )
    patches = Patches(learn, config.patch_size, config.batch_size, config.seed)
    config = with_steps(plan, patches, pool, console.should_stop)
    if plan.saved is not None and config.steps != plan.saved.config.steps:
        console.say(
            f"the run now has {config.steps} steps instead of {plan.saved.config.steps}; from step "
            f"{plan.saved.steps} on, the learning rate follows the new schedule"
        )
    about = remembered(plan, config, pictures)
    trainer = _ready(plan, make_trainer(config, patches, pool, plan.backend))
    loop = Loop(plan.folder, trainer, held_out, about, pool, console)
    make_folder(plan.folder)
    loop.go()
    if about["rows"] and not loop.draw():
        console.say(
            "matplotlib is not installed, so no curves were drawn: pip install minisr[demo]"
        )
    return Result(trainer.averaged, about["rows"], trainer.steps == config.steps, plan.folder)


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
