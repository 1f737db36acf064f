"""BLAS has one thread while SOAP works, and gets the others back.

This rests on private parts of NumPy and SciPy, see `minisr.engine.blas`. If a version without them
comes along, `test_every_bundled_openblas_is_found` fails.
"""

import sys

import numpy as np
import pytest
import scipy

from minisr.datasets.pairs import make_pair
from minisr.engine import blas
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, Patches, TrainConfig


def counts():
    return [get_threads() for get_threads, _ in blas._libraries()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows exports a library's own names only")
def test_every_bundled_openblas_is_found():
    """If this fails, SOAP's steps take half as long again and their bits vary: look elsewhere."""
    built = [package.show_config(mode="dicts")["Build Dependencies"] for package in (np, scipy)]
    names = [dependencies["blas"]["name"] for dependencies in built]
    assert len(blas._libraries()) == names.count("scipy-openblas")


@pytest.fixture
def openblas():
    """Give every bundled OpenBLAS two threads."""
    if not blas._libraries():
        pytest.skip("neither NumPy nor SciPy bundles OpenBLAS")
    before = counts()
    for _, set_threads in blas._libraries():
        set_threads(2)
    yield
    for (_, set_threads), count in zip(blas._libraries(), before, strict=True):
        set_threads(count)


@pytest.mark.usefixtures("openblas")
def test_one_thread_is_left_to_blas_and_the_others_come_back():
    before = counts()
    with blas.one_blas_thread():
        assert counts() == [1] * len(before)
    assert counts() == before
    with pytest.raises(ZeroDivisionError), blas.one_blas_thread():
        raise ZeroDivisionError
    assert counts() == before


@pytest.mark.usefixtures("openblas")
@pytest.mark.parametrize(("optimizer", "alone"), [("soap", True), ("adam", False)])
def test_a_step_of_soap_leaves_it_one_thread(optimizer, alone, rng, monkeypatch):
    pairs = [make_pair(rng.integers(0, 256, (40, 44), dtype=np.uint8), 2)]
    config = TrainConfig(2, steps=9, optimizer=optimizer, options={"channels": [6, 4]})
    with Threads(1) as threads:
        trainer = CompiledTrainer(config, Patches(pairs, 9, 3, 0), threads)
        before, seen, step = counts(), [], trainer.optimizer.step

        def noted():
            seen.append(counts())
            step()

        monkeypatch.setattr(trainer.optimizer, "step", noted)
        trainer.step()
    assert seen == [[1] * len(before) if alone else before]
    assert counts() == before
