"""``minisr upscale`` of pictures: one, or many side by side."""

import contextlib
import os
import time

from tqdm import tqdm

from minisr.cli.common import (
    INTERRUPTED,
    Interruptible,
    allowed_by_option,
    no_bar,
    note,
    threads_within,
)
from minisr.system.atomic import remove_unfinished
from minisr.upscaling.batch.running import State, run_jobs
from minisr.upscaling.file import upscale_file

WAITING = "stopping once the pictures in progress are done; press Ctrl-C again to stop at once"


def upscale_picture(arguments, source, target, enlarger, stamp, threads):
    """Enlarge one picture file.

    Parameters
    ----------
    arguments : argparse.Namespace
    source, target
        As of `minisr.upscaling.file.upscale_file`.
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    threads : minisr.system.threads.Threads
        They share the picture.

    Returns
    -------
    minisr.upscaling.file.Upscaled
    """
    with allowed_by_option():
        return upscale_file(
            source,
            target,
            enlarger,
            threads=threads,
            suffix=arguments.extension,
            quality=arguments.quality,
            stamp=stamp,
            allow_large=arguments.allow_large,
        )


def upscale_pictures(arguments, enlarger, stamp, jobs, results, threads, after=None):
    """Enlarge picture files, with a bar; a single one is shared by the threads.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    jobs : list of minisr.upscaling.batch.targets.Job
    results : minisr.upscaling.batch.running.Results
    threads : minisr.system.threads.Threads
    after : callable, optional
        See `minisr.upscaling.batch.running.run_jobs`.

    Returns
    -------
    list of minisr.upscaling.batch.running.Outcome
    """
    within = threads_within(threads, jobs)

    def work(job):
        return upscale_picture(arguments, job.source, job.target, enlarger, stamp, within)

    across = threads if len(jobs) > 1 else None  # a job of the pool must not wait for the pool
    outcomes = []
    with _finishing_what_has_begun(jobs, threads) as should_stop, Bar(jobs) as bar:
        for outcome in run_jobs(
            jobs, work, results, threads=across, should_stop=should_stop, after=after
        ):
            outcomes.append(outcome)
            bar.update(outcome)
            if outcome.state is State.MADE:
                for line in outcome.value.notes:
                    note(f"{outcome.job.source}: {line}")
    return outcomes


@contextlib.contextmanager
def _finishing_what_has_begun(jobs, threads):
    """Yield a function that says whether to stop, after Ctrl-C; a second one ends the program."""
    if len(jobs) < 2:  # waiting for the end of a single one would save nothing
        yield lambda: False
        return
    try:
        with Interruptible(WAITING) as should_stop:
            yield should_stop
    except KeyboardInterrupt:
        if threads.count == 1:
            raise
        # Threads cannot be stopped, and an orderly exit would wait for them.
        remove_unfinished()
        note("interrupted")
        os._exit(INTERRUPTED)


class Bar:
    """A bar of pictures done, megapixels per second and time left; hidden without a terminal."""

    def __init__(self, jobs):
        self.bar = tqdm(total=len(jobs), unit="picture", disable=no_bar(jobs))
        self.pixels, self.began = 0, time.perf_counter()

    def update(self, outcome):
        """Count an outcome."""
        if outcome.state is State.MADE:
            width, height = outcome.value.size_out
            self.pixels += width * height * outcome.value.frames
        speed = self.pixels / 1e6 / max(time.perf_counter() - self.began, 1e-9)
        self.bar.set_postfix_str(f"{speed:.1f} MP/s", refresh=False)
        self.bar.update()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()
