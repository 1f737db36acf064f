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
from minisr.cli.reports import check_reports, page, table
from minisr.errors import PictureError, SettingsError
from minisr.evaluation.low_pictures import match_low_pictures
from minisr.evaluation.protocols import DIFFERENCES, PROTOCOLS
from minisr.evaluation.tables import Figures
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
    figures = Figures(
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
    """Write the reports that are asked for, and print the table."""
    try:
        if arguments.json:
            figures.write_json(arguments.json)
        if arguments.csv:
            figures.write_csv(arguments.csv)
        if arguments.html:
            evaluation_page.write_page(arguments, figures, networks, sections, skipped)
    finally:  # a full disk does not take the table, nor a closed pipe (| head -1) the files
        print(figures.text())


def _protocols(name, with_lows):
    """Return the protocols to measure by and, for all of them, the variants that explain them.

    Those that make low-resolution pictures in a way of their own have no use for given ones.
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
    """Return bicubic, as None, and the networks that are asked for, by name, and their scale."""
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
    """Return the network that ``-m`` and ``-s`` ask for: a bundled one, or a file's."""
    if is_network_name(name):
        return models.from_pretrained(name, DEFAULT_SCALE if scale is None else scale, backend)
    if not Path(name).exists():
        raise no_such_network(name)
    model = weights.load(name, backend)
    if scale not in (None, model.upscale_factor):
        raise SettingsError(f"{name} enlarges x{model.upscale_factor}, not x{scale}")
    return model


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
        f"'bicubic' alone measures no network (default: {models.DEFAULT})",
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
    sub.add_argument("--json", type=table, metavar="FILE", help="also write the figures there")
    sub.add_argument("--csv", type=table, metavar="FILE", help="also write them as a table")
    sub.add_argument(
        "--html", type=page, metavar="FILE", help="also write a page to look at the pictures"
    )
    add_allow_large(sub)
    add_device(sub)
    add_engine(sub)
