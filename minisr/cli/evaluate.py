"""``minisr evaluate``."""

import json
import math
from pathlib import Path

from tqdm import tqdm

from minisr.atomic import atomic_path
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
from minisr.evaluation import evaluate_picture, mean
from minisr.images import find_pictures
from minisr.metrics import PROTOCOLS
from minisr.threads import Threads
from minisr.version import __version__


def evaluate_command(arguments):
    """Measure networks and bicubic on pictures."""
    protocol = PROTOCOLS[arguments.protocol]
    files = find_pictures(arguments.pictures)
    scale = arguments.scale
    methods = {"bicubic": None}
    for name in arguments.model or ["espcn"]:
        if name != "bicubic":
            methods[name] = load_model(name, scale, arguments.device)
            scale = methods[name].upscale_factor
    scale = 3 if scale is None else scale
    report = arguments.json
    if report and (report.is_dir() or not report.absolute().parent.is_dir()):
        raise SettingsError(f"--json {report}: expected a file in a folder that is there")

    def scores_of(path):
        try:
            return evaluate_picture(path, scale, methods, protocol, within)
        except PictureError as error:
            return error

    with Threads(arguments.threads) as pool:
        within = threads_within(pool, files)
        step = pool.count
        results = []
        for first in tqdm(range(0, len(files), step), disable=no_bar(files), leave=False):
            results += pool.map(scores_of, files[first : first + step])
    measured = {f: r for f, r in zip(files, results, strict=True) if isinstance(r, dict)}
    for error in results:
        if isinstance(error, PictureError):
            note(f"skipped: {error}")
    if not measured:
        raise PictureError("none of the pictures could be measured")
    means = {name: mean([scores[name] for scores in measured.values()]) for name in methods}
    _print_table(measured, means)
    print(f"x{scale}; protocol {protocol.name}: {protocol.description}")
    if report:
        _write_json(report, measured, means, scale, protocol.name)
    failures = len(files) - len(measured)
    if failures:
        note(f"{failures} of {len(files)} pictures skipped")
        return 1
    return 0


def _print_table(measured, means):
    rows = [(file.name, scores) for file, scores in measured.items()] + [("mean", means)]
    first = max(len(name) for name, _ in rows) + 2
    # Files' names tell them apart; if not, as with A/model and B/model, their whole paths do.
    short = {Path(name).name for name in means}
    labels = [Path(name).name for name in means] if len(short) == len(means) else list(means)
    widths = [max(18, len(label)) + 2 for label in labels]
    pairs = list(zip(labels, widths, strict=True))
    print(f"{'PSNR dB / SSIM':<{first}}" + "".join(f"{label:>{width}}" for label, width in pairs))
    for name, scores in rows:
        figures = [f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores.values()]
        cells = zip(figures, widths, strict=True)
        print(f"{name:<{first}}" + "".join(f"{figure:>{width}}" for figure, width in cells))


def _write_json(path, measured, means, scale, protocol):
    """Write the figures; a PSNR of equal pictures is infinite, which JSON has no word for: null."""

    def plain(scores):
        return {
            name: {"psnr": score.psnr if math.isfinite(score.psnr) else None, "ssim": score.ssim}
            for name, score in scores.items()
        }

    report = {
        "minisr": __version__,
        "protocol": protocol,
        "scale": scale,
        "mean": plain(means),
        "pictures": {str(file): plain(scores) for file, scores in measured.items()},
    }
    with atomic_path(path) as temporary:
        text = json.dumps(report, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


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
        "--protocol", choices=list(PROTOCOLS), default="matlab", help="default: matlab"
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    add_device(sub)
