"""Write a GIF in which each frame has its own palette, exact if 256 colours are enough."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_OPAQUE_FROM = 128  # of 255


def encode(
    frames: Iterable[Any] | tuple[Any, Any, Any],
    durations: list[Any],
    plays: int,
    comment: str | None = None,
) -> tuple[bytes, tuple[Any, ...]]:
    """Encode frames as a GIF.

    Parameters
    ----------
    frames : iterable of ndarray, shape (H, W) or (H, W, C), uint8
        Whole frames, all of the same size.
    durations : list of int
        Duration of each frame in milliseconds, multiples of 10.
    plays : int
        How often the animation plays; 0 means forever.
    comment : str, optional

    Returns
    -------
    bytes
    tuple of str
        Notes of what was lost.
    """
    images, lost = [], set()
    for frame in frames:
        image, notes = _with_palette(frame)
        images.append(image)
        lost.update(notes)
    options = {}
    if len(images) > 1:
        transparent = any("transparency" in image.info for image in images)
        options = {
            "save_all": True,
            "append_images": images[1:],
            "duration": durations,
            # Opaque frames cover the one before; it must be cleared before a transparent one.
            "disposal": 2 if transparent else 1,
        }
        if plays != 1:
            options["loop"] = plays - 1 if plays else 0
    if comment:
        options["comment"] = comment.encode()
    file = io.BytesIO()
    try:
        images[0].save(file, format="GIF", optimize=False, **options)
    except (OverflowError, struct.error):  # the durations of equal frames in a row are added up
        raise PictureError(
            "cannot be encoded: a GIF frame can last at most 655 s, got more: write WebP"
        ) from None
    return file.getvalue(), tuple(sorted(lost))


def _with_palette(frame):
    """Return a frame as an image with a palette, with notes of what was lost."""
    from PIL import Image

    if frame.ndim == 2:
        frame = frame[..., None]
    colour, alpha = (frame[..., :-1], frame[..., -1]) if frame.shape[2] in (2, 4) else (frame, None)
    if colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    notes = set()
    hidden = None
    if alpha is not None:
        hidden = alpha < _OPAQUE_FROM
        if ((alpha > 0) & (alpha < 255)).any():
            notes.add("GIF cannot hold partial transparency: pixels became opaque or invisible")
    room = 256 if hidden is None or not hidden.any() else 255
    numbers = colour.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    if room == 255:
        numbers[hidden] = numbers[~hidden][0] if not hidden.all() else 0
    values, indices = np.unique(numbers, return_inverse=True)
    if len(values) <= room:
        palette = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1)
        indices = indices.reshape(numbers.shape).astype(np.uint8)
    else:
        notes.add("GIF can hold only 256 colours per frame: the others were dithered")
        image = Image.fromarray(np.ascontiguousarray(colour))
        chosen = image.quantize(room, Image.Quantize.MEDIANCUT, kmeans=1)
        mixed = image.quantize(palette=chosen, dither=Image.Dither.FLOYDSTEINBERG)
        palette = np.array(chosen.getpalette()).reshape(-1, 3)[:room]
        indices = np.array(mixed)
    if room == 255:
        indices[hidden] = len(palette)
        palette = np.vstack([palette, [[0, 0, 0]]])
    image = Image.fromarray(indices)
    image.putpalette(palette.astype(np.uint8).tobytes())
    if room == 255:
        image.info["transparency"] = len(palette) - 1
    return image, notes
