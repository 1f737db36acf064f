"""How low-resolution pictures come about: shrunk by one kernel or another, noisy, compressed.

A degradation is written as ``shrink=box/lanczos,noise=0..10,jpeg=30..95``: steps in the order in
which they are done, each with a number, a range to draw from, or alternatives to choose from.

===========  =====================================================================================
step         value
===========  =====================================================================================
blur         sigma of a Gaussian before shrinking, in pixels of the small picture
shrink       bicubic (MATLAB's, antialiased), box, bilinear, hamming, lanczos (Pillow's,
             antialiased), nearest (Pillow's: pixels are left out), linear (OpenCV's: likewise)
noise        sigma of Gaussian noise in 8-bit levels, in each channel by itself
jpeg         quality, 1 to 100
subsampling  chroma subsampling of that JPEG: 444, 422 or 420
h264         constant rate factor, 0 to 51, of a single frame in 4:2:0 (extra ``video``)
===========  =====================================================================================

``clean`` stands for MATLAB's bicubic and nothing else.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import SettingsError
from minisr.images import imresize

if TYPE_CHECKING:
    from typing import Any

PILLOW = ("box", "bilinear", "hamming", "lanczos", "nearest")
SHRINKS = ("bicubic", *PILLOW, "linear")
SUBSAMPLINGS = {"444": 0, "422": 1, "420": 2}  # Pillow's numbers
# Of each step with numbers: lowest and highest value, and whether they are whole numbers.
LIMITS = {
    "blur": (0, 5, False),
    "noise": (0, 100, False),
    "jpeg": (1, 100, True),
    "h264": (0, 51, True),
}
STEPS = ("blur", "shrink", "noise", "jpeg", "subsampling", "h264")


@dataclass(frozen=True)
class Degradation:
    """What happens to a picture on its way to low resolution.

    Attributes
    ----------
    shrink, subsampling : tuple of str
        One is chosen.
    blur, noise, jpeg, h264 : (float, float) or None
        A range from which a number is drawn; None leaves the step out.
    """

    shrink: tuple = ("bicubic",)
    subsampling: tuple = ("420",)
    blur: tuple | None = None
    noise: tuple | None = None
    jpeg: tuple | None = None
    h264: tuple | None = None

    @classmethod
    def parse(cls, text: str) -> Degradation:
        """Read a degradation as it is written.

        Parameters
        ----------
        text : str

        Returns
        -------
        Degradation

        Raises
        ------
        SettingsError
            There is no such step or value.
        """
        steps = {}
        for part in [] if text.strip() == "clean" else text.split(","):
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in STEPS:
                raise SettingsError(
                    f"a degradation is clean, or steps such as jpeg=75 of {', '.join(STEPS)}, "
                    f"got {part.strip()!r}"
                )
            if name in steps:
                raise SettingsError(f"{name} occurs twice in the degradation {text!r}")
            steps[name] = _range(name, value) if name in LIMITS else _choices(name, value)
        if "jpeg" in steps and "h264" in steps:
            raise SettingsError("a degradation compresses once: expected jpeg or h264, got both")
        if "subsampling" in steps and "jpeg" not in steps:
            raise SettingsError("subsampling is JPEG's: expected jpeg=QUALITY beside it, got none")
        return cls(**steps)

    @property
    def is_clean(self) -> bool:
        """Whether this is MATLAB's bicubic and nothing else."""
        return self == Degradation()

    @property
    def text(self) -> Any:
        """How it is written."""
        words = []
        for name in STEPS:
            value = getattr(self, name)
            if value is None or (name in SHOWN_IF_OTHER and value == SHOWN_IF_OTHER[name]):
                continue
            if name in LIMITS:
                low, high = value
                words.append(f"{name}={low:g}" if low == high else f"{name}={low:g}..{high:g}")
            else:
                words.append(f"{name}={'/'.join(value)}")
        return ",".join(words) or "clean"

    def apply(self, picture: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
        """Degrade a picture.

        Parameters
        ----------
        picture : ndarray, shape (H, W) or (H, W, 3), uint8
            Height and width are multiples of the scale.
        scale : int
        rng : numpy.random.Generator
            Draws whatever is not fixed.

        Returns
        -------
        ndarray, shape (H // scale, W // scale) or (H // scale, W // scale, 3), uint8
        """
        size = tuple(length // scale for length in picture.shape[:2])
        blur = _draw(self.blur, rng)
        if blur:
            picture = _blurred(picture, blur * scale)
        low = shrunk(picture, size, self.shrink[rng.integers(len(self.shrink))])
        noise = _draw(self.noise, rng)
        if noise:
            noisy = low + rng.normal(0, noise, low.shape)
            low = np.floor(noisy.clip(0, 255) + 0.5).astype(np.uint8)
        if self.jpeg is not None:
            chroma = self.subsampling[rng.integers(len(self.subsampling))]
            low = jpeg(low, round(_draw(self.jpeg, rng)), chroma)
        if self.h264 is not None:
            low = h264(low, round(_draw(self.h264, rng)))
        return low


SHOWN_IF_OTHER = {"shrink": Degradation().shrink, "subsampling": Degradation().subsampling}


def _range(name, text):
    """Return the range of ``75`` or ``30..95``."""
    lowest, highest, whole = LIMITS[name]
    try:
        ends = [float(word) for word in text.split("..")]
    except ValueError:
        ends = []
    good = len(ends) in (1, 2) and all(lowest <= end <= highest for end in ends)
    good = good and ends[0] <= ends[-1] and not (whole and any(end % 1 for end in ends))
    if not good:
        kind = "a whole number" if whole else "a number"
        raise SettingsError(
            f"{name} must be {kind} from {lowest} to {highest}, or a range such as "
            f"{lowest}..{highest}, got {text or 'nothing'}"
        )
    return ends[0], ends[-1]


def _choices(name, text):
    """Return the alternatives of ``box/lanczos``."""
    known = SHRINKS if name == "shrink" else tuple(SUBSAMPLINGS)
    words = tuple(text.split("/"))
    if not {*words} <= {*known}:
        raise SettingsError(f"{name} must be of {', '.join(known)}, got {text or 'nothing'}")
    return words


def _draw(ends, rng):
    """Draw from a range; also where there is nothing to draw, so that steps stay independent."""
    share = rng.random()
    return None if ends is None else ends[0] + share * (ends[1] - ends[0])


def shrunk(picture: np.ndarray, size: tuple[int, int], kernel: str) -> np.ndarray:
    """Shrink a picture by a whole factor.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
    size : (int, int)
        Height and width of the result.
    kernel : str
        One of ``SHRINKS``.

    Returns
    -------
    ndarray, uint8
    """
    if kernel == "bicubic":
        return imresize(picture, size)
    if kernel == "linear":
        return _linear(picture, size)
    from PIL import Image

    image = Image.fromarray(picture).resize(size[::-1], Image.Resampling[kernel.upper()])
    return np.asarray(image)


def _linear(picture, size):
    """Return the centre pixel of each cell or, at an even scale, the mean of the four around it."""
    scale = picture.shape[0] // size[0]
    first = (scale - 1) // 2
    rows = [picture[k::scale] for k in {first, scale // 2}]
    cells = [row[:, k::scale].astype(np.uint16) for row in rows for k in {first, scale // 2}]
    return ((sum(cells) + len(cells) // 2) // len(cells)).astype(np.uint8)


def _blurred(picture, sigma):
    from scipy.ndimage import gaussian_filter

    sigmas = (sigma, sigma, 0)[: picture.ndim]
    return np.floor(gaussian_filter(picture.astype(np.float64), sigmas) + 0.5).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int, subsampling: str = "420") -> np.ndarray:
    """Compress a picture as JPEG, and decode it again.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
    quality : int
        As of libjpeg.
    subsampling : {"444", "422", "420"}, optional

    Returns
    -------
    ndarray, the shape of ``picture``, uint8
    """
    from PIL import Image

    file = io.BytesIO()
    options = {} if picture.ndim == 2 else {"subsampling": SUBSAMPLINGS[subsampling]}
    Image.fromarray(picture).save(file, "JPEG", quality=quality, **options)
    with Image.open(file) as image:
        return np.asarray(image)


def h264(picture: np.ndarray, crf: int) -> np.ndarray:
    """Compress a picture as the one frame of a video, and decode it again.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
        An odd side is made even by repeating its last pixels.
    crf : int
        Constant rate factor of x264.

    Returns
    -------
    ndarray, the shape of ``picture``, uint8

    Raises
    ------
    SettingsError
        PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise SettingsError("h264 needs another package: pip install 'minisr[video]'") from None

    height, width = picture.shape[:2]
    pads = (0, height % 2), (0, width % 2), (0, 0)
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "threads": "1"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = (math.ceil(side / 2) * 2 for side in (height, width))
        frame = av.VideoFrame.from_ndarray(np.pad(rgb, pads, "edge"), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    with av.open(file, "r") as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24")[:height, :width]
    return np.ascontiguousarray(decoded if picture.ndim == 3 else decoded[..., 1])
