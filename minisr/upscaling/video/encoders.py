"""The video encoders: their settings, and what each can hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.upscaling.video.hdr import hdr_options
from minisr.upscaling.video.layout import SUBSAMPLINGS, Layout
from minisr.upscaling.video.pyav import require_av

if TYPE_CHECKING:
    from typing import Any

    from minisr.upscaling.video.probe import VideoInfo

X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
ALPHA_CODEC = "ffv1"  # the only one that keeps alpha
# FFmpeg's option for where chroma is sited; without it, players assume "left".
SITE_OPTION = "chroma_sample_location"


@dataclass(frozen=True)
class Encoder:
    """One of FFmpeg's encoders.

    Attributes
    ----------
    name : str
        FFmpeg's name.
    containers : tuple of str
    crf : int or None
        The default; None for a lossless codec.
    max_crf : int
    presets : tuple of str
        From fastest to slowest, by the encoder's own names or numbers.
    preset : str or None
        The default.
    even : bool
        Whether frames with subsampled chroma need even sides.
    """

    name: str
    containers: tuple
    crf: int | None
    max_crf: int
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
    """An encoder and its settings.

    Attributes
    ----------
    codec : str
        A key of `ENCODERS`.
    crf : int or None
    preset : str or None
    layout : Layout
        Of the frames given to the encoder.
    """

    codec: str
    crf: int | None
    preset: str | None
    layout: Layout


def container_of(target: Any) -> Any:
    """Return FFmpeg's name for the container of a file's suffix, or raise SettingsError."""
    name = CONTAINERS.get(target.suffix.lower())
    if name is None:
        raise SettingsError(
            f"{target}: cannot write video as '{target.suffix}': use {' '.join(CONTAINERS)}"
        )
    return name


def choose(codec: str | None, crf: Any, preset: Any, container: str, layout: Any) -> Settings:
    """Check the given settings and fill in the missing ones.

    Parameters
    ----------
    codec : str or None
        None chooses what most players can play in this container at this bit depth.
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
        A setting is unknown or out of range, or does not fit the others.
    """
    if codec is None and layout.alpha and container == "matroska":
        codec = ALPHA_CODEC
    if codec is None:
        codec = "vp9" if container == "webm" else "h264" if layout.bits == 8 else "h265"
        if codec == "vp9" and layout.bits > 8:
            codec = "av1"
    codec = ALIASES.get(codec, codec)
    if codec not in ENCODERS:
        raise SettingsError(f"codec must be one of {', '.join(ENCODERS)}, got {codec}")
    encoder = ENCODERS[codec]
    if container not in encoder.containers:
        raise SettingsError(f"{container} cannot hold {codec}: use {', '.join(_suffixes(encoder))}")
    if layout.alpha and codec != ALPHA_CODEC:
        raise SettingsError(
            f"{codec} in {container} would lose the transparency: "
            f"write .mkv with {ALPHA_CODEC}, or remove the transparency first"
        )
    if crf is not None and encoder.crf is None:
        raise SettingsError(f"{codec} is lossless and takes no crf, got {crf}: leave crf out")
    crf = encoder.crf if crf is None else crf
    if crf is not None and not 0 <= crf <= encoder.max_crf:
        raise SettingsError(f"crf of {codec} must be from 0 to {encoder.max_crf}, got {crf}")
    if preset is not None and not encoder.presets:
        raise SettingsError(f"{codec} has no presets, got {preset}: leave preset out")
    if preset is not None and str(preset) not in encoder.presets:
        known = ", ".join(encoder.presets)
        raise SettingsError(f"preset of {codec} must be one of {known}, got {preset}")
    preset = encoder.preset if preset is None else str(preset)
    return Settings(codec, crf, preset, _nearest_layout(encoder, layout))


def _suffixes(encoder):
    return [suffix for suffix, name in CONTAINERS.items() if name in encoder.containers]


def _nearest_layout(encoder, layout):
    """Return the supported layout nearest to ``layout``, preferring more precision to less."""
    av = require_av()
    try:
        formats = {one.name for one in av.Codec(encoder.name, "w").video_formats}
    except av.codec.codec.UnknownCodecError as error:
        raise SettingsError(
            f"this build of PyAV has no encoder {encoder.name}: choose another codec"
        ) from error
    depths = sorted((8, 9, 10, 12, 14, 16), key=lambda b: (b < layout.bits, abs(b - layout.bits)))
    step = (layout.across, layout.down)
    # 4:2:2 in place of 4:4:0 or 4:1:1 would lose resolution along one axis: go to 4:4:4 instead.
    steps = [step] if step[0] else [step, (2, 2)]
    steps += [finer for finer in SUBSAMPLINGS if finer[0] <= step[0] and finer[1] <= step[1]][::-1]
    for bits in depths:
        for across, down in [*steps, (2, 2)]:
            nearest = Layout(across, down, bits, layout.alpha)
            if nearest.format in formats:
                return nearest
    raise SettingsError(f"{encoder.name} cannot encode {layout.format}: choose another codec")


def cropped(size: Any, settings: Any) -> Any:
    """Return the height and width that an encoder keeps of a frame of this size."""
    layout = settings.layout
    if not ENCODERS[settings.codec].even or not layout.across:
        return size
    height, width = size
    return height - height % layout.down, width - width % layout.across


def configure(
    context: Any, settings: Settings, info: VideoInfo, size: tuple[int, int], threads: int
) -> None:
    """Configure an encoder before it starts.

    Parameters
    ----------
    context : av.CodecContext
    settings : Settings
    info : minisr.upscaling.video.probe.VideoInfo
    size : (int, int)
        Height and width.
    threads : int
    """
    encoder = ENCODERS[settings.codec]
    context.height, context.width = size
    context.pix_fmt = settings.layout.format
    context.framerate = info.rate
    context.time_base = 1 / info.rate  # one tick per frame here; `Segment` keeps the true times
    context.color_range = (2 if info.full_range else 1) if info.range_known else 0
    context.color_primaries, context.color_trc, context.colorspace = info.colour
    if info.aspect:
        context.sample_aspect_ratio = info.aspect
    context.thread_count = threads
    options = {}
    if info.site_known and settings.layout.across:
        options[SITE_OPTION] = info.site
    if encoder.crf is not None:
        options["crf"] = str(settings.crf)
    context.bit_rate = 0
    if settings.codec == "vp9":
        options |= {"deadline": "good", "cpu-used": settings.preset, "row-mt": "1"}
    elif settings.preset is not None:
        options["preset"] = settings.preset
    if settings.codec == "av1":  # keep SVT-AV1 from printing to the terminal
        os.environ.setdefault("SVT_LOG", "1")
    if settings.codec == "ffv1":
        options |= {"level": "3", "slicecrc": "1"}
    hdr = hdr_options(settings.codec, info)
    if settings.codec == "h265":
        options["a53cc"] = "1"  # write captions, which h264 does by default
        # Keep x265 from printing to the terminal.
        hdr["x265-params"] = ":".join(["log-level=error", *hdr.values()])
    context.options.update(options | hdr)
