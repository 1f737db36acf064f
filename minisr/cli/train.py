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
from minisr.cli.extensions import add_import, network_name
from minisr.errors import DeviceError, SettingsError
from minisr.images.colour import LUMA_RANGES
from minisr.kernels.losses import LOSSES
from minisr.models.initialization import METHODS
from minisr.training import config, runs
from minisr.training.recipes import read_recipe
from minisr.training.schedules import SCHEDULES

INTEGER, NUMBER = {"type": int, "metavar": "N"}, {"type": float, "metavar": "X"}
DEFAULTS = {field.name: field.default for field in dataclasses.fields(config.TrainConfig)}
DEFAULTS["steps"] = runs.DEFAULT_STEPS


def train_command(arguments):
    """Train a network on pictures."""
    settings = {name: getattr(arguments, name) for name in DEFAULTS if hasattr(arguments, name)}
    recipe = _take_recipe(arguments)
    if recipe is not None:
        settings = _overridden(recipe.settings, settings, arguments.minutes)
    chosen = _pictures(arguments, recipe)
    if settings and not arguments.resume and not chosen["pictures"]:
        raise SettingsError("expected pictures to learn from, got none: name folders or pictures")
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
            tensorboard=arguments.tensorboard,
            **chosen,
            **settings,
        )
    if not result.finished:
        if (arguments.output / runs.CHECKPOINT).exists():
            note(f"interrupted; saved. Continue with: minisr train --resume -o {arguments.output}")
        else:
            note("interrupted before the first step; nothing was saved")
        return INTERRUPTED
    last = result.rows[-1]
    if last["psnr"] is not None:
        gain = last["psnr"] - last["bicubic_psnr"]
        print(
            f"step {last['step']}: {last['psnr']:.2f} dB on held-out pictures, "
            f"{gain:+.2f} dB against bicubic ({_measure(result.model)})"
        )
    print(f"weights: {arguments.output / runs.MODEL}")
    if result.best is not None and result.best["step"] != last["step"]:
        print(
            f"best: step {result.best['step']}, {result.best['psnr']:.2f} dB: "
            f"{arguments.output / runs.BEST}"
        )
    return 0


def _device(arguments):
    """Return the device that is to compute: a resumed run keeps the one it was started on."""
    started = runs.backend_of(arguments.output) if arguments.resume else None
    if started is None or arguments.device is not None:
        return choose_device(arguments.device, arguments.quiet)
    try:
        return choose_device(started)
    except DeviceError as error:
        raise DeviceError(f"the run in {arguments.output} was started on a GPU: {error}") from error


def _take_recipe(arguments):
    """Take the recipe out of the pictures that were named and return it; None if there is none."""
    recipes = [path for path in arguments.pictures if path.suffix.lower() == ".toml"]
    if len(recipes) > 1:
        raise SettingsError(f"expected one recipe at most, got {', '.join(map(str, recipes))}")
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
    """Return the pictures to learn from, measure and exclude; named ones replace a recipe's."""
    data = arguments.data
    has_pictures = recipe is not None and bool(recipe.pictures)
    chosen = {"pictures": arguments.pictures, "validation": (), "exclude": ()}
    if data is not None:
        if arguments.pictures or not has_pictures:
            raise SettingsError(
                "--data is the folder of a recipe's pictures: "
                "give it with a recipe that names some, and name no others"
            )
        found = recipe.find(data)
        chosen = {name: getattr(found, name) for name in chosen}
    elif has_pictures and not arguments.pictures and not arguments.resume:
        names = ", ".join(each.name for each in recipe.pictures)
        raise SettingsError(
            f"expected the folder of the pictures of {recipe.name} ({names}): give --data DIR"
        )
    if arguments.validation:
        chosen["validation"] = arguments.validation
    return chosen


def _measure(model):
    """Say how the figures were measured: on the luma that the network was trained on."""
    full = model.in_channels == 1 and model.luma_range == "full"
    return "as protocol matlab, but on luma of full range" if full else "protocol matlab"


class _Options(argparse.Action):
    """Collects ``OPTION=VALUE`` in a dict; a value is JSON, or else a plain word."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Add an option to the dict."""
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
    sub.add_argument(
        "pictures",
        nargs="*",
        type=Path,
        metavar="PICTURES",
        help="pictures and folders to learn from; one of them may be a recipe (RECIPE.toml)",
    )
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="RUN",
        help="folder of the run: its weights, checkpoint, log and curves",
    )
    sub.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in RUN, with its settings; with another --steps or --epochs, or "
        "--minutes more, even if it has finished",
    )
    sub.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of the sets of pictures that a recipe names, see `minisr data get`",
    )
    sub.add_argument(
        "--validation",
        type=Path,
        nargs="+",
        metavar="PICTURES",
        help="pictures and folders to validate on, never learnt from (default: one picture in ten, "
        "at most eight)",
    )
    add_threads(sub)
    add_device(sub)
    add_engine(sub, argparse.SUPPRESS)
    add_import(sub)
    sub.add_argument(
        "--tensorboard",
        action="store_true",
        help="also log for TensorBoard into RUN; needs pip install 'minisr[tensorboard]'",
    )
    sub.add_argument("-q", "--quiet", action="store_true", help="show no progress bar")
    _add_length(sub.add_argument_group("length"))
    _add_network(sub.add_argument_group("network"))
    _add_batches(sub.add_argument_group("batches and loss"))
    _add_optimizer(sub.add_argument_group("optimizer"))


def _add_length(group):
    _add_setting(group, "--steps", "number of batches to train on", **INTEGER)
    _add_setting(
        group,
        "--epochs",
        "instead of --steps: number of epochs, in each of which as many pixels are seen as the "
        "pictures have",
        **INTEGER,
    )
    group.add_argument(
        "--minutes", type=float, metavar="T", help="instead of --steps: as many as fit into T"
    )


def _add_network(group):
    _add_setting(
        group,
        ("-s", "--scale"),
        "scale factor, 2 to 8; required for a new run, unless a recipe has it",
        name="upscale_factor",
        type=scale,
        metavar="S",
    )
    _add_setting(
        group,
        ("-m", "--model"),
        f"network to train: {', '.join(models.MODELS)}; or one of yours, as MODULE:CLASS",
        type=network_name,
        metavar="NETWORK",
    )
    group.add_argument(
        "--set",
        dest="options",
        action=_Options,
        default=argparse.SUPPRESS,
        metavar="OPTION=VALUE",
        help="set an option of the network, such as activation=relu; may be repeated",
    )
    _add_setting(
        group,
        "--in-channels",
        "1 for luma, 3 for RGB (default: the network's own)",
        type=int,
        choices=(1, 3),
    )
    _add_setting(
        group,
        "--luma-range",
        "luma to learn: studio as in MATLAB, full as in OpenCV and Pillow",
        choices=LUMA_RANGES,
    )
    _add_setting(
        group,
        "--start",
        "start from these weights: a file, or a bundled network such as espcn_x3",
        metavar="WEIGHTS",
    )
    _add_setting(
        group,
        "--initialization",
        "how to initialise weights (default: the network's own)",
        choices=METHODS,
    )
    _add_setting(
        group,
        "--icnr",
        "initialise convolutions before a shuffle so that they make no checkerboard (default: the "
        "network's own)",
        action=argparse.BooleanOptionalAction,
    )


def _add_batches(group):
    _add_setting(group, "--batch-size", "patches per batch", **INTEGER)
    _add_setting(group, "--patch-size", "side of a patch, in low-resolution pixels", **INTEGER)
    _add_setting(
        group,
        "--seed",
        "seed of weights and patches; the same seed gives the same result",
        **INTEGER,
    )
    name = {"metavar": "NAME"}  # checked later, when modules of the user's own have been imported
    _add_setting(
        group,
        "--degrade",
        "how low-resolution pictures come about, such as jpeg=30..95 or shrink=box,noise=0..10; "
        "several for several variants (default: shrunk by MATLAB's bicubic, and nothing else); "
        "see docs/degradations.md",
        nargs="+",
        metavar="STEPS",
    )
    _add_setting(
        group, "--variants", "with --degrade: low-resolution pictures made of each one", **INTEGER
    )
    _add_setting(group, "--loss", f"loss to minimise: {', '.join(LOSSES)}", **name)
    _add_setting(group, "--last-loss", "another loss for the last steps", **name)
    _add_setting(group, "--last-loss-from", "fraction of the steps before --last-loss", **NUMBER)


def _add_optimizer(group):
    name = {"metavar": "NAME"}
    optimizers, schedules = ", ".join(optim.OPTIMIZERS), ", ".join(SCHEDULES)
    _add_setting(group, "--optimizer", f"optimizer to use: {optimizers}", **name)
    _add_setting(group, "--learning-rate", "peak learning rate", **NUMBER)
    _add_setting(group, "--beta2", "decay of the second moment", **NUMBER)
    _add_setting(group, "--schedule", f"how the learning rate falls: {schedules}", **name)
    _add_setting(
        group, "--warmup", "for cosine: steps of warm-up, at most a tenth of all", **INTEGER
    )
    _add_setting(
        group,
        "--decay-start",
        "for cosine: fraction of the steps before the learning rate falls",
        **NUMBER,
    )
    _add_setting(
        group, "--final", "for cosine: last learning rate, as a fraction of the peak", **NUMBER
    )
    _add_setting(
        group,
        "--milestones",
        "for multistep: epochs at which the learning rate is multiplied by --gamma",
        nargs="+",
        **INTEGER,
    )
    _add_setting(group, "--gamma", "for multistep: factor at each milestone", **NUMBER)
    _add_setting(
        group,
        "--average",
        "decay of the moving average of the weights, which is what is saved; 0 for none",
        name="average_decay",
        **NUMBER,
    )


def _add_setting(group, flags, text, name=None, **options):
    """Add the option for a field of `TrainConfig`, with the field's default in its help."""
    flags = (flags,) if isinstance(flags, str) else flags
    name = name or flags[-1].removeprefix("--").replace("-", "_")
    default = DEFAULTS[name]
    if default is not None and default is not dataclasses.MISSING:
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        text += f" (default: {shown})"
    # What is not given is left out altogether: a resumed run has settings of its own.
    group.add_argument(*flags, dest=name, default=argparse.SUPPRESS, help=text, **options)
