"""A wipe between two enlargements: bicubic on the left, the network on the right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from minisr.upscaling.video.frame import FrameEnlarger, plane_arrays
from minisr.upscaling.video.layout import code_scale

if TYPE_CHECKING:
    from typing import Any

    from minisr.upscaling.video.plan import Plan

PERIOD = 4  # seconds for the line to go back and forth once
LINE = 480  # pixels of a frame's shorter side per pixel of half the line's width


class WipeEnlarger(FrameEnlarger):
    """Enlarges a frame by bicubic left of a moving line and by the network right of it.

    Parameters
    ----------
    plan : minisr.upscaling.video.plan.Plan
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.first = plan.span[0]
        factor, shift = code_scale(self.layout, self.info.full_range, "full")
        self.white = round((1 - shift) / factor)

    def __call__(self, frame: Any, time: Any) -> Any:
        """Return the enlarged frame; ``time`` is in ticks of the source and places the line."""
        frame = self._converted(frame)
        large = self._new_frame(frame)
        low, out = plane_arrays(frame, self.info.layout), plane_arrays(large, self.layout)
        self.fill_luma(low[0], out[0])
        self.fill_others(low[1:], out[1:])
        bicubic = np.empty(self.size, out[0].dtype)
        self.fill_luma_bicubic(low[0], bicubic)
        shown = self._as_shown(out[0])
        middle, half = self._line(time, shown.shape[1])
        shown[:, :middle] = self._as_shown(bicubic)[:, :middle]
        shown[:, max(0, middle - half) : middle + half] = self.white
        return large

    def _line(self, time, width):
        """Return the position of the line's centre and half its width, in pixels."""
        seconds = float(time * self.info.time_base - self.first)
        middle = round(width * (0.5 + 0.5 * math.sin(2 * math.pi * seconds / PERIOD)))
        return middle, max(1, min(self.size) // LINE)

    def _as_shown(self, plane):
        """Return a view of a plane whose columns run from left to right as displayed."""
        if self.info.matrix is None:
            return plane
        # How far right on the display one column, or one row, of the coded frame leads.
        per_column, per_row = self.info.matrix[0], self.info.matrix[3]
        if self.info.turned:
            plane, per_column = plane.T, per_row
        return plane[:, ::-1] if per_column < 0 else plane
