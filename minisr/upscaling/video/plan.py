"""All that is decided before work begins."""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from minisr.errors import PictureError, SettingsError
from minisr.upscaling.video import encoders
from minisr.upscaling.video.facts import Facts, facts_of
from minisr.upscaling.video.hdr import hdr_options
from minisr.upscaling.video.library import require_av
from minisr.upscaling.video.segments import fingerprint

# What frames may carry that is told elsewhere, or carried; what else there is, is lost.
KNOWN_EXTRAS = {"DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
CAPTIONS, CAPTIONERS = "A53_CC", ("h264", "h265")
HARMLESS_EXTRAS = {"MOTION_VECTORS", "VIDEO_ENC_PARAMS", "SEI_UNREGISTERED", "GOP_TIMECODE"}


@dataclass(frozen=True)
class Plan:
    """A source, a target and how the one becomes the other.

    Attributes
    ----------
    source, target : pathlib.Path
    container : str
        FFmpeg's name.
    facts : Facts
    enlarger : minisr.upscaling.enlarger.Enlarger
        As it is to be used: of a width and height that are as shown it makes those of the file.
    settings : minisr.upscaling.video.encoders.Settings
    large, size : (int, int)
        Height and width of what the enlarger makes, and of what the encoder takes of it.
    span : (Fraction, Fraction or None)
        Beginning and end, in seconds of the source's clock.
    threads : int
    segment : int
        Frames after which work is safe from interruption.
    """

    source: Path
    target: Path
    container: str
    facts: Facts
    enlarger: object
    settings: encoders.Settings
    large: tuple
    size: tuple
    span: tuple
    threads: int
    segment: int

    @property
    def expected(self):
        """About how many frames there are, or None."""
        facts = self.facts
        if self.span == (facts.origin, None):
            return facts.frames
        if facts.seconds is None and self.span[1] is None:
            return None
        last = math.inf if facts.seconds is None else facts.origin + Fraction(facts.seconds)
        last = last if self.span[1] is None else min(last, self.span[1])
        return max(0, math.ceil((last - self.span[0]) * facts.rate))

    def manifest(self, stamp):
        """Return what decides about every bit of the video, for JSON."""
        return {
            "source": fingerprint(self.source),
            "stamp": stamp,
            "codec": [self.settings.codec, self.settings.crf, self.settings.preset],
            "format": self.settings.layout.format,
            "size": self.size,
            "span": [str(second) for second in self.span],
            "segment": self.segment,
            "pyav": require_av().__version__,
        }

    def notes(self):
        """Return, in one line each, what the video loses."""
        facts, codec = self.facts, self.settings.codec
        ours, theirs = facts.layout, self.settings.layout
        notes = []
        if ours.format != theirs.format:
            notes.append(f"{codec} takes {theirs.format}: {facts.format} is converted")
        if self.size != self.large:
            notes.append(f"{codec} wants even sides: an odd last row or column is cut off")
        if (facts.mastering or facts.light) and not hdr_options(codec, facts):
            notes.append(f"mastering display and light levels are left out: {codec} has none")
        if CAPTIONS in facts.extras and codec not in CAPTIONERS:
            notes.append(f"captions inside the video are left out: {codec} has none")
        lost = sorted({*facts.extras} - KNOWN_EXTRAS - HARMLESS_EXTRAS - {CAPTIONS})
        if lost:
            names = ", ".join(lost).lower()
            notes.append(f"frames carry what PyAV cannot write, left out: {names}")
        return notes


def make_plan(source, target, enlarger, options, threads):
    """Check everything before any work, and say how it will be done.

    Parameters
    ----------
    source, target : path-like
    enlarger : minisr.upscaling.enlarger.Enlarger
    options : minisr.upscaling.video.options.VideoOptions
    threads : int
        How many there are.

    Returns
    -------
    Plan

    Raises
    ------
    PictureError, SettingsError
        See `minisr.upscaling.video.upscale_video`.
    """
    source, target = Path(source), Path(target)
    container = encoders.container_of(target)
    if not target.parent.is_dir():
        raise SettingsError(f"{target}: cannot be written: no folder {target.parent}")
    if target.exists() and source.exists() and target.samefile(source):
        raise SettingsError(f"the result of {source} would replace it; choose another name")
    facts = facts_of(source)
    settings = encoders.choose(options.codec, options.crf, options.preset, container, facts.layout)
    if facts.turned and hasattr(enlarger, "turned"):
        enlarger = enlarger.turned()
    large = enlarger.size_of(facts.height, facts.width)
    size = encoders.cropped(large, settings)
    if min(size) < 1:
        raise PictureError(
            f"{source}: too small for {settings.codec}: {facts.width}x{facts.height}"
        )
    return Plan(
        *(source, target, container, facts, enlarger, settings, large, size),
        span=_span(facts, options.start, options.duration),
        threads=threads,
        segment=options.segment,
    )


def _span(facts, start, duration):
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise SettingsError(f"{name} must be seconds, 0 or more, got {value}")
    if duration == 0:
        raise SettingsError("duration must be more than 0 seconds, got 0")
    if start is not None and facts.seconds is not None and start >= facts.seconds:
        raise SettingsError(f"start must be within the {facts.seconds:.2f} seconds, got {start}")
    begin = facts.origin + _exactly(start or 0)
    return begin, None if duration is None else begin + _exactly(duration)


def _exactly(seconds):
    """Return a fraction: 0.1 is a tenth, not the nearest number of binary digits."""
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def stamp_of(enlarger, facts, threads):
    """Return a text that differs where an enlarger does: what it makes of noise."""
    noise = np.random.default_rng(0).random((facts.height, facts.width), np.float32)
    large = enlarger.plane(noise, threads)
    return hashlib.sha256(np.rint(large * 255).clip(0, 255).astype(np.uint8)).hexdigest()
