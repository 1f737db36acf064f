"""Without the modules and files that only some systems have, pictures and folders go through."""

import subprocess
import sys

import numpy as np

from minisr.images import read_picture, write_picture

# What Windows lacks: POSIX's modules and functions, /proc, forking.
WITHOUT = """
import builtins, os, pathlib, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "getuid", "mkfifo", "register_at_fork", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
opened = builtins.open
def without_proc(file, *rest, **options):
    if str(file).startswith("/proc/"):
        raise FileNotFoundError(2, "no such file", str(file))
    return opened(file, *rest, **options)
builtins.open = without_proc
"""
IMPORTS = (
    WITHOUT
    + """
import importlib, pkgutil, minisr
names = [m.name for m in pkgutil.walk_packages(minisr.__path__, "minisr.")]
for name in names:
    if not name.startswith(("minisr.kernels.cuda", "minisr.__main__")):
        importlib.import_module(name)
print(len(names))
"""
)
RUNS = (
    WITHOUT
    + """
from minisr.cli import main
sys.exit(main(sys.argv[1:]))
"""
)


def python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_module_can_be_imported():
    done = python(IMPORTS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


def test_a_folder_goes_through_and_is_skipped_the_second_time(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / "small").mkdir(exist_ok=True)
        write_picture(tmp_path / "small" / name, np.arange(48, dtype=np.uint8).reshape(6, 8))
    words = ["upscale", tmp_path / "small", "-o", tmp_path / "large", "-s", "2", "-m", "espcn"]
    for _ in range(2):
        done = python(RUNS, *words)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert read_picture(tmp_path / "large" / "b_x2.png").pixels.shape == (12, 16)


def test_info_says_what_it_can(tmp_path):
    done = python(RUNS, "info")
    assert done.returncode == 0, done.stderr
    assert "numba cache" in done.stdout
