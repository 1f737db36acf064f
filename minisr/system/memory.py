"""Whether there is memory enough, asked before it is taken: a system that has none kills."""

import os
from pathlib import Path

from minisr.errors import PictureError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available():
    """Return the bytes that are to be had; None where that cannot be told (not Linux)."""
    found = []
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        return None
    try:  # in a container there may be less
        most = int((_CGROUP / "memory.max").read_text())
        taken = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        found.append(max(most - taken + int(stat.get("inactive_file", 0)), 0))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def total():
    """Return the bytes that the machine, or the container, has; None where that cannot be told."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
    try:
        return min(found, int((_CGROUP / "memory.max").read_text()))
    except (OSError, ValueError):
        return found


def check(size, channels, itemsize, scale, free, frames=1):
    """Raise PictureError if a picture and its result are more than the memory that is free.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    channels, itemsize : int
        Of the decoded picture.
    scale : float
        Of both sides.
    free : int or None
        Bytes; None: it cannot be told, and nothing is raised.
    frames : int, optional
        Of an animation, all of whose results are kept until they are encoded.

    Notes
    -----
    The estimate is a low one: the picture, its result, and the result once more in float32, which
    is what is computed with.
    """
    width, height = size
    pixels = width * height * channels
    need = pixels * (itemsize + scale**2 * (itemsize * frames + 4))
    if free is not None and need > free:
        many = f"{frames} frames of " if frames > 1 else ""
        raise PictureError(
            f"{many}{width} x {height} pixels enlarged to {round(width * scale)} x "
            f"{round(height * scale)} need {need / 1e9:.1f} GB of memory or more, and "
            f"{free / 1e9:.1f} GB are free: enlarge a part at a time, or by less"
        )
