"""What CUDA kernels take of a GPU, by its own assembler, where there is no GPU."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from assembly import SCRIPT, require_compiler, run
from find_gpu import has_gpu

ARCHITECTURES = (75, 80, 90)
REGISTERS = 65536  # of a multiprocessor, in every architecture from 7.5 on
SHARED = 48 * 1024  # what a block has without asking for more, and 1 KB from 8.0 on is the driver's


@pytest.fixture(scope="module")
def compiled():
    """Return one dict of facts for each kernel and architecture."""
    require_compiler()
    with ThreadPoolExecutor() as pool:  # a process each
        outputs = pool.map(lambda arch: run(SCRIPT, "--arch", str(arch)), ARCHITECTURES)
        return [json.loads(line) for lines in outputs for line in lines]


def test_every_kernel_was_compiled_for_every_architecture(compiled):
    pairs = {(facts["kernel"], facts["arch"]) for facts in compiled}
    assert len(pairs) == len(compiled) > 0
    assert len(pairs) == len(ARCHITECTURES) * len({kernel for kernel, _ in pairs})


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


TYPES = """
import numpy as np
from minisr.kernels.cuda.memory import _OnDevice
from numba.cuda.typing.typeof import typeof
x = np.zeros((4, 32), np.float32)
for view in (x, x[:, ::8], x[:, :5], x.reshape(-1)[::8], x[0, 0:1].reshape(())):
    print(typeof(_OnDevice(view)))
"""


def test_a_view_in_managed_memory_is_not_taken_for_a_whole():
    """As numba-cuda 0.30 does where neighbours are 32 bytes apart, a float's number of bits."""
    assert run("-c", TYPES) == [
        "array(float32, 2d, C)",
        "array(float32, 2d, A)",
        "array(float32, 2d, A)",
        "array(float32, 1d, A)",
        "array(float32, 0d, C)",
    ]


MISSING = """
from minisr import errors, kernels
try:
    kernels.load("cuda")
except errors.MinisrError as error:
    print(error)
"""


@pytest.mark.skipif(has_gpu(), reason="there is a GPU here")
def test_the_backend_without_a_gpu_says_so_in_one_line():
    (line,) = run("-c", MISSING)
    assert "NVIDIA driver" in line
