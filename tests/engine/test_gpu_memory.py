"""Where a GPU has no memory for a picture, smaller bands do; a stand-in has only so much of it."""

import threading
import time

import numpy as np
import pytest

from minisr import ESPCN, engine, kernels
from minisr.cli import main
from minisr.engine import CompiledNetwork, bands
from minisr.engine.bands import round_up, run_in_bands
from minisr.errors import DeviceMemoryError
from minisr.evaluation.evaluate import predict_luma
from minisr.images import read_picture
from minisr.models import EDSR
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.picture import upscale


@pytest.fixture
def limit(monkeypatch):
    """Return a function after which there is memory only for so many pixels at a time."""
    run = CompiledNetwork._run_at_once

    def limit(most):
        tried = []

        def checked(self, x, threads):
            size = x.shape[0] * x.shape[2] * x.shape[3]
            tried.append(size)
            if size > most:
                raise DeviceMemoryError(f"GPU 0 has not enough memory: {size} was asked for")
            return run(self, x, threads)

        monkeypatch.setattr(CompiledNetwork, "_run_at_once", checked)
        return tried

    return limit


@pytest.fixture
def network(rng):
    return ESPCN(2, channels=(4, 3), rng=rng)


def test_smaller_bands_give_the_same_bits(network, rng, limit):
    x = rng.random((1, 1, 150, 20), np.float32)
    whole = engine.compile(network)(x)
    for most in (149 * 20, 60 * 20, 32 * 20):
        tried = limit(most)
        run = engine.compile(network)
        assert (run(x) == whole).all()
        assert tried[0] == 150 * 20
        assert max(tried[2:]) < 150 * 20
        tried.clear()
        assert (run(x) == whole).all()
        assert max(tried) <= most, "what fitted is remembered"


def test_several_planes_go_one_by_one_before_they_are_cut(network, rng, limit):
    x = rng.random((3, 1, 90, 10), np.float32)
    whole = engine.compile(network)(x)
    tried = limit(90 * 10)
    run = engine.compile(network)
    assert (run(x) == whole).all()
    assert (run(x) == whole).all()
    assert tried == [3 * 900] + 6 * [900]


def test_several_planes_may_have_to_be_cut_as_well(network, rng, limit):
    x = rng.random((3, 1, 90, 10), np.float32)
    whole = engine.compile(network)(x)
    limit(600)
    assert (engine.compile(network)(x) == whole).all()


def test_at_last_the_error_is_raised(network, rng, limit):
    tried = limit(10)
    run = engine.compile(network)
    with pytest.raises(DeviceMemoryError, match="GPU 0 has not enough memory"):
        run(np.zeros((1, 1, 150, 20), np.float32))
    rows = bands.LEAST_ROWS + round_up(run.halo)
    assert tried[-1] == rows * 20, "the first band has no halo above"
    assert 3 <= len(tried) <= 5


class OfItsOwn(ESPCN):
    """Might look anywhere."""

    def forward(self, x):
        return super().forward(x)


def test_a_network_that_may_see_everything_can_only_be_tried_whole(limit):
    tried = limit(10)
    run = engine.compile(OfItsOwn(2, channels=(4, 3)))
    assert run.halo is None
    with pytest.raises(DeviceMemoryError):
        run(np.zeros((1, 1, 150, 20), np.float32))
    assert tried == [150 * 20]


@pytest.mark.parametrize("colour", ["luma", "rgb"])
def test_pictures_are_the_same_to_the_bit(network, rng, limit, colour):
    picture = rng.integers(0, 256, (140, 16, 4), np.uint8)
    whole = upscale(picture, model=network, colour=colour)
    limit(700)
    assert (upscale(picture, model=network, colour=colour) == whole).all()


def test_planes_of_a_chain_too(network, rng, limit):
    plane = rng.random((70, 12), np.float32)
    whole = Enlarger(network, 4).plane(plane)
    limit(60 * 24)
    assert (Enlarger(network, 4).plane(plane) == whole).all()


def test_a_picture_that_is_measured(network, rng, limit):
    low = rng.integers(0, 256, (1, 120, 14), np.uint8)
    whole = predict_luma(network, low)
    limit(60 * 14)
    assert (predict_luma(network, low) == whole).all()


@pytest.mark.parametrize(("band_pixels", "high"), [(bands.BAND_PIXELS, 64), (200, 52)])
def test_a_layer_that_has_no_memory_stops_the_bands_of_all_threads(
    band_pixels, high, rng, monkeypatch
):
    """The last layers see twice as many rows; of 200 pixels, bands are 20 rows and the halo."""
    cpu = kernels.load("cpu")
    network = EDSR(2, in_channels=1, channels=4, residual_blocks=1, rng=rng)
    x = rng.random((1, 1, 120, 10), np.float32)
    whole = network(x)
    convolve, lock, most = cpu.conv2d_forward, threading.Lock(), [0]

    def checked(x, *others):
        with lock:
            most[0] = max(most[0], x.shape[2])
        if x.shape[2] > high:
            raise DeviceMemoryError("GPU 0 has not enough memory")
        convolve(x, *others)

    monkeypatch.setattr(cpu, "conv2d_forward", checked)
    monkeypatch.setattr(bands, "BAND_PIXELS", band_pixels)
    with Threads(3) as threads:
        np.testing.assert_array_equal(engine.compile(network)(x, threads), whole)
        assert most[0] > high


def test_one_thread_without_memory_stops_the_others():
    calls, lock = [], threading.Lock()

    def first_fails(part):
        with lock:
            calls.append(part)
        if len(calls) == 1:
            raise DeviceMemoryError("none")
        time.sleep(0.02)
        return np.zeros((1, 1, 2 * part.shape[2], 10), np.float32)

    x = np.zeros((1, 1, 900, 5), np.float32)
    with Threads(3) as threads, pytest.raises(DeviceMemoryError):
        run_in_bands(first_fails, x, 2, 2, threads, rows=10)
    assert len(calls) < 45


def test_together_waits_for_those_who_are_at_work():
    begun, ended = threading.Event(), threading.Event()
    caller = threading.get_ident()

    def work(_):
        if threading.get_ident() == caller:
            begun.wait(10)
            raise ValueError("the caller's own part fails")
        begun.set()
        threading.Event().wait(0.05)
        ended.set()

    with Threads(2) as threads:
        with pytest.raises(ValueError, match="own part"):
            threads.together(work, None, 2)
        assert ended.is_set()


def test_one_picture_without_memory_stops_no_other(weights, folder, tmp_path, limit, capsys):
    before = tmp_path / "before"
    assert main(["upscale", str(folder), "-o", str(before), "-m", str(weights), "-j", "1"]) == 0
    limit(40 * 80)
    after = tmp_path / "after"
    assert main(["upscale", str(folder), "-o", str(after), "-m", str(weights), "-j", "1"]) == 0
    for file in before.glob("*.png"):
        assert (read_picture(file).pixels == read_picture(after / file.name).pixels).all()
    capsys.readouterr()
    limit(200)
    words = ["upscale", str(folder / "0.png"), "-o", str(tmp_path / "c.png"), "-m", str(weights)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "0.png: GPU 0 has not enough memory" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "c.png").exists()
    assert main(["evaluate", str(folder), "-s", "2", "-m", str(weights), "-j", "1"]) == 2
    assert capsys.readouterr().err.count("GPU 0 has not enough memory") == 3
