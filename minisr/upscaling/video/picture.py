"""One frame, enlarged: luma through the network, chroma by bicubic, no detour through RGB."""

import numpy as np

from minisr.system.threads import Threads
from minisr.upscaling.video import planes
from minisr.upscaling.video.layout import code_scale
from minisr.upscaling.video.library import require_av

SINGLE = Threads(1)  # each frame has one thread of its own


class FrameEnlarger:
    """Makes a frame of FFmpeg's into a larger one. Several threads may call it at once.

    Parameters
    ----------
    plan : minisr.upscaling.video.plan.Plan
    threads : minisr.system.threads.Threads, optional
        For the network; by default the caller's thread alone.
    """

    def __init__(self, plan, threads=SINGLE):
        self.facts, self.enlarger, self.threads = plan.facts, plan.enlarger, threads
        self.layout, self.size, self.large = plan.settings.layout, plan.size, plan.large
        facts, layout, size, enlarger = self.facts, self.layout, self.size, self.enlarger
        network_range = getattr(enlarger, "luma_range", "studio")
        # From the frame's codes to the network's intensities and on to the result's codes: luma,
        # and alpha, which is always of full range.
        self.scales, self.alpha_scales = (
            (code_scale(facts.layout, full, network_range), code_scale(layout, full, network_range))
            for full in (facts.full_range, True)
        )
        height, width = facts.height, facts.width
        self.luma_taps = self._taps((height, width), self.large, (1, 1), (0, 0))
        if facts.layout.across:
            steps = (facts.layout.down, facts.layout.across)
            x, y = facts.layout.site(facts.site)
            self.chroma_taps = self._taps(
                facts.layout.chroma_size(height, width), layout.chroma_size(*size), steps, (y, x)
            )

    def _taps(self, before, after, steps, sites):
        small = (self.facts.height, self.facts.width)
        axes = zip(before, after, small, self.large, steps, sites, strict=True)
        return [planes.axis_taps(*axis) for axis in axes]

    def __call__(self, frame, time):
        """Return the frame that is shown at ``time`` enlarged; times are not copied."""
        frame = self._plain(frame)
        large = self._blank(frame)
        arrays = plane_arrays(frame, self.facts.layout)
        results = plane_arrays(large, self.layout)
        self.fill_luma(arrays[0], results[0])
        self.fill_others(arrays[1:], results[1:])
        return large

    def fill_luma(self, low, out):
        """Write the enlarged luma of ``low`` into ``out``, both codes."""
        self._through_network(low, out, *self.scales)

    def _through_network(self, low, out, into, onto):
        intensity = np.multiply(low, np.float32(into[0]), dtype=np.float32)
        intensity += np.float32(into[1])
        large = self.enlarger.plane(intensity, self.threads)
        planes.to_codes(large, 1 / onto[0], -onto[1] / onto[0], self.layout.most, out)

    def fill_others(self, low, out):
        """Write the enlarged chroma and alpha of ``low`` into ``out``, lists of planes."""
        if self.layout.alpha:
            *low, alpha = low
            *out, large_alpha = out
            if alpha.min() == self.facts.layout.most:
                large_alpha[...] = self.layout.most
            else:
                self._through_network(alpha, large_alpha, *self.alpha_scales)
        self._fill_chroma(low, out)

    def fill_luma_bicubic(self, low, out):
        """Write the luma of ``low``, enlarged by bicubic, into ``out``."""
        planes.to_codes(planes.resize(low, *self.luma_taps), *self._gain(), self.layout.most, out)

    def _fill_chroma(self, low, out):
        """Write chroma; grey has none, and becomes no colour."""
        if not low:
            for plane in out:
                plane[...] = 1 << self.layout.bits - 1
            return
        for small, plane in zip(low, out, strict=True):
            large = planes.resize(small, *self.chroma_taps)
            planes.to_codes(large, *self._gain(), self.layout.most, plane)

    def _gain(self):
        """Return factor and shift from the frame's codes to those of the result's bits."""
        ours, theirs = self.facts.layout, self.layout
        return 2.0 ** (theirs.bits - ours.bits), 0

    def _plain(self, frame):
        """Bring a frame into the layout, where it is not."""
        wanted = self.facts.layout.format
        name = frame.format.name
        if name == "nv12" or name.replace("yuvj", "yuv") == wanted:
            return frame
        if frame.format.is_rgb or frame.format.has_palette:
            return frame.reformat(
                format=wanted, dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
            )
        # The same numbers in another order or depth; ranges are as they are.
        kept = "JPEG" if self.facts.full_range else "MPEG"
        return frame.reformat(format=wanted, src_color_range=kept, dst_color_range=kept, threads=1)

    def _blank(self, frame):
        """Make a frame to be written to; one with captions is copied, so that it keeps them."""
        av = require_av()
        height, width = self.size
        if any(data.type is av.sidedata.sidedata.Type.A53_CC for data in frame.side_data):
            return frame.reformat(
                width, height, self.layout.format, interpolation="POINT", threads=1
            )
        return av.VideoFrame(width, height, self.layout.format)


def plane_arrays(frame, layout):
    """Return views of a frame's planes.

    Parameters
    ----------
    frame : av.VideoFrame
        Of the layout, or nv12.
    layout : Layout

    Returns
    -------
    list of ndarray, shape (H, W), uint8 or uint16
        Luma, two of chroma unless it is grey, and alpha if there is.
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
    """Return a plane as it lies in memory, the padding of its rows included."""
    rows = np.frombuffer(plane, dtype).reshape(-1, abs(plane.line_size) // dtype.itemsize)
    return rows[::-1] if plane.line_size < 0 else rows
