"""One call that measures networks on pictures, as ``minisr evaluate`` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minisr import models
from minisr.errors import DeviceMemoryError, PictureError, SettingsError
from minisr.evaluation.evaluate import pictures_of, score_methods
from minisr.evaluation.notebook import middle
from minisr.evaluation.protocols import PROTOCOLS
from minisr.evaluation.tables import Evaluation
from minisr.images import find_pictures, read_picture
from minisr.images.arrays import is_encoded, pixels_from
from minisr.upscaling.enlarger import Enlarger

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisr.engine.devices import Device
    from minisr.system.threads import Threads

SAMPLE = 160  # pixels a side that are kept of a picture, for a notebook


def evaluate(
    pictures: Any,
    model: Any = None,
    scale: int | None = None,
    *,
    protocol: str = "matlab",
    threads: Threads | int | None = None,
    device: str | Device = "cpu",
    engine: str = "compiled",
    samples: int = 3,
    progress: Callable[..., Any] | None = None,
) -> Evaluation:
    """Measure networks, and bicubic, on pictures.

    Parameters
    ----------
    pictures : path-like, array_like, or a list or dict of them
        Files and folders, or pictures in memory, which a dict names.
    model : str, path-like or Network, or a list or dict of them, optional
        The names of bundled networks, files of weights, or networks, which a dict names; by default
        `minisr.models.DEFAULT`. Bicubic is always measured.
    scale : int, optional
        By default that of the first file or network, or 3.
    protocol : str, optional
        One of `minisr.evaluation.protocols.PROTOCOLS`.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor.
    device : str or minisr.engine.devices.Device, optional
        What computes, see `minisr.upscale`.
    engine : {"compiled", "layers"}, optional
        See `minisr.engine`.
    samples : int, optional
        Of how many pictures the middle is kept, for a notebook to show.
    progress : callable, optional
        Called after each picture with how many are done, and of how many.

    Returns
    -------
    Evaluation

    Raises
    ------
    PictureError
        Not one of the pictures could be measured. Otherwise ``skipped`` says which, and why.
    SettingsError
        There is no such network, scale, protocol or device.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.add.outer(np.arange(60), np.arange(60)).astype(np.uint8)
    >>> evaluation = evaluate(picture, "espcn", scale=3)
    >>> sorted(evaluation.means["matlab"])
    ['bicubic', 'espcn']
    """
    if protocol not in PROTOCOLS:
        raise SettingsError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    methods, scale = _methods(model, scale, device, engine)
    found = _pictures(pictures)
    scores, kept, skipped = {}, {}, {}
    for number, (name, picture) in enumerate(found.items(), 1):
        try:
            pixels = _pixels(picture)
            scored = score_methods(pixels, scale, methods, PROTOCOLS[protocol], threads)
            scores[name] = {protocol: scored}
            if len(kept) < samples:
                kept[name] = _sample(pixels, scale, methods, threads)
        except (PictureError, DeviceMemoryError) as error:
            skipped[name] = str(error)
        if progress is not None:
            progress(number, len(found))
    if not scores:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items()) or "there is none"
        raise PictureError(f"none of the pictures could be measured: {reasons}")
    return Evaluation(
        *(scale, list(methods), [PROTOCOLS[protocol]], scores), skipped=skipped, samples=kept
    )


def _methods(model, scale, device, engine):
    """Return the methods by name, bicubic first, and the scale."""
    if not isinstance(model, dict):
        given = model if isinstance(model, list | tuple) else [model or models.DEFAULT]
        model = dict(enumerate(given))
    methods = {"bicubic": None}
    for label, each in model.items():
        enlarger = Enlarger(each, scale, device=device, engine=engine, as_trained=True)
        scale = enlarger.scale if scale is None else scale
        if enlarger.chain(scale) != (scale,):
            raise SettingsError(
                f"{enlarger.name} has no network of x{scale:g} by itself, which is what is measured"
            )
        name = label if isinstance(label, str) else enlarger.name
        while name in methods:  # two networks of one kind
            name += "'"
        methods[name] = enlarger
    return methods, scale


def _pictures(pictures):
    """Return the pictures by name: paths, or what is in memory."""
    if isinstance(pictures, dict):
        return {str(name): picture for name, picture in pictures.items()}
    if isinstance(pictures, str | os.PathLike) or not isinstance(pictures, list | tuple):
        pictures = [pictures]
    found = {}
    for picture in pictures:
        if isinstance(picture, str | os.PathLike):
            found |= {str(path): path for path in find_pictures([Path(picture)])}
        else:
            found[f"picture {len(found) + 1}"] = picture
    return found


def _pixels(picture):
    return read_picture(picture).pixels if is_encoded(picture) else pixels_from(picture)[0]


def _sample(pixels, scale, methods, threads):
    """Return the middle of a picture and of what each method makes of it."""
    original, versions = pictures_of(pixels, scale, methods, threads)
    return {
        name: np.ascontiguousarray(middle(version, SAMPLE))
        for name, version in {"original": original, **versions}.items()
    }
