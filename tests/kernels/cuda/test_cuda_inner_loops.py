"""What the inner loops of training on the GPU consist of, by the PTX of ESPCN's kernels."""

import json
import re

import pytest
from assembly import SCRIPT, require_compiler, run

# Multiply-adds for each load from shared memory. A multiprocessor does four of the former, 32
# threads wide, in the time in which it loads 32 numbers, or four that are the same for 32 threads.
AT_LEAST = {"training_convolution": 7, "weight_gradient": 16}


@pytest.fixture(scope="module")
def inner_loops():
    """Return, for each kernel of ESPCN, the instructions of the block with most multiply-adds."""
    require_compiler()
    loops = {}
    for line in run(SCRIPT, "--ptx", "--arch", "90", "--match", ".espcn"):
        facts = json.loads(line)
        blocks = re.split(r"^\$L\w+:|^\s+(?:@\S+ )?bra\b.*", facts["ptx"], flags=re.MULTILINE)
        loops[facts["kernel"]] = max(blocks, key=lambda block: block.count("fma.rn.f32"))
    return loops


def test_few_loads_for_many_multiply_adds(inner_loops):
    checked = 0
    for name, block in inner_loops.items():
        least = AT_LEAST.get(name.split(".")[0])
        if least is None:
            continue
        checked += 1
        multiply_adds, loads = block.count("fma.rn.f32"), block.count("ld.shared")
        assert multiply_adds >= 90, name
        assert multiply_adds >= least * loads, (name, multiply_adds, loads)
        assert "ld.shared.v4.f32" in block, name
    assert checked == 8


def test_nothing_else_costs_much(inner_loops):
    """Neither sums outside registers, nor addresses worth mentioning."""
    for name, block in inner_loops.items():
        if name.split(".")[0] in AT_LEAST:
            instructions = re.findall(r"^\s+(?:@\S+ )?([a-z][\w.]+)", block, re.MULTILINE)
            assert not [one for one in instructions if "local" in one or "global" in one], name
            # A move is a name's, not a register's, until the assembler says otherwise.
            rest = [one for one in instructions if not one.startswith(("fma", "ld.shared", "mov"))]
            assert len(rest) <= instructions.count("fma.rn.f32") / 3, (name, rest)
