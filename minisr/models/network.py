"""What all networks share, so that nobody else need know one from another."""

import inspect
from typing import Any, ClassVar

import numpy as np

from minisr import kernels
from minisr.errors import ShapeError
from minisr.kernels.losses import loss_function
from minisr.layers import Sequential
from minisr.models import bundled, initialization
from minisr.models.notebook import network_html
from minisr.models.options import require, require_one_of
from minisr.types import Array, Kernels, Rng

LUMA_RANGES = ("studio", "full")  # see `minisr.images.colour`
BLANK = "blank"  # instead of a generator: no first weights, since others are about to be loaded


class Network(Sequential):
    """What every network has beside its layers.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8.
    in_channels : int
        1 for luma, 3 for RGB; as many come out.
    luma_range : {"studio", "full"}, optional
        The range of the luma that goes in and comes out, see `minisr.images.colour`; of no effect
        on RGB.
    backend : str, optional
        See `minisr.kernels.load`.
    dtype : numpy dtype, optional
        float32, or float64 for checks.
    rng : numpy.random.Generator, optional
        Where the first weights come from; two networks made with equal ones are equal.

    Attributes
    ----------
    name : str
        As in files of weights and on the command line; of the class.
    initialization : str
        The method of `minisr.models.initialization` by which it is made; of the class.
    training_defaults : dict
        What `minisr.training.TrainConfig` takes where it is not told: ``in_channels``,
        ``initialization`` and ``icnr``; of the class.
    kernels : module
        The backend.

    Raises
    ------
    SettingsError
        If an option is not one of these.

    Notes
    -----
    A network keeps each option of its constructor under the option's name, see `settings`.
    """

    name: str
    initialization: str = "uniform"
    _repr_html_ = network_html
    training_defaults: ClassVar = {"in_channels": 1, "initialization": "uniform", "icnr": False}

    def configure(
        self,
        upscale_factor: int,
        in_channels: int,
        *,
        luma_range: str = "studio",
        backend: str = "cpu",
        dtype: Any = np.float32,
        rng: Rng | None = None,
    ) -> tuple[Kernels, Any, Rng | None]:
        """Check and keep what every network has; a constructor calls this first.

        Returns
        -------
        kernels : module
            The backend, for layers.
        dtype : numpy dtype
            Likewise.
        rng : numpy.random.Generator or None
            For `initialize`.
        """
        scales = range(2, 9)
        expected = "an integer from 2 to 8"
        require(upscale_factor in scales, "upscale_factor", expected, upscale_factor)
        require(in_channels in (1, 3), "in_channels", "1 (luma) or 3 (RGB)", in_channels)
        require_one_of(LUMA_RANGES, "luma_range", luma_range)
        self.upscale_factor = int(upscale_factor)
        self.in_channels = in_channels
        self.luma_range = luma_range
        self.kernels = kernels.load(backend)
        return self.kernels, dtype, rng

    def initialize(self, rng: Any) -> None:
        """Give the first weights; a constructor calls this last."""
        if rng is not BLANK:
            initialization.initialize(self, np.random.default_rng() if rng is None else rng)

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the options that make a network's shape."""
        names = {}
        for owner in cls.__mro__:  # a class that takes ``**common`` hands it to the one below
            if issubclass(owner, Network) and "__init__" in vars(owner):
                names |= inspect.signature(owner).parameters
        return [*(name for name in names if name != "common"), "luma_range"]

    @property
    def settings(self) -> dict[str, Any]:
        """The options that make a network of this shape, for files: all that JSON can hold."""
        values = {name: getattr(self, name) for name in self.option_names()}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    def learn(self, low: Array, high: Array, loss: str = "mse", count: int | None = None) -> float:
        """Add the gradient of a batch's mean loss to every ``grad``: forward, loss, backward.

        Parameters
        ----------
        low : ndarray, shape (N, in_channels, H, W)
        high : ndarray, shape (N, in_channels, H * upscale_factor, W * upscale_factor)
            What should come out.
        loss : {"mse", "l1", "charbonnier"} or str, optional
            Or one of `minisr.register.loss`.
        count : int, optional
            What the sum of losses is divided by; by default ``high.size``, which makes the mean.

        Returns
        -------
        float
            The loss.
        """
        prediction, caches = self.forward(low)
        self.check_target(high, prediction.shape, prediction.dtype)
        dprediction = self.kernels.empty(prediction.shape, prediction.dtype)
        value = loss_function(loss, self.kernels)(prediction, high, count or high.size, dprediction)
        self.backward(dprediction, caches)
        return value

    def check_target(self, high: object, shape: tuple, dtype: object) -> None:
        """Raise ShapeError unless ``high`` is like what the network makes: ``shape``, ``dtype``."""
        got = getattr(high, "shape", None), getattr(high, "dtype", None)
        if got != (shape, dtype):
            raise ShapeError(
                f"{self!s} expects targets of shape {shape} and dtype {dtype}, x"
                f"{self.upscale_factor} of the batch, got {got[0]} and {got[1]}"
            )

    @classmethod
    def from_pretrained(cls, upscale_factor: int, backend: str = "cpu") -> Any:
        """Make the network with its bundled weights.

        Parameters
        ----------
        upscale_factor : int
        backend : str, optional
            See `minisr.kernels.load`.

        Raises
        ------
        SettingsError
            If minisr has no weights for this factor.
        """
        _, settings, state = bundled.read(cls.name, upscale_factor)
        model = cls(**settings, backend=backend, rng=BLANK)  # type: ignore[call-arg]
        model.load_state_dict(state)
        return model
