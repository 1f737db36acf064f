"""Frames of a file, one after the other, with their times."""

from fractions import Fraction

from minisr.upscaling.video.library import damaged, errors_named, open_source, require_av

# Seconds before the wanted frame to which a jump goes. Some formats jump by the times at which
# packets are decoded, which are earlier, so the first jump may lead to a frame after it.
RUN_UP = (1, 20)


class Source:
    """A file's frames from a certain time on.

    Parameters
    ----------
    path : path-like
    facts : minisr.upscaling.video.facts.Facts
    begin, end : Fraction or None
        Seconds, of the file's own clock.

    Attributes
    ----------
    notes : list of str
        What was odd, in one line each, as far as has been read.
    """

    def __init__(self, path, facts, begin=None, end=None):
        self.path = path
        self.facts = facts
        base = facts.time_base
        self.begin = None if begin is None else -(-begin // base)  # in ticks, rounded up
        self.end = None if end is None else -(-end // base)
        self.notes = []

    def frames(self, after=None):
        """Yield ``(frame, time, duration)``, times in ticks and rising.

        Parameters
        ----------
        after : int, optional
            The time of the last frame that is not wanted again.
        """
        wanted = after if after is not None else self.begin
        if wanted is not None and not self.facts.counted:
            for seconds in RUN_UP:
                target = int(wanted - seconds / self.facts.time_base)
                found = yield from self._from(wanted, after, target)
                if found:
                    return
        yield from self._from(wanted, after, None)

    def _from(self, wanted, after, target):
        """Yield frames; return False, before the first, if a jump did not lead to before them."""
        with open_source(self.path) as container, errors_named(self.path, "cannot be decoded"):
            stream = container.streams[self.facts.index]
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
        """Yield all frames with rising times, whatever the file says."""
        facts, last = self.facts, None
        tick = max(1, round(1 / (facts.rate * facts.time_base)))
        for count, frame in enumerate(self._decoded(container, stream)):
            time = frame.pts
            if facts.counted:
                time = round(Fraction(count) / (facts.rate * facts.time_base))
            elif time is None:
                time = last + tick if last is not None else 0
                self._note("frames without a time: each follows the one before")
            if last is not None and time <= last:
                time = last + 1
                self._note("frames with equal or falling times: moved by a tick")
            last = time
            yield frame, time, frame.duration or tick

    def _decoded(self, container, stream):
        facts = self.facts
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            if not packet.size and packet.pts is not None:
                continue  # Theora's way to say that the last frame stays
            try:
                frames = packet.decode()
            except damaged():
                self._note("damaged parts: what cannot be decoded is left out")
                continue
            for frame in frames:
                if frame.interlaced_frame:
                    self._note("some frames are interlaced: taken as if they were not")
                if (frame.width, frame.height) != (facts.width, facts.height):
                    self._note(f"frames of another size: resized to {facts.width}x{facts.height}")
                    frame = frame.reformat(facts.width, facts.height)
                yield frame

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)
