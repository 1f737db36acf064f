"""Pixels in memory, enlarged: luma or RGB, and alpha, by networks; chroma by bicubic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.images.arrays import DTYPES, value_range
from minisr.images.chroma import chroma_of, join_chroma, luma_of
from minisr.upscaling.resizer import Resizer

if TYPE_CHECKING:
    from typing import Any

# The value of intensity 1 in pictures of each dtype.
MAXIMUM = dict(zip(DTYPES, (255, 65535, 1, 1), strict=True))
BEYOND = 0.025  # how far beyond 0 and 1 the ends of a range may lie, as an intensity
STRIP_PIXELS = 1 << 16  # whose colour a thread splits, or joins, at a time


def enlarge_pixels(picture: Any, enlarger: Any, threads: Any, values: Any = None) -> Any:
    """Enlarge a picture in memory; see `minisr.upscaling.enlarger.Enlarger.pixels`."""
    if values is None:
        values = value_range([picture])
    height, width = picture.shape[:2]
    enlargement = enlarger.of(height, width)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    pixels = picture.reshape(height, width, channels)
    result = np.empty((*enlargement.size, channels), picture.dtype)
    maximum = MAXIMUM[picture.dtype.name]
    # An opaque picture stays opaque.
    opaque = channels in (2, 4) and bool((pixels[..., -1] == maximum).all())
    low, span = (0, None) if values is None else levels_of(*values)
    by_luma = channels > 2 and enlarger.colour == "luma" and enlarger.in_channels == 1
    form = PixelForm(
        colours=channels - (channels in (2, 4)),
        alpha=channels in (2, 4) and not opaque,
        by_luma=by_luma,
        luma_range=enlarger.luma_range if by_luma else None,
        maximum=maximum,
        low=low,
        span=span,
    )
    resizer = Resizer((height, width), enlargement.size, enlarger.device.backend)
    if opaque:
        result[..., -1] = maximum
    rows = enlargement.band_rows(form.planes)
    for first in range(0, len(result), rows):
        last = min(len(result), first + rows)
        top, bottom = enlargement.source_rows(first, last)
        band = np.empty((form.planes, bottom - top, width), np.float32)

        def prepare(strip, band=band, top=top):
            band[:, strip] = form.to_networks(pixels[strip.start + top : strip.stop + top])

        threads.map(prepare, strips(0, bottom - top, width))
        large = enlargement.make(band, top, first, last, threads, exact=picture.dtype != np.uint8)
        del band, prepare

        def finish(strip, large=large):
            planes = large.strip(strip.start, strip.stop)
            if form.by_luma:
                above, below = resizer.source_rows(strip.start, strip.stop)
                chroma = form.chroma(pixels[above:below])
                chroma = resizer.rows(chroma, above, strip.start, strip.stop)
                planes = form.join(planes, chroma)
            form.store(planes, result[strip])

        threads.map(finish, strips(first, last, enlargement.size[1]))
        del large, finish
    return result.reshape(*result.shape[:2], *picture.shape[2:])


def strips(first: Any, last: Any, width: Any) -> Any:
    """Cut rows into slices; each is written by one thread alone."""
    rows = max(1, STRIP_PIXELS // width)
    return [slice(at, min(last, at + rows)) for at in range(first, last, rows)]


def levels_of(low: Any, high: Any) -> Any:
    """Return which values a range's intensities 0 and 1 are, as the lower one and the distance.

    The distance is a power of two, so dividing by it and multiplying by it are exact. Networks know
    values somewhat beyond 0 and 1, so a range may be 1.05 times as long: contrast matters more.
    """
    if high == low:
        return low, 1.0
    fraction, exponent = math.frexp((high - low) / (1 + 2 * BEYOND))  # 0.5 to just below 1
    span = math.ldexp(1, exponent - (fraction == 0.5))
    return (low if high - low <= span else (low + high - span) / 2), span


@dataclass(frozen=True)
class PixelForm:
    """How a picture's pixels become planes, shape (N, rows, W), float32, and pixels again.

    Attributes
    ----------
    colours : int
        1 for grey, 3 for RGB.
    alpha : bool
        Whether there is an alpha channel that is not opaque throughout.
    by_luma : bool
        Whether luma goes through the networks, and chroma does not.
    luma_range : {"studio", "full"} or None
        Of that luma.
    maximum : int
        The value of intensity 1; of alpha 1 if there is a ``span``.
    low : float, optional
    span : float, optional
        Colours ``low`` to ``low + span`` become intensities 0 to 1; by default ``maximum`` does.
    """

    colours: int
    alpha: bool
    by_luma: bool
    luma_range: str | None
    maximum: int
    low: float = 0
    span: float | None = None

    @property
    def planes(self) -> Any:
        """How many planes go through the networks."""
        return (1 if self.by_luma else self.colours) + self.alpha

    def to_networks(self, pixels: Any) -> Any:
        """Return the planes that go through the networks."""
        colour, alpha = self._weighted(pixels)
        if self.by_luma:
            colour = luma_of(colour, str(self.luma_range))[None]
        return np.concatenate([colour, alpha]) if self.alpha else colour

    def chroma(self, pixels: Any) -> Any:
        """Return the planes for bicubic: chroma, and alpha again, by which chroma is weighted."""
        colour, alpha = self._weighted(pixels)
        chroma = chroma_of(colour, str(self.luma_range))
        return np.concatenate([chroma, alpha]) if self.alpha else chroma

    def join(self, planes: Any, chroma: Any) -> Any:
        """Return colours, and alpha if there is any, from luma (and alpha) and chroma."""
        if not self.alpha:
            return join_chroma(planes[0], chroma, str(self.luma_range))
        # Alpha from bicubic has softer edges than the network's. If chroma were weighted by one and
        # luma by the other, edges would get a fringe of another colour.
        alpha, softer = planes[1], chroma[2]
        share = alpha / np.maximum(softer, np.float32(1 / 512))
        colour = join_chroma(planes[0], chroma[:2] * share.clip(0, 4), str(self.luma_range))
        return np.concatenate([colour, planes[1:]])

    def store(self, planes: Any, out: Any) -> None:
        """Write colours (and alpha) as pixels, shape (rows, W, channels)."""
        colour = planes[: self.colours]
        if self.alpha:
            alpha = planes[self.colours]
            # With alpha below half an 8-bit level, there is no colour to recover.
            visible = alpha > np.float32(1 / 512)
            colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=visible)
            self._write(alpha.clip(0, 1), out[..., -1])
        if self.span is not None:
            colour = self.low + self.span * colour.astype(np.float64)
        for channel, plane in enumerate(colour):
            self._write(plane, out[..., channel])

    def _write(self, plane, out):
        if out.dtype.kind == "u":
            plane = plane.clip(0, 1)
            plane *= np.float32(self.maximum)
            plane += np.float32(0.5)  # the cast truncates, so this rounds half up
        out[...] = plane

    def _weighted(self, pixels):
        """Return the colour planes, weighted by alpha, and the alpha plane."""
        planes = pixels.transpose(2, 0, 1)
        if self.span is None:
            scaled = planes.astype(np.float32, order="C")
            scaled /= np.float32(self.maximum)
        else:
            scaled = planes.astype(np.float64, order="C")
            colour = scaled[: self.colours]
            colour -= self.low
            colour /= self.span
            # What is transparent may lie anywhere.
            scaled = scaled.clip(-BEYOND, 1 + BEYOND).astype(np.float32)
        colour, alpha = scaled[: self.colours], scaled[self.colours :]
        return (colour * alpha if self.alpha else colour), alpha
