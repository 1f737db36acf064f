"""What a video is: its pictures' size, timing and colour, found out before work begins."""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from minisr.errors import PictureError
from minisr.upscaling.video.layout import SITES, Layout, layout_of
from minisr.upscaling.video.library import damaged, errors_named, open_source, require_av

LOOKED_AT = 6  # frames of which none may be interlaced
RATES = (1, 240)  # frames a second that encoders accept; the true times are kept beside them
JPEG_RANGE = 2  # FFmpeg's number for white being the largest code
ALPHA_TAGS = ("alpha_mode", "ALPHA_MODE")  # of VP8 and VP9, beside the pictures themselves


@dataclass(frozen=True)
class Facts:
    """A video's first frames, and what its file says.

    Attributes
    ----------
    index : int
        Of the stream in its file.
    width, height : int
        In pixels, as coded: not yet turned upright.
    format : str
        FFmpeg's name of how frames are decoded.
    layout : Layout
    full_range : bool
    range_known : bool
        Whether the file says so.
    site : str
        Where chroma lies; a key of `minisr.upscaling.video.layout.SITES`.
    site_known : bool
        Whether the file says so.
    time_base : Fraction
        Seconds a tick.
    rate : Fraction
        Frames a second, on average.
    seconds : float or None
    frames : int or None
        As the file says, or about.
    origin : Fraction
        Seconds at which the file begins: 0 but for broadcast streams, whose clocks start anywhere.
    counted : bool
        Whether frames have no times and are counted instead.
    aspect : Fraction or None
        A pixel's width by its height.
    colour : (int, int, int)
        Primaries, transfer, matrix: FFmpeg's numbers.
    matrix : tuple of int or None
        How to turn the picture for display.
    mastering : tuple or None
        Ten Fractions: x and y of red, green, blue and white, least and largest luminance.
    light : (int, int) or None
        Largest content and frame-average light level.
    extras : tuple of str
        What else frames carry: names of FFmpeg's side data.
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
    counted: bool
    aspect: Fraction | None
    colour: tuple
    matrix: tuple | None
    mastering: tuple | None
    light: tuple | None
    extras: tuple

    @property
    def turned(self):
        """Whether the picture is shown on its side: what are rows in the file go up or down."""
        return self.matrix is not None and abs(self.matrix[0]) < abs(self.matrix[1])


def main_video(container):
    """Return the stream of moving pictures, or None."""
    av = require_av()
    streams = [s for s in container.streams.video if s.codec_context is not None]
    moving = [s for s in streams if not s.disposition & av.stream.Disposition.attached_pic]
    return moving[0] if moving else None


def facts_of(path):
    """Read a file's first frames.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Facts

    Raises
    ------
    PictureError
        No video, interlaced, or transparent in a way that cannot be decoded.
    """
    with open_source(path) as container, errors_named(path, "cannot be read as video"):
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise PictureError(
                f"{path}: expected a video, got a picture; give it a picture's suffix"
            )
        stream = main_video(container)
        if stream is None:
            raise PictureError(f"{path}: expected a video, got a file without moving pictures")
        site = _site_of(container, stream.index)
        frames = _first_frames(container, stream)
        if not frames:
            raise PictureError(f"{path}: no frame can be decoded")
        if any(frame.interlaced_frame for frame in frames):
            raise PictureError(
                f"{path}: expected progressive video, got interlaced fields; first: "
                "ffmpeg -i IN -vf bwdif -c:a copy OUT.mkv"
            )
        if any(stream.metadata.get(tag) == "1" for tag in ALPHA_TAGS):
            raise PictureError(
                f"{path}: its transparency is decoded by few, and not here; first: "
                "ffmpeg -c:v libvpx-vp9 -i IN -c:v ffv1 OUT.mkv"
            )
        try:
            layout = layout_of(frames[0].format)
        except PictureError as error:
            raise PictureError(f"{path}: {error}") from error
        return _facts(container, stream, frames, layout, site)


def _first_frames(container, stream):
    frames = []
    for packet in container.demux(stream):
        try:
            frames += packet.decode()
        except damaged():
            continue  # the first packets of a broadcast often lack what they depend on
        if len(frames) >= LOOKED_AT:
            break
    return frames


def _facts(container, stream, frames, layout, site):
    av, frame = require_av(), frames[0]
    kinds = av.sidedata.sidedata.Type
    extras = {data.type: data for one in frames for data in one.side_data}
    old = frame.format.name.startswith("yuvj") or stream.codec_context.name in (
        "mjpeg",
        "mpeg1video",
    )
    grey = layout.across == 0 and not frame.color_range  # FFmpeg takes grey for full, if unsaid
    full = frame.color_range == JPEG_RANGE or frame.format.name.startswith("yuvj") or grey
    colour = (frame.color_primaries, frame.color_trc, frame.colorspace)
    if frame.format.is_rgb or frame.format.has_palette:
        full, colour = False, (1, 13, 1)  # it becomes BT.709's YCbCr of what is mostly sRGB
    aspect = stream.sample_aspect_ratio
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    seconds = _seconds(container, stream)
    return Facts(
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
        counted=frame.pts is None,
        aspect=aspect if aspect and aspect > 0 else None,
        colour=tuple(int(number) for number in colour),
        matrix=_numbers(extras.get(kinds.DISPLAYMATRIX)),
        mastering=_mastering(_numbers(extras.get(kinds.MASTERING_DISPLAY_METADATA))),
        light=_light(_numbers(extras.get(kinds.CONTENT_LIGHT_LEVEL))),
        extras=tuple(sorted(kind.name for kind in extras)),
    )


def _seconds(container, stream):
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _origin(container):
    """Return where a broadcast's clock begins; other files' times are kept as they are."""
    if "mpeg" not in container.format.name:  # mpegts and mpeg: those whose clocks start anywhere
        return Fraction(0)
    starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None]
    return min(starts, default=Fraction(0))


def _site_of(container, index):
    """Return where chroma lies, or None.

    PyAV does not say. FFmpeg's description of a file does, where its log is talkative.
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
    """Return what AVMasteringDisplayMetadata holds: ten fractions, and whether they are given."""
    if numbers is None or not (numbers[20] and numbers[21]):
        return None
    pairs = zip(numbers[0:20:2], numbers[1:20:2], strict=True)
    return tuple(Fraction(above, below or 1) for above, below in pairs)


def _light(numbers):
    return numbers and numbers[:2]
