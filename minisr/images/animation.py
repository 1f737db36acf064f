"""Animations: GIF, WebP and APNG, as whole frames with their times."""

import struct
from dataclasses import dataclass
from itertools import chain

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
from minisr.images.reading import read_picture, upright
from minisr.images.sources import check_size, explained, one_line
from minisr.images.writing import check_sides


@dataclass(frozen=True, eq=False)
class Animation:
    """What there is to know of an animation before its frames.

    Attributes
    ----------
    first : Picture
        The first frame, with what the file said about the whole.
    durations : tuple of float
        Of each frame in milliseconds.
    plays : int
        How often it is shown; 0 for ever.
    transparent : bool
        Something shines through somewhere.
    orientation : int
        Of EXIF.
    """

    first: Picture
    durations: tuple
    plays: int
    transparent: bool
    orientation: int = 1


def read_animation(file, form, *, allow_large=False):
    """Look through an open file for an animation.

    Parameters
    ----------
    file : binary file
    form : str
        The name of its format.
    allow_large : bool, optional

    Returns
    -------
    Animation or None
        None where there is but one picture.
    """
    movie, frames = _movie(file, form)
    if movie is None:
        return None
    check_size(*movie.size, allow_large)
    durations = getattr(movie, "durations", None) or [frame.duration for frame in movie.frames]
    if len(durations) < 2:
        return None
    transparent = any([bool((frame[..., 3] < 255).any()) for frame in frames(movie)])
    file.seek(0)
    first = read_picture(file, allow_large=allow_large)
    notes = [note for note in first.notes if not note.startswith("only the first of")]
    if first.pixels.dtype == np.uint16:
        notes.append("16 bits became 8: this is an animation")
    first = Picture(first.pixels, first.metadata, tuple(notes), form, first.quality)
    return Animation(first, tuple(durations), movie.plays, transparent, _orientation(file, form))


def frames_of(file, form, animation):
    """Yield the frames of an animation, each whole.

    Parameters
    ----------
    file : binary file
    form : str
    animation : Animation
        What `read_animation` said of that file.

    Yields
    ------
    ndarray, shape (H, W, 3), or (H, W, 4) where it is transparent, uint8
    """
    with explained(file):
        movie, frames = _movie(file, form)
    for frame in frames(movie):
        turned = upright(frame, animation.orientation)
        yield np.array(turned if animation.transparent else turned[..., :3], order="C")


def _movie(file, form):
    """Return an animation as its format has it, None where there is none, and what plays it."""
    file.seek(0)
    if form == "GIF":
        return gif_frames.parse(file.read()), gif_frames.composited
    if form == "PNG":
        return png_frames.parse(png_chunks.split(file.read())), png_frames.composited
    if form == "WebP":
        return webp_frames.parse(file), webp_frames.composited
    return None, None


def encode_animation(frames, durations, plays, form, metadata=None, *, quality=None):
    """Encode an animation.

    Parameters
    ----------
    frames : iterable of ndarray, shape (H, W, 3) or (H, W, 4), uint8
        All of one shape, at least two.
    durations : sequence of float
        Of each frame in milliseconds.
    plays : int
        How often it is shown; 0 for ever.
    form : minisr.images.formats.Format
        One that holds animations.
    metadata : dict, optional
        As in `Picture`.
    quality : int, optional
        Packs a WebP with loss.

    Returns
    -------
    bytes
    tuple of str
        What the format could not hold.
    """
    if not form.animation:
        raise PictureError(f"{form.name} holds no animation: write GIF, WebP or PNG")
    frames = iter(frames)
    first = next(frames)
    check_sides(first.shape[1], first.shape[0], form)
    metadata, notes = fitting(metadata or {}, form, first)
    times, more = _times(durations, form)
    try:
        content, lost = encode_frames(form, chain([first], frames), times, plays, metadata, quality)
    except MinisrError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # as Pillow's encoders raise them
        raise PictureError(f"cannot be encoded: {one_line(error)}") from None
    return content, (*notes, *more, *lost)


def _times(durations, form):
    """Return durations as whole milliseconds, of GIF tens, so that rounding never adds up."""
    step = 10 if form.name == "GIF" else 1
    ends = np.floor(np.cumsum(durations) / step + 0.5).astype(int) * step
    times = [int(time) for time in np.diff(ends, prepend=0)]
    # What is shorter, browsers show for a tenth of a second. Files of their own kind say so too.
    if form.name == "GIF" and any(duration % 10 > 0 for duration in durations):
        slow = [max(time, 20) for time in times]
        if slow != times:
            return slow, ("GIF has no frames shorter than 20 ms: it runs slower",)
    return times, ()


def _orientation(file, form):
    """Return the orientation that EXIF asks for, 1 to 8."""
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
