"""A whole stack of convolutions at once: ``forward`` in bands, ``learn`` sample by sample.

This file does the planning: the weights in the order in which the kernels read them, where the
buffers lie, the list of jobs. The arithmetic is in `bands` and `samples`, each a single call into
compiled code that releases the GIL. A pool of threads takes jobs from one shared list. Each job
writes its own part of the result and does not depend on the others, so the bits do not depend on
the number of threads.

Buffers are kept in a list for the next call: a thread pops some, or allocates new ones if there are
none, and appends them afterwards. So several calls may run at the same time.
"""

import numpy as np

from minisr.kernels.cpu import bands
from minisr.kernels.cpu.microkernel import (
    NONE,
    PRELU,
    RELU,
    SIGMOID,
    TANH,
    aligned,
    pack_bias,
    pack_weights,
    tap_offsets,
)
from minisr.kernels.cpu.samples import SamplePlan
from minisr.kernels.cpu.vectors import HAS_VECTORS
from minisr.kernels.cpu.winograd import scratch_size, transform_weights

ACTIVATIONS = {None: NONE, "tanh": TANH, "relu": RELU, "sigmoid": SIGMOID, "prelu": PRELU}

# The width of a column, and the heights of a band and a segment. All are multiples of 4, and none
# changes a bit of the result. Measured best for ESPCN among columns of 60 to 188, bands of 4 to 12.
COLUMN, BAND, SEGMENT = 124, 8, 128
ESPCN_HALO = 4  # columns and segments grow in proportion for stacks with a wider halo


def stack(stages, upscale_factor, skip=False, offset=0.0):
    """See ``minisr.kernels``."""
    # A final PReLU runs layer by layer: nothing here would keep its input for backward.
    possible = HAS_VECTORS and [stage.activation for stage in stages[-1:]] != ["prelu"]
    possible = possible and all(
        stage.weight.value.dtype == np.float32
        and stage.weight.value.shape[2] % 2 == 1
        and stage.activation in ACTIVATIONS
        for stage in stages
    )
    return Stack(stages, upscale_factor, skip, offset) if possible else None


def share(threads, jobs, work):
    """Call ``work(jobs)`` in every thread, where ``jobs`` is one iterator that they all share.

    The GIL makes a list's iterator safe: each job is taken once.
    """
    threads.together(work, iter(jobs), most=len(jobs))


def round_up(number, step):
    """Round up to a multiple of ``step``."""
    return -(-number // step) * step


def halo_of(stages):
    """Return the receptive field's radius: how many pixels beyond its own a result depends on."""
    return sum(stage.weight.value.shape[2] // 2 for stage in stages)


class Weights:
    """The parameters of all stages in one array, in the order in which the kernels read them.

    Parameters
    ----------
    stages : list of minisr.kernels.stacks.Stage
    """

    def __init__(self, stages):
        self.version = version_of(stages)
        self.table = np.zeros((len(stages), bands.FIELDS), np.int64)
        parts, size = [], 0

        def put(array):
            nonlocal size
            parts.append(array.reshape(-1))
            size += array.size
            return size - array.size

        halo = halo_of(stages)
        for row, stage in zip(self.table, stages, strict=True):
            weight = stage.weight.value
            F, C, K, _ = weight.shape
            direct = pack_weights(weight.reshape(F, -1))
            halo -= K // 2
            row[bands.CHANNELS], row[bands.OUTPUTS], row[bands.KERNEL] = C, F, K
            row[bands.ACTIVATION] = ACTIVATIONS[stage.activation]
            row[bands.GROUPS], row[bands.BLOCK] = direct.shape[0], direct.shape[2]
            row[bands.SQUARES] = -1
            biases = pack_bias(*(parameter.value for parameter in stage.parameters[1:]))
            if K == 3:
                row[bands.SQUARES] = put(transform_weights(weight))
            row[bands.DIRECT], row[bands.BIAS] = put(direct), put(biases)
            row[bands.HALO] = halo
        self.values = np.concatenate(parts)


def version_of(stages):
    """Return the parameters' bytes: when these change, the weights must be packed again."""
    return b"".join(p.value.tobytes() for stage in stages for p in stage.parameters)


class Plan:
    """The memory layout for columns of one width and bands of one height.

    Parameters
    ----------
    table : ndarray, shape (layers, fields)
        See `bands`. This plan fills in its own fields in a copy.
    column, band : int, multiples of 4
    """

    def __init__(self, table, column, band):
        self.table = table = table.copy()
        self.band = band
        need, rows = column, 0
        for row in table[::-1]:
            need = round_up(need, 4) if row[bands.SQUARES] >= 0 else need
            row[bands.NEED] = need
            need += row[bands.KERNEL] - 1
            # A band arrives while rows above it still wait for those below (or for a block of four
            # to fill); up to three rows precede the first; below the picture there is padding.
            pad, rest = row[bands.KERNEL] // 2, 6 if row[bands.SQUARES] >= 0 else 3
            rows = max(rows, band + 2 * pad + rest + max(pad, 4))
        self.stride = int(round_up(need + 8, 16))
        self.plane = int(rows) * self.stride
        offsets, taps, size = [], 0, 0
        for row in table:
            offsets.append(
                tap_offsets(row[bands.CHANNELS], row[bands.KERNEL], self.plane, self.stride)
            )
            row[bands.TAPS], row[bands.BUFFER] = taps, size
            taps += offsets[-1].size
            size += row[bands.CHANNELS] * self.plane
        self.offsets = np.concatenate(offsets)
        self.size = int(size + table[-1, bands.OUTPUTS] * self.plane)
        self.scratch = int(max(scratch_size(C, F) for C, F in table[:, :2]))
        self.buffers = []  # those not in use by any thread

    def borrow(self):
        """Take unused buffers, or allocate new ones."""
        try:
            return self.buffers.pop()
        except IndexError:  # not checked first: another thread could take the last ones in between
            return aligned(self.size), aligned(self.scratch)


class Stack:
    """Convolutions with their activations, and a pixel shuffle at the end.

    Parameters
    ----------
    stages : list of minisr.kernels.stacks.Stage
    upscale_factor : int
    skip : bool
    offset : float
    """

    def __init__(self, stages, upscale_factor, skip, offset):
        self.stages = stages
        self.upscale_factor = upscale_factor
        self.skip, self.offset = bool(skip), np.float32(offset)
        self._weights = None
        self._plans = {}
        self._samples = None

    def forward(self, x, out, threads):
        """See ``minisr.kernels``."""
        N, _, H, W = x.shape
        growth = max(1, halo_of(self.stages) / ESPCN_HALO)
        column = round_up(int(COLUMN * growth), 4)
        # Tall segments compute few rows twice, but there must be jobs for all threads.
        columns = N * -(-W // column)
        count = max(round(H / (SEGMENT * growth)), -(-2 * threads.count // columns))
        count = max(1, min(count, round(H / SEGMENT)))
        self._forward(x, out, threads, column, BAND, round_up(-(-H // count), 4))

    def _forward(self, x, out, threads, column, band, segment):
        """Fill ``out`` in columns, bands and segments of these sizes, multiples of 4."""
        x = np.ascontiguousarray(x)
        if not x.flags.writeable:
            x = x.copy()  # a read-only array is another type to Numba, which would compile again
        N, _, H, W = x.shape
        weights = self._weights
        if weights is None or weights.version != version_of(self.stages):
            self._weights = weights = Weights(self.stages)
        size = (min(column, round_up(W, 4)), band)
        if size not in self._plans:
            self._plans[size] = Plan(weights.table, *size)
        plan = self._plans[size]

        def work(jobs):
            buffers = plan.borrow()
            for n, x0, y0 in jobs:
                bands.run_column(
                    x[n], out[n], self.upscale_factor, self.skip, self.offset,
                    x0, min(W, x0 + column), y0, min(H, y0 + segment),
                    plan.table, weights.values, plan.offsets, plan.stride, plan.plane, band,
                    *buffers,
                )  # fmt: skip
            plan.buffers.append(buffers)

        jobs = [
            (n, x0, y0)
            for n in range(N)
            for x0 in range(0, W, column)
            for y0 in range(0, H, segment)
        ]
        share(threads, jobs, work)

    def learn(self, low, high, loss, threads):
        """See ``minisr.kernels``. One call at a time: all calls add to the same gradients."""
        low, high = (np.ascontiguousarray(array) for array in (low, high))
        if self._samples is None or self._samples.shape != low.shape[2:]:
            activations = [ACTIVATIONS[stage.activation] for stage in self.stages]
            self._samples = SamplePlan(
                self.stages, activations, self.skip, self.offset, *low.shape[2:]
            )
        mean, gradients = self._samples.learn(low, high, self.upscale_factor, loss, threads, share)
        total, start = np.add.reduce(gradients), 0  # row after row: always in the same order
        for parameter in (p for stage in self.stages for p in stage.parameters):
            grad = parameter.grad
            grad += total[start : start + grad.size].reshape(grad.shape)
            start += grad.size
        return mean
