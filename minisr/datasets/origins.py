"""Where pictures come from: a source of the catalogue, a mirror, or a folder on this machine."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from minisr.datasets.download import download, require_pooch
from minisr.errors import DatasetError, SettingsError
from minisr.images.formats import READ_SUFFIXES


class Web:
    """Pictures behind addresses.

    Parameters
    ----------
    address : callable
        From a file's name to its URL.
    """

    def __init__(self, address):
        self.where = address

    def name(self, file):
        """Return the name under which a file comes: its own."""
        return file

    def bring(self, file, path, count):
        """Write a file to ``path``."""
        download(self.where(file), path, count)


class Local:
    """Pictures in a folder that somebody has, in any of the usual layouts.

    A folder of the set's name within, a copy of one of its sources, or the files themselves. They
    may have another suffix, as T91 turned into PNG has.

    Raises
    ------
    DatasetError
        There are no pinned hashes and not all pictures of the set: Set5, too, has an img_001.png,
        and nothing else tells whose it is.
    """

    def __init__(self, folder, dataset):
        files = dataset.files
        self.folder, self.paths = folder, {}
        for within, name in _layouts(dataset):
            paths = {file: find(folder / within, name(file)) for file in files}
            paths = {file: path for file, path in paths.items() if path}
            if len(paths) > len(self.paths):
                self.paths = paths
        if not dataset.pinned and len(self.paths) < len(files):
            raise DatasetError(
                f"{folder}: expected all {len(files)} pictures of {dataset.name}, found "
                f"{len(self.paths)} with their names"
            )

    def where(self, file):
        """Return the path of a file.

        Raises
        ------
        DatasetError
            If it is not there.
        """
        if file not in self.paths:
            raise DatasetError(f"{self.folder}: there is no {file} in it")
        return self.paths[file]

    def name(self, file):
        """Return the name under which a file comes: with the suffix that it has there."""
        return PurePosixPath(file).with_suffix(self.where(file).suffix).as_posix()

    def bring(self, file, path, count):
        """Copy a file to ``path``."""
        source = self.where(file)
        try:
            content = source.read_bytes()
        except OSError as error:
            raise DatasetError(f"{source}: cannot be read: {error.strerror or error}") from error
        path.write_bytes(content)
        count(len(content))


def _layouts(dataset):
    """Yield pairs of a folder within a folder, and the names that files have in it."""
    for within in (dataset.name, dataset.name.lower()):
        yield within, str
    for source in dataset.sources:  # the repository, or any folder on the way to the pictures
        parts = source.folder.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:]), source.name
    yield "", str
    for source in dataset.sources:
        yield "", source.name


def find(folder, file):
    """Return where a picture lies in a folder, whatever its suffix; None if it does not."""
    path = Path(folder) / file
    for suffix in (path.suffix, *READ_SUFFIXES):
        if path.with_suffix(suffix).is_file():
            return path.with_suffix(suffix)
    return None


def origins_of(dataset, given=None):
    """List where a set can be had.

    Parameters
    ----------
    dataset : Dataset
    given : str or Path, optional
        A folder, or the URL of a mirror with NAME/FILE; by default the catalogue's sources.

    Returns
    -------
    list of Web or Local

    Raises
    ------
    SettingsError
        ``given`` is neither; pooch is needed and not installed.
    """
    if given is None:
        require_pooch()
        return [Web(source.url) for source in dataset.sources]
    text = str(given)
    if "://" in text:
        if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
            raise SettingsError(
                f"{text}: expected a folder, or a URL as http://HOST or https://HOST"
            )
        require_pooch()
        return [Web(lambda file: f"{text.rstrip('/')}/{dataset.name}/{file}")]
    folder = Path(given)
    if not folder.is_dir():
        raise SettingsError(f"{folder}: expected a folder of pictures or a URL, found no folder")
    return [Local(folder, dataset)]
