"""Make small videos for tests, and read files with ffprobe."""

import json
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

HEIGHT, WIDTH, FRAMES = 48, 64, 20


class Doubled:
    """Stands in for a network: doubles every pixel's height and width."""

    luma_range = "studio"

    def size_of(self, height, width):
        return 2 * height, 2 * width

    def plane(self, low, threads=None):
        return low.repeat(2, axis=0).repeat(2, axis=1)


def waves(number, height=HEIGHT, width=WIDTH, channel=0):
    """Return a plane in [0, 1] that moves a little from frame to frame."""
    y, x = np.mgrid[:height, :width]
    moved = x + 1.5 * number
    return 0.5 + 0.35 * np.sin(moved / (5 + channel)) * np.cos(y / (7 - channel) + channel)


def picture_frame(number, height=HEIGHT, width=WIDTH, format="yuv420p", full=False):
    """Return a frame of waves, as code values of its range."""
    import av

    from minisr.upscaling.video.frame import plane_arrays
    from minisr.upscaling.video.layout import layout_of

    frame = av.VideoFrame(width, height, format)
    layout = layout_of(frame.format)
    scale = 1 << layout.bits - 8
    for channel, plane in enumerate(plane_arrays(frame, layout)):
        span = 255 if full else 224 if channel else 219
        black = 0 if full else 16
        values = black + span * waves(number, *plane.shape, channel)
        plane[...] = np.rint(scale * values)
    frame.color_range = 2 if full else 1
    return frame


def make_clip(
    path,
    codec="libx264",
    format="yuv420p",
    size=(HEIGHT, WIDTH),
    frames=FRAMES,
    times=None,
    time_base=Fraction(1, 25),
    options=None,
    setup=None,
    audio=(),
    subtitles=(),
    chapters=(),
    metadata=None,
    full=False,
    picture=picture_frame,
):
    """Write a video.

    Parameters
    ----------
    path : pathlib.Path
    times : list of int, optional
        When each frame is shown, in units of ``time_base``.
    setup : callable, optional
        Called with the video stream before anything is written.
    audio : sequence of (codec, language)
    subtitles : sequence of (seconds, seconds, text)
    chapters : sequence of (milliseconds, milliseconds, title)
    picture : callable
        (number, height, width, format, full) -> frame
    """
    import av

    times = list(range(frames)) if times is None else times
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=Fraction(25), options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = format
        stream.codec_context.time_base = stream.time_base = time_base
        stream.codec_context.color_range = 2 if full else 1
        if setup is not None:
            setup(stream)
        voices = [_voice(output, *voice) for voice in audio]
        words = output.add_mux_stream("subrip") if subtitles else None
        output.metadata.update(metadata or {})
        output.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000)}
                | {"metadata": {"title": title}}
                for n, (a, b, title) in enumerate(chapters, 1)
            ]
        )
        output.start_encoding()
        for number, time in enumerate(times):
            frame = picture(number, *size, format, full)
            frame.pts, frame.time_base = time, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for first, last, text in subtitles:
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * first)
            packet.duration = round(1000 * (last - first))
            output.mux(packet)
        for number, voice in enumerate(voices):
            _speak(output, voice, number, max(times) * time_base)
    return path


def _voice(output, codec, language):
    stream = output.add_stream(codec, rate=48000)
    stream.metadata["language"] = language
    return stream


def _speak(output, stream, number, seconds):
    import av

    rate, length = 48000, 960
    for first in range(0, round(float(seconds) * rate), length):
        time = np.arange(first, first + length) / rate
        tone = np.float32(0.3 * np.sin(2 * np.pi * (330 + 220 * number) * time))
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
        frame.sample_rate, frame.pts = rate, first
        frame.time_base = Fraction(1, rate)
        resampled = av.AudioResampler(stream.format.name, "stereo", rate).resample(frame)
        for part in resampled:
            output.mux(stream.encode(part))
    output.mux(stream.encode(None))


def probe(path):
    """Return ffprobe's output: streams, packets, chapters and format."""
    if shutil.which("ffprobe") is None:
        pytest.skip("needs ffprobe, which is not installed")
    words = ["-show_streams", "-show_packets", "-show_chapters", "-show_format"]
    words += ["-show_data_hash", "md5", "-of", "json", str(path)]
    out = subprocess.run(["ffprobe", "-v", "error", *words], capture_output=True, check=True)
    return json.loads(out.stdout)


def packets_of(found, index):
    """Return a stream's packets in presentation order."""
    packets = [packet for packet in found["packets"] if packet["stream_index"] == index]
    return sorted(packets, key=lambda packet: float(packet["pts_time"]))


def times_of(found, index=0):
    """Return the presentation times of a stream's packets, as ffprobe writes them."""
    return [packet["pts_time"] for packet in packets_of(found, index)]


def luma_of(path, format=None):
    """Return the luma code values of all frames, shape (N, H, W)."""
    import av

    from minisr.upscaling.video.frame import plane_arrays
    from minisr.upscaling.video.layout import layout_of

    with av.open(str(path)) as container:
        frames = [
            frame if format is None else frame.reformat(format=format)
            for frame in container.decode(video=0)
        ]
    return np.stack([plane_arrays(frame, layout_of(frame.format))[0] for frame in frames])
