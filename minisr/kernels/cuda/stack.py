"""A whole stack of convolutions at once: weights and planes stay on the GPU.

`forward` takes NumPy arrays, and large pictures in bands of rows, so that it uses a bounded amount
of GPU memory. `forward_device` takes arrays that are on the GPU already. `forward_plan` chooses the
kernels.
"""

import threading

import numpy as np

from minisr.kernels.cuda.forward_plan import supports
from minisr.kernels.cuda.learning import Learning
from minisr.kernels.cuda.memory import device_array, new_stream, page_locked
from minisr.kernels.cuda.process import gpu_work
from minisr.kernels.cuda.workspace import Workspace, row_length

MAX_BYTES = 1 << 29  # device memory for the planes of a batch
MAX_ROWS = 1 << 15  # per band: a grid has at most 65535 blocks in its second dimension
MAX_WORKSPACES = 4  # how many, of different shapes, are kept


def stack(stages, upscale_factor, skip=False, offset=0.0):
    """See ``minisr.kernels``."""
    return Stack(stages, upscale_factor, skip, offset) if supports(stages, upscale_factor) else None


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
        self.skip, self.offset = bool(skip), float(offset)
        self.halo = sum(stage.weight.value.shape[2] // 2 for stage in stages)
        self._workspaces, self._lock, self._stream = {}, threading.Lock(), None
        if stages[-1].activation != "prelu":  # nothing would keep a final PReLU's input
            self.learn = Learning(stages, upscale_factor, skip, offset).learn

    def version(self):
        """Return the parameters' bytes: when these change, the GPU's copies are out of date."""
        return b"".join(p.value.tobytes() for stage in self.stages for p in stage.parameters)

    def forward(self, x, out, threads=None):
        """See ``minisr.kernels``. Several threads may call it; their calls take turns."""
        with self._lock, gpu_work():
            self._forward(x, out, MAX_BYTES)

    def _forward(self, x, out, most_bytes):
        """Fill ``out`` in batches and bands that take at most ``most_bytes`` of device memory."""
        N, _, H, W = x.shape
        R = self.upscale_factor
        each = Workspace.bytes_of_a_sample(self.stages, R, H, W)
        samples = max(1, min(N, most_bytes // each))
        rows = H if each <= most_bytes else max(1, 2 * self.halo, H * most_bytes // each)
        rows = min(rows, MAX_ROWS)
        for n in range(0, N, samples):
            for y in range(0, H, rows):
                # A band is run as a separate picture. Only its halo is wrong, at the cuts.
                top, bottom = max(0, y - self.halo), min(H, y + rows + self.halo)
                last = min(H, y + rows)
                large = self._picture(x[n : n + samples, :, top:bottom])
                kept = large[:, :, (y - top) * R : (last - top) * R, : W * R]
                out[n : n + samples, :, y * R : last * R] = kept

    def _picture(self, x):
        """Run a batch that fits into memory; return a view of a buffer that is used again."""
        space, staged = self._workspace(x.shape)
        staged.low[...] = x
        staged.x.copy_to_device(staged.low, stream=space.stream)
        space.refresh()
        space.run(staged.x, staged.out)
        staged.out.copy_to_host(staged.high, stream=space.stream)
        space.stream.synchronize()
        return staged.high.view(space.dtype).reshape(space.shape)

    def _workspace(self, shape):
        if shape not in self._workspaces:
            if len(self._workspaces) == MAX_WORKSPACES:
                self._workspaces.pop(next(iter(self._workspaces)))
            if self._stream is None:
                self._stream = new_stream()
            N, _, H, W = shape
            space = Workspace(self, N, H, W, self._stream)
            self._workspaces[shape] = space, StagingBuffers(shape, np.float32, space)
        return self._workspaces[shape]

    def workspace(self, samples, height, width, **options):
        """Create a separate `Workspace`, with its own stream, for `forward_device`."""
        return Workspace(self, samples, height, width, new_stream(), **options)

    def forward_device(self, x, out, space):
        """Queue the computation of ``out`` from ``x`` in the workspace's stream, without copies.

        Parameters
        ----------
        x : device array, shape (N, C, H, W), float32 or uint8 (see `Workspace`)
        out : device array, shape ``space.words[0]``, dtype ``space.words[1]``
            Rows have length `row_length`, which is at least W * R; the rest of a row is garbage.
        space : Workspace
            From `workspace`. Wait for ``space.stream`` before reading ``out``.
        """
        space.refresh()
        space.run(x, out)


class StagingBuffers:
    """Buffers for a batch's way to the GPU and back: page-locked on the host, and on the device.

    Parameters
    ----------
    shape : tuple of int
        Of the low-resolution pictures.
    dtype : dtype
        Of the low-resolution pictures.
    space : Workspace
    """

    def __init__(self, shape, dtype, space):
        self.low, self.high = page_locked(shape, dtype), page_locked(*space.words)
        self.x = device_array(shape, dtype)
        self.out = device_array(*space.words)


__all__ = ["Stack", "StagingBuffers", "row_length", "stack"]
