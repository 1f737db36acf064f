"""How good a network is: bicubic and networks side by side on pictures, by a named protocol."""

from dataclasses import dataclass

import numpy as np

from minisr.data import make_pair
from minisr.errors import PictureError, ShapeError
from minisr.images import imresize, luma, read_picture, to_8_bits
from minisr.images.colour import full_to_studio, studio_to_full
from minisr.metrics import bicubic


@dataclass(frozen=True)
class Score:
    """One method on one picture.

    Attributes
    ----------
    psnr : float, in dB
    ssim : float
    """

    psnr: float
    ssim: float


def predict_luma(model, low, threads=None):
    """Enlarge a picture and return its luma.

    Parameters
    ----------
    model : Network
    low : ndarray, shape (C, h, w), uint8
        As many channels as the network has.
    threads : minisr.threads.Threads, optional
        By default one a processor.

    Returns
    -------
    ndarray, shape (h * scale, w * scale)
        float32 in about [0, 1] from a network of luma, uint8 from one of RGB.
    """
    high = model(low[None].astype(np.float32) / np.float32(255), threads)[0]
    if len(high) == 1:
        return high[0]
    return luma(to_8_bits(high).transpose(1, 2, 0))


def _predict_full_range(model, low, threads):
    """Enlarge a colour picture's luma of studio range by a network that knows the full range."""
    low = studio_to_full(low.astype(np.float32) / np.float32(255))
    return full_to_studio(model(low[None, None], threads)[0, 0])


def score_pair(model, pair, protocol, threads=None):
    """Score a network, or bicubic, on a pair of `minisr.data`.

    Parameters
    ----------
    model : Network or None
        None is bicubic.
    pair : minisr.data.Pair
    protocol : minisr.metrics.Protocol
    threads : minisr.threads.Threads, optional
        By default one a processor.

    Returns
    -------
    Score
    """
    high = _luma_of(pair.high)
    scale = high.shape[0] // pair.low.shape[1]
    try:
        if model is None:  # the protocol shrinks the luma, not the colours
            prediction = bicubic(imresize(high, pair.low.shape[1:]), scale)
        else:
            prediction = predict_luma(model, pair.low, threads)
        return Score(*protocol.score(prediction, high, scale))
    except (PictureError, ShapeError) as error:
        raise PictureError(f"{pair.name}: {error}") from error


def _luma_of(planes):
    return luma(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0))


def evaluate_picture(path, scale, models, protocol, threads=None):
    """Score bicubic and networks on a picture.

    Parameters
    ----------
    path : path-like
    scale : int
    models : dict of str to Network or None
        By name; None is bicubic.
    protocol : minisr.metrics.Protocol
    threads : minisr.threads.Threads, optional
        By default one a processor.

    Returns
    -------
    dict of str to Score

    Raises
    ------
    PictureError
        If the picture cannot be read or is too small; it names the file.
    """
    pixels = read_picture(path).pixels
    try:
        low, high = protocol.prepare(pixels, scale)
        is_colour = pixels.ndim == 3 and pixels.shape[2] > 2
        scores = {}
        for name, model in models.items():
            if model is None:
                prediction = bicubic(low, scale)
            elif model.in_channels == 1 and model.luma_range == "full" and is_colour:
                prediction = _predict_full_range(model, low, threads)
            elif model.in_channels == 1:
                prediction = predict_luma(model, low[None], threads)
            else:
                prediction = predict_luma(model, make_pair(pixels, scale, 3).low, threads)
            scores[name] = Score(*protocol.score(prediction, high, scale))
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error
    return scores


def mean(scores):
    """Return the mean of the figures of several pictures, which is what papers print.

    Parameters
    ----------
    scores : list of Score
    """
    return Score(
        float(np.mean([score.psnr for score in scores])),
        float(np.mean([score.ssim for score in scores])),
    )
