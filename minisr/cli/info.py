"""``minisr info``: this machine, and the installed versions of minisr and what it needs.

If possible, this neither imports Numba nor creates a CUDA context. Whatever is broken is reported
as a fact among the others: that is what the user wants to know.
"""

import json
import os
import platform
from typing import Any, NamedTuple

from minisr import models
from minisr.cli.common import add_command, printable
from minisr.errors import DeviceError
from minisr.kernels.cpu import host
from minisr.kernels.cuda import driver as cuda_driver
from minisr.kernels.cuda.driver import readable
from minisr.system import compile_cache, memory, packages
from minisr.system.threads import available, processor
from minisr.version import __version__

NEEDED = ("numpy", "numba", "llvmlite", "scipy", "pillow", "imageio", "tqdm", "safetensors")
OPTIONAL = {  # packages, and the extra that installs each
    "numba-cuda": "cuda",
    "cuda-bindings": "cuda",
    "av": "video",
    "pillow-heif": "heif",
    "pillow-jxl-plugin": "jxl",
    "rawpy": "raw",
    "pooch": "data",
    "requests": "data",
    "onnx": "onnx",
    "tensorboardX": "tensorboard",
    "matplotlib": "demo",
    "scikit-image": "demo",
}


class Fact(NamedTuple):
    """One line of the report.

    Attributes
    ----------
    name : str
    value : object
        The value for JSON, with sizes in bytes. None if it is unknown.
    text : str or None
        The value for people, which may have several lines. None if there is nothing to print.
    """

    name: str
    value: Any
    text: str | None


def facts():
    """Collect all facts.

    Returns
    -------
    list of Fact
        The same names every time, whatever is broken.
    """
    found = [
        Fact("minisr", __version__, __version__),
        _fact("python", platform.python_version),
        _fact("system", platform.platform),
        _fact("processor", processor),
        _fact("vector width", _vector_width, _vector_text),
        _fact("threads", available),
        _fact("memory", memory.total, readable),
        _fact("free memory", memory.available, readable),
        *_gpu_facts(),
    ]
    found += [
        _fact(name, lambda name=name: packages.version(name), _version_text) for name in NEEDED
    ]
    for name, extra in OPTIONAL.items():
        missing = f'not installed: pip install "minisr[{extra}]"'
        found.append(
            _fact(
                name,
                lambda name=name: packages.version(name),
                lambda v, missing=missing: v or missing,
            )
        )
    found.append(_fact("numba cache", compile_cache.found, _cache_text))
    found.append(_fact("weights", _weights, _weights_text))
    return found


def _fact(name, find, text=str):
    try:
        value = find()
        return Fact(name, value, "unknown" if value is None and text is readable else text(value))
    except Exception as error:  # whatever it is, the other facts must still appear
        words = " ".join(str(error).split())
        return Fact(name, None, f"unknown: {type(error).__name__}: {words}")


def _version_text(found):
    return found or "NOT INSTALLED, but minisr needs it"


def _vector_width():
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return {"floats": 0, "instructions": []}
    names = host.features(os.environ.get("NUMBA_CPU_FEATURES"))
    return {"floats": host.lanes(names), "instructions": host.wide(names)}


def _vector_text(width):
    if not width["floats"]:
        return "none: plain loops, slower"
    names = f" ({', '.join(width['instructions'])})" if width["instructions"] else ""
    return f"{width['floats']} floats{names}"


def _gpu_facts():
    """Return the facts about GPUs, or why there is none."""
    names = ("GPUs", "CUDA driver", "why no GPU")
    try:
        if cuda_driver.is_simulated():
            raise DeviceError(f"{cuda_driver.SIMULATOR} replaces it: use --device cuda")
        answer = cuda_driver.ask()
        gpus = [_described(gpu) for gpu in answer.gpus]
        known = {"CUDA": "{}.{}".format(*answer.version), "version": cuda_driver.release()}
    except Exception as error:
        why = " ".join(str(error).split())
        why = why if isinstance(error, DeviceError) else f"{type(error).__name__}: {why}"
        return [Fact(names[0], [], "none"), Fact(names[1], None, None), Fact(names[2], why, why)]
    release = known["version"] or "of unknown version"
    return [
        Fact(names[0], gpus, "\n".join(map(_gpu_text, gpus))),
        Fact(names[1], known, f"{release}, for CUDA {known['CUDA']}"),
        Fact(names[2], None, None),
    ]


def _described(gpu):
    return {
        "device": f"cuda:{gpu.number}",
        "name": gpu.name,
        "compute capability": "{}.{}".format(*gpu.capability),
        "memory": gpu.memory,
        "fault": cuda_driver.fault_of(gpu),
    }


def _gpu_text(gpu):
    text = (
        f"{gpu['device']} {gpu['name']}, compute capability {gpu['compute capability']}, "
        f"{readable(gpu['memory'])}"
    )
    return text if gpu["fault"] is None else f"{text}; cannot be used: {gpu['fault']}"


def _cache_text(cache):
    if cache["folder"] is None:
        return "NONE, so every run compiles again: set NUMBA_CACHE_DIR to a folder you can write to"
    return f"{cache['folder']} ({readable(cache['size'])})"


def _weights():
    return [f"{name} x{factor}" for name, factor in models.pretrained_names()]


def _weights_text(names):
    by_name = {}
    for name in names:
        by_name.setdefault(name.rpartition(" ")[0], []).append(name.rpartition(" ")[2])
    return ", ".join(f"{name} {' '.join(factors)}" for name, factors in by_name.items()) or "none"


def info_command(arguments):
    """Print what this machine is and what is installed."""
    found = facts()
    if arguments.json:
        print(json.dumps({fact.name: fact.value for fact in found}, indent=1))
        return 0
    width = max(len(fact.name) for fact in found) + 2
    for fact in found:
        name = fact.name
        for line in (fact.text or "").splitlines():
            print(f"{name:<{width}}{printable(line)}")
            name = ""
    return 0


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands, "info", info_command, "Show processor, GPUs, versions, cache and weights."
    )
    sub.add_argument(
        "--json",
        action="store_true",
        help="print a JSON object with the same names as keys, and sizes in bytes",
    )
