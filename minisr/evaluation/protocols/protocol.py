"""Named protocols: what exactly a printed PSNR measures.

The choice of luma, border, rounding and resizer changes the PSNR of the same network by more than
a dB, so a figure without its protocol means nothing. A protocol here is nothing but a list of such
choices: two protocols differ only in the choices that differ.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError, SettingsError, ShapeError
from minisr.evaluation.metrics import SSIM_WINDOW, psnr, ssim
from minisr.evaluation.protocols.resizers import RESIZERS
from minisr.images import luma, to_8_bits
from minisr.images.colour import opaque

if TYPE_CHECKING:
    from typing import Any

CENTRE = 256  # pixels a side that pytorch/examples crops from every picture

# Luma in 8-bit levels: the factors of R, G and B, which are from 0 to 255, and the offset.
STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255), 16  # MATLAB's rgb2ycbcr
LUMAS = {
    "studio": STUDIO,
    # yjn870/ESPCN-pytorch and code that copied it; 65.738 / 256 would be 65.481 / 255.
    "studio, 64.738": ((64.738 / 256, 129.057 / 256, 25.064 / 256), 16),
    # EDSR-PyTorch weights differences of RGB, so the offset cancels. Equal to "studio" to 1e-6.
    "studio, over 256": ((65.738 / 256, 129.057 / 256, 25.064 / 256), 16),
    "full": ((0.299, 0.587, 0.114), 0),  # JPEG, Pillow's YCbCr and OpenCV's YCrCb
}


@dataclass(frozen=True)
class Protocol:
    """A way to measure: what a method is given, and how its answer is compared.

    Attributes
    ----------
    name : str
        As printed beside every figure.
    description : str
        One line for a reader.
    given : {"luma", "luma of low", "picture"}
        What is enlarged. "luma": the luma of the original, shrunk. "luma of low": the luma of the
        original shrunk in colour. "picture": the original shrunk in colour; the answer is an 8-bit
        picture, whose luma is compared.
    fit : {"crop", "crop to 12", "resize", "centre"}
        How the size of the original becomes a multiple of the scale: cropped at the right and
        bottom (and to a multiple of 12, as in BasicSR's GTmod12 folders), resized by Pillow's
        bicubic, or cropped to 256 x 256 around its centre (black where it is smaller).
    shrink, enlarge : str
        Keys of `minisr.evaluation.protocols.resizers.RESIZERS`: the resizer that makes the
        low-resolution picture, and the bicubic that networks are compared with.
    luma : str or None
        A key of ``LUMAS``; None compares all three colours.
    rounded : bool
        Whether luma is rounded to 8 bits (half up).
    answer : {"rounded", "clipped", "raw"}
        How an enlarged luma is treated before it is compared; rounding includes clipping. An
        enlarged picture is always rounded.
    grey_is_luma : bool
        Whether a grey picture's values are its luma, as in published figures. Otherwise it is
        treated as a colour picture with three equal channels.
    shave : int or None
        How many pixels, in addition to ``scale``, are left out on each side; None leaves out none.
    mirrored : bool
        Whether SSIM includes windows that cross the border, into a mirror image of the picture.
    mean : {"psnr", "mse"}
        What is averaged over pictures: the PSNR, or the mean squared error, from which one PSNR is
        then computed.
    """

    name: str
    description: str
    given: str = "luma"
    fit: str = "crop"
    shrink: str = "matlab"
    enlarge: str = "matlab"
    luma: str | None = "studio"
    rounded: bool = True
    answer: str = "rounded"
    grey_is_luma: bool = True
    shave: int | None = 0
    mirrored: bool = False
    mean: str = "psnr"

    @property
    def crops(self) -> bool:
        """Whether originals are cropped, as they must be for given low-resolution pictures."""
        return self.fit.startswith("crop")

    @property
    def luma_range(self) -> Any:
        """The range of luma: "studio", "full", or None if colours are compared."""
        return self.luma and self.luma.split(",")[0]

    def prepare(
        self, pixels: np.ndarray, scale: int, low: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what a method must enlarge, and what a perfect one would return.

        Parameters
        ----------
        pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16, float32 or float64
            As `minisr.images.read_picture` returns it. More than 8 bits are first rounded to 8,
            because protocols are defined on 8-bit pictures. An opaque alpha channel is ignored.
        scale : int
            At least 1.
        low : ndarray, the same kinds, optional
            A low-resolution picture from elsewhere, used instead of shrinking the original.

        Returns
        -------
        low : ndarray, shape (h, w) or, for "picture", (h, w, 3)
            uint8, or float64 in [0, 1] for unrounded luma.
        high : ndarray, shape (h * scale, w * scale) or (h * scale, w * scale, 3), the same dtype

        Raises
        ------
        PictureError
            The picture has transparent pixels, a shape or dtype that is not a picture's, or too
            few pixels to be scored, or ``low`` does not fit it.
        SettingsError
            The scale is not a whole number from 1 on, or ``low`` is given to a protocol that does
            not crop originals.
        """
        picture = self._fitted(pixels, scale)
        if low is not None:
            low, picture = self._given_low(low, pixels, scale)
        if self.given == "luma":
            high = self.luma_of(picture)
            return (self._shrunk(high, scale) if low is None else self.luma_of(low)), high
        low = self._shrunk(picture, scale) if low is None else low
        if self.given == "luma of low":
            return self.luma_of(low), self.luma_of(picture)
        return low, picture

    def colours(self, pixels: Any, scale: Any, low: Any = None) -> np.ndarray:
        """Return the low-resolution picture in colour, for a network with three channels.

        The parameters are those of `prepare`.

        Returns
        -------
        ndarray, shape (h, w, 3), uint8
        """
        picture = self._fitted(pixels, scale)
        if low is not None:
            return _three_channels(self._given_low(low, pixels, scale)[0])
        return self._shrunk(_three_channels(picture), scale)

    def bicubic(self, low: np.ndarray, scale: int) -> np.ndarray:
        """Enlarge by this protocol's bicubic: the baseline for every network.

        Parameters
        ----------
        low : ndarray
            As `prepare` returns it.
        scale : int

        Returns
        -------
        ndarray, shape of ``high``
            float64 around [0, 1], overshoots included, if MATLAB's resizer enlarges. `score` then
            clips and rounds it once, like a network's answer. In uint8 it would also be rounded
            between the two passes, which costs 0.01 dB on Set5 at x2. Otherwise the dtype of
            ``low``.
        """
        check_scale(scale)
        low = np.asarray(low)
        wanted = np.uint8 if self.rounded or self.given == "picture" else np.float64
        if low.dtype != wanted:
            raise PictureError(
                f"bicubic expects the {np.dtype(wanted)} low of protocol {self.name}, "
                f"got {low.dtype}: use what its `prepare` returns"
            )
        if low.dtype == np.uint8 and self.enlarge == "matlab":
            low = low / 255
        return RESIZERS[self.enlarge](low, (low.shape[0] * scale, low.shape[1] * scale))

    def score(self, prediction: np.ndarray, high: np.ndarray, scale: int) -> tuple[float, float]:
        """Compare an answer with the original.

        Parameters
        ----------
        prediction : ndarray, shape of ``high``, uint8, or float32 or float64 in [0, 1]
        high : ndarray
            As `prepare` returns it.
        scale : int

        Returns
        -------
        psnr : float, in dB
        ssim : float

        Raises
        ------
        ShapeError
            The shapes differ, ``high`` is not from `prepare`, or there are too few pixels for SSIM.
        PictureError
            The prediction contains NaN or infinity, or has another dtype.
        SettingsError
            The scale is not a whole number from 1 on.
        """
        check_scale(scale)
        prediction, high = np.asarray(prediction), np.asarray(high)
        self._check_pair(prediction, high)
        if self.given == "picture" or self.answer == "rounded":
            prediction = to_8_bits(prediction)
        if not np.isfinite(prediction).all():
            raise PictureError(
                "expected a prediction of floats in [0, 1], got NaN or infinity: check the network"
            )
        if self.answer == "clipped":
            prediction = prediction.clip(0, 255 if prediction.dtype == np.uint8 else 1)
        if self.shave is not None:
            inside = slice(scale + self.shave, -scale - self.shave)
            prediction, high = prediction[inside, inside], high[inside, inside]
        if self.given == "picture" and self.luma:
            prediction, high = self.luma_of(prediction), self.luma_of(high)
        a, b = _levels(prediction), _levels(high)
        decibels = psnr(a, b, 255)
        if self.mirrored:
            margin = SSIM_WINDOW // 2
            around = ((margin, margin), (margin, margin), (0, 0))[: a.ndim]
            a, b = np.pad(a, around, mode="reflect"), np.pad(b, around, mode="reflect")
        return decibels, ssim(a, b, 255)

    def mean_psnr(self, values: list[Any]) -> Any:
        """Return the mean over pictures, as this protocol defines it, in dB.

        Parameters
        ----------
        values : list of float
            The PSNR of each picture, in dB.
        """
        if self.mean == "psnr":
            return float(np.mean(values))
        errors = np.mean(
            [10 ** (-value / 10) for value in values]
        )  # as a fraction of the squared range
        return float(-10 * np.log10(errors)) if errors else math.inf

    def luma_of(self, picture: np.ndarray) -> np.ndarray:
        """Return the luma that this protocol measures.

        Parameters
        ----------
        picture : ndarray, shape (H, W) or (H, W, 3), uint8

        Returns
        -------
        ndarray, shape (H, W)
            uint8, or float64 in [0, 1] if luma is not rounded. The picture itself if colours are
            compared, or if it is grey and grey counts as luma.
        """
        if self.luma is None:
            return picture
        if picture.ndim == 2:
            return picture if self.rounded else picture / 255
        if self.rounded and self.luma == "studio":
            return luma(picture)  # in integers, so that ties are exact
        if self.rounded and self.luma == "full":
            from PIL import Image

            return np.asarray(Image.fromarray(picture).convert("YCbCr"))[..., 0]
        factors, offset = LUMAS[self.luma]
        levels = sum(f * picture[..., c].astype(np.float64) for c, f in enumerate(factors))
        levels += offset
        return to_8_bits(levels / 255) if self.rounded else levels / 255

    def _fitted(self, pixels, scale):
        """Return the original in 8 bits, with a size that is a multiple of the scale."""
        check_scale(scale)
        pixels = np.asarray(pixels)
        unit = math.lcm(scale, 12) if self.fit == "crop to 12" else scale
        self._check_room(pixels, scale, unit)
        height, width = (n - n % unit for n in pixels.shape[:2])
        picture = self._plain(pixels)
        if self.fit == "resize":
            return RESIZERS["pillow bicubic"](picture, (height, width))
        if self.fit == "centre":
            return _centre(picture, CENTRE - CENTRE % scale)
        return picture[:height, :width]

    def _check_room(self, pixels, scale, unit):
        """Raise PictureError unless one SSIM window is left after cropping and shaving."""
        shaved = 0 if self.shave is None else 2 * (scale + self.shave)
        minimum = 1 if self.fit == "centre" else unit * math.ceil((SSIM_WINDOW + shaved) / unit)
        if pixels.ndim < 2 or min(pixels.shape[:2]) < minimum:
            raise PictureError(
                f"expected a picture of at least {minimum} x {minimum} pixels to measure at "
                f"x{scale}, got shape {pixels.shape}: use a larger picture"
            )

    def _plain(self, pixels):
        """Return an 8-bit picture without alpha; grey gets three channels unless it is luma."""
        picture = opaque(to_8_bits(pixels))
        if picture.ndim == 2 and self.grey_is_luma:
            return picture
        return _three_channels(picture)

    def _given_low(self, low, pixels, scale):
        """Return the given low-resolution picture, and the part of the original that it shows."""
        if not self.crops:
            raise SettingsError(
                f"protocol {self.name} makes its low-resolution pictures in its own way: "
                "to measure given ones, use another protocol, such as matlab"
            )
        low, picture = self._plain(np.asarray(low)), self._plain(np.asarray(pixels))
        units = scale, math.lcm(scale, 12)
        sizes = [tuple((n - n % unit) // scale for n in picture.shape[:2]) for unit in units]
        if low.shape[:2] not in sizes:  # the second size is that of BasicSR's GTmod12 folders
            height, width = sizes[0]
            raise PictureError(
                f"its low-resolution picture is {low.shape[1]} x {low.shape[0]} pixels, "
                f"expected {width} x {height} at x{scale}"
            )
        # A grey low counts as the luma of its colour picture, like all grey pictures.
        if low.ndim > picture.ndim:
            picture = _three_channels(picture)
        picture = picture[: low.shape[0] * scale, : low.shape[1] * scale]
        self._check_room(picture, scale, scale)
        return low, picture

    def _shrunk(self, picture, scale):
        size = (picture.shape[0] // scale, picture.shape[1] // scale)
        return RESIZERS[self.shrink](picture, size)

    def _check_pair(self, prediction, high):
        """Raise ShapeError unless prediction and original can be compared."""
        colours = self.given == "picture" and high.ndim == 3
        wanted = np.uint8 if self.rounded or colours else np.float64
        if prediction.shape != high.shape or high.ndim != 2 + colours or high.dtype != wanted:
            raise ShapeError(
                f"expected a prediction of the shape of the {np.dtype(wanted)} original, "
                f"got {prediction.shape} and {high.shape} {high.dtype}"
            )


def check_scale(scale: Any) -> None:
    """Raise SettingsError unless a scale is a whole number from 1 on."""
    if not isinstance(scale, numbers.Integral) or scale < 1:
        raise SettingsError(f"expected a scale that is a whole number from 1 on, got {scale!r}")


def _levels(values):
    """Return values in 8-bit levels, as float64."""
    levels = values.astype(np.float64)
    return levels if values.dtype == np.uint8 else 255 * levels


def _three_channels(picture):
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def _centre(picture, side):
    """Crop a square around the centre, with black outside, like torchvision's CenterCrop."""
    height, width = picture.shape[:2]
    more = [max(0, side - n) for n in (height, width)]
    around = [(n // 2, (n + 1) // 2) for n in more] + [(0, 0)] * (picture.ndim - 2)
    picture = np.pad(picture, around)
    top, left = (round((n - side) / 2) for n in picture.shape[:2])
    return picture[top : top + side, left : left + side]
