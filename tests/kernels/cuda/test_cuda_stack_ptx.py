"""The stacks' kernels as compiled: nothing in double precision, and shared memory read by fours.

A lost vector load costs a quarter of the speed and no test of results notices.
"""

import json
import re

import pytest
from assembly import SCRIPT, require_compiler, run

# Multiply-adds for each load from shared memory: of all taps of a channel, of both layers.
LEAST = {"espcn_0": 15, "espcn_1_x2": 9, "espcn_1_x3": 9, "espcn_1_x4": 12}


@pytest.fixture(scope="module")
def assembly():
    """Return the PTX of ESPCN's kernels by their names."""
    require_compiler()
    lines = run(SCRIPT, "--arch", "90", "--ptx", "--match", "forward_plan.espcn")
    found = [json.loads(line) for line in lines]
    return {facts["kernel"].removeprefix("forward_plan."): facts["ptx"] for facts in found}


def count(pattern, text):
    return len(re.findall(pattern, text))


def test_all_kernels_are_looked_at(assembly):
    assert set(assembly) == set(LEAST)


@pytest.mark.parametrize("name", LEAST)
def test_nothing_is_computed_in_double_precision(assembly, name):
    assert ".f64" not in assembly[name]


@pytest.mark.parametrize("name", LEAST)
def test_inner_loops_read_shared_memory_by_fours(assembly, name):
    ptx = assembly[name]
    quads = count(r"ld\.shared\.v4\.[bf]32", ptx)
    assert quads > 0
    assert count(r"ld\.shared\.[bf]32", ptx) <= 8  # biases and slopes of the first layer
    assert count(r"fma\.rn\.f32", ptx) >= LEAST[name] * quads
    assert count(r"ld\.local|st\.local", ptx) == 0  # small arrays are registers


@pytest.mark.parametrize("name", LEAST)
def test_results_are_written_by_fours(assembly, name):
    ptx = assembly[name]
    if name == "espcn_1_x4":  # codes: four in a word
        assert count(r"st\.global\.[bu]32", ptx) > 0 == count(r"st\.global\.[bu]8", ptx)
    else:
        assert count(r"st\.global\.v4\.[bf]32", ptx) > 0
