"""A larger picture in one call."""

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
    engine : {"compiled", "layers"}, optional
        See `minisr.engine`; "layers" runs a network layer by layer, as its code reads.

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
    >>> import numpy as np
    >>> upscale(np.zeros((4, 5, 3), np.uint8), scale=2).shape
    (8, 10, 3)
    """
    enlarger = model
    if not isinstance(model, Enlarger):
        enlarger = Enlarger(model, scale, size, device, colour=colour, engine=engine)
    if not isinstance(picture, str | os.PathLike):
        if output is not None:
            raise SettingsError("output is for a picture that is a path; write an array yourself")
        return enlarger.pixels(picture, threads)
    if output is None:
        return enlarger.pixels(read_picture(picture).pixels, threads)
    upscale_file(picture, output, enlarger, threads=threads)
    return Path(output)
