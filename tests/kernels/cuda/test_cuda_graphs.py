"""CUDA graphs, with a stand-in for the driver: what happens when a capture goes wrong, or waits."""

import threading

import pytest

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

from cuda.bindings import driver

from minisr.errors import DeviceError
from minisr.kernels.cuda import graphs
from minisr.kernels.cuda.capture_gate import capture, default_stream

SUCCESS, INVALIDATED = (
    driver.CUresult.CUDA_SUCCESS,
    driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
)
STREAM = 7  # a handle


@pytest.fixture
def calls(monkeypatch):
    """Return the list of what the stand-in was asked, and let `Replay` believe in a GPU."""
    made = []

    def stand_in(name, *values):
        def call(*arguments):
            made.append(name)
            return SUCCESS, *values

        monkeypatch.setattr(driver, name, call)

    stand_in("cuStreamBeginCapture")
    stand_in("cuStreamEndCapture", "graph")
    stand_in("cuGraphInstantiate", "executable")
    stand_in("cuGraphDestroy")
    stand_in("cuGraphLaunch")
    stand_in("cuGraphExecDestroy")
    monkeypatch.setattr(driver, "cuGetErrorName", lambda error: (SUCCESS, error.name.encode()))
    monkeypatch.setattr(graphs, "SIMULATED", False)
    return made


def test_the_second_time_is_noted_down_and_then_replayed(calls):
    launched = []
    replay = graphs.Replay(launched.append)
    for _ in range(4):
        replay(STREAM)
    assert launched == [STREAM, STREAM]
    capture_calls = ["cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate"]
    assert calls == [*capture_calls, "cuGraphDestroy", *["cuGraphLaunch"] * 3]


def test_what_cannot_be_noted_down_is_launched(calls):
    launched = []

    def launches(stream):
        launched.append(stream)
        if len(launched) == 2:
            raise ValueError("not in a capture")

    replay = graphs.Replay(launches)
    replay(STREAM)
    with pytest.warns(RuntimeWarning, match=r"no CUDA graph.*not in a capture"):
        replay(STREAM)
    replay(STREAM)
    assert len(launched) == 4  # one of them in vain
    assert calls == ["cuStreamBeginCapture", "cuStreamEndCapture"]  # which gives the stream back


def test_a_spoilt_capture_is_a_warning(calls, monkeypatch):
    monkeypatch.setattr(driver, "cuStreamEndCapture", lambda stream: (INVALIDATED, None))
    launched = []
    replay = graphs.Replay(launched.append)
    replay(STREAM)
    with pytest.warns(RuntimeWarning, match="CAPTURE_INVALIDATED"):
        replay(STREAM)
    assert len(launched) == 3


def test_a_failed_replay_is_an_error_of_the_device(calls, monkeypatch):
    replay = graphs.Replay(lambda stream: None)
    replay(STREAM)
    failed = driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
    monkeypatch.setattr(driver, "cuGraphLaunch", lambda *arguments: (failed,))
    with pytest.raises(DeviceError, match=r"GPU 0, CUDA graph: .*ILLEGAL_ADDRESS"):
        replay(STREAM)


def test_a_capture_waits_for_the_default_stream_and_it_for_the_capture():
    events, capturing, done = [], threading.Event(), threading.Event()

    def capture_once():
        with capture():
            events.append("captured")
            capturing.set()
            done.wait(10)
            events.append("end of capture")

    def use():
        with default_stream():
            events.append("used")

    first, second = threading.Thread(target=capture_once), threading.Thread(target=use)
    with default_stream():
        first.start()
        assert not capturing.wait(0.05)
        with default_stream():  # nested: it must not wait for what waits for it
            events.append("nested")
    assert capturing.wait(10)
    second.start()
    second.join(0.05)
    assert events == ["nested", "captured"]
    done.set()
    for thread in (first, second):
        thread.join(10)
    assert events == ["nested", "captured", "end of capture", "used"]


def test_who_captures_may_use_the_default_stream():
    with capture(), default_stream():
        pass  # the driver says what it thinks of that, and nobody waits for ever
