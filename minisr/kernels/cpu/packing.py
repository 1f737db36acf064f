"""Pack weights for the micro-kernel in compiled code, because training does it at every step.

Inference packs once, in NumPy and float64 (`pack_weights`, `transform_weights`), and so compiles
nothing of this; the layout is the same. A layer and its transpose, which carries gradients back,
differ only in how the taps lie in memory, and strides describe that. Gain: 0.13 ms per step of
ESPCN for layers and transposes, where NumPy takes 1.2 ms for the layers alone.
"""

import numpy as np

from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.winograd_transforms import weight_matrix

G = weight_matrix().astype(np.float32)


@compiled(**EXACT)
def combine_three(a, b, c, point, target):
    """Apply one row of G: the sum of three vectors, weighted for one point."""
    for k in range(target.size):
        target[k] = G[point, 0] * a[k] + G[point, 1] * b[k] + G[point, 2] * c[k]


@compiled(**EXACT)
def pack(
    weight, K, outputs, channels, output_step, channel_step, tap_step, first_tap, block, packed
):
    """Pack weights for `multiply` and, if K is 3, append Winograd's squares.

    The steps are the distances between neighbouring outputs, channels and taps in ``weight``.
    """
    taps = K * K
    groups = (outputs + block - 1) // block
    squares = groups * block * channels * taps
    run = channels * block  # channels and outputs together, so that vectors get long rows
    values = np.zeros((taps, run), np.float32)
    line = np.zeros((3, run), np.float32)
    for group in range(groups):
        rows = min(block, outputs - group * block)
        for c in range(channels):
            for f in range(block):
                first = (group * block + f) * output_step + c * channel_step + first_tap
                direct = (group * channels + c) * taps * block + f
                for tap in range(taps):
                    # Outputs that only pad the last block have zeros for taps.
                    value = weight[first + tap * tap_step] if f < rows else np.float32(0)
                    packed[direct + tap * block] = value
                    values[tap, c * block + f] = value
        if K == 3:
            for u in range(6):
                for j in range(3):
                    combine_three(values[j], values[3 + j], values[6 + j], u, line[j])
                for v in range(6):
                    here = squares + ((6 * u + v) * groups + group) * run
                    combine_three(line[0], line[1], line[2], v, packed[here : here + run])
