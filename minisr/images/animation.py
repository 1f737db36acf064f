"""Read and write animations (GIF, WebP and APNG) as whole frames with durations."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import MinisrError, PictureError
from minisr.images import exif as exifs
from minisr.images import webp_frames
from minisr.images.encoders import encode_frames
from minisr.images.gif import frames as gif_frames
from minisr.images.metadata import fitting
from minisr.images.picture import Picture
from minisr.images.png import chunks as png_chunks
from minisr.images.png import frames as png_frames
from minisr.images.reading import read_picture
from minisr.images.sources import check_size, explained, one_line
from minisr.images.upright import upright
from minisr.images.writing import check_sides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from minisr.images.formats import Format


@dataclass(frozen=True, eq=False)
class Animation:
    """What is known of an animation before its frames are decoded.

    Attributes
    ----------
    first : Picture
        The first frame, with the metadata of the whole file.
    durations : tuple of float
        Duration of each frame in milliseconds.
    plays : int
        How often the animation plays; 0 means forever.
    transparent : bool
        Whether any pixel of any frame is not opaque.
    orientation : int
        From EXIF.
    """

    first: Picture
    durations: tuple
    plays: int
    transparent: bool
    orientation: int = 1


def read_animation(file: Any, form: str, *, allow_large: bool = False) -> Animation | None:
    """Return the `Animation` in an open file, if it is one.

    Parameters
    ----------
    file : binary file
    form : str
        The name of its format.
    allow_large : bool, optional

    Returns
    -------
    Animation or None
        None if the file has only one picture.
    """
    movie, frames = _movie(file, form)
    if movie is None:
        return None
    width, height = movie.size
    check_size(width, height, allow_large)
    durations = getattr(movie, "durations", None) or [frame.duration for frame in movie.frames]
    if len(durations) < 2:
        return None
    transparent = any([bool((frame[..., 3] < 255).any()) for frame in frames(movie)])
    file.seek(0)
    first = read_picture(file, allow_large=allow_large)
    notes = [note for note in first.notes if not note.startswith("only the first of")]
    if first.pixels.dtype == np.uint16:
        notes.append("16 bits became 8 bits, as always in an animation")
    first = Picture(first.pixels, first.metadata, tuple(notes), form, first.quality)
    return Animation(first, tuple(durations), movie.plays, transparent, _orientation(file, form))


def frames_of(file: Any, form: str, animation: Animation) -> Iterator[Any]:
    """Yield the whole frames of an animation.

    Parameters
    ----------
    file : binary file
    form : str
    animation : Animation
        What `read_animation` returned for that file.

    Yields
    ------
    ndarray, shape (H, W, 3), or (H, W, 4) if the animation is transparent, uint8
    """
    with explained(file):
        movie, frames = _movie(file, form)
    for frame in frames(movie):
        turned = upright(frame, animation.orientation)
        yield np.array(turned if animation.transparent else turned[..., :3], order="C")


def _movie(file, form):
    """Return the parsed animation, None if it is not one, and the function that composites it."""
    file.seek(0)
    if form == "GIF":
        return gif_frames.parse(file.read()), gif_frames.composited
    if form == "PNG":
        return png_frames.parse(png_chunks.split(file.read())), png_frames.composited
    if form == "WebP":
        return webp_frames.parse(file), webp_frames.composited
    return None, None


def encode_animation(
    frames: Iterable[Any] | tuple[Any, Any, Any],
    durations: Sequence[Any],
    plays: int,
    form: Format,
    metadata: dict[Any, Any] | None = None,
    *,
    quality: int | None = None,
) -> tuple[bytes, tuple[Any, ...]]:
    """Encode an animation.

    Parameters
    ----------
    frames : iterable of ndarray, shape (H, W, 3) or (H, W, 4), uint8
        At least two, all of the same shape.
    durations : sequence of float
        Duration of each frame in milliseconds.
    plays : int
        How often the animation plays; 0 means forever.
    form : minisr.images.formats.Format
        One that can hold animations.
    metadata : dict, optional
        As in `Picture`.
    quality : int, optional
        Makes a WebP lossy.

    Returns
    -------
    bytes
    tuple of str
        What the format could not hold.
    """
    if not form.animation:
        raise PictureError(f"{form.cannot_hold('an animation')}: write GIF, WebP or PNG")
    frames = iter(frames)
    first = next(frames)
    check_sides(first.shape[1], first.shape[0], form)
    metadata, notes = fitting(metadata or {}, form, first)
    times, more = _times(durations, form)
    try:
        content, lost = encode_frames(form, chain([first], frames), times, plays, metadata, quality)
    except MinisrError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # what Pillow's encoders raise
        raise PictureError(f"cannot be encoded: {one_line(error)}") from None
    return content, (*notes, *more, *lost)


def _times(durations, form):
    """Round durations to milliseconds, for GIF to tens of them, without accumulating errors."""
    step = 10 if form.name == "GIF" else 1
    ends = np.floor(np.cumsum(durations) / step + 0.5).astype(int) * step
    times = [int(time) for time in np.diff(ends, prepend=0)]
    # Browsers show a GIF frame of less than 20 ms for 100 ms. Durations that come from a GIF are
    # kept all the same; those that are not all multiples of 10 ms come from another format.
    if form.name == "GIF" and any(duration % 10 > 0 for duration in durations):
        slow = [max(time, 20) for time in times]
        if slow != times:
            return slow, ("GIF cannot show frames for less than 20 ms: the animation is slower",)
    return times, ()


def _orientation(file, form):
    """Return the orientation in EXIF, 1 to 8."""
    from PIL import Image

    if form == "GIF":
        return 1
    file.seek(0)
    if form == "PNG":
        blocks = [data for kind, data in png_chunks.split(file.read()) if kind == b"eXIf"]
        exif = bytes(blocks[0]) if blocks else b""
    else:
        with Image.open(file, formats=["WEBP"]) as image:
            exif = image.info.get("exif", b"")
    try:
        return exifs.orientation_of(exif) or 1
    except (ValueError, struct.error):
        return 1
