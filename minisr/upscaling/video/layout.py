"""How a frame's numbers lie in memory, and what they mean."""

from dataclasses import dataclass

from minisr.errors import PictureError

# Pixels of luma for one sample of chroma, across and down, and what FFmpeg calls that.
SUBSAMPLINGS = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}
SUBSAMPLINGS[4, 4] = "410"
# Where chroma lies in its block of luma: fractions of the way across and down. None is in the
# middle of the block down, and left of it, as in all video since MPEG-2.
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
    """Luma, perhaps two planes of chroma, perhaps one of alpha.

    Attributes
    ----------
    across, down : int
        Pixels of luma for one sample of chroma; 0 where there is no chroma.
    bits : int
        Of a sample, the lowest of a word of 8 or 16 bits.
    alpha : bool
    """

    across: int
    down: int
    bits: int
    alpha: bool = False

    @property
    def format(self):
        """FFmpeg's name."""
        depth = "" if self.bits == 8 else f"{self.bits}le"
        if not self.across:
            return f"gray{depth}"
        return f"yuv{'a' * self.alpha}{SUBSAMPLINGS[self.across, self.down]}p{depth}"

    @property
    def most(self):
        """The largest code."""
        return (1 << self.bits) - 1

    def chroma_size(self, height, width):
        """Return height and width of a plane of chroma."""
        return -(-height // self.down), -(-width // self.across)

    def site(self, name):
        """Return where the first sample of chroma lies, in pixels of luma across and down."""
        x, y = SITES[name]
        return x * (self.across - 1), y * (self.down - 1)


def layout_of(pixels):
    """Return the layout into which frames of one of FFmpeg's formats are brought.

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
        If there is no layout.
    """
    alpha = any(component.is_alpha for component in pixels.components)
    bits = max(component.bits for component in pixels.components)
    bits = next(depth for depth in (8, 9, 10, 12, 14, 16, 32) if bits <= depth)
    bits = min(bits, 16)
    if pixels.is_rgb or pixels.has_palette or pixels.is_bayer:
        return Layout(1, 1, bits, alpha)
    if len(pixels.components) <= 2:  # FFmpeg has no planes of grey and alpha
        return Layout(1, 1, bits, alpha) if alpha else Layout(0, 0, bits)
    across, down = 8 // pixels.chroma_width(8), 8 // pixels.chroma_height(8)
    if (across, down) not in SUBSAMPLINGS:
        raise PictureError(f"expected video of YCbCr, grey or RGB, got {pixels.name}")
    return Layout(across, down, bits, alpha)


def code_scale(layout, full_range, network_range):
    """Return what takes codes of luma to a network's intensities.

    Parameters
    ----------
    layout : Layout
    full_range : bool
        Whether white is the largest code, rather than 235 of 255 as video usually has it.
    network_range : {"studio", "full"}
        See `minisr.images.colour`.

    Returns
    -------
    (float, float)
        Factor and shift: intensity = factor * code + shift.
    """
    # As codes of studio range grow by whole bits, 940 of 10 bits is 235 of 8.
    black, white = (
        (0, layout.most) if full_range else (16 << layout.bits - 8, 235 << layout.bits - 8)
    )
    low, high = (16 / 255, 235 / 255) if network_range == "studio" else (0.0, 1.0)
    factor = (high - low) / (white - black)
    return factor, low - black * factor
