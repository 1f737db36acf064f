"""Each example runs, by itself, in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from minisr.images import read_picture

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(path, tmp_path):
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if path.name.startswith("03"):
        figures = dict(line.split()[:2] for line in done.stdout.splitlines()[-2:])
        assert float(figures["ESPCN"]) > float(figures["bicubic"])
    if path.name.startswith("04"):
        assert read_picture(tmp_path / "larger.png").pixels.shape == (144, 192, 3)
    if path.name.startswith("06"):
        drawn = sorted(file.name[0] for file in (tmp_path / "why-adam-crawls").glob("*.png"))
        assert drawn == ["1", "2", "3", "4", "5"]
    if path.name.startswith("07"):
        assert read_picture(tmp_path / "large.tga").pixels.shape == (96, 128, 3)
        assert done.stdout.splitlines()[-1] == "the same pixels: True"


def test_there_are_seven_and_they_are_numbered():
    numbers = ["01", "02", "03", "04", "05", "06", "07"]
    assert [path.name[:2] for path in EXAMPLES] == numbers
