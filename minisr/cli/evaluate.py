"""``minisr evaluate``."""

import dataclasses
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minisr.cli.common import (
    add_command,
    add_device,
    add_threads,
    load_model,
    no_bar,
    note,
    scale,
    threads_within,
)
from minisr.errors import PictureError, SettingsError
from minisr.evaluation import score_methods
from minisr.figures import Figures
from minisr.images import find_pictures, read_picture
from minisr.images.files import READ_SUFFIXES
from minisr.protocols import DIFFERENCES, PROTOCOLS
from minisr.threads import Threads


def evaluate_command(arguments):
    """Measure networks and bicubic on pictures."""
    files = find_pictures(arguments.pictures)
    methods, scale = _methods(arguments)
    protocols = [*PROTOCOLS.values()]
    if arguments.protocol != "all":
        protocols = [PROTOCOLS[arguments.protocol]]
    for option in ("json", "csv"):
        _check_target(option, getattr(arguments, option))
    lows = _lows(files, arguments.low, scale)
    variants = {}
    if arguments.protocol == "all":
        variants = {
            text: dataclasses.replace(PROTOCOLS["matlab"], **changes)
            for text, changes in DIFFERENCES.items()
        }
    if arguments.low is not None:  # others make a low-resolution picture of their own
        protocols = [p for p in protocols if p.fit.startswith("crop") or len(protocols) == 1]
        variants = {text: p for text, p in variants.items() if p.fit.startswith("crop")}

    def measure(path):
        try:
            pixels = read_picture(path).pixels
            low = read_picture(lows[path]).pixels if lows else None
            scores = {
                protocol.name: score_methods(pixels, scale, methods, protocol, within, low)
                for protocol in protocols
            }
            changed = {
                text: score_methods(pixels, scale, {"bicubic": None}, variant, within, low)
                for text, variant in variants.items()
            }
        except PictureError as error:
            return error if str(path) in str(error) else PictureError(f"{path}: {error}")
        return scores, changed

    with Threads(arguments.threads) as pool:
        within = threads_within(pool, files)
        for model in methods.values():
            if model is not None:  # compile now, not within the seconds of the first picture
                model(np.zeros((1, model.in_channels, 12, 12), np.float32), within)
        bar = tqdm(pool.imap(measure, files), total=len(files), disable=no_bar(files), leave=False)
        results = dict(zip(files, bar, strict=True))
    measured = {}
    for path, result in results.items():
        if isinstance(result, PictureError):
            note(f"skipped: {result}")
        else:
            measured[path] = result
    if not measured:
        raise PictureError("none of the pictures could be measured")
    figures = Figures(
        scale,
        list(methods),
        protocols,
        {path: scores for path, (scores, _) in measured.items()},
        _differences(variants, measured),
    )
    print(figures.text())
    if arguments.json:
        figures.write_json(arguments.json)
    if arguments.csv:
        figures.write_csv(arguments.csv)
    failures = len(files) - len(measured)
    if failures:
        note(f"{failures} of {len(files)} pictures skipped")
        return 1
    return 0


def _methods(arguments):
    """Return bicubic and the networks that are asked for, by name, and their scale."""
    methods, scale = {"bicubic": None}, arguments.scale
    for name in arguments.model or ["espcn"]:
        if name != "bicubic":
            methods[name] = load_model(name, scale, arguments.device)
            scale = methods[name].upscale_factor
    return methods, 3 if scale is None else scale


def _check_target(option, path):
    if path and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise SettingsError(f"--{option} {path}: expected a file in a folder that is there")


def _lows(files, folder, scale):
    """Return the low-resolution picture of each file, by the names that are in use for them."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise PictureError(f"--low {folder}: expected a folder of low-resolution pictures")
    inner = folder / f"LRbicx{scale}"
    folder = inner if inner.is_dir() else folder
    found = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in READ_SUFFIXES}
    lows = {}
    for file in files:
        # Set5/img_001.png, DIV2K's 0801x3.png, and img_001_SRF_3_LR.png beside ..._HR.png.
        names = (file.stem, f"{file.stem}x{scale}", file.stem.removesuffix("_HR") + "_LR")
        low = next((found[name] for name in names if name in found), None)
        if low is None or low.resolve() == file.resolve():
            raise PictureError(
                f"--low {folder}: no low-resolution picture of {file.name}; "
                f"looked for {', '.join(names)}"
            )
        lows[file] = low
    return lows


def _differences(variants, measured):
    """Return what each choice is worth to bicubic, against protocol matlab, in dB."""
    matlab = PROTOCOLS["matlab"]

    def of(protocol, scores):
        return protocol.mean_psnr([score["bicubic"].psnr for score in scores])

    base = [scores["matlab"] for scores, _ in measured.values()] if variants else []
    return {
        text: of(variant, [changed[text] for _, changed in measured.values()]) - of(matlab, base)
        for text, variant in variants.items()
    }


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands, "evaluate", evaluate_command, "Measure networks and bicubic on pictures."
    )
    add_threads(sub)
    sub.add_argument("pictures", nargs="+", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument(
        "-s", "--scale", type=scale, metavar="S", help="default: 3, or that of the file of weights"
    )
    sub.add_argument(
        "-m",
        "--model",
        action="append",
        help="a network that comes along, or a file of weights; may be repeated; "
        "'bicubic' alone measures no network (default: espcn)",
    )
    sub.add_argument(
        "--protocol",
        choices=[*PROTOCOLS, "all"],
        default="matlab",
        help="what exactly is measured; 'all' shows them side by side and why they differ "
        "(default: matlab)",
    )
    sub.add_argument(
        "--low",
        type=Path,
        metavar="DIR",
        help="low-resolution pictures that are there already, in DIR or DIR/LRbicxS "
        "(default: they are made as the protocol says)",
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    sub.add_argument("--csv", type=Path, metavar="FILE", help="also write them as a table")
    add_device(sub)
