"""Layouts of frames: their planes, and what code values mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import PictureError

if TYPE_CHECKING:
    from typing import Any

# Luma pixels per chroma sample, horizontally and vertically, and FFmpeg's name for that.
SUBSAMPLINGS = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}
SUBSAMPLINGS[4, 4] = "410"
# Where a chroma sample lies in its block of luma: fractions of the way across and down. Video
# since MPEG-2 has it at the left edge, halfway down, unless the file says otherwise.
SITES = {
    "left": (0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0, 0),
    "top": (0.5, 0),
    "bottomleft": (0, 1),
    "bottom": (0.5, 1),
}


@dataclass(frozen=True)
class Layout:
    """A luma plane, perhaps with two chroma planes and an alpha plane.

    Attributes
    ----------
    across, down : int
        Luma pixels per chroma sample, horizontally and vertically; 0 without chroma.
    bits : int
        Per sample, in the low bits of a word of 8 or 16 bits.
    alpha : bool
    """

    across: int
    down: int
    bits: int
    alpha: bool = False

    @property
    def format(self) -> Any:
        """FFmpeg's name of the pixel format."""
        depth = "" if self.bits == 8 else f"{self.bits}le"
        if not self.across:
            return f"gray{depth}"
        return f"yuv{'a' * self.alpha}{SUBSAMPLINGS[self.across, self.down]}p{depth}"

    @property
    def max_code(self) -> Any:
        """The largest code value."""
        return (1 << self.bits) - 1

    def chroma_size(self, height: Any, width: Any) -> Any:
        """Return the height and width of a chroma plane."""
        return -(-height // self.down), -(-width // self.across)

    def site(self, name: Any) -> Any:
        """Return the place of the first chroma sample, in luma pixels across and down."""
        x, y = SITES[name]
        return x * (self.across - 1), y * (self.down - 1)


def layout_of(pixels: Any) -> Layout:
    """Return the layout to which frames of an FFmpeg pixel format are converted.

    Parameters
    ----------
    pixels : av.VideoFormat

    Returns
    -------
    Layout
        RGB becomes 4:4:4.

    Raises
    ------
    PictureError
        If no layout fits the format.
    """
    alpha = any(component.is_alpha for component in pixels.components)
    bits = max(component.bits for component in pixels.components)
    bits = next(depth for depth in (8, 9, 10, 12, 14, 16, 32) if bits <= depth)
    bits = min(bits, 16)
    if pixels.is_rgb or pixels.has_palette or pixels.is_bayer:
        return Layout(1, 1, bits, alpha)
    if len(pixels.components) <= 2:  # FFmpeg has no planar format of grey and alpha
        return Layout(1, 1, bits, alpha) if alpha else Layout(0, 0, bits)
    across, down = 8 // pixels.chroma_width(8), 8 // pixels.chroma_height(8)
    if (across, down) not in SUBSAMPLINGS:
        raise PictureError(
            f"expected video of YCbCr, grey or RGB in a known subsampling, got {pixels.name}: "
            "convert it first with ffmpeg -i IN -pix_fmt yuv444p -c:v ffv1 OUT.mkv"
        )
    return Layout(across, down, bits, alpha)


def code_scale(layout: Layout, full_range: bool, network_range: str) -> tuple[float, float]:
    """Return the factor and shift that turn luma code values into a network's intensities.

    Parameters
    ----------
    layout : Layout
    full_range : bool
        Whether white is the largest code value, and not 235 of 255 as in most video.
    network_range : {"studio", "full"}
        See `minisr.images.colour`.

    Returns
    -------
    (float, float)
        intensity = factor * code + shift.
    """
    # Studio range scales by powers of two: 940 in 10 bits is 235 in 8.
    black, white = (
        (0, layout.max_code) if full_range else (16 << layout.bits - 8, 235 << layout.bits - 8)
    )
    low, high = (16 / 255, 235 / 255) if network_range == "studio" else (0.0, 1.0)
    factor = (high - low) / (white - black)
    return factor, low - black * factor
