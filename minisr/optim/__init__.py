"""Optimizers, learning-rate schedules, and the moving average of the weights."""

from minisr.optim.adam import Adam
from minisr.optim.average import MovingAverage
from minisr.optim.optimizer import Optimizer
from minisr.optim.schedules import constant, cosine, multi_step
from minisr.optim.soap import SOAP

OPTIMIZERS = {"adam": Adam, "soap": SOAP}

__all__ = [
    "OPTIMIZERS",
    "SOAP",
    "Adam",
    "MovingAverage",
    "Optimizer",
    "constant",
    "cosine",
    "multi_step",
]
