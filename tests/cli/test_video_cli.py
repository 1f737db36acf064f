"""The options of `minisr upscale` for video."""

import argparse
import io
import os
from pathlib import Path

import numpy as np
import pytest
from video_clips import FRAMES, Doubled, make_clip, probe, times_of

import minisr
from minisr import ESPCN, weights
from minisr.cli import main
from minisr.cli.upscale.video import (
    WRITABLE,
    Bar,
    add_video_options,
    is_video,
    preview_of,
    seconds,
    upscale_video_job,
    video_suffix,
)
from minisr.errors import SettingsError
from minisr.images import write_picture
from minisr.system.threads import Threads


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_video_options(parser)
    return parser


def test_what_is_a_video():
    for name in ("a.mp4", "A.MKV", "b.webm", "c.ts", "d.AVI", "e.m2ts"):
        assert is_video(Path(name))
    for name in ("a.png", "b.gif", "c.txt", "mp4", "d.jpg"):
        assert not is_video(Path(name))
    assert video_suffix(Path("a.MP4")) == ".MP4"
    assert video_suffix(Path("a.avi")) == ".mkv"


def test_the_suffixes_are_those_that_can_be_written():
    from minisr.upscaling.video.encoders import CONTAINERS

    assert set(WRITABLE) == set(CONTAINERS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("75.5", 75.5), ("1:15.5", 75.5), ("0:01:15.5", 75.5), ("01:00:00", 3600), ("0", 0)],
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1:60", "1:2:3:4", "1.5:00", "nan", "1:nan", "inf"]
)
def test_what_is_not_a_time(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected seconds or"):
        seconds(text)


def test_options(parser):
    none = parser.parse_args([])
    assert {*vars(none).values()} == {None}
    some = parser.parse_args(["--codec", "av1", "--crf", "30", "--preset", "10", "--start", "1:00"])
    assert (some.codec, some.crf, some.preset, some.start) == ("av1", 30, "10", 60)
    assert "bicubic left" in " ".join(parser.format_help().split())


def test_a_job_and_its_preview(parser, tmp_path, capsys):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    source = make_clip(tmp_path / "film.mkv", frames=FRAMES)
    target = tmp_path / "film_x2.mkv"
    with Threads(2) as pool:
        arguments = parser.parse_args(["--preset", "ultrafast"])
        assert upscale_video_job(arguments, source, target, Doubled(), pool) == FRAMES
        arguments = parser.parse_args(["--preset", "ultrafast", "--preview", "0.2"])
        preview = preview_of(target)
        assert upscale_video_job(arguments, source, preview, Doubled(), pool) == 5
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["film.mkv", "film_x2.mkv", "film_x2_preview.mkv"]
    assert probe(target)["streams"][0]["width"] == 128


def test_a_preview_ignores_an_existing_result(tmp_path, rng, capsys):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), tmp_path / "w.safetensors")
    make_clip(tmp_path / "film.mkv", frames=4)
    (tmp_path / "film_x2.mkv").write_bytes(b"the result")
    words = ["upscale", str(tmp_path / "film.mkv"), "-m", str(tmp_path / "w.safetensors")]
    words += ["--preset", "ultrafast", "--preview", "0.1"]
    assert main(words) == 0
    assert (tmp_path / "film_x2.mkv").read_bytes() == b"the result"
    assert probe(tmp_path / "film_x2_preview.mkv")["streams"][0]["width"] == 128
    assert main(words) == 2  # now there is one
    assert "film_x2_preview.mkv: exists already" in capsys.readouterr().err


def test_an_existing_target_is_replaced(parser, tmp_path):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    source = make_clip(tmp_path / "film.mkv", frames=3)
    target = tmp_path / "large.mkv"
    target.write_bytes(b"old")
    arguments = parser.parse_args(["--preset", "ultrafast"])
    assert upscale_video_job(arguments, source, target, Doubled(), Threads(1)) == 3
    assert target.stat().st_size > 100


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_counts_what_was_done_before_but_not_as_speed(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with Bar("film.mp4") as bar:
        bar(41, 100)
        bar(42, 100)
        assert bar.bar.initial == 40
        assert bar.bar.n == 42


def test_without_pyav_the_extra_is_named(parser, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    source = tmp_path / "film.mp4"
    source.write_bytes(b"")
    with pytest.raises(SettingsError, match=r"pip install 'minisr\[video\]'"):
        upscale_video_job(
            parser.parse_args([]), source, tmp_path / "large.mp4", Doubled(), Threads(1)
        )


def test_a_preview_beside_the_result(tmp_path, capsys):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    source = make_clip(tmp_path / "film.mkv", frames=FRAMES)
    weights.save(
        ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0)), tmp_path / "tiny.safetensors"
    )
    words = [source, "-m", tmp_path / "tiny.safetensors", "--preset", "ultrafast", "-j", "1"]
    words = ["upscale", *map(str, words)]
    assert main(words) == 0
    assert main([*words, "--preview", "0.2"]) == 0
    assert main([*words, "--preview", "0.2"]) == 2
    assert "film_x2_preview.mkv: exists already" in capsys.readouterr().err
    assert len(times_of(probe(tmp_path / "film_x2.mkv"))) == FRAMES
    assert len(times_of(probe(tmp_path / "film_x2_preview.mkv"))) == 5


def test_two_videos_do_not_go_into_one_file(tmp_path, capsys):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"")
    target = tmp_path / "both.mkv"
    assert main(["upscale", *map(str, tmp_path.iterdir()), "-o", str(target)]) == 2
    assert "both.mkv is one video, but 2 are given; name a folder" in capsys.readouterr().err
    assert not target.exists()


def test_with_videos_failures_are_called_files_not_pictures(tmp_path, capsys):
    for name in ("a.mp4", "b.png"):
        (tmp_path / name).write_bytes(b"")
    assert main(["upscale", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "minisr: 2 of 2 files failed"


def test_a_bad_video_stops_neither_pictures_nor_videos(tmp_path, rng, capsys):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), tmp_path / "w.safetensors")
    (tmp_path / "a.mkv").write_bytes(b"no video")
    make_clip(tmp_path / "b.mkv", frames=3)
    write_picture(tmp_path / "c.png", np.zeros((6, 5), np.uint8))
    words = [tmp_path, "-o", tmp_path / "out", "-m", tmp_path / "w.safetensors"]
    assert main(["upscale", *map(str, words), "--preset", "ultrafast"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "a.mkv" in line]
    assert lines[-1] == "minisr: 1 of 3 files failed"
    made = sorted(path.name for path in (tmp_path / "out").iterdir() if path.name[0] != ".")
    assert made == ["b_x2.mkv", "c_x2.png"]


def test_the_formats_of_videos_and_of_pictures_are_separate(tmp_path, capsys):
    for name in ("a.mp4", "b.avi", "c.png"):
        (tmp_path / name).write_bytes(b"")
    given = ["upscale", str(tmp_path), "-s", "2", "--dry-run"]

    def names(*words):
        assert main([*given, *words]) == 0
        return [line.rpartition(os.sep)[2] for line in capsys.readouterr().out.splitlines()]

    assert names() == ["a_x2.mp4", "b_x2.mkv", "c_x2.png"]
    assert names("--ext", "MKV") == ["a_x2.mkv", "b_x2.mkv", "c_x2.png"]
    assert names("--ext", "jpg") == ["a_x2.mp4", "b_x2.mkv", "c_x2.jpg"]
    assert names("--ext", "jpg", "--ext", ".webm") == ["a_x2.webm", "b_x2.webm", "c_x2.jpg"]

    def error(*words):
        assert main(["upscale", str(tmp_path / "a.mp4"), *words]) == 2
        return capsys.readouterr().err

    assert "--ext png is a picture's format, but only videos are given" in error("--ext", "png")
    target = str(tmp_path / "large.mp4")
    said = (
        "large.mp4: expected a name that ends in .mkv, as --ext says; leave out --ext, or change -o"
    )
    assert said in error("--ext", "mkv", "-o", target)


def test_a_video_in_the_container_that_was_asked_for(tmp_path, rng):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), tmp_path / "w.safetensors")
    make_clip(tmp_path / "film.mkv", frames=3)
    words = [tmp_path / "film.mkv", "-m", tmp_path / "w.safetensors", "--ext", "mp4"]
    assert main(["upscale", *map(str, words), "--preset", "ultrafast"]) == 0
    assert "mp4" in probe(tmp_path / "film_x2.mp4")["format"]["format_name"]


def test_videos_weights_and_pages_of_foreign_names(tmp_path, rng):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    folder = tmp_path / "映画 für alle"
    folder.mkdir()
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), folder / "gewichte_ß.safetensors")
    make_clip(folder / "naïve 日本語.mkv", frames=3)
    write_picture(folder / "ящик.png", np.zeros((6, 5), np.uint8))
    words = [folder, "-o", tmp_path / "größer", "-m", folder / "gewichte_ß.safetensors"]
    words += ["--html", tmp_path / "страница.html", "--preset", "ultrafast"]
    assert main(["upscale", *map(str, words)]) == 0
    assert probe(tmp_path / "größer" / "naïve 日本語_x2.mkv")["streams"][0]["width"] == 128
    assert (tmp_path / "größer" / "ящик_x2.png").exists()
    assert "ящик.png" in (tmp_path / "страница.html").read_text(encoding="utf-8")


def test_one_call_in_python_enlarges_a_video(tmp_path, rng):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    make_clip(tmp_path / "film.mkv", frames=4)
    model = ESPCN(2, channels=(4, 3), rng=rng)
    frames = minisr.upscale_video(
        tmp_path / "film.mkv", tmp_path / "large.mkv", model=model, preset="ultrafast"
    )
    assert frames == 4
    assert probe(tmp_path / "large.mkv")["streams"][0]["width"] == 128
