"""What is copied as it is: audio, subtitles, attachments, chapters, titles."""

from fractions import Fraction

from minisr.upscaling.video import matroska
from minisr.upscaling.video.encoders import ENCODERS, configure
from minisr.upscaling.video.library import require_av

# What a file says about how it was made, which is no longer true of another one.
OF_THE_FILE = ("encoder", "major_brand", "minor_version", "compatible_brands")
OF_THE_STREAM = ("encoder", "duration", "bps", "number_of_", "_statistics_", "vendor_id")
BEFORE = 20  # ticks: the first time of decoding, where there is none, before that of showing


class Carrier:
    """An output's streams, each made from one of the source's.

    Parameters
    ----------
    output : av.container.OutputContainer
    source : av.container.InputContainer
    facts : minisr.upscaling.video.facts.Facts
    span : (Fraction, Fraction or None)
        The part of the source, in seconds of its clock, that becomes the whole.

    Attributes
    ----------
    notes : list of str
        What the output cannot hold, in one line each.
    """

    def __init__(self, output, source, facts, span):
        self.output, self.source, self.facts = output, source, facts
        self.begin, self.end = span
        self.notes, self.copies, self.decoded = [], {}, {}
        self.video = None

    def add_all(self, settings, size, threads):
        """Add all streams that the output can hold, in their order, and chapters and titles."""
        for stream in self.source.streams:
            if stream.index == self.facts.index:
                self._add_video(stream, settings, size, threads)
            elif not self._is_of_chapters(stream):
                self._copy(stream)
        self.output.metadata.update(_without(self.source.metadata, OF_THE_FILE))
        chapters = [c for c in map(self._moved, self.source.chapters()) if c["end"] > c["start"]]
        if chapters:
            self.output.set_chapters(chapters)

    def _add_video(self, stream, settings, size, threads):
        encoder = ENCODERS[settings.codec].name
        self.video = self.output.add_stream(encoder, rate=self.facts.rate)
        configure(self.video.codec_context, settings, self.facts, size, threads)
        if settings.codec == "h265" and self.output.format.name in ("mp4", "mov"):
            self.video.codec_context.codec_tag = "hvc1"  # Apple's players want this of the two tags
        self._describe(stream, self.video)
        if self.needs_display_size:
            title = self.video.metadata.get("title", "")
            self.video.metadata["title"] = matroska.roomy(title)
        if self.facts.matrix is not None:
            self.video.set_display_matrix(self.facts.matrix)

    @property
    def needs_display_size(self):
        """Whether pixels are not square and the output must be told so afterwards."""
        written_so = self.output.format.name in ("matroska", "webm")
        return written_so and self.facts.aspect not in (None, 1)

    def _describe(self, stream, copy):
        copy.time_base = stream.time_base
        copy.metadata.update(_without(stream.metadata, OF_THE_STREAM))
        copy.disposition = int(stream.disposition)

    def _copy(self, stream):
        kinds = require_av().stream.Disposition
        matroska = self.output.format.name == "matroska"
        if stream.type == "video" and stream.disposition & kinds.attached_pic and matroska:
            self._attach_cover(stream)
            return
        if stream.type == "data" or (stream.type == "attachment" and not matroska):
            self._leave_out(stream)
            return
        try:
            copy = self.output.add_stream_from_template(stream, opaque=True)
        except (ValueError, require_av().FFmpegError):
            self._leave_out(stream)
            return
        self._describe(stream, copy)
        self.copies[stream.index] = copy

    def _attach_cover(self, stream):
        """Attach a cover, which is how Matroska keeps one; other containers have a stream of it."""
        jpeg = stream.codec_context.name == "mjpeg"
        for packet in self.source.demux(stream):
            if packet.size:
                name = stream.metadata.get("filename") or ("cover.jpg" if jpeg else "cover.png")
                kind = "image/jpeg" if jpeg else "image/png"
                self.output.add_attachment(name, kind, bytes(packet))
                break
        self.source.seek(0)

    def _leave_out(self, stream):
        name = getattr(stream.codec_context, "name", None) or getattr(stream, "name", None)
        name = name or "unknown"
        remedy = "" if self.output.format.name == "matroska" else "; .mkv holds most"
        self.notes.append(
            f"{stream.type} track {stream.index} ({name}) is left out: "
            f"{self.output.format.name} cannot hold it{remedy}"
        )

    def _is_of_chapters(self, stream):
        """Return whether a stream is QuickTime's copy of the chapters, which is written anew."""
        return stream.type == "data" and "mov" in self.source.format.name and self.source.chapters()

    def _moved(self, chapter):
        """Return a chapter by the output's clock, cut where the span ends."""
        base = chapter["time_base"]
        offset = round(self.begin / base)
        end = chapter["end"] if self.end is None else min(chapter["end"], round(self.end / base))
        start = max(0, chapter["start"] - offset)
        return chapter | {"start": start, "end": end - offset}

    def packets(self):
        """Yield ``(seconds, packet)`` of all that is copied, ready for the output."""
        streams = [s for s in self.source.streams if s.index in self.copies]
        if not streams:
            return
        if self.begin > 0:
            self.source.seek(max(0, int((self.begin - 1) * 1_000_000)))
        for packet in self.source.demux(streams):
            if packet.pts is None and packet.dts is None and not packet.size:
                continue  # what PyAV sends to flush decoders
            stream = packet.stream
            if not self._place(packet, stream):
                continue
            packet.stream = self.copies[stream.index]
            yield packet.dts * stream.time_base, packet

    def _place(self, packet, stream):
        """Move a packet to the output's clock; return False where it is outside the span."""
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
        if stream.type == "subtitle" and self.cut and first < self.begin < last:
            packet.duration -= offset - packet.pts
            packet.pts = packet.dts = offset
        elif self.cut and first < self.begin:
            return False
        packet.pts -= offset
        packet.dts -= offset
        return True

    def _complete(self, packet, stream):
        """Give a packet the times that it lacks, and make those of decoding rise."""
        packet.pts = packet.dts if packet.pts is None else packet.pts
        last = self.decoded.get(stream.index)
        if packet.dts is None and stream.type == "video":  # as in Matroska, at first
            packet.dts = packet.pts - BEFORE if last is None else last + 1
        elif packet.dts is None:
            packet.dts = packet.pts
        # Matroska may have two lines of a song at one time. No container takes falling times.
        least = packet.dts if last is None else last + (self.output.format.name in ("mp4", "mov"))
        if packet.dts < least:
            packet.dts, packet.pts = least, max(packet.pts, least)
        self.decoded[stream.index] = packet.dts

    @property
    def cut(self):
        """Whether the span leaves out a beginning."""
        return self.begin > self.facts.origin


def _without(metadata, words):
    """Return metadata without the keys that begin with one of the words."""
    return {k: v for k, v in metadata.items() if not k.lower().startswith(words)}
