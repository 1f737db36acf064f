"""Segments, and what is copied, become one file."""

import contextlib

from minisr.upscaling.video import matroska
from minisr.upscaling.video.carry import OF_THE_FILE, Carrier
from minisr.upscaling.video.library import errors_named, open_source, require_av

# Matroska needs no times of decoding. FFmpeg would move everything by those before zero.
MATROSKA_OPTIONS = {"avoid_negative_ts": "disabled", "write_crc32": "0"}
OPTIONS = {"matroska": MATROSKA_OPTIONS, "webm": MATROSKA_OPTIONS}


@contextlib.contextmanager
def output_of(path, container, plan):
    """Give a `Carrier` with all streams added, over an output that nothing is written to yet.

    Parameters
    ----------
    path : pathlib.Path
    container : str
    plan : minisr.upscaling.video.plan.Plan
    """
    av = require_av()
    with open_source(plan.source) as source, errors_named(plan.target, "cannot be written"):
        output = av.open(
            str(path.absolute()), "w", format=container, container_options=OPTIONS.get(container)
        )
        try:
            carrier = Carrier(output, source, plan.facts, plan.span)
            carrier.add_all(plan.settings, plan.size, plan.threads)
            yield carrier
        finally:
            output.close()


def join(path, segments, plan):
    """Write the file.

    Parameters
    ----------
    path : pathlib.Path
    segments : list of minisr.upscaling.video.segments.Segment
    plan : minisr.upscaling.video.plan.Plan
    """
    with output_of(path, plan.container, plan) as carrier:
        carrier.output.start_encoding()
        videos = _video_packets(segments, carrier, plan)
        ours = next(videos, None)
        for seconds, packet in carrier.packets():
            while ours is not None and ours.dts * plan.facts.time_base <= seconds:
                carrier.output.mux_one(ours)
                ours = next(videos, None)
            carrier.output.mux_one(packet)
        while ours is not None:
            carrier.output.mux_one(ours)
            ours = next(videos, None)
    if carrier.needs_display_size:
        height, width = plan.size
        matroska.set_display_size(path, round(width * plan.facts.aspect), height)


def _video_packets(segments, carrier, plan):
    """Yield the video's packets with the source's times.

    An encoder that shows a frame later than others that depend on it gives packets in the order of
    decoding. Each needs a time of decoding, rising and not after that of showing: the times of
    showing, in order, as many frames late as any packet wants.
    """
    av, base = require_av(), plan.facts.time_base
    offset = round(plan.span[0] / base)
    times = [time - offset for segment in segments for time in segment.times]
    durations = [duration for segment in segments for duration in segment.durations]
    delay = max(segment.delay for segment in segments)
    step = max(1, times[1] - times[0]) if len(times) > 1 else 1
    place = first = 0
    for segment in segments:
        for frame, data, key in segment.data():
            packet = av.Packet(data)
            packet.stream, packet.time_base = carrier.video, base
            packet.pts = times[first + frame]
            packet.duration = durations[first + frame]
            early = place - delay
            packet.dts = times[early] if early >= 0 else times[0] + early * step
            packet.is_keyframe = key
            place += 1
            yield packet
        first += len(segment.times)


def lost_titles(source, target):
    """Return the names of what a source says about itself and a target does not."""
    with open_source(source) as one, open_source(target) as other:
        kept = {key.lower() for key in other.metadata}
        said = [key for key in one.metadata if not key.lower().startswith(OF_THE_FILE)]
    return sorted(key for key in said if key.lower() not in kept)
