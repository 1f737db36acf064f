"""benchmarks/time_to_quality.py: its plan, its tables, and that PyTorch trains as minisr does."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from natural_pictures import natural
from numpy.testing import assert_allclose

from minisr import kernels
from minisr.datasets.pairs import make_pair
from minisr.images import read_picture, write_picture
from minisr.system.threads import Threads
from minisr.training import Patches, TrainConfig

torch = pytest.importorskip("torch", reason="needs PyTorch, which the benchmark compares with")

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
sys.path.insert(0, FOLDER)
import peers  # noqa: E402
import time_to_quality as benchmark  # noqa: E402

sys.path.remove(FOLDER)

CONFIG = TrainConfig(2, 40, batch_size=3, patch_size=9)


@pytest.fixture
def patches(rng):
    pairs = [make_pair(np.uint8(255 * natural(rng, 60, 64)), 2) for _ in range(2)]
    return Patches(pairs, CONFIG.patch_size, CONFIG.batch_size, seed=0)


def curve(*points):
    return [{"steps": 10 * k, "seconds": s, "psnr": p} for k, (s, p) in enumerate(points)]


def test_stops_are_denser_at_first_and_end_at_the_last_step():
    assert benchmark.stops(800, 4) == [25, 50, 100, 200, 400, 600, 800]
    assert benchmark.stops(3, 4) == [1, 2, 3]
    assert benchmark.stops(1, 4) == [1]


def test_marks_are_round_and_between():
    assert benchmark.marks(27.41, 27.66) == [27.45, 27.5, 27.55, 27.6, 27.65]
    assert benchmark.marks(27.4, 29.09) == [27.6, 27.8, 28.0, 28.2, 28.4, 28.6, 28.8, 29.0]
    assert benchmark.marks(27.42, 27.44) == []
    assert benchmark.marks(27.41, 20) == []


def test_seconds_to_a_mark_are_those_of_the_first_crossing():
    points = curve((0, 10), (4, 20), (6, 18), (8, 22))
    assert benchmark.seconds_to(points, 15) == 2
    assert benchmark.seconds_to(points, 19) == pytest.approx(3.6)
    assert benchmark.seconds_to(points, 20) == 4
    assert benchmark.seconds_to(points, 21) == 7.5
    assert benchmark.seconds_to(points, 23) is None
    assert benchmark.seconds_to(points, 9) == 0


def test_the_table_of_marks():
    points = {
        "minisr, Adam": curve((0, 10), (10, 30)),
        "minisr, SOAP": curve((0, 10), (5, 35)),
        "PyTorch, Adam": curve((0, 10), (20, 25)),
    }
    rows = {row["held out"]: row for row in benchmark.rows_of_marks(points, 20)}
    last = rows["25.00 dB (PyTorch's last)"]
    assert [last[f"{name}, s"] for name in points] == [7.5, 3, 20]
    assert (last["PyTorch to minisr, Adam"], last["PyTorch to minisr, SOAP"]) == (2.67, 6.67)
    never = rows["34.00 dB"]
    assert [never[f"{name}, s"] for name in points] == [None, 4.8, None]
    assert never["PyTorch to minisr, SOAP"] is None


def test_labels_that_would_touch_are_moved_as_little_as_possible():
    assert benchmark.spread([1, 5, 3], 1) == [1, 5, 3]
    assert_allclose(benchmark.spread([5, 5.2, 0], 1), [4.6, 5.6, 0])
    assert_allclose(benchmark.spread([2, 2, 2, 3.2], 1), [0.8, 1.8, 2.8, 3.8])


def test_all_take_their_turns_to_their_last_stop():
    class Runner:
        def __init__(self):
            self.steps = 0

        def step(self):
            self.steps += 1

        def weights(self):
            return self.steps

    runners = {"a": Runner(), "b": Runner()}
    points, shares = benchmark.race(runners, {"a": [1, 2, 5], "b": [3]}, lambda steps: 2.0 * steps)
    assert [(p["steps"], p["psnr"]) for p in points["a"]] == [(0, 0), (1, 2), (2, 4), (5, 10)]
    assert [(p["steps"], p["psnr"]) for p in points["b"]] == [(0, 0), (3, 6)]
    assert len(shares) == 4
    seconds = [point["seconds"] for point in points["a"]]
    assert seconds == sorted(seconds)


def test_pytorch_takes_the_same_steps(patches):
    with Threads(1) as threads:
        differences = benchmark.check(CONFIG, patches, threads, ["eager"])
        assert set(differences["eager"]) == {"loss", "gradient", "step", "average"}
        ours = benchmark.Ours(CONFIG, patches, threads)
        theirs = benchmark.InTorch(CONFIG, patches, "eager")
        for _ in range(20):  # warm-up, the top of the cosine and its fall
            assert_allclose(ours.step(), theirs.step(), rtol=1e-4)
    expected = theirs.weights()
    for name, value in ours.weights().items():
        assert benchmark.apart(value, expected[name]) < 1e-3, name


def test_another_training_is_noticed(patches, monkeypatch):
    class Slower(benchmark.InTorch):
        def __init__(self, config, *others):
            rate = 1.01 * config.learning_rate
            super().__init__(dataclasses.replace(config, learning_rate=rate), *others)

    monkeypatch.setattr(benchmark, "InTorch", Slower)
    with Threads(1) as threads, pytest.raises(AssertionError, match="step differs"):
        benchmark.check(CONFIG, patches, threads, ["eager"])


def test_all_of_it_in_small(tmp_path, rng, capsys):
    for place, count in (("T91", 2), ("BSDS500/train", 11), ("Set5", 1)):
        (tmp_path / place).mkdir(parents=True)
        for k in range(count):
            write_picture(tmp_path / place / f"{k:02}.png", np.uint8(255 * natural(rng, 40, 44)))
    configs = {name: dataclasses.replace(CONFIG, optimizer=name) for name in ("adam", "soap")}
    with Threads(1) as threads:
        report = benchmark.compete(tmp_path, 0.002, configs, threads, False, 1, 0.05)
    assert report["pictures"] == "11 pictures to learn from, 2 held out"
    assert report["finals"][0]["who"] == "bicubic"
    assert all(row["Set5, dB / SSIM"] for row in report["finals"])
    for name, points in report["points"].items():
        assert points[-1]["steps"] == report["configs"][name]["steps"]
    benchmark.plot(tmp_path / "plot.png", report["title"], report["points"], report["bicubic"])
    assert read_picture(tmp_path / "plot.png").pixels.shape[1] == 1400
    assert "11 pictures" in benchmark.remarks(report)
    assert "PyTorch, Adam (eager)" in capsys.readouterr().out


def test_the_twin_of_a_thin_network(rng):
    """Against the reference kernels, one layer after the other."""
    reference, R = kernels.load("reference"), 3
    state = {}
    for name, shape in (("1", (4, 1, 5, 5)), ("2", (4, 4, 3, 3)), ("3", (R * R, 4, 3, 3))):
        state[f"conv{name}.weight"] = rng.standard_normal(shape).astype(np.float32)
        state[f"conv{name}.bias"] = rng.standard_normal(shape[0]).astype(np.float32)
        if name != "3":
            state[f"prelu{name}.weight"] = rng.random(shape[0]).astype(np.float32)
    x = rng.random((2, 1, 6, 7)).astype(np.float32)
    out = x - np.float32(0.5)
    for name in "123":
        weight, bias = state[f"conv{name}.weight"], state[f"conv{name}.bias"]
        pad = weight.shape[2] // 2
        result = np.empty((2, len(weight), 6, 7), np.float32)
        reference.conv2d_forward(out, weight, bias, (pad,) * 4, result)
        if name != "3":
            slope = state[f"prelu{name}.weight"][:, None, None]
            result = np.where(result < 0, slope * result, result)
        out = result
    large = np.empty((2, 1, 18, 21), np.float32)
    reference.pixel_shuffle(out, R, large)
    large += np.repeat(np.repeat(x, R, axis=2), R, axis=3)
    with torch.inference_mode():
        got = peers.TWINS["thinsr"](state, R)(torch.from_numpy(x)).numpy()
    assert_allclose(got, large, rtol=0, atol=1e-4 * np.abs(large).max())
