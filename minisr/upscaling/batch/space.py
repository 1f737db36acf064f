"""A check before the work that results will fit on the disk, as far as that can be estimated."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

LOSSY = (".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".heic", ".heif", ".hif", ".jxl")
PACKED = (".png", ".apng", ".gif")
# Bytes of the result per byte of the source and per pixel that a pixel becomes: from lossy, packed
# and plain files (rows) to the same (columns). These are low estimates, since enlarged pictures are
# smooth: if results do not fit by these, they would not have fitted.
GROWTH = {
    "lossy": {"lossy": 0.3, "packed": 1.5, "plain": 5},
    "packed": {"lossy": 0.05, "packed": 0.3, "plain": 1},
    "plain": {"lossy": 0.02, "packed": 0.1, "plain": 0.5},
}


def estimate(source: Path, target: Path, area: float) -> Any:
    """Estimate how many bytes a result will have, rather too low than too high.

    Parameters
    ----------
    source : pathlib.Path
    target : pathlib.Path
    area : float
        How many pixels each pixel becomes.
    """
    try:
        size = source.stat().st_size
    except OSError:
        return 0
    return size * area * GROWTH[_kind(source)][_kind(target)]


def check(jobs: list[Any], area_of: Callable[..., Any]) -> None:
    """Raise SettingsError if there is no room for all results.

    Parameters
    ----------
    jobs : list of minisr.upscaling.batch.targets.Job
    area_of : callable
        Takes a source's path and returns how many pixels each of its pixels becomes.
    """
    needed, places = {}, {}
    for job in jobs:
        place = _existing(job.target.parent)
        device = os.stat(place).st_dev
        places.setdefault(device, place)
        bytes_needed = estimate(job.source, job.target, area_of(job.source))
        needed[device] = needed.get(device, 0) + bytes_needed
    for device, total in needed.items():
        free = shutil.disk_usage(places[device]).free
        if total > free:
            raise SettingsError(
                f"{places[device]}: {len(jobs)} results need some {_readable(total)} or more, but "
                f"only {_readable(free)} are free; make room, or name a folder on another disk"
            )


def _kind(path):
    suffix = path.suffix.lower()
    return "lossy" if suffix in LOSSY else "packed" if suffix in PACKED else "plain"


def _existing(folder):
    """Return a folder, or the nearest folder above it that exists."""
    folder = folder.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _readable(size):
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
