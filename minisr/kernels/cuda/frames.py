"""Frames in flight: one goes up, one is enlarged and one comes down at the same time.

Each of a few slots has memory and a stream of its own. A frame takes the next slot, whose earlier
frame is first handed out. Kernels of two frames may run side by side, which fills the GPU where
the last blocks of one leave it half empty.
"""

import numpy as np

from minisr.kernels.cuda.stack import Staged

DEPTH = 3


class FrameStream:
    """Runs a stack on frame after frame of one size.

    Parameters
    ----------
    stack : minisr.kernels.cuda.stack.Stack
    height, width : int
        Of a small frame.
    channels : int, optional
    dtype : dtype, optional
        uint8, or float32: of what comes and of what goes.
    into, onto : (float, float), optional
        For uint8: factor and shift from codes to intensities, and from intensities to codes. By
        default 255 is 1.
    depth : int, optional
        How many frames are on their way at once.
    """

    def __init__(
        self, stack, height, width, channels=1, dtype=np.uint8, into=(1 / 255, 0), onto=(255, 0),
        depth=DEPTH,
    ):  # fmt: skip
        self.stack, self.width = stack, width * stack.upscale_factor
        codes = np.dtype(dtype) == np.uint8
        self._slots = []
        for _ in range(depth):
            space = stack.workspace(1, height, width, codes=codes, into=into, onto=onto)
            self._slots.append((space, Staged((1, channels, height, width), dtype, space)))

    def __call__(self, frames):
        """Yield each frame enlarged, in their order.

        Parameters
        ----------
        frames : iterable of ndarray, shape (C, H, W), or (H, W) of one channel
            Of the dtype that was asked for.

        Yields
        ------
        ndarray, shape (C', H * R, W * R)
            A view that is valid until the next frame is asked for.
        """
        waiting = []
        try:
            for number, frame in enumerate(frames):
                slot = self._slots[number % len(self._slots)]
                if len(waiting) == len(self._slots):
                    yield self._done(waiting.pop(0))
                self._begin(slot, frame)
                waiting.append(slot)
            while waiting:
                yield self._done(waiting.pop(0))
        finally:  # whoever stops early leaves nothing in flight
            for space, _ in waiting:
                space.stream.synchronize()

    def _begin(self, slot, frame):
        space, staged = slot
        staged.low[0] = frame
        staged.x.copy_to_device(staged.low, stream=space.stream)
        self.stack.forward_device(staged.x, staged.out, space)
        staged.out.copy_to_host(staged.high, stream=space.stream)

    def _done(self, slot):
        space, staged = slot
        space.stream.synchronize()
        return staged.high.view(space.dtype).reshape(space.shape)[0, :, :, : self.width]
