"""A video, enlarged: the whole of it, or a clip to look at."""

import math
import os
from dataclasses import replace
from pathlib import Path

from minisr.errors import PictureError, SettingsError
from minisr.system.threads import default_threads
from minisr.upscaling.video.facts import facts_of
from minisr.upscaling.video.join import join, lost_titles, output_of
from minisr.upscaling.video.library import errors_named
from minisr.upscaling.video.options import VideoOptions
from minisr.upscaling.video.pipeline import ahead, in_order
from minisr.upscaling.video.plan import make_plan, stamp_of
from minisr.upscaling.video.segments import SegmentWriter
from minisr.upscaling.video.source import Source
from minisr.upscaling.video.work import WorkFolder

WAITING = 2  # frames in each queue


def upscale_video(source, target, enlarger, *, threads=None, progress=None, note=None, **options):
    """Enlarge a video; copy all that comes with it.

    Parameters
    ----------
    source : path-like
        Any progressive video that PyAV, which is FFmpeg, can read.
    target : path-like
        .mp4, .m4v, .mov, .mkv or .webm. Until all is done there is nothing under this name, and
        the work lies in the hidden folder ``.NAME.minisr`` beside it.
    enlarger : minisr.upscaling.enlarger.Enlarger
        Or anything with ``size_of(height, width)`` and ``plane(low, threads)``.
    threads : minisr.system.threads.Threads, optional
        By default one per processor. Each works on a frame of its own.
    progress : callable, optional
        Called with (frames done, frames in all or None) after each frame.
    note : callable, optional
        Called with a line about anything that is left out or odd.
    **options
        The fields of `minisr.upscaling.video.options.VideoOptions`.

    Returns
    -------
    int
        How many frames the video has.

    Raises
    ------
    PictureError
        The source is no such video, or the result cannot be written.
    SettingsError
        An option cannot be satisfied.

    Notes
    -----
    Luma goes through the network as it is in the file, chroma through bicubic that knows where its
    samples lie. Frames keep their times, to the tick where the container can.

    Work goes into segments. Call again after an interruption, with the same arguments, and it
    resumes after the last whole one.
    """
    options = VideoOptions(**options)
    threads = threads or default_threads()
    _check_free(target, options)
    plan = make_plan(source, target, enlarger, options, threads.count)
    from minisr.upscaling.video.picture import FrameEnlarger  # compiles: only once all is checked

    stamp = _stamp(plan, options, threads)
    return _run(plan, FrameEnlarger(plan), threads, stamp, progress, note or _silent)


def preview_video(
    source, target, enlarger, seconds, *, threads=None, progress=None, note=None, **options
):
    """Make a clip to compare: bicubic left of a wipe that moves, the network right of it.

    Parameters
    ----------
    source, target, enlarger
        As for `upscale_video`.
    seconds : float
        How long the clip is.
    threads, progress, note
        As for `upscale_video`.
    **options
        As for `upscale_video`, but no ``duration``. ``start`` is by default such that the clip is
        the middle of the video.

    Returns
    -------
    int
        How many frames the clip has.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise SettingsError(f"preview must be more than 0 seconds, got {seconds}")
    options = VideoOptions(duration=seconds, **options)
    threads = threads or default_threads()
    _check_free(target, options)
    if options.start is None:
        middle = ((facts_of(source).seconds or 0) - seconds) / 2
        options = replace(options, start=max(0.0, round(middle, 3)))
    plan = make_plan(source, target, enlarger, options, threads.count)
    from minisr.upscaling.video.wipe import WipeMaker

    stamp = f"wipe {_stamp(plan, options, threads)}"
    return _run(plan, WipeMaker(plan), threads, stamp, progress, note or _silent)


def _silent(line):
    pass


def _stamp(plan, options, threads):
    if options.stamp is not None:
        return options.stamp
    return stamp_of(plan.enlarger, plan.facts, threads)


def _check_free(target, options):
    if Path(target).exists() and not options.overwrite:
        raise SettingsError(f"{target} is there already; choose another name, or overwrite it")


def _run(plan, make, threads, stamp, progress, note):
    """Do what is planned, or the rest of it."""
    with WorkFolder(plan.target, plan.manifest(stamp)) as work:
        for line in plan.notes() + _trial(work, plan):
            note(line)
        if work.discarded:
            note("what was there of an earlier run was made otherwise: begun anew")
        elif work.frames:
            note(f"going on after {work.frames} frames")
        if not work.ended:
            with errors_named(plan.target, f"cannot be encoded by {plan.settings.codec}"):
                try:
                    _make_segments(work, plan, make, threads, progress, note)
                except KeyboardInterrupt:
                    note(_stopped(work, plan.segment))
                    raise
        if not work.frames:
            work.remove()
            raise PictureError(f"{plan.source}: there are no frames in that part")
        whole = work.path / f"whole{plan.target.suffix}"
        join(whole, work.segments, plan)
        lost = lost_titles(plan.source, whole)
        if lost:
            note(f"{plan.container} does not keep what the file says of itself: {', '.join(lost)}")
        with open(whole, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(whole, plan.target)
        frames = work.frames
        work.remove()
    return frames


def _stopped(work, segment):
    """Return what there is to say to who has stopped the work."""
    if work.frames:
        return f"stopped: {work.frames} frames are safe, and the same command goes on after them"
    work.remove()
    return f"stopped: nothing is kept of the first {segment} frames until all of them are done"


def _trial(work, plan):
    """Write the beginning of the result, to see before hours of work whether that can be."""
    try:
        with output_of(work.path / "trial.part", plan.container, plan) as carrier:
            carrier.output.start_encoding()
        (work.path / "trial.part").unlink(missing_ok=True)
        return carrier.notes
    except BaseException:
        if not work.frames:
            work.remove()
        raise


def _make_segments(work, plan, make, threads, progress, note):
    """Decode, enlarge and encode, each in threads of its own, into whole segments."""
    begin, end = plan.span
    source = Source(plan.source, plan.facts, begin if begin > plan.facts.origin else None, end)
    after = work.segments[-1].times[-1] if work.segments else None

    def enlarge(item):
        frame, time, duration = item
        return make(frame, time), time, duration

    decoded = ahead(source.frames(after), WAITING)
    frames = ahead(in_order(enlarge, decoded, threads.count), WAITING)
    writer, done = None, work.frames
    try:
        for frame, time, duration in frames:
            if writer is None:
                writer = SegmentWriter(
                    work.segment_path(), plan.settings, plan.facts, plan.size, threads.count
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
