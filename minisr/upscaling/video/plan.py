"""Everything that is decided before work begins."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError, SettingsError
from minisr.upscaling.video import encoders
from minisr.upscaling.video.hdr import hdr_options
from minisr.upscaling.video.probe import VideoInfo, probe_video
from minisr.upscaling.video.pyav import require_av
from minisr.upscaling.video.segments import fingerprint

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike
    from minisr.upscaling.enlarger import Enlarger
    from minisr.upscaling.video.options import VideoOptions

# Side data that is kept, or safe to lose. Any other kind is lost, with a note.
KEPT_SIDE_DATA = {"DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
CAPTIONS, CAPTION_CODECS = "A53_CC", ("h264", "h265")
HARMLESS_SIDE_DATA = {"MOTION_VECTORS", "VIDEO_ENC_PARAMS", "SEI_UNREGISTERED", "GOP_TIMECODE"}


@dataclass(frozen=True)
class Plan:
    """A source, a target and every decision about how one becomes the other.

    Attributes
    ----------
    source, target : pathlib.Path
    container : str
        FFmpeg's name of the target's format.
    info : VideoInfo
    enlarger : minisr.upscaling.enlarger.Enlarger
        With any requested width and height swapped if the video is rotated for display.
    settings : minisr.upscaling.video.encoders.Settings
    large, size : (int, int)
        Height and width of the enlarger's result, and of the part that is encoded.
    span : (Fraction, Fraction or None)
        Beginning and end, in seconds of the source's clock.
    threads : int
    segment : int
        Frames per segment.
    """

    source: Path
    target: Path
    container: str
    info: VideoInfo
    enlarger: object
    settings: encoders.Settings
    large: tuple
    size: tuple
    span: tuple
    threads: int
    segment: int

    @property
    def expected(self) -> Any:
        """The estimated number of frames, or None."""
        info = self.info
        if self.span == (info.origin, None):
            return info.frames
        if info.seconds is None and self.span[1] is None:
            return None
        last = math.inf if info.seconds is None else info.origin + Fraction(info.seconds)
        last = last if self.span[1] is None else min(last, self.span[1])
        return max(0, math.ceil((last - self.span[0]) * info.rate))

    def manifest(self, stamp: Any) -> Any:
        """Return, for JSON, everything that determines the bits of the video."""
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

    def notes(self) -> Any:
        """Return one line about each thing that the video loses."""
        info, codec = self.info, self.settings.codec
        ours, theirs = info.layout, self.settings.layout
        notes = []
        if ours.format != theirs.format:
            notes.append(f"{codec} cannot encode {info.format}: converted to {theirs.format}")
        if self.size != self.large:
            notes.append(f"{codec} needs even sides: an odd last row or column is cut off")
        if (info.mastering or info.light) and not hdr_options(codec, info):
            notes.append(
                f"mastering display and light levels are left out: {codec} cannot store them"
            )
        if CAPTIONS in info.side_data and codec not in CAPTION_CODECS:
            notes.append(f"captions inside the video are left out: {codec} cannot store them")
        lost = sorted({*info.side_data} - KEPT_SIDE_DATA - HARMLESS_SIDE_DATA - {CAPTIONS})
        if lost:
            names = ", ".join(lost).lower()
            notes.append(f"side data of frames is left out, which PyAV cannot write: {names}")
        return notes


def make_plan(
    source: PathLike, target: PathLike, enlarger: Enlarger, options: VideoOptions, threads: int
) -> Plan:
    """Check everything before any work begins, and plan the work.

    Parameters
    ----------
    source, target : path-like
    enlarger : minisr.upscaling.enlarger.Enlarger
    options : minisr.upscaling.video.options.VideoOptions
    threads : int

    Returns
    -------
    Plan

    Raises
    ------
    PictureError, SettingsError
        See `minisr.upscaling.video.upscale_video`.
    """
    source, target = Path(source), Path(target)
    if target.is_symlink():  # what it points to is replaced, and may be on another disk
        target = Path(os.path.realpath(target))
    container = encoders.container_of(target)
    if not target.parent.is_dir():
        raise SettingsError(f"{target}: cannot be written: make the folder {target.parent} first")
    if target.exists() and source.exists() and target.samefile(source):
        raise SettingsError(f"the result of {source} would replace it: choose another name")
    info = probe_video(source)
    settings = encoders.choose(options.codec, options.crf, options.preset, container, info.layout)
    if info.turned and hasattr(enlarger, "turned"):
        enlarger = enlarger.turned()
    large = enlarger.size_of(info.height, info.width)
    size = encoders.cropped(large, settings)
    if min(size) < 1:
        raise PictureError(
            f"{source}: {info.width}x{info.height} is too small for {settings.codec}: "
            "choose another codec"
        )
    return Plan(
        *(source, target, container, info, enlarger, settings, large, size),
        span=_span(info, options.start, options.duration),
        threads=threads,
        segment=options.segment,
    )


def _span(info, start, duration):
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise SettingsError(f"{name} must be a number of seconds, 0 or more, got {value}")
    if duration == 0:
        raise SettingsError("duration must be more than 0 seconds, got 0")
    if start is not None and info.seconds is not None and start >= info.seconds:
        raise SettingsError(
            f"start must be within the video's {info.seconds:.2f} seconds, got {start}"
        )
    begin = info.origin + _exact(start or 0)
    return begin, None if duration is None else begin + _exact(duration)


def _exact(seconds):
    """Return a fraction: 0.1 becomes one tenth, not the nearest binary number."""
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def stamp_of(enlarger: Any, info: Any, threads: Any) -> Any:
    """Return a text that identifies an enlarger: a hash of what it makes of noise."""
    noise = np.random.default_rng(0).random((info.height, info.width), np.float32)
    large = enlarger.plane(noise, threads)
    return hashlib.sha256(np.rint(large * 255).clip(0, 255).astype(np.uint8)).hexdigest()
