"""The settings of a training run, which together with the pictures decide what is learnt."""

import functools
import math
import numbers
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, get_args

import numpy as np

from minisr import engine, models, optim
from minisr.datasets.degradations import Degradation
from minisr.errors import SettingsError
from minisr.kernels.losses import LOSSES
from minisr.models import initialization
from minisr.training.schedules import SCHEDULES

NUMBERS = {int: numbers.Integral, float: numbers.Real}  # NumPy's are accepted like Python's


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a network learns: with the pictures, it determines every bit.

    Attributes
    ----------
    upscale_factor : int
    steps : int
        How many batches to train on.
    epochs : int or None
        If given, ``steps`` follows from it. In an epoch, as many pixels are seen as the pictures
        have.
    model : str
        A key of `minisr.models.MODELS`.
    in_channels : int
        1 for luma, 3 for RGB. Here and below, None stands for the network's own default.
    luma_range : str
        Which luma, see `minisr.images.colour`.
    options : dict
        Further options of the network, such as ``{"activation": "relu"}``.
    batch_size : int
    patch_size : int
        Side of a patch, in low-resolution pixels.
    loss : str
        One of `minisr.kernels.losses.LOSSES`.
    last_loss : str or None
        Another loss for the last steps: Charbonnier learns faster, but PSNR measures squared
        errors.
    last_loss_from : float
        The fraction of all steps after which ``last_loss`` takes over.
    optimizer : str
        One of `minisr.optim.OPTIMIZERS`.
    learning_rate : float
        Its peak, if a schedule changes it.
    beta2 : float
        Decay of the second moment. PyTorch's 0.999 reacts too slowly here: with it, and a learning
        rate of 3e-3, runs diverged after some thousand steps.
    schedule : str
        One of `minisr.training.schedules.SCHEDULES`: after the warm-up, "cosine" falls to
        ``final``; "multistep" multiplies the learning rate by ``gamma`` at each milestone.
    warmup : int
        For "cosine", over how many steps the learning rate rises first; at most a tenth of all.
    decay_start : float
        The fraction of all steps after which "cosine" begins to fall, if the warm-up is over then.
    final : float
        What "cosine" falls to, as a fraction of ``learning_rate``.
    milestones : tuple of int
        For "multistep", in epochs.
    gamma : float
        For "multistep".
    average_decay : float
        Decay of the moving average of the weights, which is what is saved and used; 0 for none.
    start : str or None
        Weights to start from, see `minisr.weights.read_start`; parameters that do not fit are
        initialised as usual.
    initialization : str
        One of `minisr.models.initialization.METHODS`, or None.
    icnr : bool
        Whether to initialise convolutions before a shuffle so that they make no checkerboard, or
        None.
    degrade : tuple of str
        How low-resolution pictures come about, each as `minisr.datasets.degradations` reads it; the
        variants of a picture take one after another. If there is none, MATLAB's bicubic shrinks.
    variants : int
        How many low-resolution pictures to make of each picture, if they are degraded.
    seed : int
    engine : str
        One of `minisr.engine.ENGINES`; "layers" trains layer by layer, as the code reads.
    """

    upscale_factor: int
    steps: int
    model: str = "espcn"
    epochs: int | None = None
    in_channels: int | None = None
    luma_range: str = "studio"
    options: dict = field(default_factory=dict)
    batch_size: int = 8
    patch_size: int = 32
    loss: str = "mse"
    last_loss: str | None = None
    last_loss_from: float = 0.75
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    beta2: float = 0.99
    schedule: str = "cosine"
    warmup: int = 200
    decay_start: float = 0.0
    final: float = 0.01
    milestones: tuple = (50, 75, 100)
    gamma: float = 0.5
    average_decay: float = 0.999
    start: str | None = None
    initialization: str | None = None
    icnr: bool | None = None
    degrade: tuple = ()
    variants: int = 1
    seed: int = 0
    engine: str = engine.DEFAULT

    def __post_init__(self) -> None:
        for name in ("milestones", "degrade"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._require_types()
        for name, value in self._require_network().training_defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        scales = range(2, 9)
        self._require(self.upscale_factor in scales, "upscale_factor", "an integer from 2 to 8")
        self._require(self.steps >= 1, "steps", "at least 1")
        self._require(self.epochs is None or self.epochs >= 1, "epochs", "at least 1")
        self._require(0 < self.learning_rate < math.inf, "learning_rate", "above 0 and finite")
        self._require(0 < self.gamma <= 1, "gamma", "in (0, 1]")
        self._require(0 <= self.beta2 < 1, "beta2", "in [0, 1)")
        self._require(0 <= self.average_decay < 1, "average_decay", "in [0, 1)")
        self._require(0 <= self.decay_start < 1, "decay_start", "in [0, 1)")
        self._require(0 <= self.final <= 1, "final", "in [0, 1]")
        self._require(self.warmup >= 0, "warmup", "at least 0")
        self._require(self.variants >= 1, "variants", "at least 1")
        self._require(self.seed >= 0, "seed", "at least 0")
        self._require(self.loss in LOSSES, "loss", f"one of {', '.join(LOSSES)}")
        last = self.last_loss is None or self.last_loss in LOSSES
        self._require(last, "last_loss", f"one of {', '.join(LOSSES)}")
        self._require(0 < self.last_loss_from < 1, "last_loss_from", "in (0, 1)")
        known = optim.OPTIMIZERS
        self._require(self.optimizer in known, "optimizer", f"one of {', '.join(known)}")
        engines = ", ".join(engine.ENGINES)
        self._require(self.engine in engine.ENGINES, "engine", f"one of {engines}")
        self._require(self.schedule in SCHEDULES, "schedule", f"one of {', '.join(SCHEDULES)}")

    def _require_types(self):
        """Check that each setting has the type that its field declares."""
        for setting in fields(self):
            types = get_args(setting.type) or (setting.type,)
            value = getattr(self, setting.name)
            fits = isinstance(value, tuple(NUMBERS.get(one, one) for one in types))
            fits = fits and (bool in types or not isinstance(value, bool))
            names = [one.__name__ for one in types if one is not NoneType]
            self._require(fits, setting.name, f"of type {' or '.join(names)}")
        self._require(
            all(isinstance(each, str) for each in self.degrade), "degrade", "a list of texts"
        )
        _ = self.degradations  # raises SettingsError for what cannot be read
        whole = all(isinstance(milestone, numbers.Integral) for milestone in self.milestones)
        self._require(whole, "milestones", "whole numbers")

    def _require_network(self):
        self._require(self.model in models.MODELS, "model", f"one of {', '.join(models.MODELS)}")
        return models.MODELS[self.model]

    def _require(self, holds, name, expected):
        if not holds:
            raise SettingsError(f"{name} must be {expected}, got {getattr(self, name)!r}")

    @functools.cached_property
    def degradations(self) -> Any:
        """What ``degrade`` says, as a list of `minisr.datasets.degradations.Degradation`."""
        return [Degradation.parse(text) for text in self.degrade]

    def make_model(self, backend: Any) -> Any:
        """Make the network with its initial weights."""
        settings = {
            "upscale_factor": self.upscale_factor,
            "in_channels": self.in_channels,
            "luma_range": self.luma_range,
        }
        twice = ", ".join({*settings} & {*self.options})
        if twice:
            raise SettingsError(
                f"{twice}: expected as a setting of training, got it as an option of the network"
            )
        model = models.build(self.model, settings | self.options, backend=backend)
        rng = np.random.default_rng(self.seed)
        initialization.initialize(model, rng, self.initialization, self.icnr)
        return model

    def loss_at(self, step: Any) -> Any:
        """Return the loss of a step, which counts from zero."""
        last = self.last_loss is not None and step >= self.last_loss_from * self.steps
        return self.last_loss if last else self.loss

    def make_schedule(self, steps_per_epoch: Any) -> Any:
        """Return a function from the number of steps taken to a factor of the learning rate."""
        return SCHEDULES[self.schedule](self, steps_per_epoch)
