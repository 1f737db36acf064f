"""Kernels are compiled again when any file of their folder has changed.

This rests on a private part of Numba, see `minisr.kernels.cpu.options`. If a Numba without it comes
along, the first test fails.
"""

import importlib.util

import numba
import pytest

from minisr.kernels.cpu import options

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


@pytest.fixture
def double(tmp_path):
    """Return a plain function from a file in a folder of its own, where Numba keeps its cache."""
    path = tmp_path / "doubling.py"
    path.write_text("def double(x):\n    return 2 * x\n")
    spec = importlib.util.spec_from_file_location("doubling", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


def is_loaded_from_cache(function):
    """Compile a function as the kernels are; return whether the cache had it."""
    kernel = options.compiled(**options.OPTIONS)(function)
    assert kernel(3) == 6
    hits, misses = (sum(counts.values()) for counts in kernel.stats[1:])
    assert hits + misses == 1
    return hits == 1


def test_a_change_in_another_file_empties_the_cache(double, monkeypatch):
    assert not is_loaded_from_cache(double)
    assert is_loaded_from_cache(double)
    name, time = options.FOLDER[0]
    monkeypatch.setattr(options, "FOLDER", ((name, time + 1), *options.FOLDER[1:]))
    assert not is_loaded_from_cache(double)


def test_without_the_private_part_kernels_still_compile(double, monkeypatch):
    def plain(**ignored):
        return lambda function: function

    monkeypatch.setattr(options, "njit", plain)
    assert options.compiled(**options.OPTIONS)(double)(3) == 6
