"""``minisr evaluate``."""

import dataclasses
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minisr import models
from minisr.cli import evaluation_page
from minisr.cli.common import (
    add_allow_large,
    add_command,
    add_device,
    add_threads,
    allowed_by_option,
    choose_device,
    comes_along,
    load_model,
    no_bar,
    note,
    scale,
    threads_within,
)
from minisr.cli.reports import check_reports, page, table
from minisr.errors import DeviceMemoryError, PictureError
from minisr.evaluation.evaluate import pictures_of, score_methods
from minisr.evaluation.protocols import DIFFERENCES, PROTOCOLS
from minisr.evaluation.report import make_section
from minisr.evaluation.tables import Figures, short_names
from minisr.images import find_pictures, read_picture
from minisr.images.formats import READ_SUFFIXES
from minisr.images.profiles import profile_for
from minisr.system.threads import Threads


def evaluate_command(arguments):
    """Measure networks and bicubic on pictures."""
    files = find_pictures(arguments.pictures)
    methods, scale = _methods(arguments)
    protocols, variants = _protocols(arguments.protocol, arguments.low is not None)
    lows = _lows(files, arguments.low, scale)
    reports = {f"--{name}": getattr(arguments, name) for name in ("json", "csv", "html")}
    given = [low for low in lows.values() if isinstance(low, Path)]
    check_reports(reports, [*files, *given, *methods])
    with Threads(arguments.threads) as pool:
        within = threads_within(pool, files)
        for model in methods.values():
            if model is not None:  # compile now, not within the seconds of the first picture
                model(np.zeros((1, model.in_channels, 12, 12), np.float32), within)
        names = dict(zip(files, short_names(files), strict=True)) if arguments.html else {}
        measure = _Measure(scale, methods, protocols, variants, lows, names, within)
        measure.allow_large = arguments.allow_large
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
        list(methods),
        protocols,
        {path: result.scores for path, result in measured.items()},
        _differences(variants, measured.values()),
    )
    try:
        if arguments.json:
            figures.write_json(arguments.json)
        if arguments.csv:
            figures.write_csv(arguments.csv)
        if arguments.html:
            sections = [result.section for result in measured.values()]
            evaluation_page.write_page(arguments, figures, methods, sections, skipped)
    finally:  # a full disk does not take the table, nor a closed pipe (| head -1) the files
        print(figures.text())
    if skipped:
        note(f"{len(skipped)} of {len(files)} pictures skipped")
        return 1
    return 0


@dataclasses.dataclass(frozen=True)
class _Measured:
    """A picture's scores by protocol and method, bicubic's by variant, and what a page shows."""

    scores: dict
    changed: dict
    section: object


class _Measure:
    """Measure one picture; several threads may call it at once."""

    def __init__(self, scale, methods, protocols, variants, lows, names, threads):
        self.scale, self.methods, self.threads = scale, methods, threads
        self.protocols, self.variants = protocols, variants
        self.lows, self.names = lows, names  # names on a page, if there is to be one
        self.allow_large = False

    def __call__(self, path):
        """Return `_Measured`, or the PictureError that says why not."""
        try:
            with allowed_by_option():
                return self._measured(path)
        except (PictureError, DeviceMemoryError) as error:
            is_said = isinstance(error, PictureError) and str(path) in str(error)
            return error if is_said else PictureError(f"{path}: {error}")

    def _measured(self, path):
        picture = self._read(path)
        pixels = picture.pixels
        low = self.lows.get(path)
        if isinstance(low, PictureError):
            raise low
        if low is not None:
            low = self._read(low).pixels

        def scores(methods, protocol):
            return score_methods(pixels, self.scale, methods, protocol, self.threads, low)

        scored = {protocol.name: scores(self.methods, protocol) for protocol in self.protocols}
        bicubic = {"bicubic": None}
        changed = {text: scores(bicubic, variant) for text, variant in self.variants.items()}
        section = self._section(path, picture, low, scored) if self.names else None
        return _Measured(scored, changed, section)

    def _read(self, path):
        return read_picture(path, allow_large=self.allow_large)

    def _section(self, path, picture, low, scored):
        original, versions = pictures_of(
            picture.pixels, self.scale, self.methods, self.threads, low
        )
        labels = dict(zip(self.methods, short_names(self.methods), strict=True))
        shown = scored[self.protocols[0].name]
        return make_section(
            self.names[path],
            {labels[name]: version for name, version in versions.items()},
            original,
            {labels[name]: (score.psnr, score.ssim) for name, score in shown.items()},
            profile_for(original, picture),
        )


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


def _methods(arguments):
    """Return bicubic and the networks that are asked for, by name, and their scale."""
    methods = dict.fromkeys(["bicubic", *(arguments.model or [models.DEFAULT])])
    scale = arguments.scale
    is_needed = any(name != "bicubic" for name in methods)
    backend = choose_device(arguments.device).backend if is_needed else None
    # Files first: they have one scale, those that come along have several.
    for name in sorted(methods, key=comes_along):
        if name != "bicubic":
            methods[name] = load_model(name, scale, backend)
            scale = methods[name].upscale_factor
    return methods, 3 if scale is None else scale


def _lows(files, folder, scale):
    """Return each file's low-resolution picture, or what to say of one that has none."""
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
            low = PictureError(
                f"{file}: no low-resolution picture in {folder}; looked for {', '.join(names)}"
            )
        lows[file] = low
    return lows


def _differences(variants, measured):
    """Return what each choice is worth to bicubic, against protocol matlab, in dB."""
    matlab = PROTOCOLS["matlab"]

    def psnr(protocol, scores):
        return protocol.mean_psnr([score["bicubic"].psnr for score in scores])

    return {
        text: psnr(variant, [result.changed[text] for result in measured])
        - psnr(matlab, [result.scores["matlab"] for result in measured])
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
