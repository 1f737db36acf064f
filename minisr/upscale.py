"""A larger picture: luma through the network, chroma by bicubic, transparency kept."""

import numpy as np

from minisr import models
from minisr.errors import PictureError
from minisr.images import imresize, rgb_to_ycbcr, ycbcr_to_rgb

# The largest value of each kind of picture; floats are intensities already.
MAXIMUM = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}


def upscale(picture, scale=3, model=None, threads=None):
    """Enlarge a picture.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, or float in [0, 1]
        Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4).
    scale : int, optional
        Ignored where ``model`` is a network, which has its own.
    model : str or Network, optional
        A network, or the name of one that comes with minisr; by default `minisr.models.DEFAULT`.
    threads : minisr.threads.Threads, optional
        By default one a processor.

    Returns
    -------
    ndarray, shape (H * scale, W * scale) or (H * scale, W * scale, C), dtype of ``picture``
        Integers are clipped and rounded; floats are as the network gives them, unclipped.

    Raises
    ------
    PictureError
        If the array is no picture, or has NaN or infinity in it.
    SettingsError
        If there is no such network.

    Notes
    -----
    The eye sees detail in luma, not in chroma, so the network enlarges luma alone and bicubic does
    the rest (the paper, section 4). A network of three channels gets all three. The colour of
    transparent pixels must not bleed into visible ones: colour is weighted by alpha first.

    Examples
    --------
    >>> upscale(np.zeros((4, 5, 3), np.uint8), scale=2).shape
    (8, 10, 3)
    """
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
    if model is None or isinstance(model, str):
        model = models.from_pretrained(model or models.DEFAULT, scale)

    maximum = MAXIMUM[picture.dtype.name]
    planes = picture.reshape(*picture.shape[:2], channels).astype(np.float32) / np.float32(maximum)
    enlarge = _enlarge_with_alpha if channels in (2, 4) else _enlarge
    large = enlarge(model, planes, threads)
    large = large.reshape(*large.shape[:2], *picture.shape[2:])
    if picture.dtype.kind == "f":
        return large.astype(picture.dtype)
    return np.floor(large.clip(0, 1) * np.float32(maximum) + np.float32(0.5)).astype(picture.dtype)


def _enlarge(model, planes, threads):
    """Enlarge (H, W, 1) or (H, W, 3), float32."""
    if planes.shape[2] == 1 or model.in_channels == 3:
        return _through(model, planes, threads)
    ycbcr = rgb_to_ycbcr(planes, model.luma_range)
    luma = _through(model, ycbcr[..., :1], threads)
    chroma = imresize(ycbcr[..., 1:], luma.shape[:2])
    return ycbcr_to_rgb(np.concatenate([luma, chroma], axis=2), model.luma_range)


def _enlarge_with_alpha(model, planes, threads):
    """Enlarge (H, W, 2) or (H, W, 4), the last channel being alpha, float32."""
    colour, alpha = planes[..., :-1], planes[..., -1:]
    if (alpha == 1).all():  # nothing shines through, and nothing will
        large = _enlarge(model, colour, threads)
        return np.concatenate([large, np.ones_like(large[..., :1])], axis=2)
    large_alpha = _through(model, alpha, threads)
    weighted = _enlarge(model, colour * alpha, threads)
    visible = large_alpha > np.float32(1 / 512)  # below half an 8-bit level there is no colour
    large = np.divide(weighted, large_alpha, out=np.zeros_like(weighted), where=visible)
    return np.concatenate([large, large_alpha.clip(0, 1)], axis=2)


def _through(model, planes, threads):
    """Send (H, W, C) through the network, channel by channel where it takes one."""
    low = np.ascontiguousarray(planes.transpose(2, 0, 1))
    if low.shape[0] != model.in_channels:  # grey through a network of RGB
        three = _through(model, np.repeat(planes, 3, axis=2), threads)
        return three.mean(axis=2, keepdims=True)
    return model(low[None], threads)[0].transpose(1, 2, 0)
