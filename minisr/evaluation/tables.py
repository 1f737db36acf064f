"""Figures as people and programs read them: a table, CSV, JSON."""

import csv
import json
import math
from pathlib import Path

from minisr.evaluation.evaluate import mean
from minisr.system.atomic import atomic_path
from minisr.version import __version__

COLUMNS = ("protocol", "scale", "picture", "method", "psnr", "ssim", "seconds")


def short_names(names):
    """Return names as they are shown: those of files without their folders.

    Where that does not tell them apart, as with A/model and B/model, whole paths do.
    """
    short = [Path(name).name for name in names]
    return short if len({*short}) == len(short) else [str(name) for name in names]


def _in_a_line(name):
    """Return a name without what would break a line, or cannot be printed."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


class Figures:
    """What was measured on a set of pictures.

    Parameters
    ----------
    scale : int
    methods : list of str
        In the order in which they are shown.
    protocols : list of minisr.evaluation.protocols.Protocol
    pictures : dict of path to dict of str to dict of str to minisr.evaluation.evaluate.Score
        For each file, by the name of the protocol, by that of the method.
    differences : dict of str to float, optional
        What each choice of a protocol is worth, in dB.
    """

    def __init__(self, scale, methods, protocols, pictures, differences=None):
        self.scale = scale
        self.methods = methods
        self.protocols = protocols
        self.pictures = pictures
        self.differences = differences or {}
        self.means = {
            protocol.name: {
                method: mean([s[protocol.name][method] for s in pictures.values()], protocol)
                for method in methods
            }
            for protocol in protocols
        }

    def text(self):
        """Return a table for a person: a row a picture or, with several protocols, a row each."""
        if len(self.protocols) == 1:
            (protocol,) = self.protocols
            names = map(_in_a_line, short_names(self.pictures))
            scores = [scores[protocol.name] for scores in self.pictures.values()]
            rows = [*zip(names, scores, strict=True), ("mean", self.means[protocol.name])]
            lines = [*self._table(rows), f"x{self.scale}; protocol {self._described(protocol)}"]
            return "\n".join(lines)
        lines = [*self._table([(p.name, self.means[p.name]) for p in self.protocols])]
        lines.append(f"x{self.scale}; each line is the mean of {len(self.pictures)} pictures")
        lines += ["", "What they measure:"]
        lines += [f"  {self._described(protocol)}" for protocol in self.protocols]
        if self.differences:
            lines += [
                "",
                "Why they differ: one choice of matlab changed at a time, bicubic, in dB:",
            ]
            lines += [f"  {value:+6.2f}  {text}" for text, value in self.differences.items()]
        return "\n".join(lines)

    def _described(self, protocol):
        return f"{protocol.name}: {protocol.description}"

    def _table(self, rows):
        heading = "PSNR dB / SSIM / s"
        first = max(len(heading), *(len(name) for name, _ in rows)) + 2
        labels = [_in_a_line(name) for name in short_names(self.methods)]
        widths = [max(23, len(label)) + 2 for label in labels]
        cells = zip(labels, widths, strict=True)
        yield f"{heading:<{first}}" + "".join(f"{label:>{width}}" for label, width in cells)
        for name, scores in rows:
            figures = [f"{s.psnr:.2f} / {s.ssim:.4f} / {s.seconds:.3f}" for s in scores.values()]
            cells = zip(figures, widths, strict=True)
            yield f"{name:<{first}}" + "".join(f"{figure:>{width}}" for figure, width in cells)

    def write_json(self, path):
        """Write all figures; the PSNR of equal pictures is infinite, for which JSON has null.

        Parameters
        ----------
        path : path-like
        """
        parts = {
            protocol.name: {
                "mean": _plain(self.means[protocol.name]),
                "pictures": {
                    str(file): _plain(scores[protocol.name])
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

    def write_csv(self, path):
        """Write a row for each protocol, picture and method; the means have no picture.

        The PSNR of equal pictures is written as inf, and bytes of a name that are no UTF-8 as
        backslashes.

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
    """Return a finite number as it is: JSON has neither infinity nor what is left of two."""
    return decibels if math.isfinite(decibels) else None


def _plain(scores):
    return {
        name: {
            "psnr": _or_null(score.psnr),
            "ssim": score.ssim,
            "seconds": round(score.seconds, 6),
        }
        for name, score in scores.items()
    }
