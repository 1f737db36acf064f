"""The second page of the contract: what a backend *may* offer to run whole networks faster.

A backend without these is complete; `minisr.engine` then calls it layer by layer.

``stack(stages, upscale_factor, skip, offset)``
    Takes a list of `Stage`: convolutions that keep height and width, with a pixel shuffle after the
    last. Returns None if the backend cannot run them faster than layer by layer. Otherwise it
    returns an object with these methods:

    - ``forward(x, out, threads)`` fills ``out``, (N,C',H*R,W*R), from ``x``, (N,C,H,W);
    - ``learn(low, high, loss, threads)``, which is optional, adds the gradient of a batch's mean
      loss ("mse", "l1" or "charbonnier") to every ``grad``, and returns that mean.

    The convolutions see ``x - offset``, so their zero padding stands for an intensity of
    ``offset``. With ``skip``, ``x`` itself is added to the output of the shuffle, each pixel
    repeated R x R times. Both methods read the parameters' values when they are called, and give
    the same bits for any number of threads (a `minisr.system.threads.Threads`).

``WHOLE_BATCHES``
    True if the functions of the first page should get a whole batch at once. Otherwise the engine
    passes one sample at a time, from several threads. Both ways compute the batch's gradient; only
    the rounding differs.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Stage(NamedTuple):
    """One convolution of a stack and the activation after it.

    Attributes
    ----------
    weight, bias : Parameter
        With ``value`` and ``grad`` of shapes (F, C, K, K) and (F,).
    activation : {"tanh", "relu", "sigmoid", "prelu", None}
    slope : Parameter, optional
        PReLU's slopes, shape (F,).
    """

    weight: Any
    bias: Any
    activation: str | None
    slope: Any = None

    @property
    def parameters(self) -> Any:
        """All parameters, in the order in which a network lists them."""
        return [self.weight, self.bias] + ([] if self.slope is None else [self.slope])
