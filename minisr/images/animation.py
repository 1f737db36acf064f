"""Animations: GIF, WebP and APNG, as whole frames with their times."""

import io
import struct
from dataclasses import dataclass

import numpy as np

from minisr.errors import PictureError
from minisr.images import exif as exifs
from minisr.images.encoders import encode_frames
from minisr.images.metadata import fitting
from minisr.images.picture import Picture
from minisr.images.png import chunks as png_chunks
from minisr.images.reading import read_picture, upright
from minisr.images.sources import check_size, explained

_ANIMATED = ("GIF", "WebP", "PNG")


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
    hidden : int
        Pictures before the first frame, which are shown only where animations are not (APNG).
    """

    first: Picture
    durations: tuple
    plays: int
    transparent: bool
    orientation: int = 1
    hidden: int = 0


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
    if form not in _ANIMATED:
        return None
    with _opened(file, form) as image:
        check_size(*image.size, allow_large)
        if getattr(image, "n_frames", 1) < 2:
            return None
        hidden = 1 if form == "PNG" and image.info.get("default_image") else 0
        durations, transparent = [], False
        for number in range(hidden, image.n_frames):
            image.seek(number)
            frame = _rgba(image)
            durations.append(float(image.info.get("duration", 0)))
            transparent = transparent or bool((frame[..., 3] < 255).any())
        plays = _plays(image, form)
        orientation = _orientation(image)
    if len(durations) < 2:
        return None
    file.seek(0)
    first = read_picture(file, allow_large=allow_large)
    notes = [note for note in first.notes if not note.startswith("only the first of")]
    if first.pixels.dtype == np.uint16:
        notes.append("16 bits became 8: this is an animation")
    first = Picture(first.pixels, first.metadata, tuple(notes), form, first.quality)
    return Animation(first, tuple(durations), plays, transparent, orientation, hidden)


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
    with _opened(file, form) as image:
        for number in range(len(animation.durations)):
            with explained(file):
                image.seek(number + animation.hidden)
                frame = upright(_rgba(image), animation.orientation)
            yield np.ascontiguousarray(frame if animation.transparent else frame[..., :3])


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
    metadata, notes = fitting(metadata or {}, form, first)
    times, more = _times(durations, form)
    content, lost = encode_frames(form, _all(first, frames), times, plays, metadata, quality)
    return content, (*notes, *more, *lost)


def _opened(file, form):
    from PIL import Image

    file.seek(0)
    if form == "PNG":
        file = io.BytesIO(png_chunks.bare(png_chunks.split(file.read())))
    return Image.open(file, formats=[form.upper()])


def _all(first, frames):
    yield first
    yield from frames


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


def _rgba(image):
    return np.asarray(image.convert("RGBA"))


def _plays(image, form):
    """Return how often an animation is shown, 0 for ever."""
    loop = image.info.get("loop")
    if form != "GIF":
        return int(loop or 0)
    # GIF counts the repetitions, and without a count there are none.
    return 1 if loop is None else int(loop) + 1 if loop else 0


def _orientation(image):
    try:
        return exifs.orientation_of(image.info.get("exif", b"")) or 1
    except (ValueError, struct.error):
        return 1
