"""What CUDA kernels take of a GPU, by its own assembler, where there is no GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

SCRIPT = Path(__file__).parent / "cuda_assembler.py"
REGISTERS = 65536  # of a multiprocessor, in every architecture from 7.5 on
SHARED = 48 * 1024  # what a block has without asking for more, and 1 KB from 8.0 on is the driver's


@pytest.fixture(scope="module")
def compiled():
    """Return one dict of facts for each kernel and architecture."""
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "0",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_kernel_was_compiled_for_every_architecture(compiled):
    pairs = {(facts["kernel"], facts["arch"]) for facts in compiled}
    assert len(pairs) == len(compiled) > 0
    assert len(pairs) == 3 * len({kernel for kernel, _ in pairs})


def test_no_kernel_spills(compiled):
    kinds = ("spill stores", "spill loads", "stack", "local")
    assert not [facts for facts in compiled if any(facts[kind] for kind in kinds)]


def test_every_kernel_can_be_launched(compiled):
    """A block's registers, and its shared memory, are to be had."""
    too_large = [
        facts
        for facts in compiled
        if facts["registers"] == 0
        or facts["registers"] * facts["threads"] > REGISTERS
        or facts["shared"] > SHARED + 1024 * (facts["arch"] >= 80)
    ]
    assert not too_large


def test_only_kernels_that_say_so_compute_in_float64(compiled):
    """One constant of Python's makes a float64 of a whole expression, at a 64th of the speed."""
    wrong = [facts for facts in compiled if (facts["doubles"] > 0) != facts["double"]]
    assert not wrong
