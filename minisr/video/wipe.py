"""A wipe between two enlargements: bicubic left, the network right, a thin line between."""

import math

import numpy as np

from minisr.video.layout import code_scale
from minisr.video.picture import FrameEnlarger, plane_arrays

SECONDS = 4  # for the line to go there and back
LINE = 480  # a picture's height, or width where that is less, for each pixel of the line's width


class WipeMaker(FrameEnlarger):
    """Makes a frame into a larger one, half by bicubic and half by the network.

    Parameters
    ----------
    plan : minisr.video.plan.Plan
    enlarger : minisr.scales.Enlarger
    """

    def __init__(self, plan, enlarger):
        super().__init__(plan.facts, enlarger, plan.settings.layout, plan.size)
        self.first = plan.span[0]
        factor, shift = code_scale(self.layout, self.facts.full_range, "full")
        self.white = round((1 - shift) / factor)

    def __call__(self, frame, time):
        """Return the frame for a time in ticks of the source."""
        frame = self._plain(frame)
        large = self._blank(frame)
        low, out = plane_arrays(frame, self.facts.layout), plane_arrays(large, self.layout)
        self.fill_luma(low[0], out[0])
        self.fill_others(low[1:], out[1:])
        bicubic = np.empty(self.size, out[0].dtype)
        self.fill_luma_bicubic(low[0], bicubic)
        middle, half = self._place(time)
        out[0][:, :middle] = bicubic[:, :middle]
        out[0][:, max(0, middle - half) : middle + half] = self.white
        return large

    def _place(self, time):
        """Return where the line is, and half its width, in pixels."""
        seconds = float(time * self.facts.time_base - self.first)
        width = self.size[1]
        middle = round(width * (0.5 + 0.5 * math.sin(2 * math.pi * seconds / SECONDS)))
        return middle, max(1, min(self.size) // LINE)
