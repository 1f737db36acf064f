import pytest

from minisr.errors import SettingsError
from minisr.system.threads import Threads


def test_threads_refuse_to_be_none():
    with pytest.raises(SettingsError, match="threads must be at least 1, got 0"):
        Threads(0)


def test_threads_work_together():
    for count in (1, 2, 4):
        with Threads(count) as threads:
            taken = []
            threads.together(taken.extend, iter(range(100)), most=3)
            assert sorted(taken) == list(range(100))
            with pytest.raises(ZeroDivisionError):
                threads.together(lambda jobs: 1 // 0, iter([1]), most=3)


def test_threads_within_threads_do_not_wait_for_each_other_for_ever():
    def nested(k):
        taken = []
        threads.together(taken.extend, iter([k, k]), most=9)
        return len(taken)

    with Threads(2) as threads:
        assert threads.map(nested, range(8)) == [2] * 8
