"""Wrong shapes and dtypes are refused in one line; memory beyond an array is never touched."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backends import ON_CPU

from minisr import ESPCN, kernels
from minisr.errors import ShapeError

SCRIPT = Path(__file__).with_name("wrong_shapes.py")
COUNT = int(os.environ.get("MINISR_WRONG_SHAPES", 3000))


@pytest.mark.parametrize("backend", ON_CPU)
def test_wrong_arrays_are_refused_in_a_process_that_would_show_a_crash(backend):
    """Freed memory is overwritten and heaps are checked, where the system's allocator can."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")]),
        "MALLOC_CHECK_": "3",
        "MALLOC_PERTURB_": "165",
    }
    command = [sys.executable, "-X", "faulthandler", str(SCRIPT), backend, str(COUNT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{COUNT} wrong arrays refused\n"


def test_what_a_student_does_wrong_most_often():
    model = ESPCN(3)
    out, caches = model.forward(np.zeros((1, 1, 6, 6), np.float32))
    for shape, dtype in (((2, 1, 18, 18), "f4"), ((1, 1, 36, 36), "f4"), ((1, 1, 18, 18), "f8")):
        with pytest.raises(ShapeError, match=r"expects dout of shape \(1, 1, 18, 18\) .*, got"):
            model.backward(np.ones(shape, dtype), caches)
    target = np.zeros((1, 1, 12, 12), np.float32)
    with pytest.raises(ShapeError, match=r"a loss expects target of shape \(1, 1, 18, 18\)"):
        kernels.load("cpu").mse_loss(out, target, out.size, np.empty_like(out))
    with pytest.raises(ShapeError, match=r"expects targets of shape \(1, 1, 18, 18\)"):
        model.learn(np.zeros((1, 1, 6, 6), np.float32), target)
    with pytest.raises(ShapeError, match="expects the 6 caches of its forward, got 2"):
        model.backward(out, caches[:2])
    with pytest.raises(ShapeError, match="expects an array of float32 or float64, got list"):
        model([[1.0]])
