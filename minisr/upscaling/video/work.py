"""The hidden folder beside a target in which a video is made."""

import contextlib
import json
import os
import shutil

from minisr.errors import SettingsError
from minisr.upscaling.video.segments import read_segment

MANIFEST, ENDED = "manifest.json", "ended"


class WorkFolder:
    """Segments of a video to be, and of what and how they are made.

    Use it in a ``with`` block, during which nobody else may work there.

    Parameters
    ----------
    target : pathlib.Path
        The folder is ``.NAME.minisr`` beside it.
    manifest : dict
        What decides about every bit of the segments; those made otherwise are thrown away.

    Attributes
    ----------
    segments : list of minisr.upscaling.video.segments.Segment
        Those that are whole, from the first on without a gap.
    discarded : bool
        Whether there was something that was made otherwise.
    """

    def __init__(self, target, manifest):
        self.path = target.with_name(f".{target.name}.minisr")
        self.manifest = json.loads(json.dumps(manifest))  # as it will be read: lists, not tuples
        self.segments, self.discarded, self._lock = [], False, None

    def __enter__(self):
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = _locked(self.path / "lock")
        except BlockingIOError as error:
            raise SettingsError(f"{self.path}: another run is at work there") from error
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{self.path}: cannot be worked in: {reason}") from error
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

    def __exit__(self, *_):
        if self._lock is not None:
            self._lock.close()

    def _read(self):
        try:
            return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def segment_path(self):
        """Return where the next segment goes."""
        return self.path / f"{len(self.segments):06d}.segment"

    @property
    def ended(self):
        """Whether the last segment is the video's last."""
        try:
            return int((self.path / ENDED).read_text()) == len(self.segments)
        except (OSError, ValueError):
            return False

    def end(self):
        """Note that the last segment is the video's last."""
        (self.path / ENDED).write_text(f"{len(self.segments)}")

    @property
    def frames(self):
        """How many frames are done."""
        return sum(len(segment.times) for segment in self.segments)

    def remove(self):
        """Remove the folder, when all is done."""
        (self.path / MANIFEST).unlink()  # first: nobody may go on with half of what there was
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _locked(path):
    """Open a file that one process at a time may open, where the system knows how to see to it."""
    file = open(path, "w")  # noqa: SIM115, as long as the folder is worked in
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
    return file
