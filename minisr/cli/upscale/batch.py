"""``minisr upscale`` of files and folders."""

import contextlib
import functools
import math
import os
import time
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from minisr.cli.common import (
    INTERRUPTED,
    Interruptible,
    make_folder,
    no_bar,
    note,
    one_line,
    threads_within,
)
from minisr.cli.reports import check_reports
from minisr.cli.upscale.names import check_extensions, naming
from minisr.cli.upscale.page import Page
from minisr.cli.upscale.picture import upscale_picture
from minisr.cli.upscale.video import is_video, preview_of, upscale_video_job
from minisr.errors import MinisrError, PictureError, SettingsError
from minisr.images.files import find
from minisr.images.formats import READ_SUFFIXES
from minisr.images.probing import probe
from minisr.images.sources import opened
from minisr.system.atomic import give_up
from minisr.system.threads import Threads
from minisr.upscaling.batch import leftovers, manifest, running, space, targets
from minisr.upscaling.batch.running import State

WAITING = "stopping when the pictures that have begun are done; Ctrl-C again stops at once"


def upscale_files(arguments, enlarger, stamp):
    """Enlarge files; return the exit status.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    """
    folder = Path(arguments.output) if arguments.output is not None else None
    found, faults = find(
        *(arguments.pictures, _is_wanted, arguments.recursive, folder), kinds=("picture", "video")
    )
    if len(found) > 1 and folder is not None and is_video(folder) and not folder.is_dir():
        raise SettingsError(f"{folder} is one video, but {len(found)} are given; name a folder")
    results = set(targets.results_among(found))
    found = [one for one in found if one not in results]
    named = sum(one.named for one in results)
    if named:
        note(f"{named} of the files named are results of others of them, and are left out")
    jobs = targets.jobs_of(found, arguments.output, naming(arguments, enlarger))
    if arguments.preview is not None:  # is made under another name, and remembered nowhere
        jobs = [
            replace(job, name=None, target=preview_of(job.target)) if is_video(job.source) else job
            for job in jobs
        ]
    if not jobs and len(faults) == 1:
        raise faults[0]
    check_extensions(arguments, jobs)
    for job in jobs:
        if job.name is None and not job.target.parent.is_dir():
            raise SettingsError(f"{job.target}: cannot be written: no folder {job.target.parent}")
    files = [path for job in jobs for path in (job.source, job.target)]
    check_reports({"--html": arguments.html}, [*files, arguments.model])
    folder = targets.folder_of(arguments.output, len(found))
    settings = _settings(arguments, enlarger, stamp) if folder is not None else {}
    if arguments.dry_run:
        book = None if folder is None else manifest.Reader(folder)
        return _dry_run(jobs, faults, _worker(arguments, book, settings, stamp))
    make_folder(folder if jobs else None)
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(manifest.Manifest(folder)) if folder and jobs else None
        leftovers.clear([job.target for job in jobs], at_once=book is not None)
        worker = _worker(arguments, book, settings, stamp)
        if jobs:
            missing = [job for job in jobs if not job.target.exists()]
            space.check(missing, functools.partial(_area, enlarger))
        pool = stack.enter_context(Threads(arguments.threads))
        outcomes = _run(arguments, enlarger, stamp, worker, jobs, pool)
    return _report(outcomes, faults, arguments, book is not None)


def _run(arguments, enlarger, stamp, worker, jobs, pool):
    """Do all jobs, pictures side by side and videos one after the other; return the outcomes."""
    pictures = [job for job in jobs if not is_video(job.source)]
    videos = [job for job in jobs if is_video(job.source)]
    page = Page(arguments, enlarger) if arguments.html is not None else None
    within = threads_within(pool, pictures)

    def do(job):
        outcome = worker(job)
        if page is not None and outcome.state in (State.MADE, State.DONE_BEFORE):
            page.show(job)
        return outcome

    worker.work = lambda job: upscale_picture(
        arguments, job.source, job.target, enlarger, stamp, within
    )
    outcomes = []
    with _ending_what_has_begun(pictures, pool) as stop, Bar(pictures) as bar:
        worker.stop = stop
        # One picture alone is no job of the pool, which is to work on its parts.
        for outcome in map(do, pictures) if len(pictures) == 1 else pool.imap(do, pictures):
            outcomes.append(outcome)
            bar.update(outcome)
            if outcome.state is State.MADE:
                for line in outcome.value.notes:
                    note(f"{outcome.job.source}: {line}")
    # The one place for videos: Ctrl-C reaches them as such, since each says how it is gone on with.
    if videos and arguments.colour != "luma":
        note(
            f"--colour {arguments.colour} is for pictures: of videos, luma goes through the network"
        )
    worker.work = lambda job: upscale_video_job(arguments, job.source, job.target, enlarger, pool)
    outcomes += [worker(job) for job in videos]
    if page is not None:
        page.write(pictures)
    return outcomes


@contextlib.contextmanager
def _ending_what_has_begun(pictures, pool):
    """Yield what says whether to stop: after a first Ctrl-C. A second one ends the program."""
    if len(pictures) < 2:  # to wait for the end of one alone would save nothing
        yield lambda: False
        return
    try:
        with Interruptible(WAITING) as stop:
            yield stop
    except KeyboardInterrupt:
        if pool.count == 1:
            raise
        # Threads cannot be stopped, and whoever ends in order waits for them.
        give_up()
        note("interrupted")
        os._exit(INTERRUPTED)


class Bar:
    """Pictures done, megapixels made a second, and time left; none where nobody looks."""

    def __init__(self, pictures):
        self.bar = tqdm(total=len(pictures), unit="picture", disable=no_bar(pictures))
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


def _report(outcomes, faults, arguments, goes_on):
    """Say what was not made; return the exit status."""
    failed = [outcome.value for outcome in outcomes if outcome.state is State.FAILED]
    faults = [*faults, *failed]
    total = len(outcomes) + len(faults) - len(failed)
    if total == 1 and faults:
        raise faults[0]
    for fault in faults:
        note(f"error: {fault}")
    if faults:
        videos = any(is_video(outcome.job.source) for outcome in outcomes)
        note(f"{len(faults)} of {total} {'files' if videos else 'pictures'} failed")
    before = [outcome.job for outcome in outcomes if outcome.state is State.DONE_BEFORE]
    if before and total == 1:
        note(f"{before[0].target}: is done already; --overwrite makes it again")
    elif before:
        note(f"{len(before)} of {total} were done already; --overwrite makes them again")
    left = sum(outcome.state is State.NOT_BEGUN for outcome in outcomes)
    if left:
        on = "; the same command goes on from there" if goes_on else ""
        note(f"interrupted: {left} of {total} are left{on}")
        return INTERRUPTED
    return 0 if not faults else 2 if len(faults) == total else 1


def _dry_run(jobs, faults, worker):
    """Print what would be done; return the exit status."""
    for job in jobs:
        try:
            words = f"-> {one_line(job.target)}" if worker.needs(job)[0] else "is done already"
            print(f"{one_line(job.source)} {words}")
        except (PictureError, OSError) as error:
            faults.append(running.named(error, job))
    for fault in faults:
        note(f"error: {fault}")
    return 1 if faults else 0


def _worker(arguments, book, settings, stamp):
    """Return what does jobs; what the work is, is said later."""
    software = stamp.get("Software")
    return running.Worker(None, book, settings, arguments.overwrite, software=software)


def _is_wanted(path):
    return path.suffix.lower() in READ_SUFFIXES or is_video(path)


def _settings(arguments, enlarger, stamp):
    """Return all beside a source's content that decides about its result."""
    names = ("quality", "colour", "codec", "crf", "preset", "start", "duration", "preview")
    chosen = {name: getattr(arguments, name, None) for name in names}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    chosen |= {"to": enlarger.label, "stamp": bool(stamp)}
    return {"settings": chosen, "weights": enlarger.fingerprint()}


def _area(enlarger, path):
    """Return how many pixels a pixel of a file becomes; 0 where the file cannot be read."""
    if enlarger.size is None:
        return enlarger.scale**2
    try:
        with opened(path) as (file, kind):
            found = probe(file, kind, allow_large=True)
        sizes = found.results(enlarger.size_of)
    except (MinisrError, OSError):  # which will be said when it is its turn
        return 0
    return min(map(math.prod, sizes)) / (found.height * found.width)
