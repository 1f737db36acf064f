"""One call that enlarges a picture."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from minisr.errors import PictureWarning, SettingsError
from minisr.images import read_picture
from minisr.images.arrays import is_encoded, pixels_from
from minisr.images.sources import name_of
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.file import upscale_file

if TYPE_CHECKING:
    import numpy as np

    from minisr.engine.devices import Device
    from minisr.models.network import Network
    from minisr.system.threads import Threads
    from minisr.types import PathLike

    Model = str | PathLike | Network | Enlarger
    Size = tuple[int | None, int | None]


@overload
def upscale(
    picture: Any,
    scale: float | None = ...,
    model: Model | None = ...,
    threads: Threads | int | None = ...,
    *,
    size: Size | None = ...,
    colour: str = ...,
    output: None = None,
    device: str | Device = ...,
    engine: str = ...,
) -> np.ndarray: ...


@overload
def upscale(
    picture: Any,
    scale: float | None = ...,
    model: Model | None = ...,
    threads: Threads | int | None = ...,
    *,
    size: Size | None = ...,
    colour: str = ...,
    output: PathLike,
    device: str | Device = ...,
    engine: str = ...,
) -> Path: ...


def upscale(
    picture: Any,
    scale: float | None = None,
    model: Model | None = None,
    threads: Threads | int | None = None,
    *,
    size: Size | None = None,
    colour: str = "luma",
    output: PathLike | None = None,
    device: str | Device = "cpu",
    engine: str = "compiled",
) -> Any:
    """Enlarge a picture, or a picture file.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float; or another picture
        Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4). Floats are intensities from
        0 to 1; if some are beyond, as in 0 to 255, the picture's own range becomes that of the
        network, and comes back. Or the path of a picture file, its content, or an open file; or an
        image of Pillow's.
    scale : float, optional
        Above 1, at most 16; by default 3, or that of the file or network that ``model`` is.
    model : str, path-like, Network or minisr.upscaling.enlarger.Enlarger, optional
        The name of a bundled network, a file of weights, or a network; by default
        `minisr.models.DEFAULT`. An Enlarger has a scale or size already.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result. If one is None, it follows from the
        picture's aspect ratio.
    colour : {"luma", "rgb"}, optional
        What goes through a luma network: luma, while bicubic enlarges chroma; or red, green and
        blue, each by itself, which takes three times as long.
    output : path-like, optional
        If ``picture`` is a file, or the content of one: where to write the result, with the
        file's metadata.
    device : str or minisr.engine.devices.Device, optional
        What computes: "cpu", "cuda" for the first GPU, "cuda:1" for another, or "auto" for a GPU if
        there is one that can be used. A Network or an Enlarger has its own already.
    engine : {"compiled", "layers"}, optional
        See `minisr.engine`; "layers" runs a network layer by layer, as its code reads.

    Returns
    -------
    ndarray, shape (H', W') or (H', W', C), dtype of ``picture``; or pathlib.Path
        Integers are clipped and rounded; floats are as the network returns them, unclipped. If
        ``output`` is given, it is returned.

    Raises
    ------
    PictureError
        If the array is not a picture, contains NaN, infinity or marks for missing data, has a mask,
        or is as large as ``size`` already, or if a file cannot be read or written.
    SettingsError
        If there is no such network, scale, size or device.
    DeviceError
        If the device cannot be used, or has too little memory even for a few rows.

    Warns
    -----
    PictureWarning
        What was converted, or could not be kept.

    Notes
    -----
    The eye sees detail in luma, not in chroma, so the network enlarges luma alone and bicubic does
    the rest (the paper, section 4). A network of three channels gets all three. The colour of
    transparent pixels must not bleed into visible ones, so colour is weighted by alpha first.

    A constant image comes out unchanged, see `minisr.upscaling.plan.CorrectedNetwork`. A pixel
    whose surroundings are grey stays grey, see `minisr.images.chroma`. An RGB network promises
    neither.

    Apart from picture and result, memory never holds more than a band of rows: 128 MiB are enough
    for pictures up to some 20,000 pixels wide, unless the receptive field of a layer is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> upscale(np.zeros((4, 5, 3), np.uint8), scale=2).shape
    (8, 10, 3)
    """
    if isinstance(model, Enlarger):
        enlarger = model
    else:
        enlarger = Enlarger(model, scale, size, device, colour=colour, engine=engine)
    if not is_encoded(picture):
        if output is not None:
            raise SettingsError(
                "output needs a picture file, got an array; "
                "write its result by minisr.images.write_picture"
            )
        pixels, notes = pixels_from(picture)
        _warn(notes, picture)
        return enlarger.pixels(pixels, threads)
    if output is None:
        read = read_picture(picture)
        _warn(read.notes, picture)
        return enlarger.pixels(read.pixels, threads)
    _warn(upscale_file(picture, output, enlarger, threads=threads).notes, picture)
    return Path(output)


def _warn(notes, source):
    """Give each note as a warning, from the line that called `upscale`."""
    for note in notes:
        warnings.warn(f"{name_of(source)}: {note}", PictureWarning, stacklevel=3)
