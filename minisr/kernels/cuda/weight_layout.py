"""How `weight_gradient` divides filters, channels and taps, and where it stores its sums."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from minisr.kernels.cuda.patches import HEIGHT, PIXELS, WIDTH, row_length

THREADS = 256
MAX_SUMS = 72  # per thread
FLOATS = 12032  # of shared memory: 47 KB
# Blocks per layer, if there are enough pieces: about four per multiprocessor of the largest GPUs.
# More would fill other GPUs more evenly, but each block stores partial sums of all its weights.
BLOCKS = 512
GRADIENTS = PIXELS + 4  # distance between filters' planes of gradients: in different banks


class Layout(NamedTuple):
    """How filters, channels and taps are divided among blocks and threads.

    Attributes
    ----------
    C, F, K : int
    filters, groups, filter_blocks : int
        Filters per thread, groups of filters per block, and blocks needed for all filters.
    channels, channel_blocks : int
        Channels per block, one per thread, and blocks needed for all channels.
    tall : int
        Rows of taps per thread: all or one.
    slices : int
        Threads that have the same sums but different rows of a piece.
    """

    C: int
    F: int
    K: int
    filters: int
    groups: int
    filter_blocks: int
    channels: int
    channel_blocks: int
    tall: int
    slices: int

    @property
    def blocks(self):
        """Blocks among which the weights are divided."""
        return self.filter_blocks * self.channel_blocks

    @property
    def sums(self):
        """Sums per thread."""
        return self.filters * self.tall * self.K

    @property
    def units(self):
        """Threads of a block that have different sums."""
        return self.channels * self.groups * (self.K // self.tall)

    @property
    def slots(self):
        """Sums that a block stores, those by bias last."""
        return self.sums * self.units + self.groups * self.filters

    def splits(self, count):
        """Return the number of blocks among which a batch's pieces are divided."""
        return max(1, min(count, BLOCKS // self.blocks))

    def targets(self, weight, bias):
        """Return the parameter that each slot of `blocks` blocks belongs to; -1 is none.

        Parameters
        ----------
        weight, bias : int ndarray, shapes (F, C, K, K) and (F,)
            The parameters' positions.

        Returns
        -------
        int ndarray
        """
        F = self.filter_blocks * self.groups * self.filters
        C = self.channel_blocks * self.channels
        everything = np.full((F, C, self.K, self.K), -1)
        everything[: self.F, : self.C] = weight
        # Within a filter block, a thread's filters are `groups` apart.
        split = everything.reshape(
            self.filter_blocks, self.filters, self.groups, self.channel_blocks, self.channels,
            self.K // self.tall, self.tall, self.K,
        )  # fmt: skip
        # channel block, filter block; filter, row, column of taps; band of taps, group, channel
        split = split.transpose(3, 0, 1, 6, 7, 5, 2, 4)
        split = split.reshape(self.channel_blocks, self.filter_blocks, -1)
        biases = np.full((self.channel_blocks, F), -1)
        biases[0, : self.F] = bias
        biases = biases.reshape(self.channel_blocks, self.filter_blocks, -1)
        return np.concatenate([split, biases], axis=2).reshape(-1)


def source_row(K):
    """Return the row length of the source in shared memory, in whole vectors."""
    return WIDTH - 4 + row_length(3 + K, 4, 0)


def source_plane(K):
    """Return the size of a channel's piece in shared memory: an odd number of vectors."""
    return row_length((HEIGHT + K - 1) * source_row(K), 8, 4)


@cache
def layout(C, F, K):
    """Return the `Layout` for a convolution."""
    tall = K if K <= 3 else 1
    bands = K // tall
    groups = math.ceil(F / max(1, min(8, MAX_SUMS // (tall * K))))
    filters = math.ceil(F / groups)
    channels = min(C, 32)
    in_block = min(groups, max(1, (32 if channels > 8 else 64) // filters))
    filter_blocks = math.ceil(groups / in_block)
    groups = math.ceil(groups / filter_blocks)
    room = (FLOATS - groups * filters * GRADIENTS) // source_plane(K)
    channels = min(channels, room, max(1, THREADS // (groups * bands)))
    channel_blocks = math.ceil(C / channels)
    channels = math.ceil(C / channel_blocks)
    slices = HEIGHT
    while slices > 1 and slices * channels * groups * bands > THREADS:
        slices //= 2
    return Layout(C, F, K, filters, groups, filter_blocks, channels, channel_blocks, tall, slices)
