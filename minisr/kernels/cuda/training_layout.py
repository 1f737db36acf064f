"""How `training_convolution` divides filters and channels, and the order of its numbers."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from minisr.kernels.cuda.patches import HEIGHT, WIDTH, row_length

COLUMN = 4  # pixels per thread
WARPS = 8
STAGED = 8192  # floats of shared memory for channels and their weights: 32 KB


class Layout(NamedTuple):
    """How a convolution's filters and channels are divided, and where its weights lie.

    Attributes
    ----------
    C, F, K : int
    filters : int
        Filters per thread.
    groups : int
        Groups of filters per block; a warp has one group.
    filter_blocks : int
        Blocks needed for all filters.
    parts : int
        Warps among which the channels are divided.
    share : int
        Channels per warp and round.
    rounds : int
        Rounds needed for all channels.
    """

    C: int
    F: int
    K: int
    filters: int
    groups: int
    filter_blocks: int
    parts: int
    share: int
    rounds: int

    @property
    def room(self):
        """Filters per thread, rounded up to whole vectors."""
        return row_length(self.filters, 4, 0)

    @property
    def weights(self):
        """Weights that a block copies per round."""
        return self.parts * self.share * self.K**2 * self.groups * self.room

    @property
    def threads(self):
        """Threads per block."""
        return 32 * self.groups * self.parts

    @property
    def row(self):
        """Row length in shared memory: the halves of a warp, four rows apart, share no bank."""
        return row_length(WIDTH + self.K - 1, 8, 4)

    @property
    def plane(self):
        """Size of a channel's piece in shared memory."""
        return (HEIGHT + self.K - 1) * self.row

    def order(self, weight, bias, slope, backward):
        """Return the position of the parameter for each number that the kernel reads; -1 is zero.

        Parameters
        ----------
        weight : int ndarray
            Positions of the layer's weights, in the layer's own shape: (F, C, K, K), or with F and
            C exchanged if ``backward``.
        bias, slope : int ndarray or None
            Positions of those that belong to this kernel's filters.
        backward : bool

        Returns
        -------
        int ndarray
            Weights in the order in which blocks and rounds copy them, then biases and slopes.
        """
        taps = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3) if backward else weight
        everything = np.full(
            (
                self.filter_blocks * self.groups * self.filters,
                self.rounds * self.parts * self.share,
                self.K,
                self.K,
            ),
            -1,
        )
        everything[: self.F, : self.C] = taps
        split = everything.reshape(
            self.filter_blocks, self.groups, self.filters, self.rounds, -1, self.K, self.K
        )
        # block, round, channel, column of taps, row, group, filter
        split = split.transpose(0, 3, 4, 6, 5, 1, 2)
        packed = np.full((*split.shape[:-1], self.room), -1)
        packed[..., : self.filters] = split
        ends = [np.full(self.F, -1) if end is None else end for end in (bias, slope)]
        return np.concatenate([packed.reshape(-1), *ends])


def evenly(count, most):
    """Return the divisor in (``most / 2``, ``most``] that needs the least padding of ``count``."""
    return min(range(most, most // 2, -1), key=lambda n: -(-count // n) * n)


@cache
def layout(C, F, K):
    """Return the `Layout` for a convolution."""
    groups = max(1, round(F / 8))
    filters = math.ceil(F / groups)
    groups = math.ceil(F / filters)
    filter_blocks = math.ceil(groups / WARPS)
    groups = math.ceil(groups / filter_blocks)
    row = row_length(WIDTH + K - 1, 8, 4)
    channel = (HEIGHT + K - 1) * row + K * K * groups * row_length(filters, 4, 0)
    parts = evenly(C, max(1, min(WARPS // groups, C, STAGED // channel)))
    share = math.ceil(C / parts)
    share = evenly(share, min(share, max(1, STAGED // (parts * channel))))
    rounds = math.ceil(C / (parts * share))
    return Layout(C, F, K, filters, groups, filter_blocks, parts, share, rounds)
