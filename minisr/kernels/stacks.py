"""The second page of the contract: what a backend *may* offer to run whole networks faster.

A backend without these is complete; `minisr.engine` then calls it layer by layer.

``stack(stages, upscale_factor, skip, offset)``
    Takes a list of `Stage`, convolutions that keep height and width, with a pixel shuffle after the
    last. Returns None where the backend can do no better than to be called layer by layer, or an
    object with these methods:

    - ``forward(x, out, threads)`` fills ``out``, (N,C',H*R,W*R), from ``x``, (N,C,H,W);
    - ``learn(low, high, loss, threads)``, which some lack, adds to every ``grad`` the gradient of
      the mean of a loss ("mse", "l1" or "charbonnier") over a batch, and returns that mean.

    The convolutions see ``x - offset``, so their zero padding stands for an intensity of
    ``offset``. With ``skip``, ``x`` itself, each pixel repeated R x R times, is added to the output
    of the shuffle. Both read the parameters' values when they are called, and give the same bits
    whatever the number of threads (a `minisr.system.threads.Threads`).

``WHOLE_BATCHES``
    True where the functions of the first page are to be handed a batch as a whole. Otherwise the
    engine hands over sample after sample, from several threads. Either way the gradient is the
    batch's; the rounding differs.
"""

from typing import Any, NamedTuple


class Stage(NamedTuple):
    """One convolution of a stack, and what follows it.

    Attributes
    ----------
    weight, bias : Parameter
        With ``value`` and ``grad``, shapes (F, C, K, K) and (F,).
    activation : {"tanh", "relu", "sigmoid", "prelu", None}
    slope : Parameter, optional
        Of "prelu", shape (F,).
    """

    weight: Any
    bias: Any
    activation: str | None
    slope: Any = None

    @property
    def parameters(self):
        """All that is learnt, in the order in which a network lists it."""
        return [self.weight, self.bias] + ([] if self.slope is None else [self.slope])
