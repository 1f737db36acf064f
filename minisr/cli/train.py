"""``minisr train``."""

import argparse
import dataclasses
import json
from pathlib import Path

from minisr import models, optim
from minisr.cli.common import (
    INTERRUPTED,
    Interruptible,
    add_command,
    add_device,
    add_engine,
    add_threads,
    choose_device,
    note,
    scale,
)
from minisr.errors import DeviceError, SettingsError
from minisr.images.colour import LUMA_RANGES
from minisr.models.initialization import METHODS
from minisr.training import config, runs
from minisr.training.recipes import read_recipe


def train_command(arguments):
    """Train a network on pictures."""
    names = [field.name for field in dataclasses.fields(config.TrainConfig)]
    settings = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    recipe = _take_recipe(arguments)
    if recipe is not None:
        settings = _overridden(recipe.settings, settings, arguments.minutes)
    chosen = _pictures(arguments, recipe)
    if settings and not arguments.resume and not chosen["pictures"]:
        raise SettingsError("train on what? name folders or pictures")
    device = _device(arguments)
    with Interruptible() as interrupted:
        result = runs.train(
            arguments.output,
            minutes=arguments.minutes,
            recipe=recipe and recipe.name,
            resume=arguments.resume,
            threads=arguments.threads,
            backend=device.backend,
            show_progress=not arguments.quiet,
            say=note,
            should_stop=interrupted,
            **chosen,
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
            f"{gain:+.2f} dB against bicubic ({_measure(result.model)})"
        )
    print(f"weights: {arguments.output / runs.MODEL}")
    return 0


def _device(arguments):
    """Return the device that is to compute: a resumed run keeps the one that it was begun on."""
    begun = runs.backend_of(arguments.output) if arguments.resume else None
    if begun is None or arguments.device is not None:
        return choose_device(arguments.device, arguments.quiet)
    try:
        return choose_device(begun)
    except DeviceError as error:
        raise DeviceError(f"the run in {arguments.output} was begun on a GPU: {error}") from error


def _take_recipe(arguments):
    """Remove the recipe from the pictures that were named and return it; None if there is none."""
    recipes = [path for path in arguments.pictures if path.suffix.lower() == ".toml"]
    if len(recipes) > 1:
        raise SettingsError(f"one recipe at a time, got {', '.join(map(str, recipes))}")
    if not recipes:
        return None
    arguments.pictures.remove(recipes[0])
    return read_recipe(recipes[0])


def _overridden(recipe, settings, minutes):
    """Return a recipe's settings, overridden by those of the command line."""
    if {"steps", "epochs"} & {*settings} or minutes is not None:
        recipe = {k: v for k, v in recipe.items() if k not in ("steps", "epochs")}
    options = recipe.get("options", {}) | settings.get("options", {})
    return recipe | settings | ({"options": options} if options else {})


def _pictures(arguments, recipe):
    """Return what to learn from, measure and exclude; named pictures replace a recipe's."""
    data = arguments.data
    has_pictures = recipe is not None and bool(recipe.pictures)
    chosen = {"pictures": arguments.pictures, "validation": (), "exclude": ()}
    if data is not None:
        if arguments.pictures or not has_pictures:
            raise SettingsError(
                "--data is where the pictures of a recipe lie: "
                "give it with a recipe that names them, and name no others"
            )
        found = recipe.find(data)
        chosen = {name: getattr(found, name) for name in chosen}
    elif has_pictures and not arguments.pictures and not arguments.resume:
        names = ", ".join(each.name for each in recipe.pictures)
        raise SettingsError(f"where are the pictures of {recipe.name} ({names})? give --data DIR")
    if arguments.validation:
        chosen["validation"] = arguments.validation
    return chosen


def _measure(model):
    """Say how the figures were measured: on the luma that the network was trained on."""
    full = model.in_channels == 1 and model.luma_range == "full"
    return "as protocol matlab, but on luma of full range" if full else "protocol matlab"


class _Options(argparse.Action):
    """Collects ``OPTION=VALUE``; a value is JSON, or a word as it stands."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Add one to the dictionary."""
        name, equals, text = values.partition("=")
        if not name or not equals:
            parser.error(f"{option_string} expects OPTION=VALUE, got {values}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        namespace.options = {**getattr(namespace, "options", {}), name: value}


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(commands, "train", train_command, "Train a network on pictures.")
    add_threads(sub)
    add_engine(sub, argparse.SUPPRESS)
    sub.add_argument(
        "pictures",
        nargs="*",
        type=Path,
        metavar="PICTURES",
        help="and folders; one of them may be a recipe (RECIPE.toml)",
    )
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="a folder")
    sub.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the sets of pictures lie that a recipe names, see `minisr data get`",
    )
    sub.add_argument(
        "--minutes", type=float, metavar="T", help="instead of --steps: as many as fit into T"
    )
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
    defaults = {field.name: field.default for field in dataclasses.fields(config.TrainConfig)}
    defaults["steps"] = runs.DEFAULT_STEPS

    def setting(flags, name, text, **options):
        # What is not given is left out altogether: a resumed run has settings of its own.
        if name in defaults and defaults[name] is not dataclasses.MISSING:
            shown = defaults[name]
            shown = " ".join(map(str, shown)) if isinstance(shown, tuple) else shown
            text += f" (default: {shown})" if shown is not None else ""
        sub.add_argument(*flags, dest=name, default=argparse.SUPPRESS, help=text, **options)

    setting(("-s", "--scale"), "upscale_factor", "how much larger: 2 to 8", type=scale)
    setting(("-m", "--model"), "model", "network", choices=list(models.MODELS))
    sub.add_argument(
        "--set",
        dest="options",
        action=_Options,
        default=argparse.SUPPRESS,
        metavar="OPTION=VALUE",
        help="an option of the network, as --set activation=relu; may be repeated",
    )
    setting(("--steps",), "steps", "batches", type=int)
    setting(("--epochs",), "epochs", "instead of --steps: how often all pixels are seen", type=int)
    setting(("--seed",), "seed", "the same seed gives the same weights", type=int)
    setting(("--loss",), "loss", "what is minimised", choices=config.LOSSES)
    setting(("--last-loss",), "last_loss", "another loss for the last steps", choices=config.LOSSES)
    setting(
        ("--last-loss-from",), "last_loss_from", "fraction of the steps before that one", type=float
    )
    setting(("--optimizer",), "optimizer", "what learns", choices=optim.OPTIMIZERS)
    setting(("--learning-rate",), "learning_rate", "its peak", type=float)
    setting(("--beta2",), "beta2", "decay of the second moment", type=float)
    setting(("--schedule",), "schedule", "how the learning rate falls", choices=config.SCHEDULES)
    setting(("--warmup",), "warmup", "steps of the warm-up, for cosine", type=int)
    setting(
        ("--decay-start",),
        "decay_start",
        "fraction of the steps before it falls, for cosine",
        type=float,
    )
    setting(("--final",), "final", "fraction of it that is left at the end, for cosine", type=float)
    setting(("--milestones",), "milestones", "epochs, for multistep", type=int, nargs="+")
    setting(("--gamma",), "gamma", "factor at a milestone, for multistep", type=float)
    setting(("--batch-size",), "batch_size", "patches per step", type=int)
    setting(("--patch-size",), "patch_size", "side of a patch, in low-resolution pixels", type=int)
    setting(("--in-channels",), "in_channels", "1 luma, 3 RGB", type=int, choices=(1, 3))
    setting(
        ("--luma-range",),
        "luma_range",
        "luma to learn: studio as MATLAB has it, full as OpenCV and Pillow do",
        choices=LUMA_RANGES,
    )
    setting(
        ("--start",),
        "start",
        "first weights: a file's, or those of a bundled network, as espcn_x3",
        metavar="WEIGHTS",
    )
    setting(("--initialization",), "initialization", "of the weights", choices=METHODS)
    setting(
        ("--icnr",), "icnr", "start without a checkerboard", action=argparse.BooleanOptionalAction
    )
    setting(("--average",), "average_decay", "of the weights' moving average", type=float)
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    add_device(sub)
