"""Compiled kernels are kept, where that is possible; made anew when files changed or are damaged.

This rests on private parts of Numba, see `minisr.kernels.cpu.options`. If a Numba without them
comes along, the first test fails.
"""

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest

import minisr
from minisr.errors import CompileCacheWarning
from minisr.images import read_picture, write_picture
from minisr.kernels.cpu import options
from minisr.system import compile_cache

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


@pytest.mark.parametrize("kept", [0, 10])
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_file_that_was_cut_off_is_made_anew(double, tmp_path, kind, kept):
    assert not is_loaded_from_cache(double)
    (file,) = tmp_path.rglob(f"*.{kind}")
    file.write_bytes(file.read_bytes()[:kept])
    assert not is_loaded_from_cache(double)
    assert is_loaded_from_cache(double)


def test_a_full_disk_is_a_warning_said_once(double):
    resource = pytest.importorskip("resource", reason="needs the limits of a POSIX system")
    options._warn.cache_clear()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for argument in (3, 3.0):
                assert options.compiled(**options.OPTIONS)(double)(argument) == 6
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [warning.category for warning in said] == [CompileCacheWarning]
    assert re.search("cannot be kept in .*: File too large", str(said[0].message))


def test_without_a_home_there_is_no_folder_named_after_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "~")  # as it stays if nobody knows a user's home
    assert compile_cache.folder_for(Path("/proc/sources")) is None
    assert not list(tmp_path.iterdir())


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_no_place_at_all_means_compiling_in_memory(tmp_path, device):
    """As in a container: the package cannot be written, nor can anything in the user's home."""
    package = Path(minisr.__file__).parent
    inside = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        READ_ONLY,
        str(package),
    ]
    try:
        subprocess.run([*inside, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a system where anybody may make a folder read-only for a process")
    source, target = tmp_path / "small.png", tmp_path / "large.png"
    write_picture(source, np.arange(48, dtype=np.uint8).reshape(6, 8))
    command = [sys.executable, "-m", "minisr", "upscale", source, "-o", target, "--device", device]
    environment = {"PYTHONPATH": str(package.parent), "HOME": "/proc/none", "PATH": os.defpath}
    done = subprocess.run(
        [*inside, *map(str, command)], env=environment, capture_output=True, text=True, cwd="/proc"
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("minisr: ")]
    compiles = [
        "minisr: no folder can be written in which to keep compiled code, so every run compiles it "
        "again; set NUMBA_CACHE_DIR to a folder that can be written"
    ]
    assert said == (compiles if device == "cpu" else [])  # the reference compiles nothing
    assert "Traceback" not in done.stderr
    assert read_picture(target).pixels.shape == (18, 24)
