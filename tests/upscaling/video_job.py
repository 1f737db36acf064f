"""Enlarge videos slowly, in a process that tests start and kill.

Each line of stdin is a job, run in a child process: imports, which take seconds, happen once.
"""

import os
import resource
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from minisr.cli.upscale import video as upscale_video
from minisr.system.threads import Threads


class Slow:
    """Doubles every pixel's height and width, after a pause."""

    luma_range = "studio"

    def __init__(self, seconds):
        self.seconds = seconds

    def size_of(self, height, width):
        return 2 * height, 2 * width

    def plane(self, low, threads=None):
        time.sleep(self.seconds)
        return np.ascontiguousarray(low.repeat(2, axis=0).repeat(2, axis=1))


def main(source, target, seconds, segment):
    from minisr.upscaling import video

    job = video.upscale_video
    progress = []

    def watched(*arguments, **options):
        def tell(done, total):
            progress.append(done)
            print(f"frame {done}", flush=True)

        return job(*arguments, **options | {"progress": tell, "segment": int(segment)})

    video.upscale_video = watched
    arguments = Namespace(
        codec=None, crf=None, preset="ultrafast", start=None, duration=None, preview=None
    )
    try:
        with Threads(2) as pool:
            upscale_video.upscale_video_job(
                arguments, Path(source), Path(target), Slow(float(seconds)), pool
            )
    except KeyboardInterrupt:
        return 130
    print(
        f"did {len(progress)}, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} KiB", flush=True
    )
    return 0


def serve():
    """Run a job for each line; print its process number and its exit status."""
    from minisr.upscaling.video import frame  # noqa: F401, else each child would import it
    from minisr.upscaling.video.planes import resize, to_codes

    taps = np.zeros((2, 1), np.intp), np.ones((2, 1), np.float32)
    to_codes(resize(np.zeros((2, 2), np.uint8), taps, taps), 1, 0, 255, np.zeros((2, 2), np.uint8))
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(main(*line.split()))
        print(f"process {child}", flush=True)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}", flush=True)


if __name__ == "__main__":
    serve()
