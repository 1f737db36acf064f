"""ESPCN super-resolution written by hand: kernels, gradients, optimizer and trainer.

The names below are imported when they are first used, so ``import minisr`` itself is cheap.
"""

import importlib

from minisr.errors import MinisrError
from minisr.version import __version__

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


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"minisr.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOMES, *_SUBPACKAGES})
