"""The contents of a report, as its caller provides them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError, ShapeError
from minisr.evaluation.report.encode import Encoded, encode, error_colours

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, eq=False)
class Curve:
    """The training curve of a network.

    Attributes
    ----------
    steps : list of int
    psnr : list of float or None
        On held-out pictures, in dB, one for each of ``steps``.
    loss : list of float or None
    bicubic_psnr : float, optional
        On the same held-out pictures.
    """

    steps: list
    psnr: list
    loss: list
    bicubic_psnr: float | None = None


@dataclass(frozen=True, eq=False)
class Method:
    """A method of enlarging: bicubic, or a network.

    Attributes
    ----------
    name : str
    description : str, optional
        Shown beside the name.
    psnr, ssim : float, optional
        Means over the pictures, PSNR in dB; None without originals.
    seconds : float, optional
        As measured by the caller.
    first_layer : ndarray, shape (F, C, K, K), float, optional
    last_layer : ndarray, shape (C * R * R, F, K, K), float, optional
        Before the pixel shuffle by R = ``upscale_factor``.
    upscale_factor : int, optional
    curve : Curve, optional
    """

    name: str
    description: str = ""
    psnr: float | None = None
    ssim: float | None = None
    seconds: float | None = None
    first_layer: np.ndarray | None = None
    last_layer: np.ndarray | None = None
    upscale_factor: int = 1
    curve: Curve | None = None


@dataclass(frozen=True, eq=False)
class Section:
    """All versions of one picture, encoded; made by :func:`make_section`.

    Attributes
    ----------
    name : str
    height, width : int
        In pixels.
    figures : dict of str to (float, float) or None
        PSNR in dB and SSIM, by name of the method.
    pictures : tuple of Encoded
        The versions, then the original if there is one, then the error maps of the versions.
    """

    name: str
    height: int
    width: int
    figures: dict
    pictures: tuple[Encoded, ...]


def make_section(
    name: str,
    versions: dict[Any, Any] | tuple[Any, Any, Any],
    original: np.ndarray | None = None,
    figures: dict[Any, Any] | None = None,
    profile: bytes | None = None,
) -> Section:
    """Encode the versions of a picture for a report.

    Parameters
    ----------
    name : str
    versions : dict of str to ndarray, shape (H, W) or (H, W, C), C from 2 to 4, uint8
        By name of the method, in the order of the methods; all of one shape.
    original : ndarray, optional
        Of the same shape. Without it there are no error maps.
    figures : dict of str to (float, float) or None, optional
        PSNR in dB and SSIM, by name of the method.
    profile : bytes, optional
        ICC profile for displaying the colours, of grey or RGB like the arrays.

    Returns
    -------
    Section
        It keeps the encoded files and not the arrays, so the pictures of a folder are never all in
        memory. Several threads may make sections at once.

    Raises
    ------
    ShapeError
        The arrays have different shapes.
    PictureError
        There is no version, or an array is not an 8-bit picture.
    """
    versions = {str(label): np.asarray(pixels) for label, pixels in versions.items()}
    if not versions:
        raise PictureError(f"{name}: a section of a report needs at least one version, got none")
    original = None if original is None else np.asarray(original)
    arrays = [*versions.values()] if original is None else [*versions.values(), original]
    for pixels in arrays:
        _check_picture(name, pixels)
        if pixels.shape != arrays[0].shape:
            shapes = " and ".join(map(str, dict.fromkeys(a.shape for a in arrays)))
            raise ShapeError(f"{name}: versions and original must have one shape, got {shapes}")
    pictures = [encode(pixels, label, "version", profile) for label, pixels in versions.items()]
    if original is not None:
        pictures.append(encode(original, "original", "original", profile))
        pictures += [
            encode(error_colours(pixels, original), label, "error")
            for label, pixels in versions.items()
        ]
    height, width = arrays[0].shape[:2]
    return Section(str(name), height, width, dict(figures or {}), tuple(pictures))


def _check_picture(name, pixels):
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    good = pixels.ndim == 2 or channels in (2, 3, 4)
    if pixels.dtype != np.uint8 or not good or pixels.size == 0:
        raise PictureError(
            f"{name}: a report expects uint8 of shape (H, W) or (H, W, 2, 3 or 4), "
            f"got {pixels.dtype} of {pixels.shape}"
        )
