import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from cuda_simulator import make_shared_arrays_safe
from find_gpu import has_gpu

if not has_gpu():
    # Before Numba is imported, which reads it once: CUDA kernels then run in its simulator.
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")
    # Its threads wait for each other by asking again and again, each for as long as it may.
    sys.setswitchinterval(1e-4)
    if importlib.util.find_spec("numba_cuda"):
        make_shared_arrays_safe()

import minisr
from minisr import ESPCN
from minisr.images import write_picture

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # As shells start what runs in the background; programs that tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def rng():
    return np.random.default_rng(20160501)


@pytest.fixture
def shared_data():
    """Return the folder of test pictures that lies beside some checkouts."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the pictures in ../shared/data, which this checkout lacks")
    return SHARED_DATA


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of three small pictures in colour, 0.png to 2.png."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:66, :80]
    for k in range(3):
        waves = [128 + 90 * np.sin((k + 1) * x / 9 + c) * np.cos(y / 11) for c in range(3)]
        write_picture(folder / f"{k}.png", np.uint8(np.stack(waves, axis=2)))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a file of weights of a small untrained ESPCN x2."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    minisr.weights.save(ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0)), path)
    return path
