"""Probe a video: frame size, timing and colour, read before any work begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.upscaling.video.layout import SITES, Layout, layout_of
from minisr.upscaling.video.pyav import decode_errors, open_source, require_av, wrap_errors

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

PROBED_FRAMES = 6  # none of which may be interlaced
RATES = (1, 240)  # frames per second that encoders accept; the true times are kept separately
JPEG_RANGE = 2  # FFmpeg's number for full range, where white is the largest code value
ALPHA_TAGS = ("alpha_mode", "ALPHA_MODE")  # VP8 and VP9 store alpha outside the frames


@dataclass(frozen=True)
class VideoInfo:
    """What a file's headers and first frames say about its video.

    Attributes
    ----------
    index : int
        Of the video stream in its file.
    width, height : int
        In pixels, as coded: before rotation for display.
    format : str
        FFmpeg's name for the format of decoded frames.
    layout : Layout
    full_range : bool
    range_known : bool
        Whether the file specifies the range.
    site : str
        Where chroma is sited; a key of `minisr.upscaling.video.layout.SITES`.
    site_known : bool
        Whether the file specifies the site.
    time_base : Fraction
        Seconds per tick.
    rate : Fraction
        Frames per second, on average.
    seconds : float or None
    frames : int or None
        As the file says, or an estimate.
    origin : Fraction
        Seconds on the file's clock at which it begins: 0 except for broadcast streams, whose
        clocks start anywhere.
    untimed : bool
        Whether frames carry no times, so that times follow from counting.
    aspect : Fraction or None
        A pixel's width divided by its height.
    colour : (int, int, int)
        Primaries, transfer and matrix: FFmpeg's numbers.
    matrix : tuple of int or None
        The display matrix, which rotates the picture for display.
    mastering : tuple or None
        Mastering display, ten Fractions: x and y of red, green, blue and white, minimum and
        maximum luminance.
    light : (int, int) or None
        Maximum content light level and maximum frame-average light level.
    side_data : tuple of str
        FFmpeg's names of all side data that frames carry.
    """

    index: int
    width: int
    height: int
    format: str
    layout: Layout
    full_range: bool
    range_known: bool
    site: str
    site_known: bool
    time_base: Fraction
    rate: Fraction
    seconds: float | None
    frames: int | None
    origin: Fraction
    untimed: bool
    aspect: Fraction | None
    colour: tuple
    matrix: tuple | None
    mastering: tuple | None
    light: tuple | None
    side_data: tuple

    @property
    def turned(self) -> bool:
        """Whether the video is displayed after a quarter turn, so that rows become columns."""
        return self.matrix is not None and abs(self.matrix[0]) < abs(self.matrix[1])


def main_video(container: Any) -> Any:
    """Return the first video stream that is not a cover, or None."""
    av = require_av()
    streams = [s for s in container.streams.video if s.codec_context is not None]
    moving = [s for s in streams if not s.disposition & av.stream.Disposition.attached_pic]
    return moving[0] if moving else None


def probe_video(path: PathLike) -> VideoInfo:
    """Read a file's headers and first frames.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    VideoInfo

    Raises
    ------
    PictureError
        The file is not a video, is interlaced, or has transparency that PyAV cannot decode.
    """
    with open_source(path) as container, wrap_errors(path, "cannot be read as video"):
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise PictureError(
                f"{path}: expected a video, got a picture: give the file a picture's suffix"
            )
        stream = main_video(container)
        if stream is None:
            raise PictureError(f"{path}: expected a video, got a file without a video track")
        site = _chroma_site(container, stream.index)
        frames = _first_frames(container, stream)
        if not frames:
            raise PictureError(f"{path}: no frame of the video can be decoded")
        if any(frame.interlaced_frame for frame in frames):
            raise PictureError(
                f"{path}: expected progressive video, got interlaced fields: deinterlace it "
                "first with ffmpeg -i IN -vf bwdif -c:a copy OUT.mkv"
            )
        if any(stream.metadata.get(tag) == "1" for tag in ALPHA_TAGS):
            raise PictureError(
                f"{path}: cannot decode this kind of transparency: convert it first with "
                "ffmpeg -c:v libvpx-vp9 -i IN -c:v ffv1 OUT.mkv"
            )
        try:
            layout = layout_of(frames[0].format)
        except PictureError as error:
            raise PictureError(f"{path}: {error}") from error
        return _info(container, stream, frames, layout, site)


def _first_frames(container, stream):
    frames = []
    for packet in container.demux(stream):
        try:
            frames += packet.decode()
        except decode_errors():
            continue  # the first packets of a broadcast often depend on earlier ones
        if len(frames) >= PROBED_FRAMES:
            break
    return frames


def _info(container, stream, frames, layout, site):
    av, frame = require_av(), frames[0]
    kinds = av.sidedata.sidedata.Type
    side_data = {data.type: data for one in frames for data in one.side_data}
    old = frame.format.name.startswith("yuvj") or stream.codec_context.name in (
        "mjpeg",
        "mpeg1video",
    )
    grey = layout.across == 0 and not frame.color_range  # FFmpeg assumes full range
    full = frame.color_range == JPEG_RANGE or frame.format.name.startswith("yuvj") or grey
    colour = (frame.color_primaries, frame.color_trc, frame.colorspace)
    if frame.format.is_rgb or frame.format.has_palette:
        full, colour = False, (1, 13, 1)  # most RGB is sRGB; it becomes BT.709's YCbCr
    aspect = stream.sample_aspect_ratio
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    seconds = _seconds(container, stream)
    return VideoInfo(
        index=stream.index,
        width=frame.width,
        height=frame.height,
        format=frame.format.name,
        layout=layout,
        full_range=full,
        range_known=full or bool(frame.color_range) or colour == (1, 13, 1),
        site=site or ("center" if old else "left"),
        site_known=site is not None,
        time_base=stream.time_base,
        rate=Fraction(min(max(rate, RATES[0]), RATES[1])).limit_denominator(100_000),
        seconds=seconds,
        frames=stream.frames or (round(seconds * rate) if seconds else None),
        origin=_origin(container),
        untimed=frame.pts is None,
        aspect=aspect if aspect and aspect > 0 else None,
        colour=tuple(int(number) for number in colour),
        matrix=_numbers(side_data.get(kinds.DISPLAYMATRIX)),
        mastering=_mastering(_numbers(side_data.get(kinds.MASTERING_DISPLAY_METADATA))),
        light=_light(_numbers(side_data.get(kinds.CONTENT_LIGHT_LEVEL))),
        side_data=tuple(sorted(kind.name for kind in side_data)),
    )


def _seconds(container, stream):
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _origin(container):
    """Return where a broadcast's clock begins; 0 for other files, whose times are kept."""
    if "mpeg" not in container.format.name:  # mpegts and mpeg: their clocks start anywhere
        return Fraction(0)
    starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None]
    return min(starts, default=Fraction(0))


def _chroma_site(container, index):
    """Return where chroma is sited, or None.

    PyAV does not expose it. FFmpeg's text description of a file includes it at a verbose log level.
    """
    logging = require_av().logging
    before = logging.get_level()
    logging.set_level(logging.VERBOSE)
    logging.set_libav_level(logging.VERBOSE)
    try:
        text = container.dumps_format()
    finally:
        logging.set_libav_level(logging.INFO)
        logging.set_level(before)
    for line in text.splitlines():
        if re.match(rf"\s*Stream #0:{index}\D", line):
            words = re.findall(rf"[(,]\s*({'|'.join(SITES)})[,)]", line)
            return words[0] if words else None
    return None


def _numbers(data):
    return None if data is None else tuple(int(n) for n in np.frombuffer(bytes(data), np.int32))


def _mastering(numbers):
    """Return the ten fractions of AVMasteringDisplayMetadata, or None where its flags are unset."""
    if numbers is None or not (numbers[20] and numbers[21]):
        return None
    pairs = zip(numbers[0:20:2], numbers[1:20:2], strict=True)
    return tuple(Fraction(above, below or 1) for above, below in pairs)


def _light(numbers):
    return numbers and numbers[:2]
