"""Enlargement by any factor, from networks of one factor each: in chains, reduced at the end."""

from __future__ import annotations

import copy
import hashlib
import math
import numbers
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minisr import models, weights
from minisr.engine import ENGINES, devices
from minisr.errors import PictureError, SettingsError
from minisr.images.arrays import pixels_from
from minisr.system.threads import pool_of
from minisr.upscaling.chains import DEFAULT_SCALE, LARGEST, chains_of, factors_of, is_network_name
from minisr.upscaling.pixels import enlarge_pixels
from minisr.upscaling.plan import CorrectedNetwork, Enlargement, halo_of

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from minisr.engine.devices import Device
    from minisr.models.network import Network
    from minisr.system.threads import Threads
    from minisr.types import PathLike

COLOURS = ("luma", "rgb")
MOST_OVERSHOOT = 2  # times the height and width asked for: no chain may enlarge further


class Enlarger:
    """Enlarges pictures by any factor, or to any size, with the networks that there are.

    Parameters
    ----------
    model : str, path-like or Network, optional
        The name of a bundled network, a file of weights, or a network; by default
        `minisr.models.DEFAULT`.
    scale : float, optional
        Above 1, at most 16. By default that of the file or the network, or 3 for a name.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result in pixels. If one is None, it follows
        from the picture's aspect ratio.
    device : str or minisr.engine.devices.Device, optional
        What computes: "cpu", "cuda", "cuda:1", "auto", see `minisr.engine.devices`. A network that
        is passed has its own already.
    colour : {"luma", "rgb"}, optional
        What of a colour picture goes through a luma network, see `minisr.upscale`.
    engine : {"compiled", "layers"}, optional
        See `minisr.engine`.
    as_trained : bool, optional
        Whether to use networks just as they were trained. Otherwise their bias on constant images
        is corrected, see `minisr.upscaling.plan.CorrectedNetwork`.

    Attributes
    ----------
    device : minisr.engine.devices.Device
        For "auto", the device that was chosen.
    in_channels : int
        1 if luma goes through the networks, 3 if RGB does.
    luma_range : {"studio", "full"}
        Which luma they expect.
    halo : int or None
        How many rows of the small picture above and below a band influence the band's result. Add
        them to the band and cut their part off the result: what remains is the whole picture's
        result, to the bit if the band begins at a multiple of 4 rows. None if the number is
        unknown, or if the result is reduced, since then no row belongs to one band alone.
    description : str
        What it does, such as "espcn x3".

    Raises
    ------
    SettingsError
        There is no such network, or it cannot make that scale or size.
    CheckpointError
        The file of weights cannot be used.
    DeviceError
        The device cannot be used.

    Notes
    -----
    If there is a network of x3, it does x3 alone. Other whole factors are products of as few
    networks as possible, the larger first: x8 is x4, then x2. If no product is the factor, the next
    larger one is made, and MATLAB's bicubic reduces it: x2.5 is x3, then 5/6 of that. A file or a
    network is chained with itself: one of x3 also does x9, and what is not too far below either; a
    chain that makes more than twice the height and width asked for is refused. Each network is
    loaded once, when it is first needed, by whichever thread comes first.
    """

    def __init__(
        self,
        model: str | PathLike | Network | None = None,
        scale: float | None = None,
        size: tuple[int | None, int | None] | None = None,
        device: str | Device = "cpu",
        *,
        colour: str = "luma",
        engine: str = "compiled",
        as_trained: bool = False,
    ) -> None:
        if colour not in COLOURS:
            raise SettingsError(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}")
        if engine not in ENGINES:
            raise SettingsError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
        if scale is not None and size is not None:
            raise SettingsError(f"expected a scale or a size, got both: x{scale} and {size}")
        self.device, self.colour = devices.choose(device), colour
        self.engine, self.as_trained = engine, as_trained
        self._lock = threading.Lock()
        self._networks, self._corrected = {}, {}  # by factor
        self._enlargements = {}  # by the picture's size
        self._choose(models.DEFAULT if model is None else model)
        self.scale: Any = None  # a number, if there is no size
        self.size: Any = None
        if size is None:
            self.scale = _checked_scale(self._default if scale is None else scale)
            self.chain(self.scale)
        else:
            self.size = _checked_size(size)

    def _choose(self, model):
        """Set the name, the factors that there are, and the default one."""
        if isinstance(model, str | Path) and (
            is_network_name(str(model)) or not Path(model).is_file()
        ):
            self.name, self._default = str(model), DEFAULT_SCALE
            self.factors = factors_of(self.name)
            return
        if isinstance(model, str | Path):
            network, self.name = weights.load(model, self.device.backend), Path(model).name
        else:
            network, self.name = model, getattr(model, "name", type(model).__name__)
        self._default = network.upscale_factor
        self._networks[self._default] = network
        self.factors = (self._default,)

    def network(self, factor: Any) -> Any:
        """Return the network of a factor; load it if that has not been done."""
        return self._corrected_network(factor).network

    def _corrected_network(self, factor):
        with self._lock:
            if factor not in self._corrected:
                network = self._networks.get(factor)
                if network is None:
                    network = models.from_pretrained(self.name, factor, self.device.backend)
                corrected = CorrectedNetwork(network, self.as_trained, self.engine)
                self._corrected[factor] = corrected
            return self._corrected[factor]

    def chain(self, scale: float) -> tuple[Any, ...]:
        """Return the factors of the networks that together make ``scale``, or a little more.

        Parameters
        ----------
        scale : float

        Returns
        -------
        tuple of int

        Raises
        ------
        SettingsError
            There is no such chain.
        """
        product = min(product for product in chains_of(self.factors) if product >= scale)
        if product > MOST_OVERSHOOT * scale:
            raise SettingsError(
                f"{self.name} enlarges x{self.factors[0]}, not x{scale:g}; "
                "choose another scale or another network"
            )
        return chains_of(self.factors)[product]

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of a picture's result.

        Parameters
        ----------
        height, width : int
            Of the picture, in pixels.

        Returns
        -------
        (int, int)
            Rounded half up.

        Raises
        ------
        PictureError
            The picture is that large already, or would have to grow more than 16 times.
        """
        if self.size is None:
            return _rounded(height * self.scale), _rounded(width * self.scale)
        high, wide = self.size
        high = high or max(1, _rounded(height * wide / width))
        wide = wide or max(1, _rounded(width * high / height))
        if high <= height and wide <= width:
            raise PictureError(
                f"its {width} x {height} pixels are enough for {wide} x {high} already; "
                "choose a larger size"
            )
        if max(high / height, wide / width) > LARGEST:
            raise PictureError(
                f"from {width} x {height} to {wide} x {high} is more than x{LARGEST}; "
                "choose a smaller size"
            )
        return high, wide

    def turned(self) -> Any:
        """Return an enlarger for pictures that lie on their side: height and width are swapped."""
        if self.size is None:
            return self
        other = copy.copy(self)  # with the same networks
        other.size, other._enlargements = self.size[::-1], {}
        return other

    def chain_of(self, height: Any, width: Any) -> Any:
        """Return the factors of the networks that a picture of this size goes through."""
        if self.size is None:
            return self.chain(self.scale)
        high, wide = self.size_of(height, width)
        return self.chain(max(high / height, wide / width))

    def of(self, height: int, width: int) -> Enlargement:
        """Return what enlarges pictures of this size.

        Parameters
        ----------
        height, width : int
            In pixels.

        Returns
        -------
        minisr.upscaling.plan.Enlargement
        """
        shape = height, width
        found = self._enlargements.get(shape)
        if found is None:
            networks = [self._corrected_network(factor) for factor in self.chain_of(*shape)]
            found = Enlargement(networks, shape, self.size_of(*shape), self.device.backend)
            self._enlargements = {shape: found}  # only the last: a folder may have thousands
        return found

    def pixels(
        self,
        picture: np.ndarray,
        threads: Threads | int | None = None,
        values: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Enlarge a picture in memory.

        Parameters
        ----------
        picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, float32 or float64
            Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4). Floats are intensities
            from 0 to 1; if some are beyond, they are scaled to that for the networks, and back.
        threads : minisr.system.threads.Threads or int, optional
            By default one per processor.
        values : (float, float), optional
            From `minisr.images.arrays.value_range`, if ``picture`` is part of a larger one.

        Returns
        -------
        ndarray, shape (H', W') or (H', W', C), dtype of ``picture``
            Of the size that `size_of` returns. Integers are clipped and rounded; floats are as the
            network returns them, unclipped.

        Raises
        ------
        PictureError
            If the array is not a picture, or contains NaN, infinity or marks for missing data.
        """
        picture, _ = pixels_from(picture)
        return enlarge_pixels(picture, self, pool_of(threads), values)

    def plane(self, low: np.ndarray, threads: Threads | int | None = None) -> np.ndarray:
        """Enlarge one plane.

        Parameters
        ----------
        low : ndarray, shape (H, W), float32, intensity in [0, 1]
            Luma of `luma_range`, or any other plane.
        threads : minisr.system.threads.Threads or int, optional
            By default one per processor.

        Returns
        -------
        ndarray, shape ``size_of(H, W)``, float32
            Not clipped.
        """
        return self.planes(low[None], threads)[0]

    def planes(self, low: np.ndarray, threads: Threads | int | None = None) -> np.ndarray:
        """Enlarge a picture's planes: each by itself, or three together as red, green and blue.

        Parameters
        ----------
        low : ndarray, shape (N, H, W), float32, intensity in [0, 1]
        threads : minisr.system.threads.Threads or int, optional
            By default one per processor.

        Returns
        -------
        ndarray, shape (N, *size_of(H, W)), float32
            Not clipped.
        """
        return self.of(*low.shape[1:]).planes(low, pool_of(threads))

    @property
    def _some_network(self):
        factor = min(self.factors) if self.size else self.chain(self.scale)[0]
        return self.network(factor)

    @property
    def in_channels(self) -> Any:
        """1 for luma, 3 for RGB."""
        return self._some_network.in_channels

    @property
    def luma_range(self) -> Any:
        """Which luma goes through the networks."""
        return self._some_network.luma_range

    @property
    def halo(self) -> Any:
        """Rows that a band needs above and below it, or None."""
        if self.size is not None or math.prod(self.chain(self.scale)) != self.scale:
            return None
        return halo_of([self._corrected_network(factor) for factor in self.chain(self.scale)])

    @property
    def label(self) -> Any:
        """What it enlarges to: "x3", or "1920x1080", "w1920" or "h1080" for a width and height."""
        if self.size is None:
            return f"x{self.scale:g}"
        high, wide = self.size
        return f"{wide}x{high}" if high and wide else f"w{wide}" if wide else f"h{high}"

    @property
    def description(self) -> Any:
        """The network, and what it enlarges to."""
        return f"{self.name} {self.label}"

    def fingerprint(self) -> Any:
        """Return a hash of all weights that may be used, after loading them."""
        total = hashlib.sha256()
        for factor in sorted(self.factors if self.size else set(self.chain(self.scale))):
            network = self.network(factor)
            total.update(str(network).encode())
            for name, array in sorted(network.state_dict().items()):
                total.update(name.encode() + array.tobytes())
        return total.hexdigest()


def _rounded(value):
    return math.floor(value + 0.5)


def _checked_scale(scale):
    if not isinstance(scale, numbers.Real) or isinstance(scale, bool) or not 1 < scale <= LARGEST:
        raise SettingsError(f"scale must be a number above 1, at most {LARGEST}, got {scale}")
    return int(scale) if scale == int(scale) else float(scale)


def _checked_size(size):
    try:
        sides = tuple(size)
    except TypeError:
        sides = ()
    if len(sides) != 2 or sides == (None, None):
        raise SettingsError(f"size must be (height, width), one of them perhaps None, got {size}")
    for side in sides:
        whole = isinstance(side, numbers.Integral) and not isinstance(side, bool)
        if side is not None and not (whole and side >= 1):
            raise SettingsError(f"height and width must be integers of at least 1, got {side}")
    return sides
