"""The encoders that video is written with, their settings and what they can hold."""

import os
from dataclasses import dataclass

from minisr.errors import SettingsError
from minisr.upscaling.video.hdr import hdr_options
from minisr.upscaling.video.layout import SUBSAMPLINGS, Layout
from minisr.upscaling.video.library import require_av

X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
TRANSPARENT = "ffv1"  # the codec that keeps alpha
# FFmpeg's numbers of chroma's places; without one, players assume "left".
SITE_OPTION = "chroma_sample_location"


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg's.

    Attributes
    ----------
    name : str
        FFmpeg's.
    containers : tuple of str
    crf : int or None
        The default; None where nothing is lost.
    most_crf : int
    presets : tuple of str
        From fastest to slowest, or numbers as the encoder has them.
    preset : str or None
        The default.
    even : bool
        Whether subsampled pictures need even sides.
    """

    name: str
    containers: tuple
    crf: int | None
    most_crf: int
    presets: tuple
    preset: str | None
    even: bool


ENCODERS = {
    "h264": Encoder("libx264", ("mp4", "mov", "matroska"), 18, 51, X26_PRESETS, "medium", True),
    "h265": Encoder("libx265", ("mp4", "mov", "matroska"), 20, 51, X26_PRESETS, "medium", True),
    "vp9": Encoder(
        "libvpx-vp9",
        ("mp4", "matroska", "webm"),
        *(24, 63, tuple(str(n) for n in range(8, -1, -1)), "4", False),
    ),
    "av1": Encoder(
        "libsvtav1",
        ("mp4", "matroska", "webm"),
        *(25, 63, tuple(str(n) for n in range(13, -1, -1)), "8", True),
    ),
    "ffv1": Encoder("ffv1", ("matroska",), None, 0, (), None, False),
}
ALIASES = {encoder.name: name for name, encoder in ENCODERS.items()} | {
    **{"hevc": "h265", "avc": "h264", "x264": "h264", "x265": "h265", "libvpx": "vp9"},
}


@dataclass(frozen=True)
class Settings:
    """An encoder, and how it is told to work.

    Attributes
    ----------
    codec : str
        A key of `ENCODERS`.
    crf : int or None
    preset : str or None
    layout : Layout
        What it is given.
    """

    codec: str
    crf: int | None
    preset: str | None
    layout: Layout


def container_of(target):
    """Return FFmpeg's name of the container that a file's suffix means; raise SettingsError."""
    name = CONTAINERS.get(target.suffix.lower())
    if name is None:
        raise SettingsError(
            f"{target}: cannot write video of kind '{target.suffix}': use {' '.join(CONTAINERS)}"
        )
    return name


def choose(codec, crf, preset, container, layout):
    """Check what was asked for and fill in what was not.

    Parameters
    ----------
    codec : str or None
        None is what most players can play in this container at this depth.
    crf, preset : int or str, or None
    container : str
    layout : Layout
        Of the source.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        Not known, out of range, or not together.
    """
    if codec is None and layout.alpha and container == "matroska":
        codec = TRANSPARENT
    if codec is None:
        codec = "vp9" if container == "webm" else "h264" if layout.bits == 8 else "h265"
        if codec == "vp9" and layout.bits > 8:
            codec = "av1"
    codec = ALIASES.get(codec, codec)
    if codec not in ENCODERS:
        raise SettingsError(f"codec must be one of {', '.join(ENCODERS)}, got {codec}")
    encoder = ENCODERS[codec]
    if container not in encoder.containers:
        raise SettingsError(
            f"{container} does not hold {codec}; it goes into {', '.join(_suffixes(encoder))}"
        )
    if layout.alpha and codec != TRANSPARENT:
        raise SettingsError(
            f"{codec} in {container} would lose the transparency: "
            f"write .mkv with {TRANSPARENT}, or remove it first"
        )
    if crf is not None and encoder.crf is None:
        raise SettingsError(f"{codec} loses nothing and has no crf, got {crf}")
    crf = encoder.crf if crf is None else crf
    if crf is not None and not 0 <= crf <= encoder.most_crf:
        raise SettingsError(f"crf of {codec} must be from 0 to {encoder.most_crf}, got {crf}")
    if preset is not None and str(preset) not in encoder.presets:
        known = ", ".join(encoder.presets) or "none at all"
        raise SettingsError(f"preset of {codec} must be one of {known}, got {preset}")
    preset = encoder.preset if preset is None else str(preset)
    return Settings(codec, crf, preset, _held(encoder, layout))


def _suffixes(encoder):
    return [suffix for suffix, name in CONTAINERS.items() if name in encoder.containers]


def _held(encoder, layout):
    """Return the layout nearest to ``layout`` that an encoder takes; rather more than less."""
    av = require_av()
    try:
        formats = {one.name for one in av.Codec(encoder.name, "w").video_formats}
    except av.codec.codec.UnknownCodecError as error:
        raise SettingsError(f"this PyAV has no encoder {encoder.name}") from error
    depths = sorted((8, 9, 10, 12, 14, 16), key=lambda b: (b < layout.bits, abs(b - layout.bits)))
    step = (layout.across, layout.down)
    # 4:2:2 instead of 4:4:0 or 4:1:1 would lose no more than the other way round: go to 4:4:4.
    steps = [step] if step[0] else [step, (2, 2)]
    steps += [finer for finer in SUBSAMPLINGS if finer[0] <= step[0] and finer[1] <= step[1]][::-1]
    for bits in depths:
        for across, down in [*steps, (2, 2)]:
            held = Layout(across, down, bits, layout.alpha)
            if held.format in formats:
                return held
    raise SettingsError(f"{encoder.name} takes no video of the kind {layout.format}")


def cropped(size, settings):
    """Return the height and width that an encoder takes of a picture of this size."""
    layout = settings.layout
    if not ENCODERS[settings.codec].even or not layout.across:
        return size
    height, width = size
    return height - height % layout.down, width - width % layout.across


def configure(context, settings, facts, size, threads):
    """Tell an encoder all that it must know before it starts.

    Parameters
    ----------
    context : av.CodecContext
        Or a stream that has one.
    settings : Settings
    facts : minisr.upscaling.video.facts.Facts
    size : (int, int)
        Height and width.
    threads : int
    """
    encoder = ENCODERS[settings.codec]
    context.height, context.width = size
    context.pix_fmt = settings.layout.format
    context.framerate = facts.rate
    context.time_base = 1 / facts.rate  # a frame is a tick here; true times are kept elsewhere
    context.color_range = (2 if facts.full_range else 1) if facts.range_known else 0
    context.color_primaries, context.color_trc, context.colorspace = facts.colour
    if facts.aspect:
        context.sample_aspect_ratio = facts.aspect
    context.thread_count = threads
    options = {}
    if facts.site_known and settings.layout.across:
        options[SITE_OPTION] = facts.site
    if encoder.crf is not None:
        options["crf"] = str(settings.crf)
    context.bit_rate = 0
    if settings.codec == "vp9":
        options |= {"deadline": "good", "cpu-used": settings.preset, "row-mt": "1"}
    elif settings.preset is not None:
        options["preset"] = settings.preset
    if settings.codec == "av1":  # which tells the terminal about itself, unless told not to
        os.environ.setdefault("SVT_LOG", "1")
    if settings.codec == "ffv1":
        options |= {"level": "3", "slicecrc": "1"}
    hdr = hdr_options(settings.codec, facts)
    if settings.codec == "h265":
        options["a53cc"] = "1"  # captions, as h264 writes them unasked
        # Not a word to the terminal, from this one either.
        hdr["x265-params"] = ":".join(["log-level=error", *hdr.values()])
    context.options.update(options | hdr)
