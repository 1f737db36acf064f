"""A picture file in, a larger one out, with all that came with it."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from minisr.errors import PictureError
from minisr.images import memory
from minisr.images.animation import encode_animation, frames_of, read_animation
from minisr.images.fitting import fitted
from minisr.images.formats import FORMATS, Format, format_of
from minisr.images.metadata import resized, stamped
from minisr.images.probing import probe
from minisr.images.reading import read_picture
from minisr.images.sources import explained, name_of, naming, opened
from minisr.images.writing import encode_picture, write_bytes

_SMALL = 1 << 24  # bytes of pixels; nobody need ask whether there is memory for these
_TRIAL = 16  # pixels a side, to learn what `enlarge` does


@dataclass(frozen=True)
class Upscaled:
    """What became of a file.

    Attributes
    ----------
    content : bytes or None
        The encoded result where no target was named.
    size_in, size_out : tuple of int
        Width and height in pixels, upright.
    frames : int
        More than one for an animation.
    notes : tuple of str
        What was converted, or could not be kept.
    """

    content: bytes | None
    size_in: tuple
    size_out: tuple
    frames: int = 1
    notes: tuple = ()


def upscale_file(
    source, target, enlarge, *, suffix=None, quality=None, stamp=None, allow_large=False
):
    """Enlarge a picture file: a still, or every frame of an animation.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        PNG, JPEG, TIFF, WebP, BMP, GIF or PPM/PGM/PBM.
    target : str, Path or None
        Where to write; the file appears when it is complete. None returns the bytes.
    enlarge : callable
        Takes pixels as `minisr.images.Picture` has them and returns them larger, of the same dtype
        and channels; `minisr.upscale.upscale` with its settings bound. It may have an attribute
        ``size_of(height, width)``, which returns those of the result.
    suffix : str, optional
        The format, such as ".png"; by default that of ``target`` or, without one, of ``source``.
    quality : int, optional
        Of JPEG, 1 to 100; by default that of the source if it is a JPEG too, else 95. With it, a
        WebP is packed with loss; without, if the source was.
    stamp : dict of str to str, optional
        Who made the picture, such as ``{"Software": "minisr"}``, written where the format has a
        place for it.
    allow_large : bool, optional
        Read also what is larger than 179 megapixels.

    Returns
    -------
    Upscaled

    Raises
    ------
    PictureError
        The source cannot be read, the memory will not do, or the format cannot hold the result.
    """
    goal = name_of(source if target is None else target)
    with naming(goal):
        form = None
        if suffix is not None or target is not None:
            form = format_of(suffix if suffix is not None else Path(target).suffix)
    with opened(source) as (file, kind):
        form = form or next(known for known in FORMATS if known.name == kind)
        with explained(source):
            found = probe(file, kind, allow_large=allow_large)
            _check_memory(found, enlarge)
            animation = read_animation(file, kind, allow_large=allow_large)
            if animation:
                _check_memory(found, enlarge, len(animation.durations))
            picture = animation.first if animation else read_picture(file, allow_large=allow_large)
        work = _Work(_with_enough_memory(enlarge, name_of(source)), form, quality, stamp or {})
        with naming(goal):
            if animation:
                content, done = work.animation(animation, frames_of(file, kind, animation))
            else:
                content, done = work.still(picture)
    if target is not None:
        write_bytes(Path(target), content)
        content = None
    return Upscaled(content, *done)


@dataclass(frozen=True)
class _Work:
    """What is to be done with each picture."""

    enlarge: callable
    form: Format
    quality: int | None
    stamp: dict

    def still(self, picture):
        """Return the bytes of a still, enlarged, and the other fields of `Upscaled`."""
        large = self.enlarge(picture.pixels)
        fitting, notes = fitted(large, self.form)
        quality, subsampling = self.quality, None
        if picture.format == self.form.name:
            quality, subsampling = quality or picture.quality, picture.subsampling
        content, lost = encode_picture(
            *(fitting, self.form.suffixes[0], self.metadata(picture.metadata, large)),
            quality=quality,
            subsampling=subsampling,
        )
        notes = (*picture.notes, *notes, *lost)
        return content, (_size(picture.pixels), _size(large), 1, notes)

    def animation(self, animation, frames):
        """Return the bytes of an animation, every frame enlarged, and the fields of `Upscaled`."""
        if not self.form.animation:
            raise PictureError(f"{self.form.name} holds no animation: write GIF, WebP or PNG")
        first = animation.first
        large = map(self.enlarge, frames)
        start = next(large)
        quality = self.quality or (first.quality if first.format == self.form.name else None)
        content, lost = encode_animation(
            chain([start], large),
            animation.durations,
            animation.plays,
            self.form,
            self.metadata(first.metadata, start),
            quality=quality,
        )
        number = len(animation.durations)
        notes = (*first.notes, *lost)
        return content, (_size(first.pixels), _size(start), number, notes)

    def metadata(self, metadata, large):
        return stamped(resized(metadata, _size(large)), self.stamp, self.form)


def _size(pixels):
    return pixels.shape[1], pixels.shape[0]


def _with_enough_memory(enlarge, name):
    """Return ``enlarge`` with a clear error for what a machine has not got."""

    def checked(pixels):
        with naming(name):
            try:
                return enlarge(pixels)
            except MemoryError:
                raise PictureError("there is not enough memory to enlarge it") from None

    return checked


def _check_memory(found, enlarge, frames=1):
    """Raise PictureError if a picture and its result need more memory than is free."""
    if found.nbytes * frames < _SMALL:
        return
    size = found.width, found.height
    if hasattr(enlarge, "size_of"):
        high, wide = enlarge.size_of(*size[::-1])
        scale = (high * wide / (size[0] * size[1])) ** 0.5
    else:
        shape = (_TRIAL, _TRIAL) if found.channels == 1 else (_TRIAL, _TRIAL, found.channels)
        dtype = {1: np.uint8, 2: np.uint16}.get(found.itemsize, np.float32)
        scale = len(enlarge(np.zeros(shape, dtype))) / _TRIAL
    memory.check(size, found.channels, found.itemsize, scale, memory.available(), frames)
