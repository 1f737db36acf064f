"""Processes that are started after minisr was used: as DataLoader workers and web servers do it."""

import multiprocessing

import numpy as np
import pytest

import minisr
from minisr.system.threads import Threads

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def enlarged(scale):
    return minisr.upscale(PICTURE, scale, model="espcn")


def squares(count):
    with Threads(count) as pool:
        return pool.map(lambda number: number * number, range(count))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_children_enlarge_after_their_parent_has(method):
    expected = enlarged(2)
    with multiprocessing.get_context(method).Pool(2) as children:
        for found in children.map_async(enlarged, [2, 2, 2]).get(timeout=300):
            np.testing.assert_array_equal(found, expected)
        assert children.apply_async(squares, [3]).get(timeout=300) == [0, 1, 4]


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_pool_that_was_at_work_when_its_process_forked():
    with Threads(2) as pool:
        pool.map(str, range(5))
        answers = multiprocessing.get_context("fork").SimpleQueue()

        def child():
            answers.put(pool.map(str, range(5)))

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert answers.get() == list("01234")
        assert pool.map(str, range(2)) == ["0", "1"], "the parent's own threads live on"
