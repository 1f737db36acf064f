"""``minisr info``: its report in both forms, and that a broken part does not hide the rest."""

import configparser
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from stand_in_driver import Driver, gpu

from minisr.cli import info as command
from minisr.cli import main
from minisr.kernels.cuda import driver as cuda_driver
from minisr.system import compile_cache, memory, packages
from minisr.version import __version__

ROOT = Path(__file__).parents[2]


def info(capsys):
    """Return both reports: lines of text by name, and the JSON object."""
    assert main(["info"]) == 0
    table = {}
    for line in capsys.readouterr().out.splitlines():
        name, _, text = line.partition("  ")
        last = name or last  # noqa: F821, the first line has a name
        table.setdefault(last, []).append(text.strip())
    assert main(["info", "--json"]) == 0
    return table, json.loads(capsys.readouterr().out)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    driver = Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"})
    monkeypatch.setattr(cuda_driver, "bindings", lambda: driver)
    monkeypatch.setattr(cuda_driver, "_toolkit", lambda driver: 13)
    return driver


def test_the_report(capsys, no_gpu):
    table, values = info(capsys)
    assert {*table} <= {*values}
    assert {*values} - {*table} == {"CUDA driver"}, "it has no line without a GPU"
    assert table["minisr"] == [values["minisr"]] == [__version__]
    assert table["python"] == [values["python"]]
    assert values["numpy"] == metadata.version("numpy")
    assert values["threads"] >= 1
    assert values["GPUs"] == []
    assert table["why no GPU"] == [values["why no GPU"]] == ["the NVIDIA driver finds no GPU"]
    assert "espcn x3" in values["weights"]
    assert "espcn x2 x3 x4" in table["weights"][0]
    assert not any(text.startswith("unknown") for lines in table.values() for text in lines)


def test_gpus(capsys, monkeypatch, no_gpu):
    no_gpu.failing.clear()
    no_gpu.gpus = gpu(), gpu("Tesla V100", (7, 0), 16_000_000_000)
    monkeypatch.setattr(cuda_driver, "release", lambda: "580.65.06")
    table, values = info(capsys)
    assert table["GPUs"] == [
        "cuda:0 NVIDIA H100, compute capability 9.0, 80.0 GB",
        "cuda:1 Tesla V100, compute capability 7.0, 16.0 GB; cannot be used: GPU 1 (Tesla V100) "
        "is too old: its compute capability is 7.0, and 7.5 is needed",
    ]
    assert values["GPUs"][0] == {
        "device": "cuda:0",
        "name": "NVIDIA H100",
        "compute capability": "9.0",
        "memory": 80_000_000_000,
        "fault": None,
    }
    assert table["CUDA driver"] == ["580.65.06, for CUDA 13.0"]
    assert values["CUDA driver"] == {"CUDA": "13.0", "version": "580.65.06"}
    assert values["why no GPU"] is None
    assert "why no GPU" not in table
    assert "cuDevicePrimaryCtxRetain" not in no_gpu.called


def test_the_simulator_is_named(capsys, monkeypatch):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    table, values = info(capsys)
    assert values["GPUs"] == []
    assert "Numba's simulator" in table["why no GPU"][0]


def test_the_vector_width_is_that_of_the_kernels():
    from minisr.kernels.cpu import vectors

    width = dict((fact.name, fact.value) for fact in command.facts())["vector width"]
    assert width["floats"] == (vectors.LANES if vectors.HAS_VECTORS else 0)


def test_narrower_vectors_on_request(capsys, monkeypatch, no_gpu):
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,+fma,-avx512f")
    table, values = info(capsys)
    assert values["vector width"] == {"floats": 8, "instructions": ["avx2"]}
    assert table["vector width"] == ["8 floats (avx2)"]
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    table, values = info(capsys)
    assert values["vector width"]["floats"] == 0
    assert table["vector width"] == ["none: plain loops, slower"]


def test_the_cache_is_where_numba_puts_it(tmp_path):
    code = (
        "from minisr.kernels import load; import numpy as np; x = np.zeros((1, 1, 4, 4));"
        "load('cpu').relu_forward(x, np.empty_like(x));"
        "from minisr.system import compile_cache; print(compile_cache.found()['size'])"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert int(done.stdout) == sum(file.stat().st_size for file in files)


def test_no_place_for_the_cache(capsys, monkeypatch, no_gpu):
    monkeypatch.setattr(compile_cache, "is_writable", lambda folder: False)
    table, values = info(capsys)
    assert values["numba cache"] == {"folder": None, "size": 0}
    assert "set NUMBA_CACHE_DIR to a folder you can write to" in table["numba cache"][0]


def test_a_chosen_folder_that_cannot_be_written_is_passed_over(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert str(tmp_path) not in compile_cache.found()["folder"]
    assert not (tmp_path / "file").is_dir()


def test_the_report_creates_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    cache = compile_cache.found()
    assert cache["size"] == 0
    assert Path(cache["folder"]).parent == tmp_path / "new"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "name", "facts"),
    [
        (command.host, "features", {"vector width"}),
        (command, "processor", {"processor"}),
        (command, "available", {"threads"}),
        (command.platform, "platform", {"system"}),
        (command.memory, "total", {"memory"}),
        (command.cuda_driver, "ask", {"why no GPU"}),
        (packages.metadata, "version", {*command.NEEDED, *command.OPTIONAL}),
        (compile_cache, "found", {"numba cache"}),
    ],
)
def test_whatever_is_broken_the_rest_is_reported(capsys, monkeypatch, no_gpu, where, name, facts):
    def broken(*_):
        raise OSError("it is\nbroken")

    before, _ = info(capsys)
    monkeypatch.setattr(where, name, broken)
    table, values = info(capsys)
    assert {fact for fact in table if "OSError: it is broken" in table[fact][0]} == facts
    assert {*table} == {*before}
    changing = {"free memory", *facts}
    assert {k: v for k, v in table.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert all(values[fact] is None for fact in facts - {"why no GPU"})


def test_packages_that_are_not_installed(capsys, monkeypatch, no_gpu):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "version", version)
    table, values = info(capsys)
    assert table["av"] == ['not installed: pip install "minisr[video]"']
    assert table["numba"] == ["NOT INSTALLED, but minisr needs it"]
    assert values["av"] is values["numba"] is None


def test_every_package_that_minisr_may_need_is_listed():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")

    def names(text):
        lines = [line for line in text.splitlines() if line]
        return {re.match(r"[\w-]+", line)[0] for line in lines}

    assert names(setup["options"]["install_requires"]) <= {*command.NEEDED}
    extras = setup["options.extras_require"]
    for extra in ("cuda", "video", "data", "onnx", "demo", "tensorboard", "heif", "jxl", "raw"):
        found = {name for name, whose in command.OPTIONAL.items() if whose == extra}
        assert names(extras[extra]) <= found


def test_memory_of_a_container(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    whole = memory.total()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.total() == whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory.total() == 1_000_000


def test_the_report_does_not_import_numba():
    code = "import sys; from minisr import cli; cli.main(['info']);sys.exit('numba' in sys.modules)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": "anywhere"}
    subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
