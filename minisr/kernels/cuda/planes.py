"""Pictures in device memory, as the kernels of a stack read them: planes with a margin.

Each plane has a margin of `PAD` pixels, and to the right and below as many more as complete whole
tiles. They are filled once, when the memory is allocated, and never written again. So a convolution
finds its padding there, and no kernel checks where the picture ends when it reads.
"""

from dataclasses import dataclass

import numpy as np
from numba import cuda, float32

from minisr.kernels.cuda.blocking import PAD as _PAD
from minisr.kernels.cuda.blocking import round_up
from minisr.kernels.cuda.launch import blocks, kernel
from minisr.kernels.cuda.memory import SIMULATED, device_array

THREADS = 8 if SIMULATED else 128
TILE = 8 if SIMULATED else 32  # no tile is higher or wider
PAD = _PAD


@dataclass(frozen=True)
class Geometry:
    """Where a picture's pixels lie in its planes.

    Attributes
    ----------
    height, width : int
        Of the picture.
    """

    height: int
    width: int

    @property
    def row(self):
        """Distance between rows, in pixels."""
        return round_up(self.width, TILE) + 2 * PAD

    @property
    def plane(self):
        """Distance between planes, in pixels."""
        return (round_up(self.height, TILE) + 2 * PAD) * self.row

    def size(self, count):
        """Return the size of ``count`` planes, in pixels, with what is read past their end."""
        return count * self.plane + 4 * PAD

    @property
    def numbers(self):
        """Height, width, row and plane, as kernels take them."""
        return tuple(map(np.int32, (self.height, self.width, self.row, self.plane)))

    def planes(self, count, margin, stream):
        """Allocate planes, filled entirely with the value of their margin."""
        array = device_array(self.size(count))
        _fill(
            min(1024, blocks(array.size, THREADS)),
            THREADS,
            array,
            np.float32(margin),
            stream=stream,
        )
        return array


@kernel("float32[::1]", "float32", threads=THREADS)
def _fill(target, value):
    for i in range(cuda.grid(1), target.size, cuda.gridsize(1)):
        target[i] = value


def _make_take_in(codes):
    """Return the kernel that copies pictures into planes, converting codes to intensities."""
    CODES = codes

    @kernel(
        "uint8[::1]" if codes else "float32[::1]", "float32[::1]", *4 * ["int32"], *2 * ["float32"],
        threads=THREADS,
    )  # fmt: skip
    def take(source, target, height, width, row, plane, factor, shift):
        x, y, number = cuda.grid(1), cuda.blockIdx.y, cuda.blockIdx.z
        if x < width:
            value = source[(number * height + y) * width + x]
            if CODES:
                value = float32(value) * factor + shift
            target[number * plane + (y + PAD) * row + x + PAD] = value

    return take


_take_intensities, _take_codes = _make_take_in(False), _make_take_in(True)


def take_in(source, target, geometry, factor, shift, stream):
    """Copy pictures into planes.

    Parameters
    ----------
    source : device array, shape (N, C, H, W), float32 or uint8
        Intensities, or codes with intensities ``factor * code + shift``.
    target : device array
        From `Geometry.planes`.
    geometry : Geometry
    factor, shift : float
        Used only for codes.
    stream : cuda.stream
    """
    take = _take_codes if source.dtype == np.uint8 else _take_intensities
    grid = blocks(geometry.width, THREADS), geometry.height, source.shape[0] * source.shape[1]
    scale = np.float32(factor), np.float32(shift)
    take(grid, THREADS, source.reshape(-1), target, *geometry.numbers, *scale, stream=stream)
