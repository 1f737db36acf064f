"""Enlarging a picture file: pixels, metadata and, in an animation, every frame."""

from __future__ import annotations

import functools
import io
import math
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.animation import encode_animation, frames_of, read_animation
from minisr.images.arrays import value_range
from minisr.images.bands import picture_reader, row_reader, row_writer, takes_rows
from minisr.images.fitting import check_alpha, fitted
from minisr.images.formats import Format, default_format, format_of
from minisr.images.metadata import fitting, resized, stamped
from minisr.images.probing import probe
from minisr.images.reading import read_picture
from minisr.images.sources import explained, name_of, naming, opened
from minisr.images.writing import check_quality, check_sides, encode_picture, write_bytes
from minisr.system import memory
from minisr.system.atomic import atomic_path
from minisr.upscaling.file_bands import enlarged_bands

if TYPE_CHECKING:
    from typing import Any

    from minisr.system.threads import Threads
    from minisr.types import PathLike
    from minisr.upscaling.enlarger import Enlarger

LARGEST_WHOLE = 64_000_000  # pixels; larger pictures are enlarged in bands, if possible
_BAND = 1 << 19  # pixels at a time
_SMALL = 1 << 24  # bytes of pixels, below which free memory need not be checked


@dataclass(frozen=True)
class Upscaled:
    """What enlarging a file has come to.

    Attributes
    ----------
    content : bytes or None
        The encoded result if no target was named.
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
    source: Any,
    target: PathLike | None,
    enlarger: Enlarger,
    *,
    threads: Threads | int | None = None,
    suffix: str | None = None,
    quality: int | None = None,
    stamp: dict[Any, Any] | None = None,
    allow_large: bool = False,
) -> Upscaled:
    """Enlarge a picture file: a still, or every frame of an animation.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        Whatever `minisr.images.read_picture` reads.
    target : str, Path or None
        Where to write; the file appears once it is complete. If None, the bytes are returned.
    enlarger : minisr.upscaling.enlarger.Enlarger
        Or anything with its ``size_of``, ``halo`` and ``pixels``.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.
    suffix : str, optional
        The format, such as ".png"; by default that of ``target`` or, without one, of ``source``. If
        that cannot be written, a HEIC becomes a JPEG and anything else a PNG.
    quality : int, optional
        Of JPEG, 1 to 100; by default the source's if it is a JPEG too, else 95. Of AVIF; by default
        90. If given, WebP is lossy; otherwise it is lossy only if the source was.
    stamp : dict of str to str, optional
        Who made the picture, such as ``{"Software": "minisr"}``; written if the format has a place
        for it.
    allow_large : bool, optional
        Whether to read pictures of more than 179 megapixels, too.

    Returns
    -------
    Upscaled

    Raises
    ------
    PictureError
        The source cannot be read, there is not enough memory, or the format cannot hold the result.

    Notes
    -----
    A TIFF, PNM, PNG or JPEG of more than 64 megapixels, enlarged by a whole factor, is made band by
    band if the enlarger's ``halo`` is known, and is never whole in memory; nor is its source if
    that is a TIFF or PNM. The pixels are the same, bit for bit.
    """
    goal = name_of(source if target is None else target)
    with naming(goal):
        check_quality(quality)
        form = _chosen_format(target, suffix)
    with opened(source) as (file, kind):
        notes: tuple[str, ...] = ()
        if form is None:
            form = default_format(kind)
            if form.name != kind:
                notes = (f"{kind} is not written: the result is {form.name}",)
        job = _Job(enlarger, threads, name_of(source), form, quality, stamp or {}, notes)
        with explained(source):
            found = probe(file, kind, allow_large=allow_large)
        with naming(job.name):
            sizes = found.results(enlarger.size_of)
        with naming(goal):  # before the work, not after it
            high, wide = min(sizes, key=max)
            check_sides(wide, high, form)
        scale = (min(map(math.prod, sizes)) / (found.height * found.width)) ** 0.5
        is_large = max(found.width * found.height, *map(math.prod, sizes)) > LARGEST_WHOLE
        in_bands = is_large and enlarger.halo is not None and scale == int(scale)
        with explained(source):
            reader = row_reader(file, kind) if in_bands else None
        if reader and takes_rows(form, reader.shape):
            return _write_bands(job, reader, source, target, int(scale))
        in_bands = in_bands and takes_rows(form, (found.height, found.width, found.channels))
        with explained(source):
            _check_memory(found, 0 if in_bands else scale)
            animation = read_animation(file, kind, allow_large=allow_large)
            if animation:
                _check_memory(found, scale, len(animation.durations))
            picture = animation.first if animation else read_picture(file, allow_large=allow_large)
        if in_bands and not animation and takes_rows(form, picture.pixels.shape):
            reader = picture_reader(picture)
            return _write_bands(job, reader, source, target, int(scale), picture)
        with naming(goal):
            if animation:
                content, done = job.animation(animation, frames_of(file, kind, animation))
            else:
                content, done = job.still(picture)
    if target is not None:
        write_bytes(Path(target), content, _path_of(source))
        content = None
    return Upscaled(content, *done)


def _chosen_format(target, suffix):
    """Return the format that a suffix or the target's name asks for; None if neither does."""
    if suffix is None and target is None:
        return None
    form = format_of(suffix if suffix is not None else Path(target).suffix)
    if target is not None and not Path(target).parent.is_dir():
        raise PictureError(f"cannot be written: no folder {Path(target).parent}")
    return form


@dataclass(frozen=True)
class _Job:
    """How to enlarge a file, be it as a still, as an animation or in bands of rows."""

    enlarger: object
    threads: object
    name: str
    form: Format
    quality: int | None
    stamp: dict
    notes: tuple[str, ...] = ()

    def enlarge(self, pixels, **options):
        """Return enlarged pixels; a lack of memory becomes a clear error."""
        with naming(self.name):
            try:
                return self.enlarger.pixels(pixels, self.threads, **options)
            except MemoryError:
                raise PictureError(
                    "there is not enough memory to enlarge it; use fewer threads or a smaller scale"
                ) from None

    def still(self, picture):
        """Return the bytes of an enlarged still, and the other fields of `Upscaled`."""
        check_alpha(picture.pixels, self.form)  # before the work, not after it
        large = self.enlarge(picture.pixels)
        fit, notes = fitted(large, self.form)
        quality, subsampling = self.compression(picture)
        content, lost = encode_picture(
            *(fit, self.form.suffixes[0], self.metadata(picture.metadata, large)),
            quality=quality,
            subsampling=subsampling,
        )
        notes = (*self.notes, *picture.notes, *notes, *lost)
        return content, (_size(picture.pixels), _size(large), 1, notes)

    def animation(self, animation, frames):
        """Return the bytes of an enlarged animation, and the other fields of `Upscaled`."""
        if not self.form.animation:
            raise PictureError(f"{self.form.cannot_hold('an animation')}: write GIF, WebP or PNG")
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
        notes = (*self.notes, *first.notes, *lost)
        return content, (_size(first.pixels), _size(start), number, notes)

    def compression(self, picture):
        """Return quality and chroma subsampling of the result; None is the format's default."""
        if picture is not None and picture.format == self.form.name:
            return self.quality or picture.quality, picture.subsampling
        return self.quality, None

    def bands(self, reader, file, scale, picture=None):
        """Write a result to an open file, band by band; return the other fields of `Upscaled`.

        ``picture`` is the whole picture, if it is in memory.
        """
        height, width = reader.shape[:2]
        shape = height * scale, width * scale, *reader.shape[2:]
        pixel, notes = fitted(np.zeros((1, 1, *reader.shape[2:]), reader.dtype), self.form)
        metadata = stamped(resized(reader.metadata, shape[1::-1]), self.stamp, self.form)
        metadata, lost = fitting(metadata, self.form, pixel)
        compression = self.compression(picture)
        writer = row_writer(file, self.form, shape, pixel.dtype, metadata, *compression)
        halo = self.enlarger.halo
        rows = max(_BAND // width, halo, 1)
        with naming(self.name):
            values = value_range(reader.pieces(rows))
        options = {} if values is None else {"values": values}
        enlarge = functools.partial(self.enlarge, **options)
        for band in enlarged_bands(reader, enlarge, scale, halo, rows):
            writer.write(fitted(band, self.form)[0])
        writer.finish()
        notes = (*self.notes, *reader.notes, *notes, *lost, *writer.notes)
        return (width, height), shape[1::-1], 1, notes

    def metadata(self, metadata, large):
        return stamped(resized(metadata, _size(large)), self.stamp, self.form)


def _size(pixels):
    return pixels.shape[1], pixels.shape[0]


def _check_memory(found, scale, frames=1):
    """Raise PictureError if a picture and its result need more memory than is free."""
    if found.nbytes * frames * (1 + scale**2) >= _SMALL:
        size = found.width, found.height
        memory.check(size, found.channels, found.itemsize, scale, memory.available(), frames)


def _path_of(source):
    """Return a source's path; None if it is bytes or an open file."""
    return source if isinstance(source, str | os.PathLike) else None


def _write_bands(job, reader, source, target, scale, picture=None):
    """Enlarge band by band, into a file or into bytes; ``picture`` is as for `_Job.bands`."""
    if target is None:
        file = io.BytesIO()
        done = job.bands(reader, file, scale, picture)
        return Upscaled(file.getvalue(), *done)
    try:
        with (
            atomic_path(target, _path_of(source)) as temporary,
            open(temporary, "wb") as file,
        ):
            done = job.bands(reader, file, scale, picture)
    except OSError as error:
        raise PictureError(f"{target}: cannot be written: {error.strerror or error}") from None
    return Upscaled(None, *done)
