"""A wipe between two enlargements: bicubic left, the network right, a thin line between."""

import math

import numpy as np

from minisr.upscaling.video.layout import code_scale
from minisr.upscaling.video.picture import FrameEnlarger, plane_arrays

SECONDS = 4  # for the line to go there and back
LINE = 480  # a picture's height, or width where that is less, for each pixel of the line's width


class WipeMaker(FrameEnlarger):
    """Makes a frame into a larger one, half by bicubic and half by the network.

    Parameters
    ----------
    plan : minisr.upscaling.video.plan.Plan
    """

    def __init__(self, plan):
        super().__init__(plan)
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
        shown = self._as_shown(out[0])
        middle, half = self._place(time, shown.shape[1])
        shown[:, :middle] = self._as_shown(bicubic)[:, :middle]
        shown[:, max(0, middle - half) : middle + half] = self.white
        return large

    def _place(self, time, width):
        """Return where the line is, and half its width, in pixels."""
        seconds = float(time * self.facts.time_base - self.first)
        middle = round(width * (0.5 + 0.5 * math.sin(2 * math.pi * seconds / SECONDS)))
        return middle, max(1, min(self.size) // LINE)

    def _as_shown(self, plane):
        """Return a view of a plane whose columns go from left to right when it is shown."""
        if self.facts.matrix is None:
            return plane
        of_column, of_row = self.facts.matrix[0], self.facts.matrix[3]  # how far right each goes
        if self.facts.turned:
            plane, of_column = plane.T, of_row
        return plane[:, ::-1] if of_column < 0 else plane
