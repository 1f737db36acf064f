"""The hidden folder beside a target that holds unfinished work."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.upscaling.video.segments import read_segment

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

MANIFEST, ENDED = "manifest.json", "ended"


class WorkFolder:
    """The finished segments of a video, and a manifest of how they are made.

    Use it in a ``with`` block, which locks the folder against other runs.

    Parameters
    ----------
    target : pathlib.Path
        The folder is ``.NAME.minisr`` beside it.
    manifest : dict
        Everything that determines the bits of the segments. Segments made with another manifest
        are deleted.

    Attributes
    ----------
    segments : list of minisr.upscaling.video.segments.Segment
        The complete ones, from the first on, without a gap.
    discarded : bool
        Whether segments of another manifest were deleted.
    """

    def __init__(self, target: Path, manifest: dict[Any, Any]) -> None:
        self.path = target.with_name(f".{target.name}.minisr")
        self.manifest = json.loads(
            json.dumps(manifest)
        )  # as it will be read back: lists, not tuples
        self.segments, self.discarded, self._lock = [], False, None

    def __enter__(self) -> Any:
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = _locked(self.path / "lock")
        except BlockingIOError as error:
            raise SettingsError(
                f"{self.path}: another run is using this folder; wait until it has finished"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{self.path}: cannot use this folder: {reason}") from error
        if self._read() != self.manifest:
            self.discarded = self._read() is not None
            for file in self.path.iterdir():
                if file.name != "lock":
                    file.unlink()
            temporary = self.path / "manifest.part"
            temporary.write_text(json.dumps(self.manifest, indent=1), encoding="utf-8")
            os.replace(temporary, self.path / MANIFEST)
        while (segment := read_segment(self.segment_path())) is not None:
            self.segments.append(segment)
        for stale in self.path.glob("*.part"):
            stale.unlink()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._lock is not None:
            self._lock.close()

    def _read(self):
        try:
            return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def segment_path(self) -> Any:
        """Return the path of the next segment."""
        return self.path / f"{len(self.segments):06d}.segment"

    @property
    def ended(self) -> bool:
        """Whether the last segment is the video's last."""
        try:
            return int((self.path / ENDED).read_text()) == len(self.segments)
        except (OSError, ValueError):
            return False

    def end(self) -> None:
        """Record that the last segment is the video's last."""
        (self.path / ENDED).write_text(f"{len(self.segments)}")

    @property
    def frames(self) -> Any:
        """The number of finished frames."""
        return sum(len(segment.times) for segment in self.segments)

    def remove(self) -> None:
        """Remove the folder."""
        (self.path / MANIFEST).unlink()  # first, so that no run resumes from a half-deleted folder
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _locked(path):
    """Open a file and lock it against other processes, on systems that have ``fcntl``."""
    file = open(path, "w")  # noqa: SIM115, open as long as the folder is in use
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
    return file
