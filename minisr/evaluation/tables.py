"""The result of an evaluation: as a table, as HTML for a notebook, as CSV and as JSON."""

from __future__ import annotations

import csv
import functools
import html
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.evaluation.evaluate import mean
from minisr.evaluation.notebook import picture_html, table_html
from minisr.system.atomic import atomic_path
from minisr.version import __version__

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

COLUMNS = ("protocol", "scale", "picture", "method", "psnr", "ssim", "seconds")


def short_names(names: Any) -> Any:
    """Return names for display: file names without their folders.

    If that makes two of them equal, as with A/model and B/model, return whole paths.
    """
    short = [Path(name).name for name in names]
    return short if len({*short}) == len(short) else [str(name) for name in names]


def _printable(name):
    """Return a name with line breaks and unprintable characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of several methods on a set of pictures; a notebook shows them as a table.

    Attributes
    ----------
    scale : int
    methods : list of str
        In display order.
    protocols : list of minisr.evaluation.protocols.Protocol
    pictures : dict of path to dict of str to dict of str to minisr.evaluation.evaluate.Score
        By file, then by name of the protocol, then by name of the method.
    differences : dict of str to float
        How much each choice of a protocol changes PSNR, in dB.
    skipped : dict of str to str
        Pictures that could not be measured, and why.
    samples : dict of str to dict of str to ndarray
        By picture: the middle of the original, and of what each method makes of it.
    """

    scale: int
    methods: list
    protocols: list
    pictures: dict
    differences: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    samples: dict = field(default_factory=dict)

    @functools.cached_property
    def means(self) -> Any:
        """The mean scores: by name of the protocol, then by name of the method."""
        return {
            protocol.name: {
                method: mean([s[protocol.name][method] for s in self.pictures.values()], protocol)
                for method in self.methods
            }
            for protocol in self.protocols
        }

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self):
        parts = []
        for protocol in self.protocols:
            heading = [f"PSNR dB / SSIM, x{self.scale}, {protocol.name}", *self.methods]
            rows = [(name, s[protocol.name]) for name, s in self.pictures.items()]
            rows.append(("mean", self.means[protocol.name]))
            parts.append(
                table_html(
                    heading,
                    [
                        [Path(name).name, *(f"{s.psnr:.2f} / {s.ssim:.4f}" for s in each.values())]
                        for name, each in rows
                    ],
                )
            )
        for name, versions in self.samples.items():
            pictures = [
                picture_html(pixels, f"{Path(name).name}, {label}", pixels.shape[1])
                for label, pixels in versions.items()
            ]
            parts.append(f"<div>{''.join(pictures)}</div>")
        parts += [
            f"<p>skipped {html.escape(name)}: {html.escape(why.removeprefix(f'{name}: '))}</p>"
            for name, why in self.skipped.items()
        ]
        return "".join(parts)

    def text(self) -> Any:
        """Return a table with a row per picture or, with several protocols, a row per protocol."""
        if len(self.protocols) == 1:
            (protocol,) = self.protocols
            names = map(_printable, short_names(self.pictures))
            scores = [scores[protocol.name] for scores in self.pictures.values()]
            rows = [*zip(names, scores, strict=True), ("mean", self.means[protocol.name])]
            lines = [
                *self._table(rows),
                f"x{self.scale}; protocol {self._description_of(protocol)}",
            ]
            return "\n".join(lines)
        lines = [*self._table([(p.name, self.means[p.name]) for p in self.protocols])]
        lines.append(f"x{self.scale}; each row is the mean of {len(self.pictures)} pictures")
        lines += ["", "What they measure:"]
        lines += [f"  {self._description_of(protocol)}" for protocol in self.protocols]
        if self.differences:
            lines += [
                "",
                "Why they differ: matlab with one choice changed at a time, bicubic, in dB:",
            ]
            lines += [f"  {value:+6.2f}  {text}" for text, value in self.differences.items()]
        return "\n".join(lines)

    def _description_of(self, protocol):
        return f"{protocol.name}: {protocol.description}"

    def _table(self, rows):
        heading = "PSNR dB / SSIM / s"
        first = max(len(heading), *(len(name) for name, _ in rows)) + 2
        labels = [_printable(name) for name in short_names(self.methods)]
        widths = [max(23, len(label)) + 2 for label in labels]
        cells = zip(labels, widths, strict=True)
        yield f"{heading:<{first}}" + "".join(f"{label:>{width}}" for label, width in cells)
        for name, scores in rows:
            figures = [f"{s.psnr:.2f} / {s.ssim:.4f} / {s.seconds:.3f}" for s in scores.values()]
            cells = zip(figures, widths, strict=True)
            yield f"{name:<{first}}" + "".join(f"{figure:>{width}}" for figure, width in cells)

    def write_json(self, path: PathLike) -> None:
        """Write all figures as JSON; an infinite PSNR (identical pictures) is written as null.

        Parameters
        ----------
        path : path-like
        """
        parts = {
            protocol.name: {
                "mean": _as_json(self.means[protocol.name]),
                "pictures": {
                    str(file): _as_json(scores[protocol.name])
                    for file, scores in self.pictures.items()
                },
            }
            for protocol in self.protocols
        }
        report = {"minisr": __version__, "scale": self.scale}
        if len(parts) == 1:
            ((name, part),) = parts.items()
            report |= {"protocol": name, **part}
        else:
            differences = {text: _or_null(value) for text, value in self.differences.items()}
            report |= {"protocols": parts, "differences": differences}
        with atomic_path(path) as temporary:
            text = json.dumps(report, indent=2, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    def write_csv(self, path: PathLike) -> None:
        """Write a row for each protocol, picture and method; rows of means have no picture.

        An infinite PSNR (identical pictures) is written as inf. Bytes of names that are not UTF-8
        are written as backslash escapes.

        Parameters
        ----------
        path : path-like
        """
        with (
            atomic_path(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for protocol in self.protocols:
                rows = [(file, scores[protocol.name]) for file, scores in self.pictures.items()]
                for picture, scores in [*rows, ("", self.means[protocol.name])]:
                    writer.writerows(
                        (protocol.name, self.scale, picture, name, s.psnr, s.ssim, s.seconds)
                        for name, s in scores.items()
                    )


def _or_null(decibels):
    """Return a finite number unchanged, and None for infinity and NaN, which JSON lacks."""
    return decibels if math.isfinite(decibels) else None


def _as_json(scores):
    return {
        name: {
            "psnr": _or_null(score.psnr),
            "ssim": score.ssim,
            "seconds": round(score.seconds, 6),
        }
        for name, score in scores.items()
    }
