"""Encoded video in pieces on disk, so that whoever is stopped can go on.

A segment is what an encoder made of a fixed number of frames, begun and ended by itself: its first
frame needs none before it. Its file has the packets one after the other, then a table of them as
JSON, then the table's length and a mark. A file gets its name when it is whole.
"""

import hashlib
import json
import os
import struct
from dataclasses import dataclass

from minisr.errors import PictureError
from minisr.upscaling.video.encoders import ENCODERS, configure
from minisr.upscaling.video.library import require_av

MARK = b"minisr-1"
TAIL = struct.Struct("<Q8s")
HASHED, BLOCKS = 1 << 18, 16  # bytes in a block, and blocks, of a source that are hashed


@dataclass(frozen=True)
class Segment:
    """A whole segment on disk.

    Attributes
    ----------
    path : pathlib.Path
    times : list of int
        When its frames are shown, in ticks of the source, rising.
    durations : list of int
        For how long, as the source says.
    packets : list of (int, int, bool)
        In the order of decoding: which frame, how many bytes, and whether it is a key frame.
    """

    path: object
    times: list
    durations: list
    packets: list

    @property
    def delay(self):
        """By how many frames the order of decoding runs ahead of that of showing."""
        return max(place - frame for place, (frame, _, _) in enumerate(self.packets))

    def data(self):
        """Yield ``(frame, data, is_key)``."""
        with open(self.path, "rb") as file:
            for frame, size, key in self.packets:
                yield frame, file.read(size), key


def read_segment(path):
    """Return a segment; None where the file is not whole."""
    try:
        with open(path, "rb") as file:
            file.seek(-TAIL.size, os.SEEK_END)
            length, mark = TAIL.unpack(file.read())
            start = file.seek(-TAIL.size - length, os.SEEK_END)
            table = json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None
    whole = mark == MARK and sum(size for _, size, _ in table["packets"]) == start
    return Segment(**table | {"path": path}) if whole else None


class SegmentWriter:
    """Encodes some frames into a file.

    Parameters
    ----------
    path : pathlib.Path
        Of the segment to be.
    settings : minisr.upscaling.video.encoders.Settings
    facts : minisr.upscaling.video.facts.Facts
    size : (int, int)
    threads : int
    """

    def __init__(self, path, settings, facts, size, threads):
        av = require_av()
        self.path, self.temporary = path, path.with_suffix(".part")
        self.encoder = av.CodecContext.create(ENCODERS[settings.codec].name, "w")
        configure(self.encoder, settings, facts, size, threads)
        self.encoder.flags |= int(av.codec.context.Flags.global_header)
        self.times, self.durations, self.packets = [], [], []
        self.file = open(self.temporary, "wb")  # noqa: SIM115, closed by `finish` or `abandon`

    def write(self, frame, time, duration):
        """Encode a frame that is shown at ``time``, for so long, in ticks of the source."""
        frame.pts, frame.time_base = len(self.times), self.encoder.time_base
        frame.color_range = self.encoder.color_range
        self.times.append(time)
        self.durations.append(duration)
        self._store(self.encoder.encode(frame))

    def _store(self, packets):
        for packet in packets:
            self.packets.append((packet.pts, packet.size, packet.is_keyframe))
            self.file.write(bytes(packet))

    def finish(self):
        """Encode what the encoder still holds, and give the file its name."""
        self._store(self.encoder.encode(None))
        if sorted(frame for frame, _, _ in self.packets) != list(range(len(self.times))):
            raise PictureError(
                f"{self.encoder.name} made {len(self.packets)} pictures of {len(self.times)}: "
                "choose another codec"
            )
        words = json.dumps(vars(self.segment) | {"path": None}).encode()
        self.file.write(words + TAIL.pack(len(words), MARK))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self.temporary, self.path)

    @property
    def segment(self):
        """What has been written."""
        return Segment(self.path, self.times, self.durations, self.packets)

    def abandon(self):
        """Close and remove what is not whole."""
        self.file.close()
        self.temporary.unlink(missing_ok=True)


def fingerprint(path):
    """Return a hash of a file's size and of blocks spread over it: cheap for a film of 50 GB."""
    size = path.stat().st_size
    total = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for block in range(BLOCKS):
            file.seek(max(0, size - HASHED) * block // (BLOCKS - 1))
            total.update(file.read(HASHED))
    return total.hexdigest()
