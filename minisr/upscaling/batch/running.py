"""Run jobs on many files: skip those that are done, and go on if one fails."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minisr.errors import MinisrError, PictureError
from minisr.images.software import is_by_minisr, software_of
from minisr.upscaling.batch import manifest as manifests
from minisr.upscaling.batch.targets import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minisr.system.threads import Threads


class State(enum.Enum):
    """How a job has ended."""

    MADE = "made"
    DONE_BEFORE = "done already"
    FAILED = "failed"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Outcome:
    """How a job has ended, and with what.

    Attributes
    ----------
    job : Job
    state : State
    value : object
        What the work returned; if it failed, the exception.
    """

    job: Job
    state: State
    value: Any = None


@dataclass(frozen=True)
class Results:
    """What results are made with, and so which of them are done already.

    Attributes
    ----------
    manifest : minisr.upscaling.batch.manifest.Manifest or None
        Of the folder of results, if there is one; for `needs`, a `Reader` is enough.
    settings : dict
        Everything that a result depends on, except the source's content.
    overwrite : bool
        Whether to make finished results again, and to replace files that were not made here.
    software : str or None
        The program that results name as their maker, such as "minisr 1.0, espcn x3".
    """

    manifest: Any
    settings: dict
    overwrite: bool
    software: str | None = None

    def needs(self, job: Any) -> tuple[bool, Any]:
        """Return whether a job is still to be done, and the key for its entry in the manifest.

        Raises
        ------
        PictureError
            Its result would replace a file that was not made here, or from something else.
        """
        if self.manifest is None or job.name is None:
            if job.target.exists() and not self.overwrite:
                self._check_made_alike(job)
                return False, None
            return True, None
        key = None
        state = self.manifest.state(job.name, None)
        if (state != manifests.FOREIGN or self.overwrite) and job.source.is_file():
            key = {"source": manifests.digest(job.source), **self.settings}
            state = self.manifest.state(job.name, key)
        if self.overwrite:
            return True, key
        if state == manifests.FOREIGN:
            raise PictureError(
                f"{job.target}: exists already, but was not made here or has changed since; "
                "--overwrite replaces it"
            )
        return state != manifests.DONE, key

    def make(self, job: Job, work: Callable[..., Any]) -> Any:
        """Do a job unless it is done already, and record it; return its `Outcome`.

        Parameters
        ----------
        job : Job
        work : callable
            Takes the job and writes its target.
        """
        needed, key = self.needs(job)
        if not needed:
            return Outcome(job, State.DONE_BEFORE)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        if key is not None:
            self.manifest.begin(job.name, key)
        value = work(job)
        if key is not None:
            self.manifest.finish(job.name, key)
        return Outcome(job, State.MADE, value)

    def _check_made_alike(self, job):
        """Raise PictureError unless the metadata of an existing target says it is this result."""
        if job.chosen:  # it may be the result of another picture
            raise PictureError(f"{job.target}: exists already; --overwrite replaces it")
        said = software_of(job.target)
        if not is_by_minisr(said):
            raise PictureError(
                f"{job.target}: exists already, but does not say that minisr made it; --overwrite "
                "replaces it"
            )
        if self.software is None or _without_version(said) != _without_version(self.software):
            raise PictureError(
                f"{job.target}: exists already, made by {said}; --overwrite replaces it"
            )
        if job.target.stat().st_mtime < job.source.stat().st_mtime:
            raise PictureError(
                f"{job.target}: exists already, but is older than {job.source}; --overwrite makes "
                "it again"
            )


def run_jobs(
    jobs: list[Any],
    work: Callable[..., Any],
    results: Results,
    *,
    threads: Threads | None = None,
    should_stop: Callable[..., Any] = lambda: False,
    after: Callable[..., Any] | None = None,
) -> Iterator[Any]:
    """Do jobs; yield their outcomes in the order of the jobs.

    Parameters
    ----------
    jobs : list of Job
    work : callable
        Takes a `Job` and writes its target. If it raises a `MinisrError`, `OSError` or
        `MemoryError`, only that job fails; any other exception ends the run.
    results : Results
    threads : minisr.system.threads.Threads, optional
        To do jobs side by side; by default the caller's thread does one after another.
    should_stop : callable, optional
        Asked before each job; once it returns True, no further job is begun.
    after : callable, optional
        Called with each outcome, in the thread that did the job.

    Yields
    ------
    Outcome
    """

    def run(job):
        if should_stop():
            return Outcome(job, State.NOT_BEGUN)
        try:
            outcome = results.make(job, work)
        except (MinisrError, OSError, MemoryError) as error:
            outcome = Outcome(job, State.FAILED, named(error, job))
        if after is not None:
            after(outcome)
        return outcome

    yield from map(run, jobs) if threads is None else threads.imap(run, jobs)


def _without_version(software):
    return software.partition(", ")[2]


def named(error: Any, job: Any) -> Any:
    """Return an error whose message names the file that it is about."""
    if isinstance(error, MemoryError):
        return PictureError(f"{job.source}: not enough memory; try fewer threads")
    if isinstance(error, OSError):
        return PictureError(f"{error.filename or job.source}: {error.strerror or error}")
    text = str(error)
    if str(job.source) in text or str(job.target) in text:
        return error
    return PictureError(f"{job.source}: {text}")
