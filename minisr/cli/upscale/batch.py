"""``minisr upscale`` of files and folders: which results to make, and making them."""

import contextlib
import functools
import math
from dataclasses import replace
from pathlib import Path

from minisr import engine
from minisr.cli.common import note, printable
from minisr.cli.reports import check_reports
from minisr.cli.upscale.messages import report_outcomes
from minisr.cli.upscale.names import check_extensions, chosen_naming
from minisr.cli.upscale.page import Page
from minisr.cli.upscale.picture import upscale_pictures
from minisr.cli.upscale.video import is_video, preview_of, upscale_videos
from minisr.errors import MinisrError, PictureError, SettingsError
from minisr.images.files import find
from minisr.images.formats import OTHER_SUFFIXES, READ_SUFFIXES
from minisr.images.probing import probe
from minisr.images.sources import opened
from minisr.system.threads import Threads
from minisr.upscaling.batch import leftovers, manifest, running, space, targets


def upscale_files(arguments, enlarger, stamp):
    """Enlarge files; return the exit status.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    """
    found, faults = _find(arguments)
    jobs = _jobs(arguments, enlarger, found)
    if not jobs and len(faults) == 1:
        raise faults[0]
    _check(arguments, jobs)
    folder = targets.folder_of(arguments.output, len(found))
    settings = _settings(arguments, enlarger, stamp) if folder is not None else {}
    results = running.Results(None, settings, arguments.overwrite, stamp.get("Software"))
    if arguments.dry_run:
        reader = manifest.Reader(folder) if folder is not None else None
        return _print_plan(jobs, faults, replace(results, manifest=reader))
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(manifest.Manifest(folder)) if folder and jobs else None
        leftovers.clear([job.target for job in jobs], at_once=book is not None)
        missing = [job for job in jobs if not job.target.exists()]
        space.check(missing, functools.partial(_area, enlarger))
        threads = stack.enter_context(Threads(arguments.threads))
        results = replace(results, manifest=book)
        outcomes = _do(arguments, enlarger, stamp, jobs, results, threads)
    return report_outcomes(outcomes, faults, resumes=book is not None)


def _find(arguments):
    """Return the files to enlarge, without results of earlier runs, and the errors found."""
    folder = Path(arguments.output) if arguments.output is not None else None
    found, faults = find(
        *(arguments.pictures, _is_wanted, arguments.recursive, folder), kinds=("picture", "video")
    )
    if len(found) > 1 and folder is not None and is_video(folder) and not folder.is_dir():
        raise SettingsError(f"{folder} is one video, but {len(found)} are given; name a folder")
    made_before = set(targets.results_among(found))
    named = sum(one.named for one in made_before)
    if named:
        note(f"left out {named} of the files named: they are results of others of them")
    return [one for one in found if one not in made_before], faults


def _is_wanted(path):
    return path.suffix.lower() in (*READ_SUFFIXES, *OTHER_SUFFIXES) or is_video(path)


def _jobs(arguments, enlarger, found):
    """Return a job for each file."""
    jobs = targets.jobs_of(found, arguments.output, chosen_naming(arguments, enlarger))
    if arguments.preview is None:
        return jobs
    return [  # a preview has its own name, and no manifest remembers it
        replace(job, name=None, target=preview_of(job.target)) if is_video(job.source) else job
        for job in jobs
    ]


def _check(arguments, jobs):
    """Raise, before any work, if names or folders cannot be used."""
    check_extensions(arguments, jobs)
    for job in jobs:
        if job.name is None and not job.target.parent.is_dir():
            raise SettingsError(f"{job.target}: cannot be written: no folder {job.target.parent}")
    files = [path for job in jobs for path in (job.source, job.target)]
    check_reports({"--html": arguments.html}, [*files, arguments.model])


def _settings(arguments, enlarger, stamp):
    """Return everything that a result depends on, except its source's content."""
    names = ("quality", "colour", "codec", "crf", "preset", "start", "duration", "preview")
    chosen = {name: getattr(arguments, name, None) for name in names}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    chosen |= {"to": enlarger.label, "stamp": bool(stamp)}
    if arguments.engine != engine.DEFAULT:  # whose rounding differs
        chosen["engine"] = arguments.engine
    return {"settings": chosen, "weights": enlarger.fingerprint()}


def _print_plan(jobs, faults, results):
    """Print what would be done; return the exit status."""
    for job in jobs:
        try:
            words = f"-> {printable(job.target)}" if results.needs(job)[0] else "is done already"
            print(f"{printable(job.source)} {words}")
        except (PictureError, OSError) as error:
            faults.append(running.named(error, job))
    for fault in faults:
        note(f"error: {fault}")
    return 1 if faults else 0


def _area(enlarger, path):
    """Return how many pixels each pixel of a file becomes; 0 if the file cannot be read."""
    if enlarger.size is None:
        return enlarger.scale**2
    try:
        with opened(path) as (file, kind):
            found = probe(file, kind, allow_large=True)
        sizes = found.results(enlarger.size_of)
    except (MinisrError, OSError):  # reported when it is that file's turn
        return 0
    return min(map(math.prod, sizes)) / (found.height * found.width)


def _do(arguments, enlarger, stamp, jobs, results, threads):
    """Do all jobs, and write the page if one is requested; return the outcomes."""
    pictures = [job for job in jobs if not is_video(job.source)]
    videos = [job for job in jobs if is_video(job.source)]
    page = Page(arguments, enlarger) if arguments.html is not None else None
    after = page.show if page is not None else None
    outcomes = upscale_pictures(arguments, enlarger, stamp, pictures, results, threads, after)
    outcomes += upscale_videos(arguments, enlarger, videos, results, threads)
    if page is not None:
        page.write(pictures)
    return outcomes
