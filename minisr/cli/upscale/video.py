"""``minisr upscale`` of videos."""

import argparse
import math
import sys

from tqdm import tqdm

from minisr.cli.common import note
from minisr.upscaling.batch.running import run_jobs

SUFFIXES = frozenset(
    [".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".hevc", ".ivf"]
    + [".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut"]
    + [".obu", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"]
)
WRITABLE = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


def is_video(path):
    """Return whether a path's suffix is a video's.

    Parameters
    ----------
    path : pathlib.Path
    """
    return path.suffix.lower() in SUFFIXES


def video_suffix(path, wanted=None):
    """Return the suffix of the result.

    Parameters
    ----------
    path : pathlib.Path
    wanted : str, optional
        By default the source's own; if that cannot be written, .mkv, the container that holds most.
    """
    if wanted is not None:
        return wanted
    return path.suffix if path.suffix.lower() in WRITABLE else ".mkv"


def preview_of(target):
    """Return the path of a result's preview.

    Parameters
    ----------
    target : pathlib.Path
    """
    return target.with_stem(f"{target.stem}_preview")


def seconds(text):
    """Turn ``75.5``, ``1:15.5`` or ``0:01:15.5`` into seconds; argparse prints the error."""
    try:
        parts = [float(part) for part in text.split(":")]
        fits = (
            1 <= len(parts) <= 3
            and min(parts) >= 0
            and max(parts) < math.inf
            and all(part < 60 for part in parts[1:])
        )
    except ValueError:
        fits = False
    if not fits or not all(part.is_integer() for part in parts[:-1]):
        raise argparse.ArgumentTypeError(f"expected seconds or [HH:]MM:SS, got {text}")
    total = sum(part * 60**place for place, part in enumerate(reversed(parts)))
    return round(total, 6)


def add_video_options(parser):
    """Add the options for video.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    group = parser.add_argument_group(
        "video", f"needs pip install 'minisr[video]'; results can be {' '.join(WRITABLE)}"
    )
    group.add_argument(
        "--codec",
        choices=["h264", "h265", "vp9", "av1", "ffv1"],
        help="codec of the result (default: h264; h265 for more than 8 bits; vp9 for .webm)",
    )
    group.add_argument(
        "--crf",
        type=int,
        metavar="N",
        help="quality: lower is better, in larger files (default: 18 for h264, 20 for h265, 24 for "
        "vp9, 25 for av1)",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="speed of the encoder: ultrafast ... veryslow, or a number",
    )
    group.add_argument(
        "--start", type=seconds, metavar="TIME", help="where to start: seconds or [HH:]MM:SS"
    )
    group.add_argument(
        "--duration", type=seconds, metavar="TIME", help="how much to enlarge (default: all)"
    )
    group.add_argument(
        "--preview",
        type=seconds,
        metavar="TIME",
        help="only write a preview of this length to NAME_preview, from --start or the middle: "
        "bicubic left of a moving line, the network right of it",
    )


def upscale_video_job(arguments, source, target, enlarger, pool):
    """Enlarge a video, or make its preview, with a bar; an existing file is replaced.

    Parameters
    ----------
    arguments : argparse.Namespace
        With those of `add_video_options`.
    source, target : pathlib.Path
    enlarger : minisr.upscaling.enlarger.Enlarger
    pool : minisr.system.threads.Threads

    Returns
    -------
    int
        How many frames the result has.

    Raises
    ------
    PictureError, SettingsError
        See `minisr.upscaling.video.upscale_video`.
    """
    from minisr.upscaling.video import preview_video, upscale_video

    options = {name: getattr(arguments, name) for name in ("codec", "crf", "preset", "start")}
    with Bar(source.name) as bar:
        options |= {
            "threads": pool,
            "progress": bar,
            "note": lambda line: note(f"{source}: {line}"),
            "overwrite": True,
        }
        if arguments.preview is not None:
            return preview_video(source, target, enlarger, arguments.preview, **options)
        return upscale_video(source, target, enlarger, duration=arguments.duration, **options)


def upscale_videos(arguments, enlarger, jobs, results, threads):
    """Enlarge video files one after another, each with a bar.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    jobs : list of minisr.upscaling.batch.targets.Job
    results : minisr.upscaling.batch.running.Results
    threads : minisr.system.threads.Threads

    Returns
    -------
    list of minisr.upscaling.batch.running.Outcome
    """
    if jobs and arguments.colour != "luma":
        note(
            f"--colour {arguments.colour} is for pictures: in videos, luma goes through the network"
        )

    def work(job):  # Ctrl-C raises in here, which reports how to resume
        return upscale_video_job(arguments, job.source, job.target, enlarger, threads)

    return list(run_jobs(jobs, work, results))


class Bar:
    """A bar of frames done, frames per second and time left; hidden if there is no stderr."""

    def __init__(self, name):
        self.name, self.bar = name, None

    def __call__(self, done, total):
        """Show how many frames are done, of how many; None is an unknown total."""
        if self.bar is None:  # frames of an interrupted run do not count for the speed
            disable = None if sys.stderr is not None else True
            self.bar = tqdm(
                desc=self.name, total=total, initial=done - 1, unit="frame", disable=disable
            )
        self.bar.update(done - self.bar.n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()
