"""Check for free memory before it is allocated: a system that runs out kills the process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import PictureError

if TYPE_CHECKING:
    from typing import Any

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available() -> Any:
    """Return the bytes of memory available; None where that is unknown (not Linux)."""
    found = []
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        return None
    try:  # a container may have less
        most = int((_CGROUP / "memory.max").read_text())
        taken = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        found.append(max(most - taken + int(stat.get("inactive_file", 0)), 0))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def total() -> Any:
    """Return the bytes of memory of the machine or container; None where that is unknown."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
    try:
        return min(found, int((_CGROUP / "memory.max").read_text()))
    except (OSError, ValueError):
        return found


def check(
    size: tuple[int, int],
    channels: int,
    itemsize: int,
    scale: float,
    free: int | None,
    frames: int = 1,
) -> None:
    """Raise PictureError if a picture and its result do not fit into the free memory.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    channels, itemsize : int
        Of the decoded picture.
    scale : float
        Factor for both sides.
    free : int or None
        Bytes. If None, the amount is unknown and nothing is raised.
    frames : int, optional
        Frames of an animation. All their results stay in memory until they are encoded.

    Notes
    -----
    The estimate is low: it counts the picture, its result, and the result in float32, in which it
    is computed.
    """
    width, height = size
    pixels = width * height * channels
    need = pixels * (itemsize + scale**2 * (itemsize * frames + 4))
    if free is not None and need > free:
        many = f"{frames} frames of " if frames > 1 else ""
        raise PictureError(
            f"{many}{width} x {height} pixels enlarged to {round(width * scale)} x "
            f"{round(height * scale)} need at least {need / 1e9:.1f} GB of memory, but "
            f"only {free / 1e9:.1f} GB are free; enlarge part of it, or use a smaller scale"
        )
