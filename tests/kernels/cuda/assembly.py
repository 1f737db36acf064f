"""Compile CUDA kernels for a test: no GPU is needed, but NVIDIA's compiler.

That is a process of its own, for the tests' has Numba's simulator in the place of a compiler.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from find_gpu import has_compiler

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

SCRIPT = Path(__file__).with_name("cuda_assembler.py")


def require_compiler():
    """Skip the test that calls this unless NVIDIA's compiler is installed."""
    if not has_compiler():
        pytest.skip("needs NVIDIA's compiler, which `make test-cuda` brings")


def run(*arguments):
    """Run Python where numba.cuda is not simulated, and return what it prints, in lines."""
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "0",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()
