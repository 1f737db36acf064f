"""What all networks share, so that nobody else need know one from another."""

import inspect
import numbers
from typing import ClassVar

import numpy as np

from minisr.errors import SettingsError
from minisr.images.colour import LUMA_RANGES
from minisr.models import bundled, initialization

BLANK = "blank"  # instead of a generator: no first weights, since others are about to come

MOST_WEIGHTS = 100_000_000  # twice those of the largest EDSR: 400 MB, and as much for gradients


class Network:
    """A network by its name, its scale and what it takes in; each one is also a `Layer`.

    Attributes
    ----------
    name : str
        As in files of weights and on the command line; of the class.
    initialization : str
        The method of `minisr.models.initialization` by which it is made; of the class.
    training_defaults : dict
        What `minisr.training.trainer.TrainConfig` takes where it is not told: ``in_channels``,
        ``initialization`` and ``icnr``; of the class.
    upscale_factor : int
    in_channels : int
        1 for luma, 3 for RGB; as many come out.
    luma_range : {"studio", "full"}
        Which luma it was trained on, see `minisr.images.colour`.

    Notes
    -----
    A network keeps each option of its constructor under the option's name, see `settings`.
    ``model(x, threads=None)`` enlarges a batch of shape (N, in_channels, H, W), intensity in
    [0, 1], and `Layer` has the rest: ``learn``, ``state_dict``, ``load_state_dict``.
    """

    name: str
    initialization: str
    training_defaults: ClassVar[dict]
    upscale_factor: int
    in_channels: int
    luma_range: str

    @classmethod
    def option_names(cls):
        """Return the options that make a network's shape, in the order of its constructor."""
        names = list(inspect.signature(cls).parameters)
        return [name for name in names if name not in ("backend", "dtype", "rng")]

    @property
    def settings(self):
        """The options that make a network of this shape, for files: all that JSON can hold."""
        values = {name: getattr(self, name) for name in self.option_names()}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    def _take(self, upscale_factor, in_channels, luma_range):
        """Check and keep what every network has; raise SettingsError."""
        scales = range(2, 9)
        require(
            upscale_factor in scales, "upscale_factor", "an integer from 2 to 8", upscale_factor
        )
        require(in_channels in (1, 3), "in_channels", "1 (luma) or 3 (RGB)", in_channels)
        require_one_of(LUMA_RANGES, "luma_range", luma_range)
        self.upscale_factor = int(upscale_factor)
        self.in_channels = in_channels
        self.luma_range = luma_range

    def _initialize(self, rng):
        """Give the first weights; two networks made with equal generators are equal."""
        if rng is BLANK:
            return
        initialization.initialize(self, np.random.default_rng() if rng is None else rng)

    @classmethod
    def from_pretrained(cls, upscale_factor, backend="cpu"):
        """Make the network with the weights that come with minisr.

        Parameters
        ----------
        upscale_factor : int
        backend : str, optional

        Raises
        ------
        SettingsError
            If minisr has no weights for this factor.
        """
        _, settings, state = bundled.read(cls.name, upscale_factor)
        model = cls(**settings, backend=backend, rng=BLANK)
        model.load_state_dict(state)
        return model


def is_count(value):
    """Return whether ``value`` is a whole number from 1 on, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1


def is_pair(value):
    """Return whether ``value`` is two counts."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(is_count, value))


def require_size(weights):
    """Raise SettingsError for a network of too many weights, before memory is asked for them.

    Asking is no way to find out: a system may promise memory that it has not, and end whoever
    then uses it.

    Parameters
    ----------
    weights : int
        About how many; biases do not matter.
    """
    if weights > MOST_WEIGHTS:
        raise SettingsError(
            f"a network of {weights:,} weights cannot be made: minisr stops at {MOST_WEIGHTS:,}; "
            "choose fewer channels or blocks"
        )


def require(holds, name, expected, got):
    """Raise SettingsError about the option ``name`` unless ``holds``."""
    if not holds:
        raise SettingsError(f"{name} must be {expected}, got {got}")


def require_one_of(choices, name, got):
    """Raise SettingsError unless ``got`` is one of the choices."""
    require(got in tuple(choices), name, f"one of {', '.join(map(str, choices))}", repr(got))
