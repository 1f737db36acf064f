"""The house has one direction, for rooms and for files: read from the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minisr"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Each room, from the ground up, and the rooms that it may import.
ALLOWED = {
    "errors": set(),
    "types": set(),
    "version": set(),
    "system": {"errors", "version"},
    "images": {"errors", "system"},
    "kernels": {"errors", "system"},
    "layers": {"errors", "images", "kernels"},
    "models": {"errors", "system", "kernels", "layers"},
    "optim": {"errors"},
    "engine": {"errors", "system", "kernels", "layers", "models"},
    "weights": {"errors", "version", "system", "images", "layers", "models"},
    "datasets": {"errors", "system", "images"},
    "upscaling": {
        "errors",
        "version",
        "system",
        "images",
        "kernels",
        "models",
        "engine",
        "weights",
    },
    "evaluation": {"errors", "version", "system", "images", "models", "datasets", "upscaling"},
}
for each in ALLOWED:
    ALLOWED[each] |= {"types"} - {each} if each not in ("errors", "version") else set()
ALLOWED["training"] = {*ALLOWED}
ALLOWED["register"] = {"errors", "types", "kernels", "layers", "models", "optim", "training"}
ALLOWED["demo"] = {*ALLOWED} - {"register"}
ALLOWED["cli"] = {*ALLOWED}
ALLOWED["__main__"] = {"cli"}
ALLOWED["__init__"] = {"errors", "version"}  # the rest is imported when it is first used

# What one training step of ESPCN needs, which a student reads in an evening.
LESSON = (
    *("kernels/reference.py", "layers/base.py", "layers/convolution.py", "layers/activations.py"),
    *("layers/shuffle.py", "models/espcn.py", "models/network.py"),
    *("optim/optimizer.py", "optim/adam.py"),
    *("training/trainer.py", "training/patches.py"),
)
LESSON_LINES = 1300
LONGEST_FILE = 400
MOST_ROOMS = 22


def name_of(path):
    """Return the dotted name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def room_of(name):
    return (name.split(".") + ["__init__"])[1]


def _is_for_types(node):
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported_modules(path, anywhere=True):
    """Yield the modules of minisr that a file imports; ``anywhere``: also inside its functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # What is only imported for those who check types makes no circle when the program runs.
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "minisr":
                assert name != "minisr", f"{path} imports minisr as a whole"
                yield name


@pytest.mark.parametrize("name", MODULES)
def test_a_file_imports_only_rooms_below_its_own(name):
    room = room_of(name)
    assert room in ALLOWED, f"{room} is a new room: say here what it may import"
    rooms = {room_of(other) for other in imported_modules(MODULES[name])}
    wrong = rooms - ALLOWED[room] - {room}
    assert not wrong, f"{room} may not import {', '.join(sorted(wrong))}"


def test_the_rooms_have_one_direction():
    order = list(ALLOWED)
    for room, below in ALLOWED.items():
        if not room.startswith("__"):
            assert all(order.index(other) < order.index(room) for other in below if other != room)


def test_no_files_import_each_other_in_a_circle():
    """Neither directly nor by way of others, nor from inside a function."""
    edges = {name: {*imported_modules(path)} - {name} for name, path in MODULES.items()}
    done = {}

    def visit(name, trail):
        if done.get(name) == "under way":
            circle = [*trail[trail.index(name) :], name]
            pytest.fail(f"a circle: {' -> '.join(circle)}")
        if name not in done:
            done[name] = "under way"
            for other in sorted(edges[name]):
                visit(other, [*trail, name])
            done[name] = "done"

    for name in edges:
        visit(name, [])


def test_the_lesson_is_short_and_knows_nothing_of_speed():
    lines = sum(len((PACKAGE / file).read_text().splitlines()) for file in LESSON)
    assert lines <= LESSON_LINES
    for file in LESSON:
        fast = [
            name
            for name in imported_modules(PACKAGE / file)
            if name.startswith(("minisr.engine", "minisr.kernels.cpu", "minisr.kernels.cuda"))
        ]
        assert not fast, f"{file} imports {', '.join(fast)}"


def test_the_house_is_small():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in SOURCES}
    assert len(rooms) <= MOST_ROOMS
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long


def test_no_public_function_hides_a_module():
    """``minisr.upscale`` is a function; a module of that name could never be imported by it."""
    for name in __import__("minisr").__all__:
        assert not (PACKAGE / f"{name}.py").exists()
        assert not (PACKAGE / name).is_dir()


def test_import_brings_in_nothing_heavy():
    heavy = ("numba", "scipy", "imageio", "PIL", "matplotlib", "torch", "safetensors")
    heavy += ("pooch", "onnx", "av", "cuda", "llvmlite", "numpy")
    code = f"import sys, minisr; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_what_the_package_offers_can_be_had():
    import minisr

    for name in minisr.__all__:
        assert getattr(minisr, name) is not None
        assert name in dir(minisr)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        minisr.nonsense  # noqa: B018


OWN = ("minisr", "__future__")


def test_no_part_of_another_package_is_imported_that_its_next_release_may_rename():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")]
            if isinstance(node, ast.Import):
                parts = {part for name in names for part in name.split(".")}
            elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] not in OWN:
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
