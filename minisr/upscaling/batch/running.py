"""The work on many files: what needs it, one after another, whatever becomes of one of them."""

import enum
from dataclasses import dataclass
from typing import Any

from minisr.errors import MinisrError, PictureError
from minisr.images.software import is_minisrs, software_of
from minisr.upscaling.batch import manifest as manifests
from minisr.upscaling.batch.targets import Job


class State(enum.Enum):
    """What became of a job."""

    MADE = "made"
    DONE_BEFORE = "done already"
    FAILED = "failed"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    job : Job
    state : State
    value : object
        What the work returned; where it failed, the exception.
    """

    job: Job
    state: State
    value: Any = None


class Worker:
    """Does jobs, unless they are done.

    Parameters
    ----------
    work : callable
        Takes a `Job`; what it raises of `MinisrError`, `OSError` and `MemoryError` concerns that
        job alone.
    manifest : minisr.upscaling.batch.manifest.Manifest or None
        Of the folder of results, if there is one.
    settings : dict
        All beside the source's content that decides about a result.
    overwrite : bool
        Whether to make again what is done, and to replace what was not made here.
    stop : callable
        Returns whether to begin no more.
    software : str or None
        What a result says that it was made by, such as "minisr 1.0, espcn x3".
    """

    def __init__(self, work, manifest, settings, overwrite, stop=lambda: False, *, software=None):
        self.work, self.manifest, self.settings = work, manifest, settings
        self.overwrite, self.stop, self.software = overwrite, stop, software

    def __call__(self, job):
        """Return the `Outcome` of a job; raise only what is no fault of its."""
        if self.stop():
            return Outcome(job, State.NOT_BEGUN)
        try:
            return self._do(job)
        except (MinisrError, OSError, MemoryError) as error:
            return Outcome(job, State.FAILED, named(error, job))

    def needs(self, job):
        """Return whether a job is to be done, and the key of its entry in the manifest.

        Raises
        ------
        PictureError
            Its result would replace what was not made here, or of something else.
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
                f"{job.target}: exists already, and was not made here or was changed since; "
                "--overwrite replaces it"
            )
        return state != manifests.DONE, key

    def _check_made_alike(self, job):
        """Raise PictureError unless what is there says that it is the result."""
        if job.chosen:  # it may be that of another picture
            raise PictureError(f"{job.target}: exists already; --overwrite replaces it")
        said = software_of(job.target)
        if not is_minisrs(said):
            raise PictureError(
                f"{job.target}: exists already, and does not say that minisr made it; --overwrite "
                "replaces it"
            )
        if self.software is None or _without_version(said) != _without_version(self.software):
            raise PictureError(
                f"{job.target}: exists already, made by {said}; --overwrite replaces it"
            )
        if job.target.stat().st_mtime < job.source.stat().st_mtime:
            raise PictureError(
                f"{job.target}: exists already, and is older than {job.source}; --overwrite makes "
                "it again"
            )

    def _do(self, job):
        needed, key = self.needs(job)
        if not needed:
            return Outcome(job, State.DONE_BEFORE)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        if key is not None:
            self.manifest.begin(job.name, key)
        value = self.work(job)
        if key is not None:
            self.manifest.finish(job.name, key)
        return Outcome(job, State.MADE, value)


def _without_version(software):
    return software.partition(", ")[2]


def named(error, job):
    """Return an error that says which file it is about."""
    if isinstance(error, MemoryError):
        return PictureError(f"{job.source}: not enough memory; try fewer threads")
    if isinstance(error, OSError):
        return PictureError(f"{error.filename or job.source}: {error.strerror or error}")
    text = str(error)
    if str(job.source) in text or str(job.target) in text:
        return error
    return PictureError(f"{job.source}: {text}")
