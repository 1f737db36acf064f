"""Every script of benchmarks/ works: each runs as a process, on a few pixels, for no times."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from find_gpu import has_compiler, has_gpu

from minisr.images import write_picture

FOLDER = Path(__file__).parents[2] / "benchmarks"
# No scripts: what those share, and the parts of gpu.py.
LIBRARIES = {
    *("measure", "peers", "published"),
    *("cuda_ceiling", "cuda_inference", "cuda_peers", "cuda_timing", "cuda_training"),
}


class Script(NamedTuple):
    """What a script needs, and what must come of it.

    Attributes
    ----------
    shows : str
        What its table has, as often as ``count`` at least.
    needs : tuple of str
        Packages that may be missing.
    data : bool
        Whether it is given a folder of pictures.
    writes : bool or None
        Whether it writes JSON when it is asked to; None: it cannot be asked.
    """

    shows: str
    count: int = 1
    needs: tuple = ()
    data: bool = False
    writes: bool | None = True


SCRIPTS = {
    "ceiling": Script("GFLOP/s", writes=None),
    "engines": Script("layer by layer, ms"),
    # A row in each kind of table, and no file: its times are not a GPU's.
    "gpu": Script("minisr  ", 3, needs=("numba_cuda", "torch"), writes=False),
    "inference": Script("max difference", needs=("torch",)),
    "layers": Script("conv2 + tanh", 2, needs=("torch",)),
    "peers_quality": Script("| Set5, matlab |", needs=("torch",), data=True),
    "quality": Script("| Set5 (2) |", data=True),
    "report": Script("| peer |", 2, needs=("torch", "skimage"), writes=None),
    "scaling": Script("beside them, MiB"),
    "startup": Script("minisr upscale, second"),
    "time_to_quality": Script("PyTorch, Adam", 2, needs=("torch",), data=True),
    "training": Script("million LR pixels/s", needs=("torch",)),
    "upsamplers": Script("checkerboard, trained", needs=("skimage",)),
    "video": Script("minisr without encoder", 2, needs=("av",)),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder of sets, each of a few small pictures."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(5)
    for name, count in (("T91", 2), ("BSDS500/train", 11), ("Set5", 2)):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            blocks = rng.integers(0, 256, (6, 8, 3), np.uint8)
            write_picture(folder / name / f"{k:02}.png", blocks.repeat(9, 0).repeat(9, 1))
    return folder


@pytest.fixture(scope="module")
def outcome(data, tmp_path_factory):
    """Return a function from a script's name to what it prints and writes; it runs once."""
    folder = tmp_path_factory.mktemp("results")
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }

    @functools.cache
    def run(name):
        script, file = SCRIPTS[name], folder / f"{name}.json"
        for package in script.needs:
            pytest.importorskip(package)
        words = [sys.executable, "-W", "error::RuntimeWarning", FOLDER / f"{name}.py", "--toy"]
        words += [data] if script.data else []
        if script.writes is not None:
            words += ["--json", file]
            if importlib.util.find_spec("matplotlib"):
                words += ["--plot", file.with_suffix(".png")]
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout, json.loads(file.read_text()) if file.exists() else None

    return run


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_and_prints_its_table(name, outcome):
    if name == "gpu" and has_gpu():
        pytest.skip("there is a GPU here: its benchmark is tried where it is simulated")
    if name == "gpu" and not has_compiler():
        pytest.skip("half a minute in the simulator: `make test-cuda` runs it")
    printed, written = outcome(name)
    assert printed.count(SCRIPTS[name].shows) >= SCRIPTS[name].count
    if SCRIPTS[name].writes:
        assert written["environment"]["toy"]
    else:
        assert written is None


@pytest.mark.parametrize("name", [name for name, script in SCRIPTS.items() if script.writes])
def test_its_figures_fit_the_page_but_are_not_for_it(name, outcome, report):
    _, written = outcome(name)
    paragraphs = list(report.tables(name, written))
    assert any(paragraph.startswith("| ") for paragraph in paragraphs)
    with pytest.raises(ValueError, match="trial"):
        report.machine(written["environment"])


@pytest.fixture(scope="module")
def report():
    """Return the script that puts figures into the page; it imports all the others."""
    for package in SCRIPTS["report"].needs:
        pytest.importorskip(package)
    sys.path.insert(0, str(FOLDER))
    try:
        import report
    finally:
        sys.path.remove(str(FOLDER))
    return report


def test_all_that_is_there_is_run():
    assert not LIBRARIES & set(SCRIPTS)
    assert {path.stem for path in FOLDER.glob("*.py")} == LIBRARIES | set(SCRIPTS)


def test_libraries_that_only_a_gpu_can_use_are_imported():
    for package in SCRIPTS["gpu"].needs:
        pytest.importorskip(package)
    words = [sys.executable, "-c", f"import {', '.join(sorted(LIBRARIES))}"]
    path = os.pathsep.join([str(FOLDER), *(path for path in sys.path if path)])
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
