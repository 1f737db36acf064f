"""How good a network is: bicubic and networks side by side on pictures, by a named protocol."""

import time
from dataclasses import dataclass

import numpy as np

from minisr.datasets.pairs import make_pair
from minisr.errors import PictureError, ShapeError
from minisr.images import imresize, luma, read_picture, to_8_bits
from minisr.images.colour import full_to_studio, studio_to_full, without_alpha
from minisr.upscaling.enlarger import Enlarger


@dataclass(frozen=True)
class Score:
    """One method on one picture.

    Attributes
    ----------
    psnr : float, in dB
    ssim : float
    seconds : float
        That the enlargement took; shrinking and measuring are not counted.
    """

    psnr: float
    ssim: float
    seconds: float = 0.0


def predict_luma(model, low, threads=None, luma_range=None):
    """Enlarge a picture and return its luma.

    Parameters
    ----------
    model : Network or minisr.upscaling.enlarger.Enlarger
    low : ndarray, shape (C, h, w), uint8, or float in [0, 1]
        As many channels as the network has.
    threads : minisr.system.threads.Threads, optional
        By default one per processor.
    luma_range : {"studio", "full"}, optional
        Of ``low``, if that is luma: a network trained on the other range gets it in that one. By
        default, as with the values of a grey picture, it is taken as it is.

    Returns
    -------
    ndarray, shape (h * scale, w * scale)
        float32 in about [0, 1] from a network of luma, uint8 from one of RGB.
    """
    enlarger = as_trained(model)
    low = low.astype(np.float32) / np.float32(255 if low.dtype == np.uint8 else 1)
    if len(low) == 3:
        return luma(to_8_bits(enlarger.planes(low, threads)).transpose(1, 2, 0))
    if luma_range in (None, enlarger.luma_range):
        return enlarger.plane(low[0], threads)
    there, back = studio_to_full, full_to_studio
    if luma_range == "full":
        there, back = back, there
    return back(enlarger.plane(there(low[0]), threads))


def as_trained(model, engine="compiled"):
    """Return what runs a network just as it was trained, which is what figures are about.

    Parameters
    ----------
    model : Network or minisr.upscaling.enlarger.Enlarger
        An Enlarger is returned as it is. Make one of a network that is measured on many pictures,
        so that it is compiled once.
    engine : str, optional
        See `minisr.engine`.

    Returns
    -------
    minisr.upscaling.enlarger.Enlarger
    """
    return model if isinstance(model, Enlarger) else Enlarger(model, as_trained=True, engine=engine)


def score_pair(model, pair, protocol, threads=None):
    """Score a network, or bicubic, on a pair of `minisr.datasets.pairs`.

    Parameters
    ----------
    model : Network, minisr.upscaling.enlarger.Enlarger or None
        See `as_trained`; None is bicubic.
    pair : minisr.datasets.pairs.Pair
    protocol : minisr.evaluation.protocols.Protocol
        One that is given luma.
    threads : minisr.system.threads.Threads, optional
        By default one a processor.

    Returns
    -------
    Score
    """
    high = _luma_of(pair.high)
    scale = high.shape[0] // pair.low.shape[1]
    try:
        if model is None:  # the protocol shrinks the luma, not the colours
            prediction = protocol.bicubic(imresize(high, pair.low.shape[1:]), scale)
        else:
            prediction = predict_luma(model, pair.low, threads)
        return Score(*protocol.score(prediction, high, scale))
    except (PictureError, ShapeError) as error:
        raise PictureError(f"{pair.name}: {error}") from error


def _luma_of(planes):
    return luma(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0))


def score_methods(pixels, scale, models, protocol, threads=None, low=None):
    """Score bicubic and networks on the pixels of a picture.

    Parameters
    ----------
    pixels : ndarray
        As `minisr.images.read_picture` gives it.
    scale : int
    models : dict of str to Network, minisr.upscaling.enlarger.Enlarger or None
        By name, see `as_trained`; None is bicubic.
    protocol : minisr.evaluation.protocols.Protocol
    threads : minisr.system.threads.Threads, optional
        By default one a processor.
    low : ndarray, optional
        A low-resolution picture that somebody else has made; by default the protocol makes it.

    Returns
    -------
    dict of str to Score

    Raises
    ------
    PictureError
        If the picture cannot be measured.
    """
    given, high = protocol.prepare(pixels, scale, low)
    is_grey = pixels.ndim == 2 or pixels.shape[2] == 2
    # The values of a grey picture are what they are; luma of colours has the range it was made in.
    made_in = None if is_grey and protocol.grey_is_luma else protocol.luma_range
    scores = {}
    for name, model in models.items():
        enlarger = None if model is None else as_trained(model)
        in_colour = enlarger is not None and given.ndim == 2 and enlarger.in_channels == 3
        shrunk = protocol.colours(pixels, scale, low) if in_colour else given
        began = time.perf_counter()
        if enlarger is None:
            prediction = protocol.bicubic(given, scale)
        elif shrunk.ndim == 3:
            prediction = enlarger.pixels(shrunk, threads)
        else:
            prediction = predict_luma(enlarger, given[None], threads, made_in)
        seconds = time.perf_counter() - began
        if in_colour:
            prediction = protocol.luma_of(prediction)
        scores[name] = Score(*protocol.score(prediction, high, scale), seconds)
    return scores


def evaluate_picture(path, scale, models, protocol, threads=None):
    """Score bicubic and networks on a picture file.

    Parameters
    ----------
    path : path-like
    scale, models, protocol, threads
        See `score_methods`.

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
        return score_methods(pixels, scale, models, protocol, threads)
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


def pictures_of(pixels, scale, models, threads=None, low=None):
    """Enlarge the shrunk picture by each method, in colour, to be looked at.

    Parameters
    ----------
    pixels, scale, threads, low
        See `score_methods`.
    models : dict of str to Network, minisr.upscaling.enlarger.Enlarger or None
        By name; None is bicubic. A network is made exact on flat pictures, as `minisr upscale`
        does, see `minisr.upscaling.plan.Step`.

    Returns
    -------
    original : ndarray, shape (H, W) or (H, W, 3), uint8
        Cropped to a multiple of the scale, or to what ``low`` shows. Grey only if both are.
    versions : dict of str to ndarray, shape and dtype of ``original``
    """
    pixels = to_8_bits(pixels)
    grey = pixels.ndim == 2 or pixels.shape[2] == 2
    pair = make_pair(pixels, scale, 1 if grey else 3)
    original, shrunk = (p[0] if grey else p.transpose(1, 2, 0) for p in (pair.high, pair.low))
    if low is not None:
        shrunk = without_alpha(to_8_bits(low))
        original = original[: shrunk.shape[0] * scale, : shrunk.shape[1] * scale]
        if shrunk.ndim != original.ndim:
            original, shrunk = np.atleast_3d(original), np.atleast_3d(shrunk)
            original, shrunk = (np.broadcast_to(p, (*p.shape[:2], 3)) for p in (original, shrunk))
    versions = {}
    for name, model in models.items():
        if model is None:
            versions[name] = to_8_bits(imresize(shrunk / 255, original.shape[:2]))
        else:
            enlarger = model if isinstance(model, Enlarger) else Enlarger(model)
            versions[name] = enlarger.pixels(shrunk, threads)
    return original, versions


def mean(scores, protocol=None):
    """Return the mean of the figures of several pictures, which is what papers print.

    Parameters
    ----------
    scores : list of Score
    protocol : minisr.evaluation.protocols.Protocol, optional
        Who may have a way of its own of taking the mean PSNR.
    """
    decibels = [score.psnr for score in scores]
    return Score(
        float(np.mean(decibels)) if protocol is None else protocol.mean_psnr(decibels),
        float(np.mean([score.ssim for score in scores])),
        float(np.mean([score.seconds for score in scores])),
    )
