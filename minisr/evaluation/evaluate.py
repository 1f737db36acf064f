"""Score bicubic and networks on pictures, by a named protocol."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.datasets.pairs import make_pair
from minisr.errors import PictureError, ShapeError
from minisr.images import imresize, luma, read_picture, to_8_bits
from minisr.images.colour import full_to_studio, studio_to_full, without_alpha
from minisr.upscaling.enlarger import Enlarger

if TYPE_CHECKING:
    from typing import Any

    from minisr.datasets.pairs import Pair
    from minisr.evaluation.protocols.protocol import Protocol
    from minisr.models.network import Network
    from minisr.system.threads import Threads
    from minisr.types import PathLike


@dataclass(frozen=True)
class Score:
    """The score of one method on one picture.

    Attributes
    ----------
    psnr : float, in dB
    ssim : float
    seconds : float
        Time to enlarge the picture, without shrinking and measuring.
    """

    psnr: float
    ssim: float
    seconds: float = 0.0


def predict_luma(
    model: Network | Enlarger,
    low: np.ndarray,
    threads: Threads | int | None = None,
    luma_range: str | None = None,
) -> np.ndarray:
    """Enlarge a picture and return its luma.

    Parameters
    ----------
    model : Network or minisr.upscaling.enlarger.Enlarger
    low : ndarray, shape (C, h, w), uint8, or float in [0, 1]
        With as many channels as the network has.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.
    luma_range : {"studio", "full"}, optional
        Range of ``low``, if that is luma: it is converted for a network trained on the other
        range. By default it is used as it is, like the values of a grey picture.

    Returns
    -------
    ndarray, shape (h * scale, w * scale)
        float32 around [0, 1] from a luma network, uint8 from an RGB network.
    """
    enlarger = as_trained(model)
    low = low.astype(np.float32) / np.float32(255 if low.dtype == np.uint8 else 1)
    if len(low) == 3:
        return luma(to_8_bits(enlarger.planes(low, threads)).transpose(1, 2, 0))
    if luma_range in (None, enlarger.luma_range):
        return enlarger.plane(low[0], threads)
    to_trained, from_trained = studio_to_full, full_to_studio
    if luma_range == "full":
        to_trained, from_trained = from_trained, to_trained
    return from_trained(enlarger.plane(to_trained(low[0]), threads))


def as_trained(model: Network | Enlarger, engine: str = "compiled") -> Enlarger:
    """Return an Enlarger that runs a network as it was trained, since that is what is measured.

    Parameters
    ----------
    model : Network or minisr.upscaling.enlarger.Enlarger
        An Enlarger is returned unchanged. To measure a network on many pictures, make an Enlarger
        first, so that the network is compiled only once.
    engine : str, optional
        See `minisr.engine`.

    Returns
    -------
    minisr.upscaling.enlarger.Enlarger
    """
    return model if isinstance(model, Enlarger) else Enlarger(model, as_trained=True, engine=engine)


def score_pair(
    model: Network | Enlarger | None,
    pair: Pair,
    protocol: Protocol,
    threads: Threads | int | None = None,
) -> Score:
    """Score a network, or bicubic, on a pair of `minisr.datasets.pairs`.

    Parameters
    ----------
    model : Network, minisr.upscaling.enlarger.Enlarger or None
        See `as_trained`; None means bicubic.
    pair : minisr.datasets.pairs.Pair
    protocol : minisr.evaluation.protocols.Protocol
        One whose methods are given luma.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.

    Returns
    -------
    Score
    """
    high = _luma_of(pair.high)
    scale = high.shape[0] // pair.low.shape[1]
    try:
        if model is None and pair.degraded:
            prediction = protocol.bicubic(_luma_of(pair.low), scale)
        elif model is None:  # such a protocol shrinks luma, not colours
            prediction = protocol.bicubic(imresize(high, pair.low.shape[1:]), scale)
        else:
            prediction = predict_luma(model, pair.low, threads)
        return Score(*protocol.score(prediction, high, scale))
    except (PictureError, ShapeError) as error:
        raise PictureError(f"{pair.name}: {error}") from error


def _luma_of(planes):
    return luma(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0))


def score_methods(
    pixels: np.ndarray,
    scale: int,
    models: dict[Any, Any],
    protocol: Protocol,
    threads: Threads | int | None = None,
    low: np.ndarray | None = None,
) -> dict[Any, Any]:
    """Score bicubic and networks on the pixels of a picture.

    Parameters
    ----------
    pixels : ndarray
        As `minisr.images.read_picture` returns it.
    scale : int
    models : dict of str to Network, minisr.upscaling.enlarger.Enlarger or None
        By name, see `as_trained`; None means bicubic.
    protocol : minisr.evaluation.protocols.Protocol
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.
    low : ndarray, optional
        A low-resolution picture from elsewhere; by default the protocol makes one.

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
    # A grey picture's values are used as they are; the luma of colours is in the protocol's range.
    luma_range = None if is_grey and protocol.grey_is_luma else protocol.luma_range
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
            prediction = predict_luma(enlarger, given[None], threads, luma_range)
        seconds = time.perf_counter() - began
        if in_colour:
            prediction = protocol.luma_of(prediction)
        scores[name] = Score(*protocol.score(prediction, high, scale), seconds)
    return scores


def evaluate_picture(
    path: PathLike, scale: Any, models: Any, protocol: Any, threads: Any = None
) -> dict[Any, Any]:
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


def pictures_of(
    pixels: Any, scale: Any, models: dict[Any, Any], threads: Any = None, low: Any = None
) -> tuple[np.ndarray, dict[Any, Any]]:
    """Shrink a picture and enlarge it by each method, in colour, for display.

    Parameters
    ----------
    pixels, scale, threads, low
        See `score_methods`.
    models : dict of str to Network, minisr.upscaling.enlarger.Enlarger or None
        By name; None means bicubic. A network's bias on constant images is corrected, as in
        `minisr upscale`; see `minisr.upscaling.plan`.

    Returns
    -------
    original : ndarray, shape (H, W) or (H, W, 3), uint8
        Cropped to a multiple of the scale, or to what ``low`` shows. Grey only if both pictures
        are.
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


def mean(scores: list[Any], protocol: Protocol | None = None) -> Any:
    """Return the mean score over several pictures, which is what papers print.

    Parameters
    ----------
    scores : list of Score
    protocol : minisr.evaluation.protocols.Protocol, optional
        Defines how the mean PSNR is taken; by default it is the mean of the values.
    """
    decibels = [score.psnr for score in scores]
    return Score(
        float(np.mean(decibels)) if protocol is None else protocol.mean_psnr(decibels),
        float(np.mean([score.ssim for score in scores])),
        float(np.mean([score.seconds for score in scores])),
    )
