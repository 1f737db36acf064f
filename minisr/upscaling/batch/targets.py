"""Where each result goes."""

import os
from dataclasses import dataclass
from pathlib import Path

from minisr.errors import PictureError, SettingsError
from minisr.images.formats import READ_SUFFIXES, WRITE_SUFFIXES, format_of
from minisr.images.software import is_by_minisr, software_of
from minisr.images.sources import naming


@dataclass(frozen=True)
class Job:
    """A file and what is to be made of it.

    Attributes
    ----------
    source, target : pathlib.Path
    name : str or None
        Of the target within the folder of results, with slashes; None where no folder was named.
    chosen : bool
        Whether a person has chosen the target's name, which then says nothing of the source.
    """

    source: Path
    target: Path
    name: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Naming:
    """How results are called.

    Attributes
    ----------
    ending : str
        After the name of the source, such as "_x3".
    extension : str or None
        Such as ".png"; None keeps that of the source, where it can be written.
    extension_of : callable, optional
        Takes a source's Path and returns its extension, or None where the above holds.
    """

    ending: str
    extension: str | None = None
    extension_of: callable = lambda path: None

    def name_of(self, source):
        """Return the name of the result of a source."""
        extension = self.extension_of(source) or self.extension
        if extension is None:
            extension = source.suffix if source.suffix.lower() in WRITE_SUFFIXES else ".png"
        return f"{source.stem}{self.ending}{extension}"


def folder_of(output, count):
    """Return the folder of results, or None where ``output`` is one file, or nothing.

    Parameters
    ----------
    output : str or None
    count : int
        How many files there are.

    Raises
    ------
    SettingsError
        One file is named for several.
    """
    if output is None:
        return None
    path = Path(output)
    if path.is_dir() or not path.suffix or output[-1] in "/\\":
        return path
    if count == 1:
        return None
    if path.suffix.lower() in WRITE_SUFFIXES:
        raise SettingsError(f"{path} is one file, but {count} are given; name a folder")
    return path


def results_among(found):
    """Return those files that an earlier run, of whatever scale, has made of others of them.

    Else each run would enlarge the results of those before, which a folder and a shell's pattern
    have, too.

    Parameters
    ----------
    found : list of minisr.images.files.Found

    Returns
    -------
    list of minisr.images.files.Found
        They are called like another file, with an ending, and say that minisr made them.
    """
    stems = {(one.path.parent, one.path.stem) for one in found}

    def is_result(path):
        beginnings = (path.stem[:length] for length in range(1, len(path.stem)))
        is_called_so = any((path.parent, stem) in stems for stem in beginnings)
        return is_called_so and is_by_minisr(software_of(path))

    return [one for one in found if is_result(one.path)]


def jobs_of(found, output, naming):
    """Say where the result of each file goes.

    Parameters
    ----------
    found : list of minisr.images.files.Found
    output : str or None
        A file or a folder; None is beside each source.
    naming : Naming

    Returns
    -------
    list of Job
        Without files of a folder that are results of this very run, made by an earlier one.

    Raises
    ------
    SettingsError
        Two results would be one file, or a result would replace a source; nothing can be done then.
    """
    folder = folder_of(output, len(found))
    jobs = [_job(one, output, folder, naming) for one in found]
    made = {_real(job.target) for job in jobs}
    pairs = [
        (one, job)
        for one, job in zip(found, jobs, strict=True)
        if one.named or _real(one.path) not in made or _real(job.target) == _real(one.path)
    ]
    jobs = [job for _, job in pairs]
    _check(jobs)
    return jobs


def _job(one, output, folder, naming):
    name = naming.name_of(one.path)
    if folder is not None:
        target = folder / one.folder / name
        return Job(one.path, target, (one.folder / name).as_posix())
    if output is not None:
        return Job(one.path, Path(output), chosen=True)
    return Job(one.path, one.path.with_name(name))


def _check(jobs):
    """Raise SettingsError for results that would be one file, or the file of a source."""
    sources = {_real(job.source): job.source for job in jobs}
    taken = {}
    for job in jobs:
        real = _real(job.target)
        if real in sources:
            raise SettingsError(
                f"the result of {job.source} would replace the source {sources[real]}; "
                "choose another -o or --suffix"
            )
        if real in taken:
            raise SettingsError(
                f"{taken[real]} and {job.source} would both become {job.target}; enlarge them by "
                "two commands, with another -o or --suffix each"
            )
        taken[real] = job.source


def check_extension(path, extension=None):
    """Raise PictureError for a result of whose format its name says nothing, or another one.

    Parameters
    ----------
    path : pathlib.Path
    extension : str, optional
        The format, where it is named apart: ".png", say. A name of no picture's, such as "x.tmp",
        will then do.
    """
    if extension is None:
        with naming(str(path)):
            format_of(path.suffix)
    elif path.suffix.lower() in {*READ_SUFFIXES} - {*format_of(extension).suffixes}:
        raise PictureError(f"{path}: is no name for a {extension}; leave out --ext, or change -o")


def _real(path):
    return os.path.realpath(path)
