"""A larger picture: luma through networks, chroma by bicubic, transparency kept, in bands."""

import functools
import os
from dataclasses import dataclass

import numpy as np

from minisr.errors import PictureError, SettingsError
from minisr.images.chroma import chroma_of, join_chroma, luma_of
from minisr.system.threads import default_threads
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.resizer import Resizer

# The largest value of each kind of picture; floats are intensities already.
MAXIMUM = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
COLOURS = ("luma", "rgb")
STRIP_PIXELS = 1 << 16  # that a thread gives its colour, or takes it from, at a time


def upscale(
    picture,
    scale=None,
    model=None,
    threads=None,
    *,
    size=None,
    colour="luma",
    output=None,
    device="cpu",
):
    """Enlarge a picture, or a picture file.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, or float in [0, 1]; or path-like
        Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4).
    scale : float, optional
        Above 1, at most 16; by default 3, or that of the file or network that ``model`` is.
    model : str, path-like, Network or minisr.upscaling.enlarger.Enlarger, optional
        The name of a network that comes with minisr, a file of weights, or a network; by default
        `minisr.models.DEFAULT`. An Enlarger has a scale or size already.
    threads : minisr.system.threads.Threads, optional
        By default one a processor.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result. One that is None is what keeps the
        picture's shape.
    colour : {"luma", "rgb"}, optional
        What goes through a network of luma: luma, with chroma by bicubic; or red, green and blue,
        each by itself, in three times the time.
    output : path-like, optional
        Of a path: where the result is written, with the metadata of the file.
    device : str or minisr.engine.devices.Device, optional
        What computes: "cpu", "cuda" for the first GPU, "cuda:1" for another, or "auto" for a GPU if
        there is one that can be used. A Network or an Enlarger has its own already.

    Returns
    -------
    ndarray, shape (H', W') or (H', W', C), dtype of ``picture``; or pathlib.Path
        Integers are clipped and rounded; floats are as the network gives them, unclipped. With
        ``output``, that path.

    Raises
    ------
    PictureError
        If the array is no picture, has NaN or infinity in it or is as large as ``size`` already,
        or if a file cannot be read or written.
    SettingsError
        If there is no such network, scale, size or device.
    DeviceError
        If the device cannot be used, or has no memory even for a few rows.

    Notes
    -----
    The eye sees detail in luma, not in chroma, so the network enlarges luma alone and bicubic does
    the rest (the paper, section 4). A network of three channels gets all three. The colour of
    transparent pixels must not bleed into visible ones: colour is weighted by alpha first.

    A flat picture comes out flat, and equal: see `minisr.upscaling.plan.Step`. Where all is grey
    around, it stays grey: see `minisr.images.chroma`. A network of RGB promises neither.

    Beside picture and result there is never more than a band of rows: 128 MiB hold all of it for
    pictures of up to some 20,000 pixels' width, unless a layer is of unknown reach.

    Examples
    --------
    >>> upscale(np.zeros((4, 5, 3), np.uint8), scale=2).shape
    (8, 10, 3)
    """
    if colour not in COLOURS:
        raise SettingsError(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}")
    enlarger = model if isinstance(model, Enlarger) else Enlarger(model, scale, size, device)
    if isinstance(picture, str | os.PathLike):
        return _upscale_path(picture, output, enlarger, threads, colour)
    if output is not None:
        raise SettingsError("output is for a picture that is a path; write an array yourself")
    return _upscale_array(_checked(picture), enlarger, threads or default_threads(), colour)


def bound(enlarger, threads=None, colour="luma"):
    """Return what `minisr.upscaling.file.upscale_file` takes as ``enlarge``.

    Parameters
    ----------
    enlarger : minisr.upscaling.enlarger.Enlarger
    threads, colour
        As of `upscale`.
    """
    enlarge = functools.partial(upscale, model=enlarger, threads=threads, colour=colour)
    enlarge.size_of = enlarger.size_of
    return enlarge


def _upscale_path(source, output, enlarger, threads, colour):
    from pathlib import Path

    from minisr.images import read_picture
    from minisr.upscaling.file import upscale_file

    enlarge = bound(enlarger, threads, colour)
    if output is None:
        return enlarge(read_picture(source).pixels)
    upscale_file(source, output, enlarge, halo=enlarger.halo)
    return Path(output)


def _checked(picture):
    """Return the picture as an array, or raise PictureError."""
    picture = np.asarray(picture)
    channels = 1 if picture.ndim == 2 else picture.shape[-1]
    if picture.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or picture.size == 0:
        raise PictureError(
            "upscale expects a picture of shape (H, W) or (H, W, C) with C from 1 to 4, "
            f"got {picture.shape}"
        )
    if picture.dtype.name not in MAXIMUM:
        raise PictureError(f"upscale expects {', '.join(MAXIMUM)}, got {picture.dtype}")
    if picture.dtype.kind == "f" and not np.isfinite(picture).all():
        raise PictureError("upscale expects finite numbers, got NaN or infinity among them")
    return picture


def _upscale_array(picture, enlarger, threads, colour):
    height, width = picture.shape[:2]
    enlargement = enlarger.of(height, width)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    pixels = picture.reshape(height, width, channels)
    result = np.empty((*enlargement.size, channels), picture.dtype)
    maximum = MAXIMUM[picture.dtype.name]
    # Where nothing shines through, nothing will.
    opaque = channels in (2, 4) and bool((pixels[..., -1] == maximum).all())
    by_luma = channels > 2 and colour == "luma" and enlarger.in_channels == 1
    kind = Kind(
        colours=channels - (channels in (2, 4)),
        alpha=channels in (2, 4) and not opaque,
        by_luma=by_luma,
        luma_range=enlarger.luma_range if by_luma else None,
        maximum=maximum,
    )
    resizer = Resizer((height, width), enlargement.size, enlarger.device.backend)
    if opaque:
        result[..., -1] = maximum
    rows = enlargement.band_rows(kind.planes)
    for first in range(0, len(result), rows):
        last = min(len(result), first + rows)
        top, bottom = enlargement.source_rows(first, last)
        band = np.empty((kind.planes, bottom - top, width), np.float32)

        def prepare(strip, band=band, top=top):
            band[:, strip] = kind.to_networks(pixels[strip.start + top : strip.stop + top])

        threads.map(prepare, strips(0, bottom - top, width))
        made = enlargement.make(band, top, first, last, threads, exact=picture.dtype != np.uint8)
        del band, prepare

        def finish(strip, made=made):
            planes = made.strip(strip.start, strip.stop)
            if kind.by_luma:
                above, below = resizer.source_rows(strip.start, strip.stop)
                chroma = kind.chroma(pixels[above:below])
                chroma = resizer.rows(chroma, above, strip.start, strip.stop)
                planes = kind.join(planes, chroma)
            kind.store(planes, result[strip])

        threads.map(finish, strips(first, last, enlargement.size[1]))
        del made, finish
    return result.reshape(*result.shape[:2], *picture.shape[2:])


def strips(first, last, width):
    """Return slices of rows, one for a thread to work on: it alone writes them."""
    rows = max(1, STRIP_PIXELS // width)
    return [slice(at, min(last, at + rows)) for at in range(first, last, rows)]


@dataclass(frozen=True)
class Kind:
    """Which planes a picture is made of, there and back; planes are (N, rows, W), float32.

    Attributes
    ----------
    colours : int
        1 for grey, 3 for RGB.
    alpha : bool
        Whether there is a channel of transparency that is in use.
    by_luma : bool
        Whether luma goes through the networks, and chroma does not.
    luma_range : {"studio", "full"} or None
        Of that luma.
    maximum : int
        What intensity 1 is.
    """

    colours: int
    alpha: bool
    by_luma: bool
    luma_range: str | None
    maximum: int

    @property
    def planes(self):
        """How many go through the networks."""
        return (1 if self.by_luma else self.colours) + self.alpha

    def to_networks(self, pixels):
        """Return what goes through the networks."""
        colour, alpha = self._weighted(pixels)
        if self.by_luma:
            colour = luma_of(colour, self.luma_range)[None]
        return np.concatenate([colour, alpha]) if self.alpha else colour

    def chroma(self, pixels):
        """Return what does not: chroma, and alpha once more, to know what chroma is weighted by."""
        colour, alpha = self._weighted(pixels)
        chroma = chroma_of(colour, self.luma_range)
        return np.concatenate([chroma, alpha]) if self.alpha else chroma

    def join(self, planes, chroma):
        """Return colours, and alpha if there is any, of luma (and alpha) and chroma."""
        if not self.alpha:
            return join_chroma(planes[0], chroma, self.luma_range)
        # Bicubic's edge of the visible is softer than the network's. Chroma weighted by the one and
        # luma by the other would make a fringe of another colour.
        alpha, softer = planes[1], chroma[2]
        share = alpha / np.maximum(softer, np.float32(1 / 512))
        colour = join_chroma(planes[0], chroma[:2] * share.clip(0, 4), self.luma_range)
        return np.concatenate([colour, planes[1:]])

    def store(self, planes, out):
        """Write colours (and alpha) as pixels, shape (rows, W, channels)."""
        colour = planes[: self.colours]
        if self.alpha:
            alpha = planes[self.colours]
            # Below half an 8-bit level there is no colour.
            visible = alpha > np.float32(1 / 512)
            colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=visible)
            self._write(alpha.clip(0, 1), out[..., -1])
        for channel, plane in enumerate(colour):
            self._write(plane, out[..., channel])

    def _write(self, plane, out):
        if out.dtype.kind == "u":
            plane = plane.clip(0, 1)
            plane *= np.float32(self.maximum)
            plane += np.float32(0.5)  # the cast cuts off, so this rounds half up
        out[...] = plane

    def _weighted(self, pixels):
        """Return colours, weighted by alpha, and alpha."""
        scaled = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
        scaled /= np.float32(self.maximum)
        colour, alpha = scaled[: self.colours], scaled[self.colours :]
        return (colour * alpha if self.alpha else colour), alpha
