"""A training run in a folder: pictures in; checkpoints, weights, a log and a plot out.

==========================  ======================================================================
checkpoint.safetensors      everything that a resumed run needs, to the bit
model.safetensors           the weights to use: the moving average
best.safetensors            those of the round with the highest validation PSNR
log.csv                     loss and validation PSNR, round by round
curves.png                  the same, drawn
==========================  ======================================================================

Read `run` first: it is the whole course of a run, from the request to the result.
"""

from minisr.training.runs.folder import (
    BEST,
    CHECKPOINT,
    CURVES,
    MODEL,
    backend_of,
    discard,
    is_finished,
)
from minisr.training.runs.log import LOG, read_log
from minisr.training.runs.run import Result, train
from minisr.training.runs.settings import DEFAULT_STEPS

__all__ = [
    "BEST",
    "CHECKPOINT",
    "CURVES",
    "DEFAULT_STEPS",
    "LOG",
    "MODEL",
    "Result",
    "backend_of",
    "discard",
    "is_finished",
    "read_log",
    "train",
]
