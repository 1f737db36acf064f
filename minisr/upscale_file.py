"""A picture file in, a larger one out, with all that came with it."""

from dataclasses import dataclass
from pathlib import Path

from minisr.images.reading import read_picture
from minisr.images.writing import write_picture


@dataclass(frozen=True)
class Upscaled:
    """What became of a file.

    Attributes
    ----------
    content : bytes or None
        The encoded result where no target was named.
    size_in, size_out : tuple of int
        Width and height in pixels.
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
    """Enlarge a picture file."""
    picture = read_picture(source)
    large = enlarge(picture.pixels)
    write_picture(Path(target), large, picture.metadata)
    return Upscaled(None, picture.pixels.shape[1::-1], large.shape[1::-1])
