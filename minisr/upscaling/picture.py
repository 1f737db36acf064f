"""One call that enlarges a picture."""

import os
from pathlib import Path

from minisr.errors import SettingsError
from minisr.images import read_picture
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.file import upscale_file


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
    engine="compiled",
):
    """Enlarge a picture, or a picture file.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, or float in [0, 1]; or path-like
        Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4).
    scale : float, optional
        Above 1, at most 16; by default 3, or that of the file or network that ``model`` is.
    model : str, path-like, Network or minisr.upscaling.enlarger.Enlarger, optional
        The name of a bundled network, a file of weights, or a network; by default
        `minisr.models.DEFAULT`. An Enlarger has a scale or size already.
    threads : minisr.system.threads.Threads, optional
        By default one per processor.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result. If one is None, it follows from the
        picture's aspect ratio.
    colour : {"luma", "rgb"}, optional
        What goes through a luma network: luma, while bicubic enlarges chroma; or red, green and
        blue, each by itself, which takes three times as long.
    output : path-like, optional
        If ``picture`` is a path: where to write the result, with the file's metadata.
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
        If the array is not a picture, contains NaN or infinity, or is as large as ``size`` already,
        or if a file cannot be read or written.
    SettingsError
        If there is no such network, scale, size or device.
    DeviceError
        If the device cannot be used, or has too little memory even for a few rows.

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
    enlarger = model
    if not isinstance(model, Enlarger):
        enlarger = Enlarger(model, scale, size, device, colour=colour, engine=engine)
    if not isinstance(picture, str | os.PathLike):
        if output is not None:
            raise SettingsError(
                "output needs a path as the picture, got an array; "
                "write its result by minisr.images.write_picture"
            )
        return enlarger.pixels(picture, threads)
    if output is None:
        return enlarger.pixels(read_picture(picture).pixels, threads)
    upscale_file(picture, output, enlarger, threads=threads)
    return Path(output)
