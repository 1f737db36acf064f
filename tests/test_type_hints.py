"""Public functions have type hints, and mypy finds them consistent."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Compiled by Numba, or for the command line; the reference has a stub beside it.
WITHOUT = ("kernels/cpu/", "kernels/cuda/", "cli/", "demo.py", "kernels/reference.py")
SOURCES = [
    path
    for path in sorted((ROOT / "minisr").rglob("*.py"))
    if not path.relative_to(ROOT / "minisr").as_posix().startswith(WITHOUT)
]


def public_functions(body, of_class=False):
    """Yield the public functions and methods of a module or class."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            if not node.name.startswith("_") or (of_class and node.name == "__init__"):
                yield node, of_class
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, of_class=True)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_public_functions_have_hints(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    missing = []
    for node, is_method in public_functions(tree.body):
        arguments = [*node.args.posonlyargs, *node.args.args][is_method:]
        arguments += [*node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        bare = [each.arg for each in arguments if each is not None and each.annotation is None]
        if bare or node.returns is None:
            missing.append(f"{node.name}: {', '.join(bare) or 'what it returns'}")
    assert not missing


def test_the_stub_of_the_reference_has_its_functions_and_arguments():
    def functions(path):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        return {
            node.name: [each.arg for each in node.args.args]
            for node in nodes
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }

    kernels = ROOT / "minisr" / "kernels"
    assert functions(kernels / "reference.pyi") == functions(kernels / "reference.py")


USER = """
from pathlib import Path
from typing import assert_type

import numpy as np

import minisr
from minisr.evaluation.tables import Evaluation
from minisr.training.runs import Result

picture = np.zeros((8, 8), np.uint8)
assert_type(minisr.upscale(picture, 2), np.ndarray)
assert_type(minisr.upscale("in.png", output="out.png"), Path)
assert_type(minisr.ESPCN(upscale_factor=3).parameter_count, int)
assert_type(minisr.train("run", ["pictures"], upscale_factor=3, steps=5), Result)
assert_type(minisr.evaluate(picture, "espcn"), Evaluation)
assert_type(minisr.load("w.safetensors"), minisr.models.Network)
assert_type(minisr.psnr(picture, picture), float)
minisr.upscale(picture, scale="three")
"""


def mypy(*arguments):
    pytest.importorskip("mypy", reason="needs mypy")
    command = [sys.executable, "-m", "mypy", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_mypy_is_content():
    done = mypy()
    assert done.returncode == 0, done.stdout


def test_users_see_the_types(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    lines = mypy(tmp_path / "user.py").stdout.splitlines()
    (found,) = [line for line in lines if "user.py" in line and "error:" in line]
    assert f":{USER.count(chr(10))}: " in found  # what is wrong on purpose: the last line
