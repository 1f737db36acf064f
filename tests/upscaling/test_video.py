"""Enlarge a video: everything else in the file is kept, at the same times."""

from argparse import Namespace
from fractions import Fraction

import imageio.v3 as imageio
import numpy as np
import pytest
from video_clips import (
    FRAMES,
    HEIGHT,
    WIDTH,
    Doubled,
    luma_of,
    make_clip,
    packets_of,
    picture_frame,
    probe,
    times_of,
)

from minisr import ESPCN
from minisr.errors import PictureError, SettingsError
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger

av = pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")

from minisr.upscaling.video import preview_video, upscale_video  # noqa: E402
from minisr.upscaling.video.frame import plane_arrays  # noqa: E402
from minisr.upscaling.video.layout import layout_of  # noqa: E402

UNEVEN = [0, 40, 80, 133, 200, 201, 320, 999, 1000, 1040, 1080, 1500, 1540, 1580, 1620, 1700, 2000]
CHAPTERS = [(0, 700, "One"), (700, 2000, "Two")]
WORDS = [(0.2, 0.7, "Hello"), (0.9, 1.5, "World")]


def enlarge(source, target, **options):
    """Enlarge with few frames per segment, and return the notes."""
    notes = []
    options = {"segment": 7, "threads": Threads(2), "note": notes.append} | options
    upscale_video(source, target, Doubled(), **options)
    return notes


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Return a film with uneven times, two audio tracks, subtitles, chapters and titles."""
    return make_clip(
        tmp_path_factory.mktemp("film") / "film.mkv",
        times=UNEVEN,
        time_base=Fraction(1, 1000),
        options={"bf": "3", "preset": "veryfast"},
        audio=[("aac", "eng"), ("libopus", "deu")],
        subtitles=WORDS,
        chapters=CHAPTERS,
        metadata={"title": "A film", "artist": "Somebody"},
    )


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_times_tracks_and_titles_are_kept(film, tmp_path, suffix):
    target = tmp_path / f"large{suffix}"
    notes = enlarge(film, target)
    before, after = probe(film), probe(target)
    assert times_of(after) == times_of(before)
    assert len(times_of(after)) == len(UNEVEN)
    stream = after["streams"][0]
    assert (stream["width"], stream["height"]) == (2 * WIDTH, 2 * HEIGHT)
    kinds = [stream["codec_name"] for stream in after["streams"]]
    assert kinds[:3] == ["h264", "aac", "opus"]
    languages = [stream["tags"]["language"] for stream in after["streams"][1:3]]
    assert languages == ["eng", "deu"]
    for key in ("start_time", "end_time"):
        assert [c[key] for c in after["chapters"]] == [c[key] for c in before["chapters"]]
    assert [chapter["tags"]["title"] for chapter in after["chapters"]] == ["One", "Two"]
    tags = {key.lower(): value for key, value in after["format"]["tags"].items()}
    assert (tags["title"], tags["artist"]) == ("A film", "Somebody")
    if suffix == ".mkv":
        lengths = [
            [packet.get("duration_time") for packet in packets_of(found, 0)]
            for found in (before, after)
        ]
        assert lengths[0] == lengths[1]
        assert kinds[3] == "subrip"
        assert times_of(after, 3) == times_of(before, 3) == ["0.200000", "0.900000"]
        assert not notes
    else:
        assert len(notes) == 1
        assert "subtitle track 3 (subrip) is left out: mp4 cannot hold it" in notes[0].replace(
            "(srt)", "(subrip)"
        )


def test_audio_is_copied_to_the_byte(film, tmp_path):
    target = tmp_path / "large.mkv"
    enlarge(film, target)
    before, after = probe(film), probe(target)
    for index in (1, 2, 3):
        for key in ("data_hash", "pts", "size", "duration"):
            ours = [packet.get(key) for packet in packets_of(after, index)]
            assert ours == [packet.get(key) for packet in packets_of(before, index)], (index, key)


def test_no_frame_is_lost_or_repeated_whatever_the_segments(film, tmp_path):
    whole = tmp_path / "whole.mkv"
    enlarge(film, whole, segment=100)
    for segment in (1, 5, len(UNEVEN)):
        target = tmp_path / f"{segment}.mkv"
        enlarge(film, target, segment=segment)
        assert times_of(probe(target)) == times_of(probe(whole))
        decoded = luma_of(target).astype(int)
        assert np.abs(decoded - luma_of(whole)).mean() < 2  # other key frames


def test_decoding_times_ascend_and_precede_presentation_times(film, tmp_path):
    target = tmp_path / "large.mp4"
    enlarge(film, target)
    packets = [packet for packet in probe(target)["packets"] if packet["stream_index"] == 0]
    decoding = [packet["dts"] for packet in packets]
    assert decoding == sorted(set(decoding))
    assert all(packet["dts"] <= packet["pts"] for packet in packets)


def test_a_part_of_a_video(film, tmp_path):
    target = tmp_path / "part.mkv"
    enlarge(film, target, start=0.15, duration=1.0)
    after = probe(target)
    expected = [time / 1000 - 0.15 for time in UNEVEN if 150 <= time < 1150]
    assert [float(time) for time in times_of(after)] == pytest.approx(expected, abs=1e-6)
    # Both subtitles are cut, one at either end; audio begins with the first packet in the part.
    words = packets_of(after, 3)
    assert [(p["pts_time"], p["duration_time"]) for p in words] == [
        ("0.050000", "0.500000"),
        ("0.750000", "0.250000"),
    ]
    assert 0 <= float(times_of(after, 1)[0]) < 0.03
    assert float(times_of(after, 1)[-1]) < 1.0
    chapters = [(c["start_time"], c["end_time"]) for c in after["chapters"]]
    assert chapters == [("0.000000", "0.550000"), ("0.550000", "1.000000")]


@pytest.mark.parametrize("degrees", [90, 180])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation(tmp_path, degrees, suffix):
    source, target = tmp_path / "phone.mp4", tmp_path / f"large{suffix}"
    make_clip(source, frames=5, setup=lambda stream: stream.set_display_rotation(degrees))
    enlarge(source, target)
    with av.open(str(source)) as before, av.open(str(target)) as after:
        turned = next(after.decode(video=0)).rotation
        assert turned == next(before.decode(video=0)).rotation != 0


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_ten_bits_and_hdr_tags(tmp_path, suffix):
    words = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    words += ":max-cll=1000,400:log-level=none"

    def setup(stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9

    source, target = tmp_path / "hdr.mkv", tmp_path / f"large{suffix}"
    options = {"x265-params": words, "preset": "ultrafast"}
    make_clip(source, "libx265", "yuv420p10le", frames=6, options=options, setup=setup)
    enlarge(source, target, preset="ultrafast")
    stream = probe(target)["streams"][0]
    assert stream["codec_name"] == "hevc"
    assert stream["pix_fmt"] == "yuv420p10le"
    assert stream["color_primaries"] == "bt2020"
    assert stream["color_transfer"] == "smpte2084"
    assert stream["color_space"] == "bt2020nc"
    assert stream["color_range"] == "tv"

    def hdr(path):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            kinds = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
            return [bytes(frame.side_data[kind]) for kind in kinds]

    assert hdr(target) == hdr(source)
    # More than 256 levels come out, near those that went in.
    low, high = luma_of(source).astype(int), luma_of(target).astype(int)
    assert len(np.unique(high)) > 256
    assert np.abs(high[:, ::2, ::2] - low).mean() < 8


@pytest.mark.parametrize(
    ("size", "format", "codec", "suffix", "expected"),
    [
        ((33, 45), "yuv444p", "ffv1", ".mkv", (66, 90)),
        ((33, 45), "yuv420p", "ffv1", ".mkv", (66, 90)),
        ((34, 45), "yuv422p", "ffv1", ".mkv", (68, 90)),
    ],
)
def test_odd_sizes(tmp_path, size, format, codec, suffix, expected):
    source, target = tmp_path / f"odd{suffix}", tmp_path / "large.mkv"
    make_clip(source, codec, format, size=size, frames=3)
    enlarge(source, target, codec="ffv1")
    with av.open(str(target)) as after:
        frame = next(after.decode(video=0))
        assert (frame.height, frame.width) == expected
        assert frame.format.name == format
    assert np.array_equal(luma_of(target)[:, ::2, ::2], luma_of(source))


class Tripled(Doubled):
    def size_of(self, height, width):
        return 3 * height, 3 * width

    def plane(self, low, threads=None):
        return low.repeat(3, axis=0).repeat(3, axis=1)


def test_an_odd_result_loses_a_row_where_the_encoder_needs_even_sides(tmp_path):
    source = make_clip(tmp_path / "odd.mkv", "ffv1", size=(33, 45), frames=3)
    notes = []
    upscale_video(source, tmp_path / "large.mp4", Tripled(), note=notes.append)
    assert notes == ["h264 needs even sides: an odd last row or column is cut off"]
    upscale_video(source, tmp_path / "large.mkv", Tripled(), codec="ffv1")
    assert luma_of(tmp_path / "large.mp4").shape == (3, 98, 134)
    assert luma_of(tmp_path / "large.mkv").shape == (3, 99, 135)


class Range(Doubled):
    """Remembers its input."""

    def __init__(self, luma_range):
        self.luma_range, self.seen = luma_range, []

    def plane(self, low, threads=None):
        self.seen.append(low.copy())
        return super().plane(low)


@pytest.mark.parametrize("luma_range", ["studio", "full"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("format", ["yuv444p", "yuv420p10le", "gray"])
def test_a_network_gets_luma_in_its_own_range(tmp_path, luma_range, full, format):
    def two_levels(number, height, width, format, full):
        frame = picture_frame(number, height, width, format, full)
        bits = frame.format.components[0].bits
        luma = plane_arrays(frame, layout_of(frame.format))[0]
        luma[:24], luma[24:] = (0, (1 << bits) - 1) if full else (16 << bits - 8, 235 << bits - 8)
        return frame

    source, target = tmp_path / "two_levels.mkv", tmp_path / "large.mkv"
    make_clip(source, "ffv1", format, frames=2, full=full, picture=two_levels)
    network = Range(luma_range)
    upscale_video(source, target, network, codec="ffv1", stamp="x")
    low, high = (16 / 255, 235 / 255) if luma_range == "studio" else (0, 1)
    assert network.seen[0][0, 0] == pytest.approx(low, abs=1e-6)
    assert network.seen[0][-1, 0] == pytest.approx(high, abs=1e-6)
    assert np.array_equal(luma_of(target)[:, ::2, ::2], luma_of(source))
    with av.open(str(target)) as after:
        frame = next(after.decode(video=0))
        assert frame.color_range == (2 if full else 1)
        assert frame.format.name == format


@pytest.mark.parametrize(
    ("name", "codec", "format", "kept"),
    [
        ("a.avi", "mjpeg", "yuvj420p", "yuvj420p"),
        ("a.avi", "mpeg4", "yuv420p", "yuv420p"),
        ("a.ts", "mpeg2video", "yuv420p", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p", "yuv420p"),
        ("a.mov", "prores_ks", "yuv422p10le", "yuv422p10le"),
        ("a.mkv", "rawvideo", "nv12", "yuv420p"),
        ("a.avi", "rawvideo", "bgr24", "yuv444p"),
        ("a.mkv", "ffv1", "gray", "yuvj420p"),  # ffprobe's name for h264 without colour
    ],
)
def test_kinds_of_input(tmp_path, name, codec, format, kept):
    def picture(number, height, width, format, full):
        plain = "yuv444p" if format == "bgr24" else format.replace("nv12", "yuv420p")
        return picture_frame(number, height, width, plain, full)

    full = format in ("yuvj420p", "gray")
    source, target = tmp_path / name, tmp_path / "large.mp4"
    options = {"strict": "unofficial"} if codec == "mjpeg" else None
    make_clip(source, codec, format, full=full, picture=picture, options=options)
    enlarge(source, target, crf=4)
    before, after = probe(source), probe(target)
    assert after["streams"][0]["pix_fmt"] == kept
    first, start = (Fraction(times_of(found)[0]) for found in (before, after))
    moved = [Fraction(time) - first for time in times_of(before)]
    assert [Fraction(time) - start for time in times_of(after)] == moved
    assert name.endswith(".ts") or start == first
    ours, low = luma_of(target), luma_of(source, "yuv444p" if format == "bgr24" else None)
    if format == "bgr24":  # studio luma of BT.709; swscale alone would use BT.601
        assert ours.shape == (FRAMES, 2 * HEIGHT, 2 * WIDTH)
    else:
        assert np.abs(ours[:, ::2, ::2].astype(int) - low).mean() < (8 if "10" in kept else 2)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mkv", "h264"), (".mp4", "h264"), (".webm", "vp9"), (".mkv", "ffv1")]
)
@pytest.mark.parametrize("aspect", [Fraction(16, 11), Fraction(8, 9)])
def test_non_square_pixels_are_kept(tmp_path, suffix, codec, aspect):
    source, target = tmp_path / "tv.mp4", tmp_path / f"large{suffix}"
    make_clip(
        source,
        frames=3,
        size=(48, 88),
        setup=lambda stream: setattr(stream.codec_context, "sample_aspect_ratio", aspect),
    )
    assert not enlarge(source, target, codec=codec)
    stream = probe(target)["streams"][0]
    assert Fraction(stream["sample_aspect_ratio"].replace(":", "/")) == pytest.approx(aspect, 0.01)
    assert "title" not in stream.get("tags", {})
    assert luma_of(target).shape == (3, 96, 176)


def test_fonts_are_copied_where_the_container_can_hold_them(tmp_path):
    source = tmp_path / "film.mkv"
    make_clip(source, frames=4)
    with_font = tmp_path / "font.mkv"
    with av.open(str(source)) as before, av.open(str(with_font), "w") as after:
        copy = after.add_stream_from_template(before.streams.video[0], opaque=True)
        after.add_attachment("letters.ttf", "font/ttf", b"letters" * 9)
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = copy
                after.mux(packet)
    assert not enlarge(with_font, tmp_path / "large.mkv")
    with av.open(str(tmp_path / "large.mkv")) as after:
        (font,) = after.streams.attachments
        assert (font.name, font.mimetype, font.data) == ("letters.ttf", "font/ttf", b"letters" * 9)
    notes = enlarge(with_font, tmp_path / "large.mp4")
    assert len(notes) == 1
    assert "attachment track 1 (letters.ttf) is left out" in notes[0]


def remuxed(source, target, covers=(), twice=False):
    """Copy a file's tracks, the first one twice if asked, and add covers."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        streams = list(before.streams)
        copies = [after.add_stream_from_template(stream, opaque=True) for stream in streams]
        if twice:
            again = after.add_stream_from_template(streams[0], opaque=True)
        shown = [after.add_stream("mjpeg", options={"strict": "unofficial"}) for _ in covers]
        for stream, cover in zip(shown, covers, strict=True):
            stream.width, stream.height, stream.pix_fmt = cover.width, cover.height, "yuvj420p"
            stream.disposition = int(av.stream.Disposition.attached_pic)
        for packet in before.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                after.mux(packet)
        for stream, cover in zip(shown, covers, strict=True):
            after.mux(stream.encode(cover))
            after.mux(stream.encode(None))
        if twice:
            before.seek(0)
            for packet in before.demux(streams[0]):
                if packet.size:
                    packet.stream = again
                    after.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_covers(tmp_path, suffix):
    plain = make_clip(tmp_path / "plain.mp4", frames=4, audio=[("aac", "eng")])
    cover = picture_frame(0, 32, 32, "yuvj420p", full=True)
    source = remuxed(plain, tmp_path / "covered.mp4", covers=[cover])
    with av.open(str(source)) as before:
        picture = next(bytes(packet) for packet in before.demux(before.streams[2]))
    target = tmp_path / f"large{suffix}"
    assert not enlarge(source, target)
    with av.open(str(target)) as after:
        assert [stream.type for stream in after.streams] == ["video", "audio", "video"]
        assert after.streams[2].disposition & av.stream.Disposition.attached_pic
        assert next(bytes(packet) for packet in after.demux(after.streams[2])) == picture


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_second_video_track_is_copied(tmp_path, suffix):
    options = {"bf": "3", "preset": "veryfast"}
    plain = make_clip(tmp_path / "plain.mp4", options=options)
    source = remuxed(plain, tmp_path / "two.mp4", twice=True)
    large, again = tmp_path / f"large{suffix}", tmp_path / "again.mkv"
    enlarge(source, large)
    enlarge(large, again)  # Matroska's first packets have no decoding time
    before = probe(source)
    for target in (large, again):
        after = probe(target)
        assert times_of(after, 0) == times_of(after, 1) == times_of(before, 1)
        sizes = [[packet["size"] for packet in packets_of(found, 1)] for found in (before, after)]
        assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("container", "expected"),
    [("mp4", [10, 20, 21, 22, 30]), ("matroska", [10, 20, 20, 20, 30])],
)
def test_descending_decoding_times_are_made_ascending(container, expected):
    from minisr.upscaling.video.stream_copy import StreamCopier

    output, stream = Namespace(format=Namespace(name=container)), Namespace(index=1, type="audio")
    copier = StreamCopier(output, None, None, (Fraction(0), None))
    packets = [Namespace(pts=time, dts=time) for time in (10, 20, 20, 15, 30)]
    for packet in packets:
        copier._complete(packet, stream)
    assert [packet.dts for packet in packets] == [packet.pts for packet in packets] == expected


def test_missing_decoding_times_precede_the_others():
    from minisr.upscaling.video.stream_copy import StreamCopier

    output, stream = Namespace(format=Namespace(name="mp4")), Namespace(index=1, type="video")
    copier = StreamCopier(output, None, None, (Fraction(0), None))
    packets = [Namespace(pts=p, dts=d) for p, d in ((40, None), (160, None), (80, 40), (120, 80))]
    for packet in packets:
        copier._complete(packet, stream)
    times = [packet.dts for packet in packets]
    assert times == sorted(set(times))
    assert all(packet.dts <= packet.pts for packet in packets)
    assert [packet.pts for packet in packets] == [40, 160, 80, 120]


def with_captions(path):
    """Insert captions (ATSC A/53, one pair of bytes per frame) before every picture of raw h264."""
    words = bytes.fromhex("b5003147413934 03 c1ff fc9420 ff")
    caption = b"\0\0\0\1\x06\x04" + bytes([len(words)]) + words + b"\x80"
    parts = path.read_bytes().split(b"\0\0\1")
    out = parts[0]
    for part in parts[1:]:
        is_picture = part[0] & 31 in (1, 5)
        out += (caption if is_picture else b"") + b"\0\0\1" + part
    path.write_bytes(out)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_captions_inside_the_video(tmp_path, codec):
    source, target = tmp_path / "tv.h264", tmp_path / "large.mkv"
    make_clip(source, frames=6, options={"bf": "0", "x264-params": "slices=1:threads=1"})
    with_captions(source)
    enlarge(source, target, codec=codec, preset="ultrafast")

    def captions(path):
        with av.open(str(path)) as container:
            frames = list(container.decode(video=0))
        return [bytes(frame.side_data["A53_CC"]) for frame in frames]

    assert captions(target) == captions(source) == [bytes.fromhex("fc9420")] * 6
    assert luma_of(target).shape == (6, 2 * HEIGHT, 2 * WIDTH)
    notes = enlarge(source, tmp_path / "large.webm", preset=8)
    assert notes == ["captions inside the video are left out: vp9 cannot store them"]


def test_bad_arguments_and_sources_are_refused(film, tmp_path):
    target = tmp_path / "large.mp4"
    with pytest.raises(SettingsError, match=r"as '\.avi': use \.mp4"):
        enlarge(film, tmp_path / "large.avi")
    with pytest.raises(SettingsError, match=r"make the folder .*nowhere first"):
        enlarge(film, tmp_path / "nowhere" / "large.mp4")
    with pytest.raises(SettingsError, match=r"webm cannot hold h264: use \.mp4, \.m4v"):
        enlarge(film, tmp_path / "large.webm", codec="h264")
    with pytest.raises(SettingsError, match="crf of h264 must be from 0 to 51, got 52"):
        enlarge(film, target, crf=52)
    with pytest.raises(SettingsError, match="preset of h264 must be one of ultrafast"):
        enlarge(film, target, preset="quick")
    with pytest.raises(SettingsError, match="start must be within the video's"):
        enlarge(film, target, start=100)
    with pytest.raises(SettingsError, match="duration must be more than 0"):
        enlarge(film, target, duration=0)
    with pytest.raises(PictureError, match="no such file"):
        enlarge(tmp_path / "none.mp4", target)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no video at all" * 100)
    with pytest.raises(PictureError, match="cannot be read as video"):
        enlarge(noise, target)
    picture = tmp_path / "picture.mp4"
    imageio.imwrite(picture, np.zeros((8, 8), np.uint8), extension=".png")
    with pytest.raises(PictureError, match=r"picture\.mp4: expected a video, got a picture"):
        enlarge(picture, target)
    with pytest.raises(SettingsError, match="would replace it"):
        enlarge(film, film, overwrite=True)
    target.write_bytes(b"precious")
    with pytest.raises(SettingsError, match="exists already: choose another name"):
        enlarge(film, target)
    assert target.read_bytes() == b"precious"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize("format", ["yuva420p", "yuva444p10le", "rgba"])
def test_transparency(tmp_path, format):
    codec = "rawvideo" if format == "rgba" else "ffv1"

    def clear(number, height, width, format, full):
        made = format.replace("rgba", "yuva444p")
        frame = picture_frame(number, height, width, made, full)
        plane_arrays(frame, layout_of(frame.format))[3][:24] = 0
        return frame

    source, target = tmp_path / "clear.nut", tmp_path / "large.mkv"
    make_clip(source, codec, format, frames=3, picture=clear)
    assert not enlarge(source, target)

    def alpha(path):
        with av.open(str(path)) as container:
            frames = [f.reformat(format="yuva444p10le") for f in container.decode(video=0)]
        return np.stack([plane_arrays(frame, layout_of(frame.format))[3] for frame in frames])

    low, high = alpha(source), alpha(target)
    assert high.shape == (3, 2 * HEIGHT, 2 * WIDTH)
    assert len(np.unique(low)) > 10
    assert np.abs(high[:, ::2, ::2].astype(int) - low).max() <= 4
    assert probe(target)["streams"][0]["codec_name"] == "ffv1"
    network = Range("studio")  # its black and white stand for transparent and opaque
    upscale_video(source, target, network, overwrite=True, stamp="x", threads=Threads(1))
    assert network.seen[1].min() == pytest.approx(16 / 255)
    assert network.seen[1].max() < 235 / 255
    with pytest.raises(SettingsError, match="in mp4 would lose the transparency: write"):
        enlarge(source, tmp_path / "large.mp4")
    with pytest.raises(SettingsError, match="in webm would lose"):
        enlarge(source, tmp_path / "large.webm")


def test_interlaced_video_and_transparency_beside_it_are_refused(tmp_path):
    beside = tmp_path / "beside.webm"
    make_clip(
        beside,
        "libvpx-vp9",
        frames=3,
        setup=lambda stream: stream.metadata.update(alpha_mode="1"),
    )
    with pytest.raises(PictureError, match="cannot decode this kind of transparency: convert"):
        enlarge(beside, tmp_path / "large.mkv")
    fields = tmp_path / "fields.mkv"
    make_clip(fields, options={"x264-params": "interlaced=1"}, frames=4, size=(64, 64))
    with pytest.raises(
        PictureError,
        match="expected progressive video, got interlaced",
    ):
        enlarge(fields, tmp_path / "large.mkv")


def test_of_a_damaged_file_the_rest_is_decoded(tmp_path):
    source = tmp_path / "film.ts"
    make_clip(source, "mpeg2video", frames=60)
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(600)
    source.write_bytes(data)
    enlarge(source, tmp_path / "large.mkv")
    assert 40 <= len(times_of(probe(tmp_path / "large.mkv"))) <= 60


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_line_of_a_preview_moves_right_on_the_display_whatever_the_rotation(tmp_path, degrees):
    source, target = tmp_path / "phone.mkv", tmp_path / "clip.mkv"
    make_clip(source, frames=30, setup=lambda stream: stream.set_display_rotation(degrees))
    preview_video(source, target, Doubled(), 0.6, codec="ffv1", start=0)
    turns = {0: 0, 90: 1, 180: 2, 270: 3}[degrees]  # FFmpeg and NumPy both turn left
    shown = [np.rot90(plane, turns) for plane in luma_of(target)]
    lines = [int(np.argmax((plane == 235).all(axis=0))) for plane in shown[:10]]
    width = shown[0].shape[1]
    assert lines[0] == width // 2 - 1
    assert lines == sorted(lines)
    assert lines[-1] > 0.6 * width


@pytest.mark.parametrize("degrees", [0, 90])
def test_a_requested_width_is_the_displayed_width(tmp_path, degrees):
    source, target = tmp_path / "phone.mp4", tmp_path / "large.mp4"
    make_clip(source, frames=2, setup=lambda stream: stream.set_display_rotation(degrees))
    enlarger = Enlarger(ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0)), size=(None, 96))
    upscale_video(source, target, enlarger, threads=Threads(1), preset="ultrafast")
    stream = probe(target)["streams"][0]
    expected = (HEIGHT * 96 // WIDTH, 96) if degrees == 0 else (96, WIDTH * 96 // HEIGHT)
    assert (stream["height"], stream["width"]) == expected


def test_preview_is_bicubic_left_and_the_network_right(tmp_path):
    source, target = tmp_path / "film.mkv", tmp_path / "clip.mkv"
    make_clip(source, "ffv1", "yuv444p", frames=50)
    assert preview_video(source, target, Doubled(), 0.4, codec="ffv1") == 10
    full = tmp_path / "full.mkv"
    upscale_video(source, full, Doubled(), codec="ffv1", start=0.8, duration=0.4)
    clip, network = luma_of(target).astype(int), luma_of(full).astype(int)
    assert clip.shape == network.shape
    # The line begins in the middle and moves right.
    assert np.all(clip[0][:, WIDTH - 1 : WIDTH + 1] == 235)
    assert np.array_equal(clip[0][:, WIDTH + 1 :], network[0][:, WIDTH + 1 :])
    left = np.abs(clip[0][:, : WIDTH - 1] - network[0][:, : WIDTH - 1])
    assert 0 < left.mean() < 8
    assert np.all(clip[9][:, : WIDTH + 8] != 235)
    with pytest.raises(SettingsError, match="preview must be more than 0 seconds"):
        preview_video(source, target, Doubled(), 0.0)
