"""The page of ``minisr upscale --html``: bicubic against the network, with no original."""

import shlex

import numpy as np

from minisr import images
from minisr.cli.common import note
from minisr.errors import MinisrError
from minisr.evaluation.report import Method, make_section, write_report
from minisr.images.colour import without_alpha
from minisr.images.profiles import profile_for
from minisr.upscaling.batch.running import State
from minisr.version import __version__

LARGEST = 40_000_000  # pixels of a result; more is too much for a page and for a browser


class Page:
    """Collects pictures, and writes the page.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of the command that is running.
    enlarger : minisr.upscaling.enlarger.Enlarger
    """

    def __init__(self, arguments, enlarger):
        self.arguments, self.enlarger = arguments, enlarger
        self.sections, self.missing = {}, []

    def show(self, outcome):
        """Read a picture and its result, and add them; several threads may call it at once."""
        job = outcome.job
        if outcome.state not in (State.MADE, State.DONE_BEFORE):
            return
        try:
            pictures = [
                images.read_picture(path, allow_large=True) for path in (job.source, job.target)
            ]
            small, large = (images.to_8_bits(picture.pixels) for picture in pictures)
            if large.shape[0] * large.shape[1] > LARGEST:
                self.missing.append(f"{job.source} is too large to be shown here.")
                return
            small, large = _alike(small, large)
            versions = {
                "bicubic": _bicubic(small, large.shape[:2]),
                self.enlarger.name: large,
            }
            self.sections[job.source] = make_section(
                str(job.source), versions, profile=profile_for(large, *pictures)
            )
        except (MinisrError, OSError, MemoryError) as error:  # the result itself is done
            self.missing.append(f"{job.source} is not shown: {error}")

    def write(self, jobs):
        """Write the page, with the pictures in the order of the jobs."""
        sections = [self.sections[job.source] for job in jobs if job.source in self.sections]
        if not sections:
            note(f"{self.arguments.html} is not written: there is no picture to show")
            return
        write_report(
            self.arguments.html,
            title=f"{self.enlarger.name} at {self.enlarger.label}",
            methods=[
                Method("bicubic", "MATLAB's"),
                Method(self.enlarger.name, self.enlarger.description),
            ],
            sections=sections,
            command=shlex.join(["minisr", *self.arguments.words]),
            about=[
                ("Enlarged", self.enlarger.label),
                ("Pictures", str(len(sections))),
                ("Made by", f"minisr {__version__}"),
            ],
            notes=sorted(self.missing),
        )


def _bicubic(small, size):
    """Enlarge a picture by bicubic; the colour of invisible pixels does not bleed into others."""
    pixels = small / 255
    if small.ndim == 2 or small.shape[2] == 3:
        return images.to_8_bits(images.imresize(pixels, size))
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    large = images.imresize(np.concatenate([colour * alpha, alpha], axis=2), size).clip(0, 1)
    large[..., :-1] /= large[..., -1:].clip(1 / 512)
    return images.to_8_bits(large)


def _alike(small, large):
    """Return both with the same channels: the result's format may lack transparency, or grey."""
    if small.shape[2:] != large.shape[2:]:
        small, large = (np.atleast_3d(without_alpha(picture)) for picture in (small, large))
        small, large = (np.broadcast_to(p, (*p.shape[:2], 3)) for p in (small, large))
    return small, large
