"""``minisr train``."""

import argparse
import dataclasses
from pathlib import Path

from minisr import models, runs, trainer
from minisr.cli.common import (
    INTERRUPTED,
    Interruptible,
    add_command,
    add_device,
    add_threads,
    note,
    scale,
)
from minisr.errors import SettingsError
from minisr.models.initialization import METHODS


def train_command(arguments):
    """Train a network on pictures."""
    names = [field.name for field in dataclasses.fields(trainer.TrainConfig)]
    settings = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    if settings and not arguments.resume and not arguments.pictures:
        raise SettingsError("train on what? name folders or pictures")
    with Interruptible() as interrupted:
        result = runs.train(
            arguments.output,
            arguments.pictures,
            minutes=arguments.minutes,
            validation=arguments.validation or (),
            resume=arguments.resume,
            threads=arguments.threads,
            backend=arguments.device,
            show_progress=not arguments.quiet,
            say=note,
            should_stop=interrupted,
            **settings,
        )
    if not result.finished:
        if (arguments.output / runs.CHECKPOINT).exists():
            note(f"interrupted; saved. Go on with: minisr train --resume -o {arguments.output}")
        else:
            note("interrupted before the first step; nothing to save")
        return INTERRUPTED
    last = result.rows[-1]
    if last["psnr"] is not None:
        gain = last["psnr"] - last["bicubic_psnr"]
        print(
            f"step {last['step']}: {last['psnr']:.2f} dB on held-out pictures, "
            f"{gain:+.2f} dB against bicubic (protocol matlab)"
        )
    print(f"weights: {arguments.output / runs.MODEL}")
    return 0


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(commands, "train", train_command, "Train a network on pictures.")
    add_threads(sub)
    sub.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="a folder")
    sub.add_argument("--minutes", type=float, metavar="T", help="as many steps as take so long")
    sub.add_argument(
        "--resume", action="store_true", help="go on with the run in RUN, whose settings stay"
    )
    sub.add_argument(
        "--validation",
        type=Path,
        nargs="+",
        metavar="PICTURES",
        help="measured as it goes (default: one picture in ten, at most eight, is held out)",
    )
    defaults = {field.name: field.default for field in dataclasses.fields(trainer.TrainConfig)}
    defaults["steps"] = runs.DEFAULT_STEPS

    def setting(flags, name, text, **options):
        # What was not given is not there at all: a resumed run has settings of its own.
        if name in defaults and defaults[name] is not dataclasses.MISSING:
            shown = defaults[name]
            shown = " ".join(map(str, shown)) if isinstance(shown, tuple) else shown
            text += f" (default: {shown})"
        sub.add_argument(*flags, dest=name, default=argparse.SUPPRESS, help=text, **options)

    setting(("-s", "--scale"), "upscale_factor", "how much larger: 2 to 8", type=scale)
    setting(("-m", "--model"), "model", "network", choices=list(models.MODELS))
    setting(("--steps",), "steps", "batches", type=int)
    setting(("--seed",), "seed", "the same seed gives the same weights", type=int)
    setting(("--loss",), "loss", "what is minimised", choices=trainer.LOSSES)
    setting(("--learning-rate",), "learning_rate", "at its highest", type=float)
    setting(("--beta2",), "beta2", "decay of Adam's second moment", type=float)
    setting(("--schedule",), "schedule", "how the learning rate falls", choices=trainer.SCHEDULES)
    setting(("--warmup",), "warmup", "steps of its rise, for cosine", type=int)
    setting(("--milestones",), "milestones", "epochs, for multistep", type=int, nargs="+")
    setting(("--gamma",), "gamma", "factor at a milestone, for multistep", type=float)
    setting(("--batch-size",), "batch_size", "patches a step", type=int)
    setting(("--patch-size",), "patch_size", "low-resolution pixels a side", type=int)
    setting(("--in-channels",), "in_channels", "1 luma, 3 RGB", type=int, choices=(1, 3))
    setting(("--activation",), "activation", "between layers", choices=("tanh", "relu"))
    setting(("--initialization",), "initialization", "of the weights", choices=METHODS)
    setting(
        ("--icnr",), "icnr", "start without a checkerboard", action=argparse.BooleanOptionalAction
    )
    setting(("--average",), "average_decay", "of the weights' moving average", type=float)
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    add_device(sub)
