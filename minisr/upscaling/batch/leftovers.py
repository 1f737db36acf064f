"""Temporary files left by programs that were killed."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from minisr.system.atomic import temporary_beginning

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part", re.DOTALL)  # of minisr.system.atomic
OLD = 600  # seconds since the last write; a program at work writes more often


def clear(targets: Iterable[Any], at_once: bool) -> int:
    """Remove temporary files that killed programs have left of these results, and nothing else.

    Parameters
    ----------
    targets : iterable of pathlib.Path
        Only their temporary files are removed.
    at_once : bool
        Whether no other program can be at work on them. If one can, files written to in the last
        ten minutes are left alone.

    Returns
    -------
    int
        How many were removed.
    """
    names = {}
    for target in targets:
        beginning = temporary_beginning(target.name)[1:]
        names.setdefault(target.parent, set()).add(beginning)
    removed = 0
    for folder, wanted in names.items():
        with contextlib.suppress(OSError):
            for entry in list(folder.iterdir()):
                match = TEMPORARY.fullmatch(entry.name)
                if not match or match["name"] not in wanted or entry.is_symlink():
                    continue
                with contextlib.suppress(OSError):
                    if at_once or time.time() - entry.stat().st_mtime > OLD:
                        entry.unlink()
                        removed += 1
    return removed
