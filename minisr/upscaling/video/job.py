"""Enlarge a whole video, or make a short clip that compares two ways of enlarging it."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import PictureError, SettingsError
from minisr.system.atomic import put_in_place
from minisr.system.threads import pool_of
from minisr.upscaling.video.join import join, lost_metadata, open_output
from minisr.upscaling.video.options import VideoOptions
from minisr.upscaling.video.pipeline import map_in_order, prefetch
from minisr.upscaling.video.plan import make_plan, stamp_of
from minisr.upscaling.video.probe import probe_video
from minisr.upscaling.video.pyav import wrap_errors
from minisr.upscaling.video.segments import SegmentWriter
from minisr.upscaling.video.source import Source
from minisr.upscaling.video.work import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisr.system.threads import Threads
    from minisr.types import PathLike
    from minisr.upscaling.enlarger import Enlarger

QUEUE_DEPTH = 2  # frames


def upscale_video(
    source: PathLike,
    target: PathLike,
    enlarger: Enlarger,
    *,
    threads: Threads | int | None = None,
    progress: Callable[..., Any] | None = None,
    note: Callable[..., Any] | None = None,
    **options: Any,
) -> int:
    """Enlarge a video; copy everything else in the file.

    Parameters
    ----------
    source : path-like
        Any progressive video that PyAV, which is FFmpeg, can read.
    target : path-like
        .mp4, .m4v, .mov, .mkv or .webm. The file appears under this name only when it is finished;
        until then the work is kept in the hidden folder ``.NAME.minisr`` beside it.
    enlarger : minisr.upscaling.enlarger.Enlarger
        Or anything with ``size_of(height, width)`` and ``plane(low, threads)``.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor. Each thread enlarges a frame of its own.
    progress : callable, optional
        Called after each frame with (frames done, total or None).
    note : callable, optional
        Called with one line about anything that is left out or irregular.
    **options
        The fields of `minisr.upscaling.video.options.VideoOptions`.

    Returns
    -------
    int
        The number of frames of the video.

    Raises
    ------
    PictureError
        The source is not such a video, or the result cannot be written.
    SettingsError
        An option is invalid or cannot be satisfied.

    Notes
    -----
    Luma goes through the network as it is in the file. Chroma is enlarged by bicubic, with its
    siting respected. Frames keep their times, to the tick where the container allows it.

    The work is saved in segments. To resume after an interruption, call this function again with
    the same arguments: it continues after the last complete segment.
    """
    options = VideoOptions(**options)
    threads = pool_of(threads)
    _check_free(target, options)
    plan = make_plan(source, target, enlarger, options, threads.count)
    # Importing this compiles, which is slow: only once everything is checked.
    from minisr.upscaling.video.frame import FrameEnlarger

    stamp = _stamp(plan, options, threads)
    return _run(plan, FrameEnlarger(plan), threads, stamp, progress, note or _silent)


def preview_video(
    source: Any,
    target: Any,
    enlarger: Any,
    seconds: float,
    *,
    threads: Any = None,
    progress: Any = None,
    note: Any = None,
    **options: Any,
) -> int:
    """Make a clip for comparison: bicubic on the left of a moving line, the network on the right.

    Parameters
    ----------
    source, target, enlarger
        As for `upscale_video`.
    seconds : float
        Length of the clip.
    threads, progress, note
        As for `upscale_video`.
    **options
        As for `upscale_video`, without ``duration``. By default ``start`` puts the clip in the
        middle of the video.

    Returns
    -------
    int
        The number of frames of the clip.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise SettingsError(f"preview must be more than 0 seconds long, got {seconds}")
    options = VideoOptions(duration=seconds, **options)
    threads = pool_of(threads)
    _check_free(target, options)
    if options.start is None:
        middle = ((probe_video(source).seconds or 0) - seconds) / 2
        options = replace(options, start=max(0.0, round(middle, 3)))
    plan = make_plan(source, target, enlarger, options, threads.count)
    from minisr.upscaling.video.wipe import WipeEnlarger

    stamp = f"wipe {_stamp(plan, options, threads)}"
    return _run(plan, WipeEnlarger(plan), threads, stamp, progress, note or _silent)


def _silent(line):
    pass


def _stamp(plan, options, threads):
    if options.stamp is not None:
        return options.stamp
    return stamp_of(plan.enlarger, plan.info, threads)


def _check_free(target, options):
    if Path(target).exists() and not options.overwrite:
        raise SettingsError(f"{target} exists already: choose another name, or set overwrite")


def _run(plan, enlarge_frame, threads, stamp, progress, note):
    """Carry out a plan, or what an interrupted run has left of it."""
    with WorkFolder(plan.target, plan.manifest(stamp)) as work:
        for line in plan.notes() + _trial(work, plan):
            note(line)
        if work.discarded:
            note("an unfinished run had another source, network or settings: starting over")
        elif work.frames:
            note(f"resuming after {work.frames} frames")
        if not work.ended:
            with wrap_errors(plan.target, f"cannot be encoded by {plan.settings.codec}"):
                try:
                    _make_segments(work, plan, enlarge_frame, threads, progress, note)
                except KeyboardInterrupt:
                    note(_stopped(work, plan.segment))
                    raise
        if not work.frames:
            work.remove()
            raise PictureError(
                f"{plan.source}: there are no frames in this part: choose another start or duration"
            )
        finished = work.path / f"whole{plan.target.suffix}"
        join(finished, work.segments, plan)
        lost = lost_metadata(plan.source, finished)
        if lost:
            note(f"metadata is left out: {plan.container} cannot store {', '.join(lost)}")
        with open(finished, "rb+") as file:
            os.fsync(file.fileno())
        put_in_place(finished, plan.target, plan.source)
        frames = work.frames
        work.remove()
    return frames


def _stopped(work, segment):
    """Return the note for a user who has stopped the work."""
    if work.frames:
        return f"stopped: {work.frames} frames are saved; run the same command again to resume"
    work.remove()
    return f"stopped: nothing is saved until the first {segment} frames are finished"


def _trial(work, plan):
    """Write the result's header, to learn before hours of work whether it can be written."""
    try:
        with open_output(work.path / "trial.part", plan.container, plan) as copier:
            copier.output.start_encoding()
        (work.path / "trial.part").unlink(missing_ok=True)
        return copier.notes
    except BaseException:
        if not work.frames:
            work.remove()
        raise


def _make_segments(work, plan, enlarge_frame, threads, progress, note):
    """Decode, enlarge and encode into segments, each stage in threads of its own."""
    begin, end = plan.span
    source = Source(plan.source, plan.info, begin if begin > plan.info.origin else None, end)
    after = work.segments[-1].times[-1] if work.segments else None

    def enlarge(item):
        frame, time, duration = item
        return enlarge_frame(frame, time), time, duration

    decoded = prefetch(source.frames(after), QUEUE_DEPTH)
    frames = prefetch(map_in_order(enlarge, decoded, threads.count), QUEUE_DEPTH)
    writer, done = None, work.frames
    try:
        for frame, time, duration in frames:
            if writer is None:
                writer = SegmentWriter(
                    work.segment_path(), plan.settings, plan.info, plan.size, threads.count
                )
            writer.write(frame, time, duration)
            done += 1
            if progress is not None:
                progress(done, plan.expected)
            if len(writer.times) == plan.segment:
                _close(writer, work)
                writer = None
        if writer is not None:
            _close(writer, work)
            writer = None
        work.end()
    finally:
        frames.close()
        if writer is not None:
            writer.abandon()
    for line in source.notes:
        note(line)


def _close(writer, work):
    writer.finish()
    work.segments.append(writer.segment)
