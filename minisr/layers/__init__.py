"""Layers without autograd: each has a forward, a backward, and a cache that one hands the other.

Read `base` first: it defines the protocol that all of them follow.
"""

from minisr.layers.activations import ReLU, Sigmoid, Tanh
from minisr.layers.base import Layer, Parameter, Sequential
from minisr.layers.bicubic import Bicubic
from minisr.layers.convolution import Conv2d
from minisr.layers.nearest import NearestUpsample
from minisr.layers.normalization import BatchNorm2d
from minisr.layers.offset import Offset
from minisr.layers.pooling import MaxPool2d, MaxUnpool2d
from minisr.layers.prelu import PReLU
from minisr.layers.residual import Residual
from minisr.layers.shuffle import PixelShuffle
from minisr.layers.transposed_convolution import ConvTranspose2d

__all__ = [
    "BatchNorm2d",
    "Bicubic",
    "Conv2d",
    "ConvTranspose2d",
    "Layer",
    "MaxPool2d",
    "MaxUnpool2d",
    "NearestUpsample",
    "Offset",
    "PReLU",
    "Parameter",
    "PixelShuffle",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Tanh",
]
