"""``minisr evaluate``."""

import dataclasses
from pathlib import Path

from tqdm import tqdm

from minisr import models, weights
from minisr.cli import evaluation_page, measuring
from minisr.cli.common import (
    add_allow_large,
    add_command,
    add_device,
    add_engine,
    add_threads,
    choose_device,
    no_bar,
    note,
    scale,
    threads_within,
)
from minisr.cli.extensions import add_import
from minisr.cli.reports import check_reports, page, table
from minisr.errors import PictureError, SettingsError
from minisr.evaluation.low_pictures import match_low_pictures
from minisr.evaluation.protocols import DIFFERENCES, PROTOCOLS
from minisr.evaluation.tables import Evaluation
from minisr.images import find_pictures
from minisr.system.threads import Threads
from minisr.upscaling.chains import DEFAULT_SCALE, is_network_name, no_such_network


def evaluate_command(arguments):
    """Measure networks and bicubic on pictures."""
    files = find_pictures(arguments.pictures)
    networks, scale = _networks(arguments)
    protocols, variants = _protocols(arguments.protocol, arguments.low is not None)
    lows = {}
    if arguments.low is not None:
        lows = match_low_pictures(files, arguments.low, scale)
    reports = {f"--{name}": getattr(arguments, name) for name in ("json", "csv", "html")}
    given = [low for low in lows.values() if isinstance(low, Path)]
    check_reports(reports, [*files, *given, *networks])
    with Threads(arguments.threads) as pool:
        within = threads_within(pool, files)
        methods = measuring.compiled(networks, arguments.engine, within)
        shown = measuring.Page(files, networks, arguments.engine) if arguments.html else None
        measure = measuring.Measure(
            *(scale, methods, protocols, variants, lows, shown, within, arguments.allow_large)
        )
        bar = tqdm(pool.imap(measure, files), total=len(files), disable=no_bar(files), leave=False)
        results = dict(zip(files, bar, strict=True))
    measured = {path: r for path, r in results.items() if not isinstance(r, PictureError)}
    skipped = [f"skipped: {r}" for r in results.values() if isinstance(r, PictureError)]
    for line in skipped:
        note(line)
    if not measured:
        raise PictureError("none of the pictures could be measured")
    figures = Evaluation(
        scale,
        list(networks),
        protocols,
        {path: result.scores for path, result in measured.items()},
        measuring.differences(variants, measured.values()),
    )
    _write(arguments, figures, networks, [r.section for r in measured.values()], skipped)
    if skipped:
        note(f"{len(skipped)} of {len(files)} pictures skipped")
        return 1
    return 0


def _write(arguments, figures, networks, sections, skipped):
    """Write the requested reports, and print the table."""
    try:
        if arguments.json:
            figures.write_json(arguments.json)
        if arguments.csv:
            figures.write_csv(arguments.csv)
        if arguments.html:
            evaluation_page.write_page(arguments, figures, networks, sections, skipped)
    finally:  # the table is printed even if a disk is full, and files come before a closed pipe
        print(figures.text())


def _protocols(name, with_lows):
    """Return the protocols to measure by and, for "all", the variants that explain them.

    Given low-resolution pictures are of no use to protocols that make their own in another way.
    """
    if name != "all":
        return [PROTOCOLS[name]], {}
    protocols = [p for p in PROTOCOLS.values() if p.crops or not with_lows]
    variants = {
        text: dataclasses.replace(PROTOCOLS["matlab"], **changes)
        for text, changes in DIFFERENCES.items()
    }
    return protocols, {text: p for text, p in variants.items() if p.crops or not with_lows}


def _networks(arguments):
    """Return the methods by name (bicubic is None, the others are networks) and their scale."""
    networks = dict.fromkeys(["bicubic", *(arguments.model or [models.DEFAULT])])
    scale = arguments.scale
    is_needed = any(name != "bicubic" for name in networks)
    backend = choose_device(arguments.device).backend if is_needed else None
    # Files first: each has one scale, and bundled networks come in several.
    for name in sorted(networks, key=is_network_name):
        if name != "bicubic":
            networks[name] = _load(name, scale, backend)
            scale = networks[name].upscale_factor
    return networks, DEFAULT_SCALE if scale is None else scale


def _load(name, scale, backend):
    """Return the network that ``-m`` and ``-s`` ask for, bundled or from a file."""
    if is_network_name(name):
        return models.from_pretrained(name, DEFAULT_SCALE if scale is None else scale, backend)
    if not Path(name).exists():
        raise no_such_network(name)
    model = weights.load(name, backend)
    if scale not in (None, model.upscale_factor):
        raise SettingsError(
            f"{name} enlarges x{model.upscale_factor}, not x{scale}; "
            "leave out -s, or choose another network"
        )
    return model


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands, "evaluate", evaluate_command, "Measure networks and bicubic on pictures."
    )
    add_threads(sub)
    sub.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURES", help="pictures and folders"
    )
    sub.add_argument(
        "-s",
        "--scale",
        type=scale,
        metavar="S",
        help="scale factor, 2 to 8 (default: 3, or that of the file of weights)",
    )
    sub.add_argument(
        "-m",
        "--model",
        action="append",
        help="a bundled network (`minisr info` lists them), or a file of weights; may be repeated; "
        f"bicubic is always measured, with -m bicubic nothing else (default: {models.DEFAULT})",
    )
    sub.add_argument(
        "--protocol",
        choices=[*PROTOCOLS, "all"],
        default="matlab",
        help="how exactly to measure; 'all' shows every protocol and why they differ "
        "(default: matlab)",
    )
    sub.add_argument(
        "--low",
        type=Path,
        metavar="DIR",
        help="use the low-resolution pictures in DIR or DIR/LRbicxS (default: make them as the "
        "protocol says)",
    )
    sub.add_argument("--json", type=table, metavar="FILE", help="also write the figures as JSON")
    sub.add_argument("--csv", type=table, metavar="FILE", help="also write the figures as CSV")
    sub.add_argument(
        "--html", type=page, metavar="FILE", help="also write a page that shows the pictures"
    )
    add_allow_large(sub)
    add_device(sub)
    add_engine(sub)
    add_import(sub)
