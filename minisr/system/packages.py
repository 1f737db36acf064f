"""Which packages are installed."""

from importlib import metadata


def version(package):
    """Return the version of a package, without importing it; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
