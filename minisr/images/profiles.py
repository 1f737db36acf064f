"""Check, choose and apply colour profiles (ICC)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

_COLOUR_SPACE = slice(16, 20)  # in a profile's header


def fits(profile: Any, pixels: Any) -> bool:
    """Return whether a profile is for the colour space of the pixels, grey or RGB."""
    colour_space = b"GRAY" if pixels.ndim == 2 or pixels.shape[2] == 2 else b"RGB "
    return profile[_COLOUR_SPACE] == colour_space


def profile_for(pixels: np.ndarray, *pictures: Any) -> Any:
    """Return the first of the pictures' profiles that fits the pixels; None if none does.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C)
    *pictures : minisr.images.Picture
    """
    found = (picture.metadata.get("icc_profile") for picture in pictures)
    return next((profile for profile in found if profile and fits(profile, pixels)), None)


def without_foreign_profile(metadata: Any, pixels: Any) -> Any:
    """Return metadata without its profile if that is for another colour space than the pixels'."""
    if "icc_profile" not in metadata or fits(metadata["icc_profile"], pixels):
        return metadata
    return {key: value for key, value in metadata.items() if key != "icc_profile"}


def cmyk_to_rgb(image: Any) -> tuple[Any, bytes | None]:
    """Convert a CMYK image to RGB, using its profile if it has a valid one.

    Parameters
    ----------
    image : PIL.Image.Image

    Returns
    -------
    PIL.Image.Image
        RGB.
    bytes or None
        The profile of the result, which is sRGB; None if no profile was used.
    """
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile:
        try:
            srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, own, srgb, outputMode="RGB"), srgb.tobytes()
        except (OSError, ImageCms.PyCMSError):
            pass  # the profile is damaged or not for CMYK
    return image.convert("RGB"), None
