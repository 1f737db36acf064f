"""How a convolution is cut into blocks, threads and registers, and its weights put in that order.

A thread makes 4 neighbouring pixels in each of a few ``rows``, of ``per_thread`` filters: all its
sums stay in registers, and each value that it reads from shared memory is used many times. Threads
lie side by side, ``across`` and ``down``, over a tile of the picture; then the next group of
filters lies over the same tile. A warp is 8 x 4 threads of one group, so its reads of weights are
broadcasts, and its reads of pixels have no bank conflicts. If there are more filters than a block
has sums for, other blocks, ``slices``, make the rest.
"""

from dataclasses import dataclass

import numpy as np

PAD = 4  # around planes in memory: enough for a kernel of 9 x 9, and it keeps rows aligned
LARGEST_KERNEL = 2 * PAD + 1
SHARED = 40 * 1024  # of a block: bytes
MOST_GROUPS = 4
CHUNK = 8  # input channels at once: more would only take memory


def round_up(number, step):
    """Return the smallest multiple of ``step`` that is not below ``number``."""
    return -(-number // step) * step


def filters_per_thread(filters, factor=1):
    """Return a thread's share: about 8, and whole rows of a pixel's R x R."""
    if filters <= 9:
        return filters
    if factor == 1:
        return -(-filters // -(-filters // 8))
    return {2: 4, 3: 9}.get(factor, factor * (8 // factor))


@dataclass(frozen=True)
class Blocking:
    """What is known of a convolution when its kernel is compiled.

    Attributes
    ----------
    channels, filters, kernel_size : int
    per_thread : int
        Filters of a thread.
    rows : int
        Of a thread's pixels; each has 4 columns.
    across, down : int
        Threads of a tile.
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
        """A thread's filters as they lie in memory: a multiple of 4."""
        return round_up(self.per_thread, 4)

    @property
    def groups(self):
        """Groups of threads in a block, each with filters of its own."""
        return min(MOST_GROUPS, -(-self.filters // self.per_thread))

    @property
    def slices(self):
        """Blocks that share the filters of a tile."""
        return -(-self.filters // (self.per_thread * self.groups))

    @property
    def width(self):
        """Filters of a block as they lie in memory."""
        return self.groups * self.packed

    @property
    def threads(self):
        """Of a block."""
        return self.across * self.down * self.groups

    @property
    def tile(self):
        """Rows and columns that a block makes."""
        return self.down * self.rows, self.across * 4

    @property
    def high(self):
        """Rows of a channel in shared memory: the tile's and the halo's."""
        return self.tile[0] + self.kernel_size - 1

    @property
    def pitch(self):
        """From a row in shared memory to the next."""
        return round_up(self.tile[1] + self.kernel_size - 1, 4)

    @property
    def taps(self):
        """Weights of a channel in shared memory."""
        return self.kernel_size**2 * self.width

    @property
    def shared(self):
        """Bytes of a channel in shared memory, with its weights."""
        return 4 * (self.high * self.pitch + self.taps)

    @property
    def chunk(self):
        """Channels in shared memory at once."""
        return max(1, min(CHUNK, self.channels, SHARED // self.shared))

    @property
    def order(self):
        """The filter, or -1 for none, at each place in memory: slices * width."""
        lanes = np.arange(self.packed)
        threads = np.arange(self.slices * self.groups)[:, None] * self.per_thread
        order = np.where(lanes < self.per_thread, threads + lanes, -1).reshape(-1)
        return np.where(order < self.filters, order, -1)

    @property
    def bias(self):
        """Where the biases begin in what `pack` returns; the slopes follow."""
        return self.slices * self.channels * self.taps

    @property
    def slope(self):
        """Where the slopes begin."""
        return self.bias + self.slices * self.width

    def pack(self, weight, bias, slope=None):
        """Return all of a convolution's parameters in one array, float32.

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
    """Return rows of an array in an order, and zeros where that is -1."""
    rows = array[order]
    rows[order < 0] = 0
    return rows
