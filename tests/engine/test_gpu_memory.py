"""Where a GPU has no memory for a picture, smaller bands do; a stand-in has only so much of it."""

import functools
import threading
import time

import numpy as np
import pytest

import minisr
from minisr import ESPCN
from minisr.cli import main
from minisr.engine import bands
from minisr.engine.bands import WithinMemory, run_in_bands
from minisr.engine.receptive_field import BLOCK, reach
from minisr.errors import DeviceMemoryError
from minisr.evaluation.evaluate import predict_luma
from minisr.images import read_picture
from minisr.kernels import reference
from minisr.models import EDSR
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.picture import upscale


@pytest.fixture
def limit(monkeypatch):
    """Return a function after which a network has memory only for so many pixels at a time."""

    def limit(network, most):
        tried = []
        called = type(network).__call__

        @functools.wraps(called)
        def checked(self, x, threads=None):
            size = x.shape[0] * x.shape[2] * x.shape[3]
            tried.append(size)
            if size > most:
                raise DeviceMemoryError(f"GPU 0 has not enough memory: {size} was asked for")
            return called(self, x, threads)

        monkeypatch.setattr(type(network), "__call__", checked)
        return tried

    return limit


@pytest.fixture
def network(rng):
    return ESPCN(2, channels=(4, 3), rng=rng)


def test_smaller_bands_give_the_same_bits(network, rng, limit):
    x = rng.random((1, 1, 150, 20), np.float32)
    whole = network(x)
    for most in (149 * 20, 60 * 20, 32 * 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(network), "__call__", type(network).__call__)
            tried = limit(network, most)
            run = WithinMemory(network, reach(network, to_the_bit=True))
            assert (run(x) == whole).all()
            assert tried[0] == 150 * 20
            assert max(tried[2:]) < 150 * 20
            tried.clear()
            assert (run(x) == whole).all()
            assert max(tried) <= most, "what fitted is remembered"


def test_several_planes_go_one_by_one_before_they_are_cut(network, rng, limit):
    x = rng.random((3, 1, 90, 10), np.float32)
    whole = network(x)
    tried = limit(network, 90 * 10)
    run = WithinMemory(network, reach(network, to_the_bit=True))
    assert (run(x) == whole).all()
    assert (run(x) == whole).all()
    assert tried == [3 * 900] + 6 * [900]


def test_several_planes_may_have_to_be_cut_as_well(network, rng, limit):
    x = rng.random((3, 1, 90, 10), np.float32)
    whole = network(x)
    limit(network, 600)
    assert (WithinMemory(network, reach(network, to_the_bit=True))(x) == whole).all()


def test_at_last_the_error_is_raised(network, rng, limit):
    tried = limit(network, 10)
    with pytest.raises(DeviceMemoryError, match="GPU 0 has not enough memory"):
        WithinMemory(network, reach(network, to_the_bit=True))(np.zeros((1, 1, 150, 20), "f4"))
    halo = -(-reach(network, to_the_bit=True) // BLOCK) * BLOCK
    assert tried[-1] == (bands.LEAST_ROWS + halo) * 20, "the first band has no halo above"
    assert 3 <= len(tried) <= 5


def test_a_network_of_unknown_reach_can_only_be_tried_whole(network, limit):
    tried = limit(network, 10)
    with pytest.raises(DeviceMemoryError):
        WithinMemory(network, None)(np.zeros((1, 1, 150, 20), np.float32))
    assert tried == [150 * 20]


@pytest.mark.parametrize("colour", ["luma", "rgb"])
def test_pictures_are_the_same_to_the_bit(network, rng, limit, colour):
    picture = rng.integers(0, 256, (140, 16, 4), np.uint8)
    whole = upscale(picture, model=network, colour=colour)
    limit(network, 700)
    assert (upscale(picture, model=network, colour=colour) == whole).all()


def test_planes_of_a_chain_too(network, rng, limit):
    plane = rng.random((70, 12), np.float32)
    whole = Enlarger(network, 4).plane(plane)
    limit(network, 60 * 24)
    assert (Enlarger(network, 4).plane(plane) == whole).all()


def test_a_picture_that_is_measured(network, rng, limit):
    low = rng.integers(0, 256, (1, 120, 14), np.uint8)
    whole = predict_luma(network, low)
    limit(network, 60 * 14)
    assert (predict_luma(network, low) == whole).all()


def test_a_layer_that_has_no_memory_stops_the_bands_of_all_threads(rng, monkeypatch):
    network = EDSR(2, in_channels=1, channels=4, residual_blocks=1, backend="reference", rng=rng)
    x = rng.random((1, 1, 120, 10), np.float32)
    whole = network(x)
    convolve, lock, running, most = reference.conv2d_forward, threading.Lock(), set(), [0]

    def checked(x, *others):
        with lock:
            running.add(threading.get_ident())
            most[0] = max(most[0], x.shape[2])
        if x.shape[2] > 64:
            raise DeviceMemoryError("GPU 0 has not enough memory")
        convolve(x, *others)

    monkeypatch.setattr(reference, "conv2d_forward", checked)
    with Threads(3) as threads:
        run = WithinMemory(network, reach(network, to_the_bit=True))
        np.testing.assert_allclose(run(x, threads), whole, atol=1e-5)
        assert most[0] > 64


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
    network = minisr.load(weights)
    before = tmp_path / "before"
    assert main(["upscale", str(folder), "-o", str(before), "-m", str(weights), "-j", "1"]) == 0
    limit(network, 40 * 80)
    after = tmp_path / "after"
    assert main(["upscale", str(folder), "-o", str(after), "-m", str(weights), "-j", "1"]) == 0
    for file in before.glob("*.png"):
        assert (read_picture(file).pixels == read_picture(after / file.name).pixels).all()
    capsys.readouterr()
    limit(network, 200)
    words = ["upscale", str(folder / "0.png"), "-o", str(tmp_path / "c.png"), "-m", str(weights)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "0.png: GPU 0 has not enough memory" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "c.png").exists()
    assert main(["evaluate", str(folder), "-s", "2", "-m", str(weights), "-j", "1"]) == 2
    assert capsys.readouterr().err.count("GPU 0 has not enough memory") == 3
