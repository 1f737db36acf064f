"""Encoded video in pieces on disk, so that interrupted work can be resumed.

A segment holds a fixed number of frames, encoded by an encoder of their own: its first frame
depends on none before it. Its file holds the packets, then a table of them as JSON, then the
table's length and a signature. Only a complete file gets its final name.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.upscaling.video.encoders import ENCODERS, configure
from minisr.upscaling.video.pyav import require_av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from minisr.upscaling.video.encoders import Settings
    from minisr.upscaling.video.probe import VideoInfo

SIGNATURE = b"minisr-1"
TAIL = struct.Struct("<Q8s")
BLOCK_SIZE, BLOCKS = 1 << 18, 16  # bytes per block, and blocks, of a source to hash


@dataclass(frozen=True)
class Segment:
    """A complete segment on disk.

    Attributes
    ----------
    path : pathlib.Path
    times : list of int
        When its frames are shown, in ticks of the source, ascending.
    durations : list of int
        How long each frame is shown, as the source says.
    packets : list of (int, int, bool)
        In decoding order: index of the frame, size in bytes, and whether it is a key frame.
    """

    path: object
    times: list
    durations: list
    packets: list

    @property
    def delay(self) -> Any:
        """How many frames decoding order runs ahead of presentation order, at most."""
        return max(place - frame for place, (frame, _, _) in enumerate(self.packets))

    def data(self) -> Iterator[Any]:
        """Yield ``(frame, data, is_key)``."""
        with open(self.path, "rb") as file:
            for frame, size, key in self.packets:
                yield frame, file.read(size), key


def read_segment(path: Any) -> Any:
    """Return a segment, or None if its file is missing or incomplete."""
    try:
        with open(path, "rb") as file:
            file.seek(-TAIL.size, os.SEEK_END)
            length, signature = TAIL.unpack(file.read())
            start = file.seek(-TAIL.size - length, os.SEEK_END)
            table = json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None
    complete = signature == SIGNATURE and sum(size for _, size, _ in table["packets"]) == start
    return Segment(**table | {"path": path}) if complete else None


class SegmentWriter:
    """Encodes frames into the file of one segment.

    Parameters
    ----------
    path : pathlib.Path
        The segment's final path.
    settings : minisr.upscaling.video.encoders.Settings
    info : minisr.upscaling.video.probe.VideoInfo
    size : (int, int)
    threads : int
    """

    def __init__(
        self, path: Path, settings: Settings, info: VideoInfo, size: tuple[int, int], threads: int
    ) -> None:
        av = require_av()
        self.path, self.temporary = path, path.with_suffix(".part")
        self.encoder = av.CodecContext.create(ENCODERS[settings.codec].name, "w")
        configure(self.encoder, settings, info, size, threads)
        self.encoder.flags |= int(av.codec.context.Flags.global_header)
        self.times, self.durations, self.packets = [], [], []
        self.file = open(self.temporary, "wb")  # noqa: SIM115, closed by `finish` or `abandon`

    def write(self, frame: Any, time: Any, duration: Any) -> None:
        """Encode a frame; ``time`` and ``duration`` are in ticks of the source."""
        frame.pts, frame.time_base = len(self.times), self.encoder.time_base
        frame.color_range = self.encoder.color_range
        self.times.append(time)
        self.durations.append(duration)
        self._store(self.encoder.encode(frame))

    def _store(self, packets):
        for packet in packets:
            self.packets.append((packet.pts, packet.size, packet.is_keyframe))
            self.file.write(bytes(packet))

    def finish(self) -> None:
        """Flush the encoder, and give the file its final name."""
        self._store(self.encoder.encode(None))
        if sorted(frame for frame, _, _ in self.packets) != list(range(len(self.times))):
            raise PictureError(
                f"expected {self.encoder.name} to encode {len(self.times)} frames, "
                f"got {len(self.packets)}: choose another codec"
            )
        table = json.dumps(vars(self.segment) | {"path": None}).encode()
        self.file.write(table + TAIL.pack(len(table), SIGNATURE))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self.temporary, self.path)

    @property
    def segment(self) -> Any:
        """The segment as written so far."""
        return Segment(self.path, self.times, self.durations, self.packets)

    def abandon(self) -> None:
        """Close and remove the incomplete file."""
        self.file.close()
        self.temporary.unlink(missing_ok=True)


def fingerprint(path: Any) -> Any:
    """Return a hash of a file's size and of blocks spread over it: fast even for 50 GB."""
    size = path.stat().st_size
    total = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for block in range(BLOCKS):
            file.seek(max(0, size - BLOCK_SIZE) * block // (BLOCKS - 1))
            total.update(file.read(BLOCK_SIZE))
    return total.hexdigest()
