"""What this machine is, and what of minisr and of what it needs is installed on it.

Nothing here imports Numba or makes a GPU's context if that can be avoided, and whatever is broken
is told as such: who asks wants to know just that.
"""

import hashlib
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from minisr.errors import DeviceError
from minisr.images import memory
from minisr.kernels import cuda_driver, host
from minisr.kernels.cuda_driver import readable
from minisr.threads import available, processor
from minisr.version import __version__

NEEDED = ("numpy", "numba", "llvmlite", "scipy", "pillow", "tqdm", "safetensors")
OPTIONAL = {  # and the extra that brings it
    "numba-cuda": "cuda",
    "cuda-bindings": "cuda",
    "av": "video",
    "pooch": "data",
    "onnx": "onnx",
    "matplotlib": "demo",
    "scikit-image": "demo",
}
PACKAGE = Path(__file__).parent
COMPILED = ("kernels/cpu", "kernels/cuda", "video")  # folders with functions that Numba compiles


class Fact(NamedTuple):
    """One thing that is to be known.

    Attributes
    ----------
    name : str
    value : object
        All of which JSON can hold; sizes are in bytes. None where it is unknown.
    text : str or None
        For people; None where there is nothing to say. Lines beyond the first are of equal rank.
    """

    name: str
    value: Any
    text: str | None


def facts():
    """Find out all that there is to know.

    Returns
    -------
    list of Fact
        Always the same names, whatever is broken.
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
    found += [_fact(name, lambda name=name: version(name), _version_text) for name in NEEDED]
    for name, extra in OPTIONAL.items():
        missing = f'not installed: pip install "minisr[{extra}]"'
        found.append(
            _fact(name, lambda name=name: version(name), lambda v, missing=missing: v or missing)
        )
    found.append(_fact("numba cache", cache, _cache_text))
    found.append(_fact("weights", _weights, _weights_text))
    return found


def _fact(name, find, text=str):
    try:
        value = find()
        return Fact(name, value, "unknown" if value is None and text is readable else text(value))
    except Exception as error:  # whatever it is: the other facts are still worth knowing
        words = " ".join(str(error).split())
        return Fact(name, None, f"unknown: {type(error).__name__}: {words}")


def version(package):
    """Return the version of an installed package, or None; it is not imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _version_text(found):
    return found or "NOT INSTALLED, and minisr needs it"


def instructions():
    """Return which wide vector instructions kernels are compiled for, the widest first."""
    return host.wide(host.features(os.environ.get("NUMBA_CPU_FEATURES")))


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
    """Return what there is to know about GPUs, and why there is none."""
    names = ("GPUs", "CUDA driver", "why no GPU")
    try:
        if cuda_driver.is_simulated():
            raise DeviceError(f"{cuda_driver.SIMULATOR} stands in for one: --device cuda")
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


def cache():
    """Find out where Numba keeps what it has compiled for minisr.

    Returns
    -------
    dict
        ``folder`` : str; ``writable`` : bool; ``size`` : int, in bytes.
    """
    folders = [PACKAGE / name for name in COMPILED if (PACKAGE / name).is_dir()]
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        base, places = Path(chosen), [Path(chosen) / _subfolder(folder) for folder in folders]
    elif all(is_writable(folder / "__pycache__") for folder in folders):
        base, places = PACKAGE, [folder / "__pycache__" for folder in folders]
    else:
        from numba.misc.appdirs import AppDirs

        base = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
        places = [base / _subfolder(folder) for folder in folders]
    files = [file for place in places for file in place.glob("*.nb[ic]")]
    return {
        "folder": str(places[0] if base == PACKAGE else base),
        "writable": all(is_writable(place) for place in places),
        "size": sum(file.stat().st_size for file in files),
    }


def _subfolder(folder):
    """Return what Numba calls the folder of a folder's functions."""
    path = os.path.abspath(folder)
    return f"{os.path.basename(path)}_{hashlib.sha1(path.encode()).hexdigest()}"


def is_writable(folder):
    """Return whether files can be made in a folder, or in the one that it would be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _cache_text(found):
    can = "writable" if found["writable"] else "NOT WRITABLE: every run compiles anew"
    return f"{found['folder']} ({can}, {readable(found['size'])})"


def _weights():
    from minisr.models import pretrained_names

    return [f"{name} x{factor}" for name, factor in pretrained_names()]


def _weights_text(names):
    by_name = {}
    for name in names:
        by_name.setdefault(name.rpartition(" ")[0], []).append(name.rpartition(" ")[2])
    return ", ".join(f"{name} {' '.join(factors)}" for name, factors in by_name.items()) or "none"
