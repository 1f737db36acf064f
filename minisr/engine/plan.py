"""Stacks of convolutions, which a backend may run as one."""

import itertools

from minisr.errors import SettingsError
from minisr.kernels import Stage
from minisr.layers.activations import PReLU, ReLU, Sigmoid, Tanh
from minisr.layers.base import Sequential
from minisr.layers.convolution import Conv2d
from minisr.layers.nearest import NearestUpsample
from minisr.layers.shuffle import PixelShuffle
from minisr.system.threads import default_threads

NAMES = {Tanh: "tanh", ReLU: "relu", Sigmoid: "sigmoid", PReLU: "prelu"}


class ConvStack(Sequential):
    """Convolutions, activations between them, and perhaps a pixel shuffle, run as one.

    ``forward`` and ``backward`` go layer by layer, as in every `Sequential`. A call, and `learn`,
    leave the whole stack to the backend if it has something better (see ``minisr.kernels``): tiles
    that stay in the cache, convolution and activation in one pass.

    One activation may follow the shuffle. It changes values where they lie, so it may as well come
    before, and is then that of the last convolution. What comes before the first convolution runs
    by itself.

    Parameters
    ----------
    layers : dict of str to Layer
    kernels : module
    skip : bool, optional
        Whether the input, enlarged by repeating its pixels, is added to what the layers make of it.
    offset : float, optional
        Subtracted from what the layers, not the skip, take in: padding then means this intensity.

    Raises
    ------
    SettingsError
        If there is a skip or an offset, and not a convolution first.
    """

    def __init__(self, layers, kernels, skip=False, offset=0.0):
        super().__init__(layers)
        self.kernels = kernels
        self.skip, self.offset = skip, offset
        steps = list(layers.values())
        shuffles = [layer for layer in steps if isinstance(layer, PixelShuffle)]
        steps = [layer for layer in steps if layer not in shuffles]
        self.factor = shuffles[0].upscale_factor if shuffles else 1
        self.convolutions = [layer for layer in steps if isinstance(layer, Conv2d)]
        self.before = steps[: steps.index(self.convolutions[0])]
        if self.before and (skip or offset):
            raise SettingsError("a stack with a skip or an offset must begin with a convolution")
        self.enlarge = NearestUpsample(self.factor, kernels)
        stages = [
            Stage(
                layer.weight,
                layer.bias,
                NAMES.get(type(following)),
                following.weight if isinstance(following, PReLU) else None,
            )
            for layer, following in itertools.pairwise([*steps, None])
            if isinstance(layer, Conv2d)
        ]
        self.stack = kernels.stack(stages, self.factor, skip, offset)

    def forward(self, x):
        """Run all layers; the caches are theirs."""
        out, caches = super().forward(self._shifted(x))
        return self._with_skip(x, out), caches

    def backward(self, dout, caches):
        """Send the gradient through the layers, and past them."""
        dx = super().backward(dout, caches)
        if self.skip:
            self.kernels.add(dx, self.enlarge.backward(dout, None))
        return dx

    def _shifted(self, x):
        return x - self.offset if self.offset else x

    def _with_skip(self, x, out):
        if self.skip:
            self.kernels.add(out, self.enlarge(x))
        return out

    def __call__(self, x, threads=None):
        """Run the stack on a batch of pictures.

        Parameters
        ----------
        x : ndarray, shape (N, C, H, W)
        threads : minisr.system.threads.Threads, optional
            By default one a processor.

        Returns
        -------
        ndarray, shape (N, C', H * upscale_factor, W * upscale_factor)
        """
        if self.stack is None:
            return self._with_skip(x, super().__call__(self._shifted(x)))
        x = self._prepared(x)
        self.convolutions[0].check(x)
        R = self.factor
        N, _, H, W = x.shape
        C = self.convolutions[-1].weight.value.shape[0] // R**2
        out = self.kernels.empty((N, C, H * R, W * R), x.dtype)
        self.stack.forward(x, out, threads or default_threads())
        return out

    def _prepared(self, x):
        for layer in self.before:
            x = layer(x)
        return x

    def twin(self, change):
        """Return a copy called layer by layer: the backend's stack adds to our gradients."""
        twin = super().twin(change)
        twin.stack = None
        return twin

    def learn(self, low, high, loss, threads):
        """See `Layer.learn`."""
        if getattr(self.stack, "learn", None) is None:  # some backends' stacks only run forwards
            return super().learn(low, high, loss, threads)
        return self.stack.learn(self._prepared(low), high, loss, threads)
