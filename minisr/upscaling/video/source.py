"""Read the frames of a file in order, with their times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from minisr.upscaling.video.pyav import decode_errors, open_source, require_av, wrap_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisr.types import PathLike
    from minisr.upscaling.video.probe import VideoInfo

# Seconds before the wanted frame to seek to. Some formats seek by decoding times, which are earlier
# than presentation times, so the first attempt may land after the frame.
SEEK_MARGINS = (1, 20)


class Source:
    """The frames of a file between two times.

    Parameters
    ----------
    path : path-like
    info : minisr.upscaling.video.probe.VideoInfo
    begin, end : Fraction or None
        In seconds, on the file's own clock.

    Attributes
    ----------
    notes : list of str
        One line about each irregularity in what has been read so far.
    """

    def __init__(self, path: PathLike, info: VideoInfo, begin: Any = None, end: Any = None) -> None:
        self.path = path
        self.info = info
        base = info.time_base
        self.begin = None if begin is None else -(-begin // base)  # in ticks, rounded up
        self.end = None if end is None else -(-end // base)
        self.notes = []

    def frames(self, after: int | None = None) -> Iterator[Any]:
        """Yield ``(frame, time, duration)``, in ticks, with ascending times.

        Parameters
        ----------
        after : int, optional
            Skip the frames up to this time.
        """
        wanted = after if after is not None else self.begin
        if wanted is not None and not self.info.untimed:
            for seconds in SEEK_MARGINS:
                target = int(wanted - seconds / self.info.time_base)
                found = yield from self._from(wanted, after, target)
                if found:
                    return
        yield from self._from(wanted, after, None)

    def _from(self, wanted, after, target):
        """Seek and yield frames; return False, having yielded none, if the seek landed too late."""
        with open_source(self.path) as container, wrap_errors(self.path, "cannot be decoded"):
            stream = container.streams[self.info.index]
            if target is not None:
                try:
                    container.seek(target, stream=stream)
                except require_av().FFmpegError:
                    return False
            first = True
            for frame, time, duration in self._timed(container, stream):
                if first and target is not None and time > wanted:
                    return False
                first = False
                if after is not None and time <= after:
                    continue
                if self.begin is not None and time < self.begin:
                    continue
                if self.end is not None and time >= self.end:
                    break
                yield frame, time, duration
            return not first

    def _timed(self, container, stream):
        """Yield all frames, with times made ascending where the file's are not."""
        info, last = self.info, None
        tick = max(1, round(1 / (info.rate * info.time_base)))
        for count, frame in enumerate(self._decoded(container, stream)):
            time = frame.pts
            if info.untimed:
                time = round(Fraction(count) / (info.rate * info.time_base))
            elif time is None:
                time = last + tick if last is not None else 0
                self._note("some frames have no time: each is placed after the one before it")
            if last is not None and time <= last:
                time = last + 1
                self._note("some frames have equal or descending times: moved by a tick")
            last = time
            yield frame, time, frame.duration or tick

    def _decoded(self, container, stream):
        info = self.info
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            if not packet.size and packet.pts is not None:
                continue  # Theora's way of repeating the last frame
            try:
                frames = packet.decode()
            except decode_errors():
                self._note("the file is damaged: frames that cannot be decoded are left out")
                continue
            for frame in frames:
                if frame.interlaced_frame:
                    self._note("some frames are interlaced: treated as progressive")
                if (frame.width, frame.height) != (info.width, info.height):
                    self._note(
                        f"some frames have another size: resized to {info.width}x{info.height}"
                    )
                    frame = frame.reformat(info.width, info.height)
                yield frame

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)
