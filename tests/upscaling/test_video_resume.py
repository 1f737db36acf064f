"""Interrupted work is resumed: after Ctrl-C, or SIGKILL at any moment."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from video_clips import Doubled, make_clip

from minisr.system.threads import Threads

av = pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
pytest.importorskip("fcntl", reason="needs the signals of a POSIX system")

from minisr.errors import PictureError, SettingsError  # noqa: E402
from minisr.upscaling.video import upscale_video  # noqa: E402
from minisr.upscaling.video.work import WorkFolder  # noqa: E402

KILLS = int(os.environ.get("MINISR_VIDEO_KILLS", "20"))
FRAMES, SEGMENT = 60, 8
PATIENCE = 120  # seconds
JOB = Path(__file__).with_name("video_job.py")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    options = {"bf": "2", "g": "12", "preset": "veryfast"}
    return make_clip(path, frames=FRAMES, options=options, audio=[("aac", "eng")])


@pytest.fixture(scope="module")
def whole(film):
    """Return the packets of an enlargement without interruption."""
    target = film.with_name("whole.mp4")
    upscale_video(film, target, Doubled(), preset="ultrafast", segment=SEGMENT, threads=Threads(2))
    return packets_of(target)


def packets_of(path):
    with av.open(str(path)) as container:
        return [(p.stream_index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


class Jobs:
    """A process that runs one job after another, each in a child."""

    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, str(JOB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def begin(self, source, target, seconds=0.01, segment=SEGMENT):
        """Start a job and return its process number."""
        self.process.stdin.write(f"{source} {target} {seconds} {segment}\n")
        self.process.stdin.flush()
        return int(self.read_until("process").split()[1])

    def read_until(self, word):
        """Return the first line that begins with a word; keep those before it in ``lines``.

        A job that says nothing for long is killed, with its children, so that no test waits for it.
        """
        self.lines = []
        watch = threading.Timer(PATIENCE, os.killpg, (self.process.pid, signal.SIGKILL))
        watch.start()
        try:
            for line in self.process.stdout:
                if line.startswith(word):
                    return line
                self.lines.append(line)
        finally:
            watch.cancel()
        raise AssertionError(f"no {word!r} within {PATIENCE} s, but: {''.join(self.lines)}")

    def end(self):
        """Return the job's exit status and the rest of its output."""
        status = int(self.read_until("ended").split()[1])
        return status, "".join(self.lines)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


@pytest.fixture
def jobs():
    jobs = Jobs()
    yield jobs
    jobs.close()


def safe_frames(target):
    """Return how many frames the work folder has in complete segments."""
    folder = target.with_name(f".{target.name}.minisr")
    if not (folder / "manifest.json").exists():  # a folder that was about to be removed
        return 0
    return SEGMENT * len(list(folder.glob("*.segment")))


def test_kills_at_any_moment(film, whole, tmp_path, jobs):
    target, rng = tmp_path / "large.mp4", np.random.default_rng(7)
    kills, finished = 0, 0
    while kills < KILLS or not finished:
        before = safe_frames(target)
        number = jobs.begin(film, target)
        if kills < KILLS:
            time.sleep(rng.uniform(0, 0.6))
            with contextlib.suppress(ProcessLookupError):  # it may have ended already
                os.kill(number, signal.SIGKILL)
            kills += 1
        status, said = jobs.end()
        frames = re.findall(r"frame (\d+)", said)
        assert not frames or int(frames[0]) == before + 1, "complete segments are not encoded again"
        if status == 0:
            finished += 1
            assert [file.name for file in tmp_path.iterdir()] == [target.name]
        else:
            assert status == -signal.SIGKILL, said
            assert target.exists() or safe_frames(target) >= before
        if target.exists():  # never an incomplete file under this name
            assert packets_of(target) == whole
            target.unlink()


def test_ctrl_c_leaves_no_target_and_says_how_to_resume(film, whole, tmp_path, jobs):
    target = tmp_path / "large.mp4"
    number = jobs.begin(film, target)
    jobs.read_until("frame 20")
    os.kill(number, signal.SIGINT)
    status, said = jobs.end()
    assert status == 130, said
    assert "Traceback" not in said
    assert re.search(
        r"film\.mp4: stopped: (\d+) frames are saved; run the same command again to resume", said
    )
    assert int(re.search(r"stopped: (\d+)", said)[1]) == safe_frames(target)
    assert not target.exists()
    assert safe_frames(target) >= 2 * SEGMENT
    notes = []
    options = {"preset": "ultrafast", "segment": SEGMENT, "threads": Threads(2)}
    upscale_video(film, target, Doubled(), note=notes.append, **options)
    assert notes == [f"resuming after {safe_frames_of(notes)} frames"]
    assert packets_of(target) == whole
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def safe_frames_of(notes):
    return int(re.search(r"\d+", notes[0])[0])


class Stops(Doubled):
    """Fails after a number of frames."""

    def __init__(self, frames):
        self.left = frames

    def plane(self, low, threads=None):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the power went")
        return super().plane(low)


def stopped(film, target, frames=30, **options):
    with pytest.raises(RuntimeError, match="the power went"):
        upscale_video(
            film, target, Stops(frames), stamp="x", segment=SEGMENT, threads=Threads(1), **options
        )


@pytest.mark.parametrize(
    "change", [{"crf": 30}, {"preset": "fast"}, {"duration": 2.0}, {"stamp": "another network"}]
)
def test_work_with_other_settings_is_not_resumed(film, tmp_path, change):
    target, notes = tmp_path / "large.mp4", []
    stopped(film, target)
    assert safe_frames(target) > 0
    options = {"stamp": "x", "segment": SEGMENT, "note": notes.append, **change}
    upscale_video(film, target, Doubled(), **options)
    assert notes == ["an unfinished run had another source, network or settings: starting over"]


def test_a_changed_source_starts_over(film, tmp_path):
    source, target, notes = tmp_path / "film.mp4", tmp_path / "large.mp4", []
    source.write_bytes(film.read_bytes())
    stopped(source, target)
    data = bytearray(film.read_bytes())
    data[-20] ^= 1
    source.write_bytes(data)
    upscale_video(
        source, target, Doubled(), stamp="x", segment=SEGMENT, note=notes.append, threads=Threads(1)
    )
    assert "starting over" in notes[0]


def test_a_truncated_segment_is_encoded_again(film, whole, tmp_path):
    target, options = tmp_path / "large.mp4", {"preset": "ultrafast"}
    stopped(film, target, **options)
    folder = tmp_path / ".large.mp4.minisr"
    last = max(folder.glob("*.segment"))
    last.write_bytes(last.read_bytes()[:-5])
    upscale_video(
        film, target, Doubled(), stamp="x", segment=SEGMENT, threads=Threads(2), **options
    )
    # The number of threads may change the encoded bytes, but not which frames there are, and when.
    ours = [packet[:3] for packet in packets_of(target)]
    assert ours == [packet[:3] for packet in whole]


def test_an_end_mark_without_its_segments_is_ignored(film, whole, tmp_path):
    target, options = tmp_path / "large.mp4", {"preset": "ultrafast"}
    stopped(film, target, **options)
    (tmp_path / ".large.mp4.minisr" / "ended").write_text(f"{-(-FRAMES // SEGMENT)}")
    upscale_video(
        film, target, Doubled(), stamp="x", segment=SEGMENT, threads=Threads(1), **options
    )
    assert [packet[:3] for packet in packets_of(target)] == [packet[:3] for packet in whole]


def test_two_runs_do_not_share_a_folder(tmp_path):
    target = tmp_path / "large.mp4"
    other = WorkFolder(target, {"a": 1})
    with (
        WorkFolder(target, {"a": 1}),
        pytest.raises(SettingsError, match="another run is using this"),
    ):
        other.__enter__()
    with WorkFolder(target, {"a": [1, (2, 3)]}) as work:
        assert work.discarded
        assert json.loads((work.path / "manifest.json").read_text()) == {"a": [1, [2, 3]]}


def test_a_part_without_frames_leaves_nothing_behind(tmp_path):
    source = make_clip(tmp_path / "film.mkv", times=[0, 1, 50], frames=3)
    target = tmp_path / "large.mkv"
    with pytest.raises(PictureError, match="there are no frames in this part"):
        upscale_video(source, target, Doubled(), start=0.5, duration=0.5)
    assert sorted(file.name for file in tmp_path.iterdir()) == [source.name]


def test_memory_does_not_depend_on_the_length(tmp_path, jobs):
    peaks = []
    for frames in (50, 400):
        source = tmp_path / f"{frames}.mp4"
        make_clip(source, frames=frames, size=(180, 320), options={"preset": "ultrafast"})
        jobs.begin(source, tmp_path / f"large{frames}.mp4", seconds=0, segment=25)
        status, said = jobs.end()
        assert status == 0, said
        done, kib = re.search(r"did (\d+), (\d+) KiB", said).groups()
        assert int(done) == frames
        peaks.append(int(kib) / 1024)
    # 350 more frames of 640 x 360 would be 120 MB if they were kept
    assert abs(peaks[1] - peaks[0]) < 30, peaks
