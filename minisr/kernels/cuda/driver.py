"""Ask NVIDIA's driver which GPUs there are, whether they can be used, and if not, why.

Nothing here imports numba.cuda or creates a context, the GPU's side of a process, with one
exception: whether a GPU in exclusive mode is free can only be found out by trying. Once asked, the
driver does not survive a fork: a child process that uses the GPU must be spawned.
"""

import importlib.util
import os
import sys
from typing import NamedTuple

from minisr.errors import DeviceError

MIN_CAPABILITY = (7, 5)  # Turing, the oldest that CUDA 13 compiles for
EXTRA = 'pip install "minisr[cuda]"'
SIMULATOR = "Numba's simulator"
EXCLUSIVE, PROHIBITED = "EXCLUSIVE_PROCESS", "PROHIBITED"  # compute modes, by the driver's names
UNAVAILABLE = "CUDA_ERROR_DEVICE_UNAVAILABLE"

# What the driver's errors mean to a user; all others are reported by name.
MEANINGS = {
    "CUDA_ERROR_NOT_INITIALIZED": "this process was forked from one that had already used the "
    "GPU's driver: start processes with multiprocessing's spawn method instead",
    UNAVAILABLE: "it is busy or in exclusive mode: another process has it",
    "CUDA_ERROR_STUB_LIBRARY": "the NVIDIA driver found here is a stub for linking only: install "
    "the real driver",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "parts of the NVIDIA driver have different versions: "
    "restart the machine",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": "the NVIDIA driver is older than CUDA's compiler: "
    "install a newer driver",
}


class GPU(NamedTuple):
    """What the driver reports about a GPU.

    Attributes
    ----------
    number : int
        As in ``cuda:0``; the driver counts only the GPUs in CUDA_VISIBLE_DEVICES.
    name : str
    capability : (int, int)
        Compute capability, such as (9, 0).
    memory : int
        Total bytes.
    mode : str
        "DEFAULT", `EXCLUSIVE` or `PROHIBITED`.
    """

    number: int
    name: str
    capability: tuple
    memory: int
    mode: str = "DEFAULT"

    def __str__(self):
        return f"GPU {self.number} ({self.name})"


class Answer(NamedTuple):
    """What the driver reports about itself and its GPUs.

    Attributes
    ----------
    version : (int, int)
        The newest CUDA that the driver supports.
    needed : int
        The CUDA that Numba compiles with here: 13 needs a driver that supports 13.0.
    gpus : list of GPU
    """

    version: tuple
    needed: int
    gpus: list


def is_simulated():
    """Return whether the environment asks for Numba's simulator: NUMBA_ENABLE_CUDASIM=1."""
    return _is_set("NUMBA_ENABLE_CUDASIM")


def _is_set(name):
    return os.environ.get(name, "").strip() not in ("", "0")


def bindings():
    """Return NVIDIA's bindings of the driver; raise DeviceError if the extra is not installed."""
    if _is_set("NUMBA_DISABLE_CUDA"):
        raise DeviceError("CUDA is switched off: NUMBA_DISABLE_CUDA is set")
    require_extra()
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise _without_extra() from error
    return driver


def _without_extra():
    where = EXTRA if sys.platform == "linux" else f"{EXTRA}, on Linux"
    return DeviceError(f"CUDA needs numba-cuda, which is not installed: {where}")


def require_extra():
    """Raise DeviceError unless numba-cuda is installed; the driver is not asked.

    numba-cuda brings its own simulator. The one in Numba itself is older and incomplete.
    """
    if importlib.util.find_spec("numba_cuda") is None:
        raise _without_extra()


def _toolkit(driver):
    """Return the CUDA version of the bindings, which is also the one that Numba compiles with.

    Both come with the same extra, numba-cuda[cu13] or [cu12].
    """
    from importlib.metadata import version

    return int(version("cuda-bindings").partition(".")[0])


def _call(function, *arguments):
    """Call a function of the driver; return its result or raise DeviceError."""
    try:
        status, *values = function(*arguments)
    except RuntimeError as error:  # the bindings found no library, or no such function in it
        if type(error).__name__ == "DynamicLibNotFoundError":
            raise DeviceError("no NVIDIA driver is installed") from error
        raise DeviceError(f"the NVIDIA driver cannot be used: {line(error)}") from error
    if status.name != "CUDA_SUCCESS":
        raise DeviceError(meaning(status.name))
    return values[0] if len(values) == 1 else tuple(values)


def line(error):
    """Return the text of an error as one line."""
    return " ".join(str(error).split())


def meaning(name):
    """Return what a driver error, given by name, means to a user."""
    if name == "CUDA_ERROR_NO_DEVICE":
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if seen is None else f" (CUDA_VISIBLE_DEVICES is {seen!r})"
        return f"the NVIDIA driver finds no GPU{why}"
    return MEANINGS.get(name, f"the NVIDIA driver reports {name}")


def ask():
    """Ask the driver, without creating a context.

    Returns
    -------
    Answer

    Raises
    ------
    DeviceError
        If numba-cuda is not installed, there is no driver or no GPU, or the driver is too old for
        the installed CUDA or does not work; one line says which.
    """
    driver = bindings()
    version = _call(driver.cuDriverGetVersion)
    version, needed = (version // 1000, version % 1000 // 10), _toolkit(driver)
    if version[0] < needed:
        newer = " (580 or later)" if needed == 13 else ""
        raise DeviceError(
            f"the NVIDIA driver is too old: it supports CUDA {version[0]}.{version[1]}, and CUDA "
            f"{needed} is installed; install a newer driver{newer}"
        )
    _call(driver.cuInit, 0)
    gpus = [_gpu(driver, number) for number in range(_call(driver.cuDeviceGetCount))]
    if not gpus:
        raise DeviceError(meaning("CUDA_ERROR_NO_DEVICE"))
    return Answer(version, needed, gpus)


def _gpu(driver, number):
    device = _call(driver.cuDeviceGet, number)
    attributes = driver.CUdevice_attribute

    def attribute(name):
        return _call(
            driver.cuDeviceGetAttribute, getattr(attributes, f"CU_DEVICE_ATTRIBUTE_{name}"), device
        )

    mode = driver.CUcomputemode(attribute("COMPUTE_MODE")).name
    return GPU(
        number,
        _call(driver.cuDeviceGetName, 256, device).partition(b"\0")[0].decode(errors="replace"),
        (attribute("COMPUTE_CAPABILITY_MAJOR"), attribute("COMPUTE_CAPABILITY_MINOR")),
        _call(driver.cuDeviceTotalMem, device),
        mode.removeprefix("CU_COMPUTEMODE_"),
    )


def fault_of(gpu):
    """Return one line saying why a GPU can never be used, or None; the driver is not asked."""
    if gpu.capability < MIN_CAPABILITY:
        have, need = (".".join(map(str, each)) for each in (gpu.capability, MIN_CAPABILITY))
        return f"{gpu} is too old: its compute capability is {have}, and {need} is needed"
    if gpu.mode == PROHIBITED:
        return f"{gpu} is set to take no work: its compute mode is prohibited"
    return None


def is_taken(gpu):
    """Return whether another process holds a GPU in exclusive mode, by trying to use it."""
    if gpu.mode != EXCLUSIVE:
        return False
    driver = bindings()
    device = _call(driver.cuDeviceGet, gpu.number)
    status, _ = driver.cuDevicePrimaryCtxRetain(device)
    if status.name == "CUDA_SUCCESS":
        _call(driver.cuDevicePrimaryCtxRelease, device)
    return status.name == UNAVAILABLE


def require_cuda(number=0):
    """Check that a GPU can be used.

    Parameters
    ----------
    number : int, optional

    Returns
    -------
    GPU or None
        None for Numba's simulator, if NUMBA_ENABLE_CUDASIM asks for it.

    Raises
    ------
    DeviceError
        If it cannot; one line says why.
    """
    if is_simulated():
        if number:
            raise DeviceError(f"there is no GPU {number}: {SIMULATOR} has only GPU 0")
        return None
    gpus = ask().gpus
    if number >= len(gpus):
        known = "is one, cuda:0" if len(gpus) == 1 else f"are {len(gpus)}, the first is cuda:0"
        raise DeviceError(f"there is no GPU {number}: there {known}")
    gpu = gpus[number]
    fault = fault_of(gpu)
    if fault is None and is_taken(gpu):
        fault = f"{gpu} is in exclusive mode, and another process has it"
    if fault is not None:
        raise DeviceError(fault)
    return gpu


def readable(size):
    """Format a number of bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def release():
    """Return the driver's own version, such as "580.65.06", or None if it cannot be determined."""
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
        try:
            return str(nvml.system_get_driver_version())
        finally:
            nvml.shutdown()
    except Exception:  # an older extra, or a driver that does not tell: it is only information
        return None
