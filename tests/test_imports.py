"""The house has one direction: who may import whom is read from the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minisr"

# Each room, and the rooms that it may import. `kernels`, for instance, means all of minisr.kernels.
ALLOWED = {
    "errors": set(),
    "version": set(),
    "weights": set(),
    "atomic": set(),
    "threads": {"errors"},
    "checkpoint": {"errors", "atomic"},
    "images": {"errors", "atomic"},
    "checkerboard": {"errors"},
    "metrics": {"errors"},
    "protocols": {"errors", "images", "metrics"},
    "data": {"errors", "images"},
    "datasets": {"errors", "atomic", "images", "threads"},
    "comparison": {"images"},
    "report": {"errors", "version", "atomic", "comparison"},
    "plots": {"atomic"},
    "kernels": {"errors"},
    "devices": {"errors", "kernels"},
    "layers": {"errors", "images", "kernels", "threads"},
    "formats": {"errors", "checkpoint", "images", "layers"},
    "models": {
        "errors",
        "images",
        "threads",
        "kernels",
        "layers",
        "formats",
        "checkpoint",
        "version",
    },
    "convert": {"errors", "atomic", "checkpoint", "formats", "models"},
    "optim": {"errors", "kernels", "layers", "models"},
    "strips": {"images", "kernels"},
    "enlargement": {"models", "strips", "threads"},
    "machine": {"errors", "version", "images", "threads", "kernels", "models"},
    "scales": {"devices", "enlargement", "errors", "models"},
    "upscale_file": {"errors", "atomic", "images"},
    "batch": {"errors", "atomic", "images"},
    "upscale": {"errors", "images", "scales", "strips", "threads", "upscale_file"},
    "video": {"errors", "kernels", "threads"},
    "upscale_video": {"scales", "video"},
    "evaluation": {"errors", "images", "protocols", "data", "models", "scales", "upscale"},
    "figures": {"atomic", "evaluation", "version"},
    "trainer": {"errors", "data", "kernels", "layers", "models", "optim", "threads"},
}
ALLOWED["recipes"] = {"errors", "data", "trainer"}
ALLOWED["runs"] = {*ALLOWED} - {
    *(
        "upscale",
        "comparison",
        "convert",
        "figures",
        "report",
        "datasets",
        "recipes",
        "video",
        "upscale_video",
        "batch",
    )
}
ALLOWED["demo"] = {*ALLOWED}
ALLOWED["cli"] = {*ALLOWED}
ALLOWED["__main__"] = {"cli"}
ALLOWED["__init__"] = {*ALLOWED} - {"cli", "demo", "recipes", "runs", "__main__"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Yield the rooms of minisr that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "minisr":
                assert len(parts) > 1, f"{path} imports minisr as a whole"
                yield parts[1]


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_rooms_below_its_own(path):
    room = room_of(path)
    assert room in ALLOWED, f"{room} is a new room: say here what it may import"
    wrong = {other for other in imported_rooms(path) if other not in ALLOWED[room] | {room}}
    assert not wrong, f"{room} may not import {', '.join(sorted(wrong))}"


def test_the_table_above_has_no_circle():
    order = list(ALLOWED)
    for room, below in ALLOWED.items():
        if not room.startswith("__"):
            assert all(order.index(other) < order.index(room) for other in below if other != room)


def test_import_brings_in_nothing_heavy():
    heavy = ("numba", "scipy", "imageio", "PIL", "matplotlib", "torch", "safetensors")
    heavy += ("pooch", "onnx", "av", "cuda", "llvmlite")
    code = f"import sys, minisr; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_no_part_of_another_package_is_imported_that_its_next_release_may_rename():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")]
            if isinstance(node, ast.Import):
                parts = {part for name in names for part in name.split(".")}
            elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] != "minisr":
                parts = {*node.module.split("."), *names}
            else:
                continue
            assert not [part for part in parts if part.startswith("_")], path


def test_torch_is_imported_nowhere():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "torch"], path
