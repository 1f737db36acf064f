"""Frames in flight: one is uploaded, one enlarged and one downloaded at the same time.

Each of a few slots has its own memory and stream. A frame takes the next slot, once that slot's
earlier frame has been handed out. Kernels of two frames may overlap, which fills the GPU where the
last blocks of one frame would leave it half empty.
"""

import numpy as np

from minisr.kernels.cuda.stack import StagingBuffers

DEPTH = 3


class FrameStream:
    """Runs a stack on a sequence of frames of one size.

    Parameters
    ----------
    stack : minisr.kernels.cuda.stack.Stack
    height, width : int
        Of a low-resolution frame.
    channels : int, optional
    dtype : dtype, optional
        Of input and output frames: uint8 or float32.
    decode, encode : (float, float), optional
        For uint8, factor and shift from codes to intensities, and from intensities to codes. By
        default, code 255 is intensity 1.
    depth : int, optional
        How many frames are in flight at once.
    """

    def __init__(
        self, stack, height, width, channels=1, dtype=np.uint8, decode=(1 / 255, 0),
        encode=(255, 0), depth=DEPTH,
    ):  # fmt: skip
        self.stack, self.width = stack, width * stack.upscale_factor
        codes = np.dtype(dtype) == np.uint8
        self._slots = []
        for _ in range(depth):
            space = stack.workspace(1, height, width, codes=codes, decode=decode, encode=encode)
            self._slots.append((space, StagingBuffers((1, channels, height, width), dtype, space)))

    def __call__(self, frames):
        """Enlarge frames, and yield them in order.

        Parameters
        ----------
        frames : iterable of ndarray, shape (C, H, W), or (H, W) for one channel
            Of the given dtype.

        Yields
        ------
        ndarray, shape (C', H * R, W * R)
            A view, valid until the next frame is requested.
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
        finally:  # if the caller stops early, nothing stays in flight
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
