"""A training run in a folder: pictures in; checkpoints, weights, a log and a plot out.

==========================  ======================================================================
checkpoint.safetensors      everything that a resumed run needs, to the bit
model.safetensors           the weights to use: the moving average
log.csv                     loss and validation PSNR as they went
curves.png                  the same, drawn
==========================  ======================================================================
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from minisr import models, weights
from minisr.datasets.pairs import PictureSet, fingerprint
from minisr.errors import CheckpointError, SettingsError, short
from minisr.system.threads import Threads
from minisr.training.compiled import make_trainer
from minisr.training.patches import Patches
from minisr.training.runs.folder import (
    CHECKPOINT,
    CURVES,
    LOG,
    MODEL,
    backend_of,
    discard,
    is_finished,
    make_folder,
    read_log,
    saved_run,
)
from minisr.training.runs.loop import Run, steps_in
from minisr.training.runs.pictures import read
from minisr.training.runs.settings import DEFAULT_STEPS, agree, new_config
from minisr.version import __version__

__all__ = [
    "CHECKPOINT",
    "CURVES",
    "DEFAULT_STEPS",
    "LOG",
    "MODEL",
    "Result",
    "backend_of",
    "discard",
    "is_finished",
    "read_log",
    "train",
]


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
        Made if it is not there.
    pictures : list of path-like or minisr.datasets.pairs.PictureSet
        Files and folders to learn from; a resumed run has them in its checkpoint.
    minutes : float, optional
        Instead of ``steps``: as many as take that long. The speed of the first steps is measured,
        then the number is fixed.
    validation : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Measured as it goes and never learnt from, even where ``pictures`` has them too. By default
        one picture in ten, at most eight, is held out.
    exclude : list of path-like or minisr.datasets.pairs.PictureSet, optional
        Files not to learn from.
    recipe : str, optional
        The name of the recipe that all this is from.
    resume : bool, optional
        Go on from the folder's checkpoint; begin if there is none.
    threads : int, optional
        By default one a processor. The result does not depend on it.
    backend : str, optional
        See `minisr.kernels.load`. Of "cuda", `minisr.engine.devices.choose` says which GPU.
    show_progress : bool, optional
        Whether to draw bars on stderr, if that is a terminal.
    say : callable, optional
        Takes a line about something worth knowing.
    should_stop : callable, optional
        Asked after every step; if true, the run is saved and ends.
    **settings
        Of `minisr.training.TrainConfig`; ``upscale_factor`` at least, and one of ``steps``,
        ``epochs`` and ``minutes``.
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
    saved = saved_run(folder, resume)
    if saved:
        config = agree(saved, settings, minutes, backend, folder)
        pictures = pictures or [PictureSet(**each) for each in saved.about["pictures"]]
        validation = validation or [PictureSet(**each) for each in saved.about["validation"]]
        exclude = exclude or [PictureSet(**each) for each in saved.about["exclude"]]
        recipe = saved.about["recipe"]
    elif resume and not (settings and pictures):
        raise SettingsError(f"there is no run in {folder} to resume; give pictures and a scale")
    else:
        config = new_config(settings, minutes)
    start = None
    if not saved and config.start is not None:  # a bad one is better known before the pictures
        start = weights.read_start(config.start, config.make_model("reference"))
        say(_taken(start.about))
    pictures = [PictureSet.at(path) for path in pictures]
    validation = [PictureSet.at(path) for path in validation]
    exclude = [PictureSet.at(path) for path in exclude]
    with Threads(threads) as pool:
        learn, held_out, sets = read(
            pictures, validation, exclude, config, pool, show_progress, say
        )
        patches = Patches(learn, config.patch_size, config.batch_size, config.seed)
        about = {
            "format": "training",
            "version": __version__,
            "backend": backend,
            "fingerprint": fingerprint(learn),
            "validation_fingerprint": fingerprint(held_out),
            "recipe": recipe,
            "pictures": [dataclasses.asdict(each) for each in pictures],
            "validation": [dataclasses.asdict(each) for each in validation],
            "exclude": [dataclasses.asdict(each) for each in exclude],
            "sets": sets,
            "held_out": [each.name for each in validation]
            or [Path(pair.name).name for pair in held_out],
            "start": start and start.about,
            "rows": [],
            "round": [0.0, 0],
            "seconds": 0.0,
        }
        if saved:
            for name in ("fingerprint", "validation_fingerprint"):
                if saved.about[name] != about[name]:
                    raise CheckpointError(
                        f"the run in {folder} had other pictures than these; "
                        "give it the same ones, or begin a new run in another folder"
                    )
            about |= {name: saved.about[name] for name in ("start", "rows", "round", "seconds")}
        elif minutes is not None:
            steps = steps_in(60 * minutes, config, patches, pool, backend, should_stop)
            config = dataclasses.replace(config, steps=steps)
        elif config.epochs is not None:
            steps = config.epochs * patches.steps_per_epoch
            config = dataclasses.replace(config, steps=steps)
        trainer = make_trainer(config, patches, pool, backend)
        if saved:
            try:
                trainer.load_state_dict(saved.tensors, saved.steps)
            except CheckpointError as error:
                raise CheckpointError(f"{folder / CHECKPOINT}: {short(error)}") from error
        elif start:
            trainer.start_from(start.state)
        about["config"] = dataclasses.asdict(config)
        run = Run(
            folder, trainer, held_out, about, pool, say if show_progress else lambda line: None
        )
        make_folder(folder)
        run.go(show_progress, should_stop)
        if run.about["rows"] and not run.draw():
            say("matplotlib is not installed, so no curves were drawn: pip install minisr[demo]")
        return Result(trainer.averaged, run.about["rows"], trainer.steps == config.steps)


def _taken(start):
    """Say what a network begins with."""
    left = f", but for {', '.join(start['left'])}" if start["left"] else ""
    return f"the first weights are those of {start['weights']}{left}"
