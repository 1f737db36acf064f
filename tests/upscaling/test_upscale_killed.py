"""Killed at any moment, ``minisr upscale`` leaves nothing half done, and resumes where it was."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from minisr.images import write_picture

RUNS = int(os.environ.get("MINISR_TEST_KILLS", "12"))

# Runs in a separate program, which forks: everything is imported and compiled once, so that the
# kills fall into the work itself and not into the start-up.
PROGRAM = """
import json, os, random, signal, shutil, sys, time
from pathlib import Path
from minisr import cli
from minisr.images import read_picture

folder, weights, runs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
pictures, expected, out = folder / "in", folder / "expected", folder / "out"
words = ["upscale", str(pictures), "-r", "-m", weights, "-j", "2", "-o"]

def results(where):
    return {p.relative_to(where).as_posix(): p for p in where.rglob("*") if p.suffix == ".png"}

began = time.perf_counter()
assert cli.main([*words, str(expected)]) == 0
began = time.perf_counter()
shutil.rmtree(expected)
assert cli.main([*words, str(expected)]) == 0
length = time.perf_counter() - began
whole = {name: path.read_bytes() for name, path in results(expected).items()}
random.seed(7)
counts = []
for run in range(runs):
    shutil.rmtree(out, ignore_errors=True)
    child = os.fork()
    if child == 0:
        os._exit(cli.main([*words, str(out)]))
    time.sleep(random.random() * length * 1.2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before = results(out) if out.exists() else {}
    for name, path in before.items():
        assert path.read_bytes() == whole[name], f"{name} is not whole"
    stamps = {name: path.stat().st_mtime_ns for name, path in before.items()}
    assert cli.main([*words, str(out)]) == 0, run
    after = results(out)
    assert {name: path.read_bytes() for name, path in after.items()} == whole
    for name, stamp in stamps.items():
        assert after[name].stat().st_mtime_ns == stamp, f"{name} was made again"
    assert not [path for path in out.rglob("*.part")]
    counts.append(len(before))
print(json.dumps({"counts": counts, "files": len(whole)}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_killed_at_any_moment_it_leaves_whole_results_and_makes_only_the_rest(
    tmp_path, weights, rng
):
    for number in range(24):
        picture = rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
        path = tmp_path / "in" / str(number % 3) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, picture)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path, weights, str(RUNS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["counts"]) == RUNS
    assert any(0 < count < found["files"] for count in found["counts"])  # some runs were cut short
