"""The benchmark on a GPU, tried where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from find_gpu import has_gpu

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(has_gpu(), reason="there is a GPU here: it is for the benchmark itself")
def test_it_works_in_the_simulator(tmp_path):
    pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')
    pytest.importorskip("torch")
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, SCRIPT, "--toy", "--json", tmp_path / "gpu.json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("minisr  ") >= 3  # a row in each kind of table
    assert not (tmp_path / "gpu.json").exists()  # its times are not a GPU's
