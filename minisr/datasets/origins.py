"""The origins of pictures: a source in the catalogue, a mirror, or a local folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from minisr.datasets.download import download, require_pooch
from minisr.errors import DatasetError, SettingsError
from minisr.images.formats import READ_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisr.datasets.catalogue import Dataset


class Web:
    """Pictures at URLs.

    Parameters
    ----------
    address : callable
        Maps the name of a file to its URL.
    """

    def __init__(self, address: Callable[..., Any]) -> None:
        self.where = address

    def name(self, file: Any) -> Any:
        """Return the name that a file will have: its own."""
        return file

    def fetch(self, file: Any, path: Any, count: Any) -> None:
        """Download a file to ``path``."""
        download(self.where(file), path, count)


class Local:
    """Pictures in a local folder, in any of the usual layouts.

    The folder may contain a folder with the dataset's name, a copy of one of its sources, or the
    files themselves. Suffixes may differ, as in a T91 that was converted to PNG.

    Raises
    ------
    DatasetError
        If there are no pinned hashes and some pictures are missing. Set5 also has an img_001.png,
        so a few names alone do not identify a dataset.
    """

    def __init__(self, folder: Any, dataset: Any) -> None:
        files = dataset.files
        self.folder, self.paths = folder, {}
        for within, name in _layouts(dataset):
            paths = {file: find_picture(folder / within, name(file)) for file in files}
            paths = {file: path for file, path in paths.items() if path}
            if len(paths) > len(self.paths):
                self.paths = paths
        if not dataset.pinned and len(self.paths) < len(files):
            raise DatasetError(
                f"{folder}: expected all {len(files)} pictures of {dataset.name}, found "
                f"{len(self.paths)} with the right names"
            )

    def where(self, file: Any) -> Any:
        """Return the path of a file.

        Raises
        ------
        DatasetError
            If it is missing.
        """
        if file not in self.paths:
            raise DatasetError(f"{self.folder}: it has no {file}")
        return self.paths[file]

    def name(self, file: Any) -> Any:
        """Return the name that a file will have: with the suffix it has in the folder."""
        return PurePosixPath(file).with_suffix(self.where(file).suffix).as_posix()

    def fetch(self, file: Any, path: Any, count: Any) -> None:
        """Copy a file to ``path``."""
        source = self.where(file)
        try:
            content = source.read_bytes()
        except OSError as error:
            raise DatasetError(f"{source}: cannot be read: {error.strerror or error}") from error
        path.write_bytes(content)
        count(len(content))


def _layouts(dataset):
    """Yield pairs of a subfolder and a function from a file's name to its name there."""
    for within in (dataset.name, dataset.name.lower()):
        yield within, str
    for source in dataset.sources:  # the repository, or any folder on the path to the pictures
        parts = source.folder.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:]), source.name
    yield "", str
    for source in dataset.sources:
        yield "", source.name


def find_picture(folder: Any, file: Any) -> Any:
    """Return the path of a picture in a folder, with any suffix; None if it is missing."""
    path = Path(folder) / file
    for suffix in (path.suffix, *READ_SUFFIXES):
        if path.with_suffix(suffix).is_file():
            return path.with_suffix(suffix)
    return None


def origins_of(dataset: Dataset, given: str | Path | None = None) -> list[Any] | Local:
    """List the origins of a dataset.

    Parameters
    ----------
    dataset : Dataset
    given : str or Path, optional
        A folder, or the URL of a mirror with ``NAME/FILE``. By default the catalogue's sources.

    Returns
    -------
    list of Web or Local

    Raises
    ------
    SettingsError
        If ``given`` is neither, or pooch is needed but not installed.
    """
    if given is None:
        require_pooch()
        return [Web(source.url) for source in dataset.sources]
    text = str(given)
    if "://" in text:
        if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
            raise SettingsError(
                f"{text}: expected a folder, or a URL like http://HOST or https://HOST"
            )
        require_pooch()
        return [Web(lambda file: f"{text.rstrip('/')}/{dataset.name}/{file}")]
    folder = Path(given)
    if not folder.is_dir():
        raise SettingsError(f"{folder}: expected a folder of pictures or a URL, found no folder")
    return [Local(folder, dataset)]
