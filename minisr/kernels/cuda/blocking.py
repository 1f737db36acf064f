"""How a convolution is divided into blocks, threads and registers, and its weights packed to match.

A thread computes 4 adjacent pixels in each of a few ``rows``, for ``per_thread`` filters: all its
sums stay in registers, and each value that it reads from shared memory is used many times. A group
of threads, ``across`` x ``down``, covers a tile of the picture; further groups cover the same tile
for other filters. A warp is 8 x 4 threads of one group, so its reads of weights are broadcasts, and
its reads of pixels have no bank conflicts. If a block has too few sums for all filters, further
blocks (``slices``) compute the rest.
"""

from dataclasses import dataclass

import numpy as np

PAD = 4  # margin around planes in memory: enough for 9 x 9 kernels, and it keeps rows aligned
LARGEST_KERNEL = 2 * PAD + 1
SHARED = 40 * 1024  # bytes of shared memory per block
MAX_GROUPS = 4
CHUNK = 8  # input channels at a time: more would only take memory


def round_up(number, step):
    """Round up to a multiple of ``step``."""
    return -(-number // step) * step


def filters_per_thread(filters, factor=1):
    """Return a thread's number of filters: about 8, in whole rows of an R x R cell."""
    if filters <= 9:
        return filters
    if factor == 1:
        return -(-filters // -(-filters // 8))
    return {2: 4, 3: 9}.get(factor, factor * (8 // factor))


@dataclass(frozen=True)
class Blocking:
    """The sizes of a convolution that are known when its kernel is compiled.

    Attributes
    ----------
    channels, filters, kernel_size : int
    per_thread : int
        Filters per thread.
    rows : int
        Rows of pixels per thread, 4 pixels each.
    across, down : int
        Threads per tile.
    """

    channels: int
    filters: int
    kernel_size: int
    per_thread: int
    rows: int = 2
    across: int = 8
    down: int = 4

    @property
    def packed(self):
        """A thread's number of filters in memory: padded to a multiple of 4."""
        return round_up(self.per_thread, 4)

    @property
    def groups(self):
        """Groups of threads in a block, each with its own filters."""
        return min(MAX_GROUPS, -(-self.filters // self.per_thread))

    @property
    def slices(self):
        """Blocks that share the filters of a tile."""
        return -(-self.filters // (self.per_thread * self.groups))

    @property
    def width(self):
        """A block's number of filters in memory, padding included."""
        return self.groups * self.packed

    @property
    def threads(self):
        """Threads per block."""
        return self.across * self.down * self.groups

    @property
    def tile(self):
        """Rows and columns that a block computes."""
        return self.down * self.rows, self.across * 4

    @property
    def high(self):
        """Rows of a channel in shared memory: tile and halo."""
        return self.tile[0] + self.kernel_size - 1

    @property
    def pitch(self):
        """Distance between rows in shared memory."""
        return round_up(self.tile[1] + self.kernel_size - 1, 4)

    @property
    def taps(self):
        """Number of a channel's weights in shared memory."""
        return self.kernel_size**2 * self.width

    @property
    def shared(self):
        """Bytes of shared memory for a channel and its weights."""
        return 4 * (self.high * self.pitch + self.taps)

    @property
    def chunk(self):
        """Channels in shared memory at a time."""
        return max(1, min(CHUNK, self.channels, SHARED // self.shared))

    @property
    def order(self):
        """The filter at each of slices * width places in memory; -1 for none."""
        lanes = np.arange(self.packed)
        threads = np.arange(self.slices * self.groups)[:, None] * self.per_thread
        order = np.where(lanes < self.per_thread, threads + lanes, -1).reshape(-1)
        return np.where(order < self.filters, order, -1)

    @property
    def bias(self):
        """Where the biases begin in the array that `pack` returns; the slopes follow."""
        return self.slices * self.channels * self.taps

    @property
    def slope(self):
        """Where the slopes begin."""
        return self.bias + self.slices * self.width

    def pack(self, weight, bias, slope=None):
        """Pack all of a convolution's parameters into one float32 array.

        Parameters
        ----------
        weight : ndarray, shape (F, C, K, K)
        bias : ndarray, shape (F,)
        slope : ndarray, shape (F,), optional
        """
        taps = _ordered(weight, self.order).transpose(1, 2, 3, 0)  # C K K places
        taps = taps.reshape(*taps.shape[:3], self.slices, self.width).transpose(3, 0, 1, 2, 4)
        slope = np.zeros_like(bias) if slope is None else slope
        rest = [_ordered(array, self.order) for array in (bias, slope)]
        return np.concatenate([array.reshape(-1) for array in (taps, *rest)], dtype=np.float32)


def _ordered(array, order):
    """Return rows of an array in the given order, with zeros where the order is -1."""
    rows = array[order]
    rows[order < 0] = 0
    return rows
