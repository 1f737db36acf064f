"""Join the segments and the copied streams into one file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from minisr.upscaling.video import matroska
from minisr.upscaling.video.pyav import open_source, require_av, wrap_errors
from minisr.upscaling.video.stream_copy import FILE_TAGS, StreamCopier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from minisr.upscaling.video.plan import Plan

# Matroska stores no decoding times. Without this option FFmpeg would delay everything because some
# of them are negative.
MATROSKA_OPTIONS = {"avoid_negative_ts": "disabled", "write_crc32": "0"}
OPTIONS = {"matroska": MATROSKA_OPTIONS, "webm": MATROSKA_OPTIONS}


@contextlib.contextmanager
def open_output(path: Path, container: str, plan: Plan) -> Iterator[Any]:
    """Yield a `StreamCopier` with all streams added, for an output that is still empty.

    Parameters
    ----------
    path : pathlib.Path
    container : str
    plan : minisr.upscaling.video.plan.Plan
    """
    av = require_av()
    with open_source(plan.source) as source, wrap_errors(plan.target, "cannot be written"):
        output = av.open(
            str(path.absolute()), "w", format=container, container_options=OPTIONS.get(container)
        )
        try:
            copier = StreamCopier(output, source, plan.info, plan.span)
            copier.add_all(plan.settings, plan.size, plan.threads)
            yield copier
        finally:
            output.close()


def join(path: Path, segments: list[Any], plan: Plan) -> None:
    """Write the finished file.

    Parameters
    ----------
    path : pathlib.Path
    segments : list of minisr.upscaling.video.segments.Segment
    plan : minisr.upscaling.video.plan.Plan
    """
    with open_output(path, plan.container, plan) as copier:
        copier.output.start_encoding()
        videos = _video_packets(segments, copier, plan)
        ours = next(videos, None)
        for seconds, packet in copier.packets():
            while ours is not None and ours.dts * plan.info.time_base <= seconds:
                copier.output.mux_one(ours)
                ours = next(videos, None)
            copier.output.mux_one(packet)
        while ours is not None:
            copier.output.mux_one(ours)
            ours = next(videos, None)
    if copier.needs_display_size:
        height, width = plan.size
        matroska.set_display_size(path, round(width * plan.info.aspect), height)


def _video_packets(segments, copier, plan):
    """Yield the video's packets with the source's times.

    Packets come in decoding order, in which a frame may precede others that are shown before it.
    Each needs a decoding time that ascends and is no later than its presentation time: the sorted
    presentation times serve, shifted by the largest delay of any packet.
    """
    av, base = require_av(), plan.info.time_base
    offset = round(plan.span[0] / base)
    times = [time - offset for segment in segments for time in segment.times]
    durations = [duration for segment in segments for duration in segment.durations]
    delay = max(segment.delay for segment in segments)
    step = max(1, times[1] - times[0]) if len(times) > 1 else 1
    place = first = 0
    for segment in segments:
        for frame, data, key in segment.data():
            packet = av.Packet(data)
            packet.stream, packet.time_base = copier.video, base
            packet.pts = times[first + frame]
            packet.duration = durations[first + frame]
            early = place - delay
            packet.dts = times[early] if early >= 0 else times[0] + early * step
            packet.is_keyframe = key
            place += 1
            yield packet
        first += len(segment.times)


def lost_metadata(source: Any, target: Any) -> Any:
    """Return the names of the source's metadata that are missing from the target."""
    with open_source(source) as one, open_source(target) as other:
        kept = {key.lower() for key in other.metadata}
        given = [key for key in one.metadata if not key.lower().startswith(FILE_TAGS)]
    return sorted(key for key in given if key.lower() not in kept)
