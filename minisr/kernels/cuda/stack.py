"""A whole stack of convolutions at once: weights and planes stay on the GPU.

`forward` takes NumPy's arrays, in bands of rows where a picture is large, so that the GPU's memory
is bounded. `forward_device` works on arrays that are there already. See `steps` for what is run.
"""

import threading

import numpy as np

from minisr.kernels.cuda.learning import Learning
from minisr.kernels.cuda.memory import device_array, new_stream, page_locked
from minisr.kernels.cuda.process import working
from minisr.kernels.cuda.steps import possible
from minisr.kernels.cuda.workspace import Workspace, row_length

MOST_BYTES = 1 << 29  # of device memory for the planes of a batch
MOST_ROWS = 1 << 15  # of a band: a grid has at most 65535 blocks in its second direction
MOST_WORKSPACES = 4  # that are kept, of different shapes


def stack(stages, upscale_factor, skip=False, offset=0.0):
    """See ``minisr.kernels``."""
    return Stack(stages, upscale_factor, skip, offset) if possible(stages, upscale_factor) else None


class Stack:
    """Convolutions with what follows each, and a pixel shuffle at their end.

    Parameters
    ----------
    stages : list of minisr.kernels.Stage
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
        if stages[-1].activation != "prelu":  # nothing would keep what that was applied to
            self.learn = Learning(stages, upscale_factor, skip, offset).learn

    def version(self):
        """Return the parameters' bytes: who has other ones on the GPU must renew them."""
        return b"".join(p.value.tobytes() for stage in self.stages for p in stage.parameters)

    def forward(self, x, out, threads=None):
        """See ``minisr.kernels``. Several threads may call it; their calls are done in turn."""
        with self._lock, working():
            self._forward(x, out, MOST_BYTES)

    def _forward(self, x, out, most_bytes):
        """Fill ``out`` in batches and bands of so many bytes of device memory."""
        N, _, H, W = x.shape
        R = self.upscale_factor
        each = Workspace.bytes_of_a_sample(self.stages, R, H, W)
        samples = max(1, min(N, most_bytes // each))
        rows = H if each <= most_bytes else max(1, 2 * self.halo, H * most_bytes // each)
        rows = min(rows, MOST_ROWS)
        for n in range(0, N, samples):
            for y in range(0, H, rows):
                # A band is a picture of its own. What is wrong at its cuts is in the halo.
                top, bottom = max(0, y - self.halo), min(H, y + rows + self.halo)
                last = min(H, y + rows)
                large = self._picture(x[n : n + samples, :, top:bottom])
                kept = large[:, :, (y - top) * R : (last - top) * R, : W * R]
                out[n : n + samples, :, y * R : last * R] = kept

    def _picture(self, x):
        """Return the result of a batch that fits into memory: a view of what is used again."""
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
            if len(self._workspaces) == MOST_WORKSPACES:
                self._workspaces.pop(next(iter(self._workspaces)))
            if self._stream is None:
                self._stream = new_stream()
            N, _, H, W = shape
            space = Workspace(self, N, H, W, self._stream)
            self._workspaces[shape] = space, Staged(shape, np.float32, space)
        return self._workspaces[shape]

    def workspace(self, samples, height, width, **options):
        """Return a `Workspace` of one's own, with a stream of its own, for `forward_device`."""
        return Workspace(self, samples, height, width, new_stream(), **options)

    def forward_device(self, x, out, space):
        """Put into the workspace's stream what makes ``out`` of ``x``, without any copies.

        Parameters
        ----------
        x : device array, shape (N, C, H, W), float32, or uint8 (see `Workspace`)
        out : device array, shape ``space.words[0]``, dtype ``space.words[1]``
            Rows are of `row_length`, at least W * R, and what is beyond means nothing.
        space : Workspace
            Of `workspace`. Wait for ``space.stream`` before you read ``out``.
        """
        space.refresh()
        space.run(x, out)


class Staged:
    """A batch's way to the GPU and back: page-locked memory here, and arrays there.

    Parameters
    ----------
    shape : tuple of int
        Of the small pictures.
    dtype : dtype
        Of these.
    space : Workspace
    """

    def __init__(self, shape, dtype, space):
        self.low, self.high = page_locked(shape, dtype), page_locked(*space.words)
        self.x = device_array(shape, dtype)
        self.out = device_array(*space.words)


__all__ = ["Stack", "Staged", "row_length", "stack"]
