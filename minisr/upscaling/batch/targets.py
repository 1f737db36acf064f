"""Where each result goes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import PictureError, SettingsError
from minisr.images.formats import (
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    default_format,
    default_suffix,
    format_of,
    sniff,
)
from minisr.images.other_formats import HEAD, sniff_other, suffixes_of
from minisr.images.software import is_by_minisr, software_of
from minisr.images.sources import naming
from minisr.system.atomic import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@dataclass(frozen=True)
class Job:
    """A file and the result to be made from it.

    Attributes
    ----------
    source, target : pathlib.Path
    name : str or None
        The target's path within the folder of results, with slashes; None if no folder was named.
    chosen : bool
        Whether the user has chosen the target's name, which then says nothing about the source.
    """

    source: Path
    target: Path
    name: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Naming:
    """How results are named.

    Attributes
    ----------
    ending : str
        Follows the name of the source, such as "_x3".
    extension : str or None
        Such as ".png"; None keeps the source's. If that format cannot be written, HEIC becomes
        ".jpg" and all else ".png".
    extension_of : callable, optional
        Takes a source's Path and returns its result's extension, or None to use ``extension``.
    """

    ending: str
    extension: str | None = None
    extension_of: Callable[[Path], str | None] = lambda path: None

    def name_of(self, source: Any) -> Any:
        """Return the name of a source's result."""
        extension = self.extension_of(source) or self.extension
        if extension is None:
            extension = default_suffix(source.suffix)
        return f"{source.stem}{self.ending}{extension}"


def folder_of(output: str | None, count: int) -> Any:
    """Return the folder of results, or None if ``output`` is one file, or nothing.

    Parameters
    ----------
    output : str or None
    count : int
        How many files are to be enlarged.

    Raises
    ------
    SettingsError
        One file is named for several results.
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


def results_among(found: list[Any]) -> list[Any]:
    """Return the files that an earlier run, at whatever scale, has made from others of them.

    Otherwise each run would enlarge the results of earlier ones, too: a folder holds them, and a
    shell's pattern matches them.

    Parameters
    ----------
    found : list of minisr.images.files.Found

    Returns
    -------
    list of minisr.images.files.Found
        Those that are named like another file, with an ending, and say that minisr made them.
    """
    stems = {(one.path.parent, one.path.stem) for one in found}

    def is_result(path):
        beginnings = (path.stem[:length] for length in range(1, len(path.stem)))
        is_named_so = any((path.parent, stem) in stems for stem in beginnings)
        return is_named_so and is_by_minisr(software_of(path))

    return [one for one in found if is_result(one.path)]


def jobs_of(found: list[Any], output: str | None, naming: Naming) -> list[Any]:
    """Return where the result of each file goes.

    Parameters
    ----------
    found : list of minisr.images.files.Found
    output : str or None
        A file or a folder; with None, results go beside their sources.
    naming : Naming

    Returns
    -------
    list of Job
        Without files found in a folder that are results of these very jobs, from an earlier run.

    Raises
    ------
    SettingsError
        Two results would be the same file, or a result would replace a source.
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
    """Raise SettingsError if two results would be the same file, or one would replace a source."""
    sources = {_real(job.source): job.source for job in jobs}
    taken = {}
    for job in jobs:
        length = len(os.fsencode(job.target.name))
        if length > LONGEST_NAME:
            raise SettingsError(
                f"{job.source}: the name of its result would have {length} bytes, and a file "
                f"system takes {LONGEST_NAME}; choose a shorter one with -o or --suffix"
            )
        real = _real(job.target)
        if real in sources:
            raise SettingsError(
                f"the result of {job.source} would replace the source {sources[real]}; "
                "choose another -o or --suffix"
            )
        if real in taken:
            raise SettingsError(
                f"{taken[real]} and {job.source} would both become {job.target}; enlarge them with "
                "two commands that differ in -o or --suffix"
            )
        taken[real] = job.source


def check_extension(path: Path, extension: str | None = None) -> None:
    """Raise PictureError if a result's name does not tell its format, or tells a different one.

    Parameters
    ----------
    path : pathlib.Path
    extension : str, optional
        The format, such as ".png", if it is given separately. A name that is no picture's, such as
        "x.tmp", is accepted then.
    """
    if extension is None:
        with naming(str(path)):
            format_of(path.suffix)
    elif path.suffix.lower() in {*READ_SUFFIXES} - {*format_of(extension).suffixes}:
        raise PictureError(
            f"{path}: expected a name that ends in {extension}, as --ext says; "
            "leave out --ext, or change -o"
        )


def extension_by_content(path: Path) -> str | None:
    """Return the extension of what a picture file really is, if its name says something else.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str or None
        Such as ".png" for a PNG with a JPEG's name. None if name and content agree, or the content
        is not known.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:  # reported when it is that file's turn
        return None
    kind = sniff(head) or sniff_other(head)
    if kind is None or path.suffix.lower() not in READ_SUFFIXES:
        return None
    form = default_format(kind)
    same = [*form.suffixes, *suffixes_of(kind), *(".pbm",) * (kind == "PNM")]
    return None if path.suffix.lower() in same else form.suffixes[0]


def _real(path):
    return os.path.realpath(path)
