"""Stream copy: audio, subtitles, attachments, chapters and titles are written unchanged."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from minisr.upscaling.video import matroska
from minisr.upscaling.video.encoders import ENCODERS, configure
from minisr.upscaling.video.pyav import require_av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisr.upscaling.video.probe import VideoInfo

# Tags that say how a file or a stream was made: they are not true of the new file.
FILE_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands")
STREAM_TAGS = ("encoder", "duration", "bps", "number_of_", "_statistics_", "vendor_id")
LEAD = 20  # ticks: a missing first decoding time is set this long before the presentation time


class StreamCopier:
    """The streams of an output, each made from one stream of the source.

    Parameters
    ----------
    output : av.container.OutputContainer
    source : av.container.InputContainer
    info : minisr.upscaling.video.probe.VideoInfo
    span : (Fraction, Fraction or None)
        The part of the source to keep, in seconds of its own clock.

    Attributes
    ----------
    notes : list of str
        One line about each thing that the output cannot hold.
    """

    def __init__(self, output: Any, source: Any, info: VideoInfo, span: tuple[Any, Any]) -> None:
        self.output, self.source, self.info = output, source, info
        self.begin, self.end = span
        self.notes, self.copies, self.decoded = [], {}, {}
        self.video = None

    def add_all(self, settings: Any, size: Any, threads: Any) -> None:
        """Add every stream that the output can hold, in order, then chapters and titles."""
        for stream in self.source.streams:
            if stream.index == self.info.index:
                self._add_video(stream, settings, size, threads)
            elif not self._is_chapter_track(stream):
                self._copy(stream)
        self.output.metadata.update(_without(self.source.metadata, FILE_TAGS))
        chapters = [c for c in map(self._shifted, self.source.chapters()) if c["end"] > c["start"]]
        if chapters:
            self.output.set_chapters(chapters)

    def _add_video(self, stream, settings, size, threads):
        encoder = ENCODERS[settings.codec].name
        self.video = self.output.add_stream(encoder, rate=self.info.rate)
        configure(self.video.codec_context, settings, self.info, size, threads)
        if settings.codec == "h265" and self.output.format.name in ("mp4", "mov"):
            # Of the two tags for H.265, Apple's players accept only this one.
            self.video.codec_context.codec_tag = "hvc1"
        self._describe(stream, self.video)
        if self.needs_display_size:
            title = self.video.metadata.get("title", "")
            self.video.metadata["title"] = matroska.padded(title)
        if self.info.matrix is not None:
            self.video.set_display_matrix(self.info.matrix)

    @property
    def needs_display_size(self) -> bool:
        """Whether pixels are not square and the finished file must be patched to say so."""
        is_matroska = self.output.format.name in ("matroska", "webm")
        return is_matroska and self.info.aspect not in (None, 1)

    def _describe(self, stream, copy):
        copy.time_base = stream.time_base
        copy.metadata.update(_without(stream.metadata, STREAM_TAGS))
        copy.disposition = int(stream.disposition)

    def _copy(self, stream):
        kinds = require_av().stream.Disposition
        is_matroska = self.output.format.name == "matroska"
        if stream.type == "video" and stream.disposition & kinds.attached_pic and is_matroska:
            self._attach_cover(stream)
            return
        if stream.type == "data" or (stream.type == "attachment" and not is_matroska):
            self._omit(stream)
            return
        try:
            copy = self.output.add_stream_from_template(stream, opaque=True)
        except (ValueError, require_av().FFmpegError):
            self._omit(stream)
            return
        self._describe(stream, copy)
        self.copies[stream.index] = copy

    def _attach_cover(self, stream):
        """Store a cover as an attachment, as Matroska does; other containers use a stream."""
        jpeg = stream.codec_context.name == "mjpeg"
        for packet in self.source.demux(stream):
            if packet.size:
                name = stream.metadata.get("filename") or ("cover.jpg" if jpeg else "cover.png")
                kind = "image/jpeg" if jpeg else "image/png"
                self.output.add_attachment(name, kind, bytes(packet))
                break
        self.source.seek(0)

    def _omit(self, stream):
        name = getattr(stream.codec_context, "name", None) or getattr(stream, "name", None)
        name = name or "unknown"
        remedy = "" if self.output.format.name == "matroska" else "; .mkv can hold most kinds"
        self.notes.append(
            f"{stream.type} track {stream.index} ({name}) is left out: "
            f"{self.output.format.name} cannot hold it{remedy}"
        )

    def _is_chapter_track(self, stream):
        """Return whether a stream is QuickTime's copy of the chapters, which are written anew."""
        return stream.type == "data" and "mov" in self.source.format.name and self.source.chapters()

    def _shifted(self, chapter):
        """Return a chapter on the output's clock, cut at the ends of the span."""
        base = chapter["time_base"]
        offset = round(self.begin / base)
        end = chapter["end"] if self.end is None else min(chapter["end"], round(self.end / base))
        start = max(0, chapter["start"] - offset)
        return chapter | {"start": start, "end": end - offset}

    def packets(self) -> Iterator[Any]:
        """Yield ``(seconds, packet)`` for every copied packet, ready for the output."""
        streams = [s for s in self.source.streams if s.index in self.copies]
        if not streams:
            return
        if self.begin > 0:
            self.source.seek(max(0, int((self.begin - 1) * 1_000_000)))
        for packet in self.source.demux(streams):
            if packet.pts is None and packet.dts is None and not packet.size:
                continue  # PyAV's signal to flush decoders
            stream = packet.stream
            if not self._place(packet, stream):
                continue
            packet.stream = self.copies[stream.index]
            yield packet.dts * stream.time_base, packet

    def _place(self, packet, stream):
        """Move a packet to the output's clock; return False if it lies outside the span."""
        if stream.disposition & require_av().stream.Disposition.attached_pic:
            packet.pts = packet.dts = 0
            return True
        base = Fraction(stream.time_base)
        self._complete(packet, stream)
        first, last = packet.pts * base, (packet.pts + (packet.duration or 0)) * base
        offset = round(self.begin / base)
        if self.end is not None and first >= self.end:
            return False
        if stream.type == "subtitle" and self.end is not None and last > self.end:
            packet.duration = round(self.end / base) - packet.pts
        if stream.type == "subtitle" and self.trims_start and first < self.begin < last:
            packet.duration -= offset - packet.pts
            packet.pts = packet.dts = offset
        elif self.trims_start and first < self.begin:
            return False
        packet.pts -= offset
        packet.dts -= offset
        return True

    def _complete(self, packet, stream):
        """Fill in a packet's missing times, and keep decoding times in ascending order."""
        packet.pts = packet.dts if packet.pts is None else packet.pts
        last = self.decoded.get(stream.index)
        if packet.dts is None and stream.type == "video":  # Matroska's first packets, for instance
            packet.dts = packet.pts - LEAD if last is None else last + 1
        elif packet.dts is None:
            packet.dts = packet.pts
        # Matroska allows equal times (two lines of a song, say). No container allows descending
        # ones.
        least = packet.dts if last is None else last + (self.output.format.name in ("mp4", "mov"))
        if packet.dts < least:
            packet.dts, packet.pts = least, max(packet.pts, least)
        self.decoded[stream.index] = packet.dts

    @property
    def trims_start(self) -> bool:
        """Whether the span leaves out the beginning of the source."""
        return self.begin > self.info.origin


def _without(metadata, prefixes):
    """Return metadata without the keys that begin with one of the prefixes."""
    return {k: v for k, v in metadata.items() if not k.lower().startswith(prefixes)}
