"""ESPCN super-resolution written by hand: kernels, gradients, optimizer and trainer.

Use it: `upscale` a picture, `upscale_video`, `train`, `evaluate`, `show`; ``help(minisr.upscale)``.
Read it, in this order:

================  ================================================================================
`minisr.kernels`  the arithmetic; `minisr.kernels.reference` defines it in plain NumPy
`minisr.layers`   layers with forward and backward, and `Sequential`
`minisr.models`   networks: `ESPCN` and four others
`minisr.optim`    Adam, SOAP, schedules, the moving average of the weights
`minisr.training` the trainer and its settings; `minisr.training.runs` is what `train` does
`minisr.engine`   how a network is run fast
================  ================================================================================

Build on it: `minisr.register` takes networks, losses, optimizers, schedules and backends of yours.
Around it: `minisr.weights` (files), `minisr.images`, `minisr.upscaling`, `minisr.evaluation`,
`minisr.datasets`. What can go wrong is in `minisr.errors`.

All names are imported when they are first used, so ``import minisr`` itself is cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

from minisr.errors import MinisrError
from minisr.version import __version__

if TYPE_CHECKING:  # what `__getattr__` below imports, for those who check types
    from minisr import (
        datasets,
        engine,
        evaluation,
        images,
        kernels,
        layers,
        models,
        optim,
        register,
        system,
        training,
        upscaling,
        weights,
    )
    from minisr.evaluation.metrics import psnr, ssim
    from minisr.evaluation.run import evaluate
    from minisr.evaluation.show import show
    from minisr.images import imresize
    from minisr.models import ESPCN, from_pretrained, pretrained_names
    from minisr.training.runs import train
    from minisr.upscaling.picture import upscale
    from minisr.upscaling.video_file import upscale_video
    from minisr.weights.convert import convert
    from minisr.weights.files import load

# The module that defines each public name.
_HOMES = {
    "ESPCN": "minisr.models",
    "convert": "minisr.weights",
    "evaluate": "minisr.evaluation.run",
    "from_pretrained": "minisr.models",
    "imresize": "minisr.images",
    "load": "minisr.weights",
    "pretrained_names": "minisr.models",
    "psnr": "minisr.evaluation.metrics",
    "show": "minisr.evaluation.show",
    "ssim": "minisr.evaluation.metrics",
    "train": "minisr.training.runs",
    "upscale": "minisr.upscaling.picture",
    "upscale_video": "minisr.upscaling.video_file",
}

_SUBPACKAGES = (
    *("datasets", "engine", "evaluation", "images", "kernels", "layers", "models", "optim"),
    *("register", "system", "training", "upscaling", "weights"),
)

__all__ = ["MinisrError", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"minisr.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBPACKAGES})
