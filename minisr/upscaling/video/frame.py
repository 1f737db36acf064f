"""Enlarge one frame: luma through the network, chroma by bicubic, without going through RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.system.threads import Threads
from minisr.upscaling.video import planes
from minisr.upscaling.video.layout import code_scale
from minisr.upscaling.video.pyav import require_av

if TYPE_CHECKING:
    from typing import Any

    from minisr.upscaling.video.plan import Plan

SINGLE = Threads(1)  # frames run in parallel, each in one thread


class FrameEnlarger:
    """Enlarges frames. Several threads may call it at once.

    Parameters
    ----------
    plan : minisr.upscaling.video.plan.Plan
    threads : minisr.system.threads.Threads, optional
        Threads for the network; by default the caller's thread alone.
    """

    def __init__(self, plan: Plan, threads: Threads = SINGLE) -> None:
        self.info, self.enlarger, self.threads = plan.info, plan.enlarger, threads
        self.layout, self.size, self.large = plan.settings.layout, plan.size, plan.large
        info, layout, size, enlarger = self.info, self.layout, self.size, self.enlarger
        network_range = getattr(enlarger, "luma_range", "studio")
        # From the frame's code values to intensities, and from those to the result's code values:
        # for luma, and for alpha, which is always full range.
        self.scales, self.alpha_scales = (
            (code_scale(info.layout, full, network_range), code_scale(layout, full, network_range))
            for full in (info.full_range, True)
        )
        height, width = info.height, info.width
        self.luma_taps = self._taps((height, width), self.large, (1, 1), (0, 0))
        if info.layout.across:
            steps = (info.layout.down, info.layout.across)
            x, y = info.layout.site(info.site)
            self.chroma_taps = self._taps(
                info.layout.chroma_size(height, width), layout.chroma_size(*size), steps, (y, x)
            )

    def _taps(self, before, after, steps, sites):
        small = (self.info.height, self.info.width)
        axes = zip(before, after, small, self.large, steps, sites, strict=True)
        return [planes.axis_taps(*axis) for axis in axes]

    def __call__(self, frame: Any, time: Any) -> Any:
        """Return an enlarged copy of the frame shown at ``time``; times are not copied."""
        frame = self._converted(frame)
        large = self._new_frame(frame)
        arrays = plane_arrays(frame, self.info.layout)
        results = plane_arrays(large, self.layout)
        self.fill_luma(arrays[0], results[0])
        self.fill_others(arrays[1:], results[1:])
        return large

    def fill_luma(self, low: Any, out: Any) -> None:
        """Write the enlarged luma of ``low`` into ``out``; both are code values."""
        self._through_network(low, out, *self.scales)

    def _through_network(self, low, out, to_intensity, out_scale):
        intensity = np.multiply(low, np.float32(to_intensity[0]), dtype=np.float32)
        intensity += np.float32(to_intensity[1])
        large = self.enlarger.plane(intensity, self.threads)
        planes.to_codes(
            large, 1 / out_scale[0], -out_scale[1] / out_scale[0], self.layout.max_code, out
        )

    def fill_others(self, low: Any, out: Any) -> None:
        """Write the enlarged chroma and alpha planes of ``low`` into ``out``."""
        if self.layout.alpha:
            *low, alpha = low
            *out, large_alpha = out
            if alpha.min() == self.info.layout.max_code:
                large_alpha[...] = self.layout.max_code
            else:
                self._through_network(alpha, large_alpha, *self.alpha_scales)
        self._fill_chroma(low, out)

    def fill_luma_bicubic(self, low: Any, out: Any) -> None:
        """Write the luma of ``low``, enlarged by bicubic, into ``out``."""
        planes.to_codes(
            planes.resize(low, *self.luma_taps), *self._gain(), self.layout.max_code, out
        )

    def _fill_chroma(self, low, out):
        """Write chroma; for grey, which has none, write neutral chroma."""
        if not low:
            for plane in out:
                plane[...] = 1 << self.layout.bits - 1
            return
        for small, plane in zip(low, out, strict=True):
            large = planes.resize(small, *self.chroma_taps)
            planes.to_codes(large, *self._gain(), self.layout.max_code, plane)

    def _gain(self):
        """Return the factor and shift from the frame's bit depth to the result's."""
        return 2.0 ** (self.layout.bits - self.info.layout.bits), 0

    def _converted(self, frame):
        """Convert a frame to the source's layout if it has another format."""
        wanted = self.info.layout.format
        name = frame.format.name
        if name == "nv12" or name.replace("yuvj", "yuv") == wanted:
            return frame
        if frame.format.is_rgb or frame.format.has_palette:
            return frame.reformat(
                format=wanted, dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
            )
        # Change only the order or depth of the numbers: keep the range.
        kept = "JPEG" if self.info.full_range else "MPEG"
        return frame.reformat(format=wanted, src_color_range=kept, dst_color_range=kept, threads=1)

    def _new_frame(self, frame):
        """Return a frame to write to; one with captions is resized instead, which keeps them."""
        av = require_av()
        height, width = self.size
        if any(data.type is av.sidedata.sidedata.Type.A53_CC for data in frame.side_data):
            return frame.reformat(
                width, height, self.layout.format, interpolation="POINT", threads=1
            )
        return av.VideoFrame(width, height, self.layout.format)


def plane_arrays(frame: Any, layout: Any) -> list[Any]:
    """Return views of a frame's planes.

    Parameters
    ----------
    frame : av.VideoFrame
        In ``layout``, or nv12.
    layout : Layout

    Returns
    -------
    list of ndarray, shape (H, W), uint8 or uint16
        Luma, two chroma planes unless it is grey, and alpha if there is one.
    """
    dtype = np.dtype(np.uint8 if layout.bits == 8 else "<u2")
    height, width = frame.height, frame.width
    sizes = [(height, width)]
    if layout.across:
        sizes += [layout.chroma_size(height, width)] * 2
    if layout.alpha:
        sizes.append((height, width))
    if frame.format.name == "nv12":
        luma = _rows(frame.planes[0], dtype)[:, :width]
        pairs = _rows(frame.planes[1], dtype)[:, : 2 * sizes[1][1]]
        return [luma, pairs[:, 0::2], pairs[:, 1::2]]
    return [_rows(plane, dtype)[:, :w] for plane, (_, w) in zip(frame.planes, sizes, strict=True)]


def _rows(plane, dtype):
    """Return a plane's rows as they are in memory, including their padding."""
    rows = np.frombuffer(plane, dtype).reshape(-1, abs(plane.line_size) // dtype.itemsize)
    return rows[::-1] if plane.line_size < 0 else rows
