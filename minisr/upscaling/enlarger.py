"""Any enlargement from networks that each have one: chains of them, and a reduction at the end."""

import copy
import hashlib
import math
import numbers
import threading
from pathlib import Path

from minisr import models, weights
from minisr.engine import ENGINES, devices
from minisr.errors import PictureError, SettingsError
from minisr.system.threads import default_threads
from minisr.upscaling.chains import DEFAULT_SCALE, LARGEST, chains_of, factors_of, is_network_name
from minisr.upscaling.pixels import enlarge_pixels
from minisr.upscaling.plan import Enlargement, Step, halo_of

COLOURS = ("luma", "rgb")
WASTE = 2  # how many times as high and wide as asked for a chain may make a picture


class Enlarger:
    """Makes pictures larger by any factor, or to any size, with the networks that there are.

    Parameters
    ----------
    model : str, path-like or Network, optional
        The name of a network that comes along, a file of weights, or a network; by default
        `minisr.models.DEFAULT`.
    scale : float, optional
        Above 1, at most 16. By default that of the file or the network, or 3 for a name.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result in pixels. Where one is None, the
        picture's shape decides it.
    device : str or minisr.engine.devices.Device, optional
        What computes: "cpu", "cuda", "cuda:1", "auto", see `minisr.engine.devices`; a network has
        its own already.
    colour : {"luma", "rgb"}, optional
        What of a colour picture goes through a network of luma, see `minisr.upscale`.
    engine : {"compiled", "layers"}, optional
        See `minisr.engine`.
    as_trained : bool, optional
        Whether to leave networks as they are, which on flat pictures is not flat; otherwise see
        `minisr.upscaling.plan.Step`.

    Attributes
    ----------
    device : minisr.engine.devices.Device
        What "auto" has come to.
    in_channels : int
        1 where luma goes through the networks, 3 where RGB does.
    luma_range : {"studio", "full"}
        Which luma they take in.
    halo : int or None
        How many rows of the small picture above and below a band decide about the band's result:
        with them it is, once theirs is cut off, the whole picture's, to the bit if the band begins
        at a multiple of 4 rows. None where it is not known, or where the result is reduced and no
        rows of it belong to the band alone.
    description : str
        What it does, such as "espcn x3".

    Raises
    ------
    SettingsError
        No such network, or a scale or size that cannot be had.
    CheckpointError
        The file of weights cannot be used.
    DeviceError
        The device cannot be used.

    Notes
    -----
    Where there is a network of x3, x3 is its work alone. Other whole factors are products, as few
    networks as possible, the larger first: x8 is x4, then x2. Where no product is the factor, the
    next larger one is made, and MATLAB's bicubic reduces it: x2.5 is x3 and then 5/6 of that. A
    file, or a network, is composed with itself: of x3 it does x9, too, and what is not too far
    below either; to make more than twice the height and width that is asked for is refused.
    Networks are loaded when they are first needed, once, whichever thread comes first.
    """

    def __init__(
        self,
        model=None,
        scale=None,
        size=None,
        device="cpu",
        *,
        colour="luma",
        engine="compiled",
        as_trained=False,
    ):
        if colour not in COLOURS:
            raise SettingsError(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}")
        if engine not in ENGINES:
            raise SettingsError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
        if scale is not None and size is not None:
            raise SettingsError(f"expected a scale or a size, got both: x{scale} and {size}")
        self.device, self.colour = devices.choose(device), colour
        self.engine, self.as_trained = engine, as_trained
        self._lock = threading.Lock()
        self._networks, self._steps = {}, {}  # by factor
        self._enlargements = {}  # by the size of the picture
        self._choose(models.DEFAULT if model is None else model)
        self.scale, self.size = None, None
        if size is None:
            self.scale = _checked_scale(self._default if scale is None else scale)
            self.chain(self.scale)
        else:
            self.size = _checked_size(size)

    def _choose(self, model):
        """Find out which factors there are, which is the default, and the name of it all."""
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

    def network(self, factor):
        """Return the network of a factor, loaded if it has not been."""
        return self._step(factor).network

    def _step(self, factor):
        with self._lock:
            if factor not in self._steps:
                network = self._networks.get(factor)
                if network is None:
                    network = models.from_pretrained(self.name, factor, self.device.backend)
                self._steps[factor] = Step(network, self.as_trained, self.engine)
            return self._steps[factor]

    def chain(self, scale):
        """Return the factors of the networks that make ``scale`` or a little more.

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
        if product > WASTE * scale:
            raise SettingsError(f"{self.name} enlarges x{self.factors[0]}, not x{scale:g}")
        return chains_of(self.factors)[product]

    def size_of(self, height, width):
        """Return height and width of what becomes of a picture.

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
            The picture is as large already, or so small that it would have to grow more than 16
            times.
        """
        if self.size is None:
            return _rounded(height * self.scale), _rounded(width * self.scale)
        high, wide = self.size
        high = high or max(1, _rounded(height * wide / width))
        wide = wide or max(1, _rounded(width * high / height))
        if high <= height and wide <= width:
            raise PictureError(
                f"its {width} x {height} pixels are enough for {wide} x {high} already"
            )
        if max(high / height, wide / width) > LARGEST:
            raise PictureError(
                f"from {width} x {height} to {wide} x {high} is more than x{LARGEST}"
            )
        return high, wide

    def turned(self):
        """Return what does the same with pictures that lie on their side, width being height."""
        if self.size is None:
            return self
        other = copy.copy(self)  # with the same networks
        other.size, other._enlargements = self.size[::-1], {}
        return other

    def chain_of(self, height, width):
        """Return the factors of the networks that a picture of this size goes through."""
        if self.size is None:
            return self.chain(self.scale)
        high, wide = self.size_of(height, width)
        return self.chain(max(high / height, wide / width))

    def of(self, height, width):
        """Return how pictures of this size become larger ones.

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
            steps = [self._step(factor) for factor in self.chain_of(*shape)]
            found = Enlargement(steps, shape, self.size_of(*shape), self.device.backend)
            self._enlargements = {shape: found}  # of one size alone: a folder may have thousands
        return found

    def pixels(self, picture, threads=None):
        """Enlarge a picture in memory.

        Parameters
        ----------
        picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, or float in [0, 1]
            Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4).
        threads : minisr.system.threads.Threads, optional
            By default one per processor.

        Returns
        -------
        ndarray, shape (H', W') or (H', W', C), dtype of ``picture``
            Of `size_of` pixels. Integers are clipped and rounded; floats are as the network gives
            them, unclipped.

        Raises
        ------
        PictureError
            If the array is no picture, or has NaN or infinity in it.
        """
        return enlarge_pixels(picture, self, threads or default_threads())

    def plane(self, low, threads=None):
        """Enlarge one plane.

        Parameters
        ----------
        low : ndarray, shape (H, W), float32, intensity in [0, 1]
            Luma of `luma_range`, or any other plane.
        threads : minisr.system.threads.Threads, optional
            By default one a processor.

        Returns
        -------
        ndarray, shape ``size_of(H, W)``, float32
            Not clipped.
        """
        return self.planes(low[None], threads)[0]

    def planes(self, low, threads=None):
        """Enlarge planes of one picture: each by itself, or three together as red, green and blue.

        Parameters
        ----------
        low : ndarray, shape (N, H, W), float32, intensity in [0, 1]
        threads : minisr.system.threads.Threads, optional
            By default one per processor.

        Returns
        -------
        ndarray, shape (N, *size_of(H, W)), float32
            Not clipped.
        """
        return self.of(*low.shape[1:]).planes(low, threads or default_threads())

    @property
    def _some_network(self):
        factor = min(self.factors) if self.size else self.chain(self.scale)[0]
        return self.network(factor)

    @property
    def in_channels(self):
        """1 for luma, 3 for RGB."""
        return self._some_network.in_channels

    @property
    def luma_range(self):
        """Which luma goes through the networks."""
        return self._some_network.luma_range

    @property
    def halo(self):
        """Rows that a band needs above and below it, or None."""
        if self.size is not None or math.prod(self.chain(self.scale)) != self.scale:
            return None
        return halo_of([self._step(factor) for factor in self.chain(self.scale)])

    @property
    def label(self):
        """What it enlarges to: "x3", or "1920x1080", "w1920" or "h1080" for a width and height."""
        if self.size is None:
            return f"x{self.scale:g}"
        high, wide = self.size
        return f"{wide}x{high}" if high and wide else f"w{wide}" if wide else f"h{high}"

    @property
    def description(self):
        """The network, and what it is asked for."""
        return f"{self.name} {self.label}"

    def fingerprint(self):
        """Return a hash of all weights that may be used, which are loaded for it."""
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
    if len(size) != 2 or size == (None, None):
        raise SettingsError(f"expected a height, a width or both, got {size}")
    for side in size:
        whole = isinstance(side, numbers.Integral) and not isinstance(side, bool)
        if side is not None and not (whole and side >= 1):
            raise SettingsError(f"a height or width must be a whole number from 1 on, got {side}")
    return tuple(size)
