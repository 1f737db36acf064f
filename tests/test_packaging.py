"""What is imported is declared, and what belongs together says the same."""

import ast
import configparser
import re
import sys
import tomllib
from pathlib import Path

import pytest

from minisr.version import __version__

ROOT = Path(__file__).parents[1]
# Modules whose packages have another name.
PACKAGES = {
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "pillow_jxl": "pillow-jxl-plugin",
    "cv2": "opencv-contrib-python-headless",
    "skimage": "scikit-image",
    "cuda": "numba-cuda",  # which needs cuda-core and cuda-bindings, of versions that it knows
    "numba_cuda": "numba-cuda",
}


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def groups():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def names(requirements):
    """Return the names of required packages, in small letters."""
    lines = requirements.splitlines() if isinstance(requirements, str) else requirements
    found = (re.match(r"[\w-]+", line) for line in lines if isinstance(line, str))
    return {match[0].lower() for match in found if match}


def imported(folder):
    """Return the packages of others that a folder's files import."""
    folders = ("benchmarks", "examples", "recipes", "tests")
    own = {"minisr", *(path.stem for each in folders for path in ROOT.joinpath(each).rglob("*.py"))}
    modules = set()
    for path in ROOT.joinpath(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(node.module)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "importorskip":
                modules |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
    tops = {module.split(".")[0] for module in modules} - own - {*sys.stdlib_module_names}
    return {PACKAGES.get(top, top).lower() for top in tops}


@pytest.mark.parametrize("folder", ["minisr", "examples", "recipes"])
def test_what_minisr_imports_is_declared(folder):
    options = setup()
    declared = names(options["options"]["install_requires"])
    for extra in options["options.extras_require"].values():
        declared |= names(extra)
    assert imported(folder) <= declared


@pytest.mark.parametrize(("folder", "group"), [("tests", "test"), ("benchmarks", "bench")])
def test_what_tests_and_benchmarks_import_is_declared(folder, group):
    options = setup()
    declared = names(options["options"]["install_requires"]) | names(groups()[group])
    for extra in options["options.extras_require"].values():
        declared |= names(extra)
    assert imported(folder) <= declared


def test_all_is_every_extra_but_cuda():
    extras = setup()["options.extras_require"]
    others = set().union(*(names(extras[name]) for name in extras if name not in ("all", "cuda")))
    assert names(extras["all"]) == others


def test_the_lowest_versions_are_those_that_are_allowed():
    """`make test-lowest` runs the suite with the versions of tests/lowest.txt."""
    options = setup()
    lines = options["options"]["install_requires"].splitlines()
    lines += options["options.extras_require"]["all"].splitlines()
    allowed = {
        found[1].lower(): found[2]
        for line in lines
        if (found := re.match(r"([\w-]+)>=([\d.]+)", line.strip()))
    }
    pinned = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in pinned if line and not line.startswith("#"))
    assert {name.lower(): version for name, version in lowest.items()} == allowed


def test_nothing_of_the_workshop_is_published():
    extras = setup()["options.extras_require"]
    published = set().union(*(names(text) for text in extras.values()))
    assert not published & {"torch", "ruff", "pytest", "playwright", "hypothesis", "mypy"}


def test_pytorch_has_one_version_everywhere():
    pins = {line for group in groups().values() for line in group if "torch" in str(line)}
    assert pins == {"torch==2.13.0"}


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_everything_beside_the_modules_is_packaged():
    patterns = setup()["options.package_data"]
    packaged = set()
    for package, globs in patterns.items():
        folder = ROOT.joinpath(*package.split("."))
        for pattern in globs.replace("\n", ",").split(","):
            packaged |= {*folder.glob(pattern.strip())} if pattern.strip() else set()
    generated = (".py", ".pyc", ".nbi", ".nbc")
    there = {path for path in (ROOT / "minisr").rglob("*") if path.is_file()}
    assert {path for path in there if path.suffix not in generated} == packaged
