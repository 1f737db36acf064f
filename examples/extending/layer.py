"""A layer of your own, checked against differences, and a network that uses it.

minisr train PICTURES -o RUN -s 2 -m examples/extending/layer.py:SwishESPCN
"""

import numpy as np

from minisr import ESPCN
from minisr.layers import Layer


class Swish(Layer):
    """x * sigmoid(x), value by value (Ramachandran et al., arXiv 1710.05941)."""

    def forward(self, x):
        sigmoid = 1 / (1 + np.exp(-x))
        return x * sigmoid, (x, sigmoid)

    def backward(self, dout, cache):
        x, sigmoid = cache
        return dout * sigmoid * (1 + x * (1 - sigmoid))


class SwishESPCN(ESPCN):
    name = "swish-espcn"

    def __init__(self, upscale_factor, **common):
        super().__init__(upscale_factor, **common)
        self.layers |= {"tanh1": Swish(), "tanh2": Swish()}


if __name__ == "__main__":
    x, h = np.linspace(-4, 4, 9), 1e-6
    out, cache = Swish().forward(x)
    difference = (Swish()(x + h) - Swish()(x - h)) / (2 * h)
    print("largest error of the gradient:", np.abs(Swish().backward(1.0, cache) - difference).max())
