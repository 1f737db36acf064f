"""Devices: the processor or a GPU, by name, and whether it can be used.

===========  =====================================================================================
name         device
===========  =====================================================================================
cpu          the processor, by the kernels of `minisr.kernels.cpu`
cuda         the first NVIDIA GPU; Numba's simulator if NUMBA_ENABLE_CUDASIM=1
cuda:N       GPU number N
auto         the first usable GPU, or else the processor
reference    the processor, in plain NumPy: slow, for comparison
NAME         a backend of your own, see `minisr.register.backend`
===========  =====================================================================================
"""

from __future__ import annotations

from typing import NamedTuple

from minisr.errors import DeviceError, SettingsError
from minisr.kernels import BACKENDS
from minisr.kernels.cuda import driver as cuda_driver
from minisr.kernels.cuda import process as cuda_process
from minisr.kernels.cuda.driver import require_cuda

__all__ = ["NAMES", "Device", "choose", "parse", "require_cuda"]

NAMES = ("auto", "cpu", "cuda", "cuda:N")


class Device(NamedTuple):
    """A device.

    Attributes
    ----------
    backend : str
        See `minisr.kernels.load`.
    number : int or None
        The GPU's.
    title : str
        Its name, such as "the CPU" or "NVIDIA H100 (cuda:0)".
    why_no_gpu : str or None
        If "auto" found no GPU: why, in one line.
    """

    backend: str
    number: int | None = None
    title: str = "the CPU"
    why_no_gpu: str | None = None

    def __str__(self) -> str:
        return self.backend if self.number is None else f"{self.backend}:{self.number}"


def parse(name: str) -> tuple[str, int | None]:
    """Parse a name, without asking any device.

    Parameters
    ----------
    name : str
        One of `NAMES`, "reference", or the name of a registered backend.

    Returns
    -------
    kind : {"auto", "cpu", "cuda", "reference"} or str
    number : int or None
        For "cuda": 0 unless the name has one.

    Raises
    ------
    SettingsError
        If it is not such a name.
    """
    kind, colon, digits = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind == "cuda" and (not colon or (digits.isascii() and digits.isdigit())):
        return kind, int(digits or 0)
    if (kind == "auto" or kind in BACKENDS) and not colon:
        return kind, None
    raise SettingsError(
        f"device must be {', '.join(NAMES[:-1])} or {NAMES[-1]} for a number N, got {name!r}"
    )


def choose(name: str | Device) -> Device:
    """Find a device, check that it works, and select it for this process.

    Parameters
    ----------
    name : str or Device
        See `parse`. A process computes on one GPU: networks made with ``backend="cuda"`` use the
        one chosen here last, or the first.

    Returns
    -------
    Device

    Raises
    ------
    SettingsError
        If it is not such a name.
    DeviceError
        If it cannot be used; says why in one line. "auto" takes the processor instead.
    """
    kind, number = parse(str(name) if isinstance(name, Device) else name)
    if kind == "auto":
        return _best()
    if kind != "cuda":
        return Device(kind)
    gpu = require_cuda(number)
    cuda_process.choose(number)
    return _device(gpu)


def _best():
    """Return the first usable GPU, or the processor."""
    why = None
    try:
        count = 0 if cuda_driver.is_simulated() else len(cuda_driver.ask().gpus)
        if not count:
            why = f"{cuda_driver.SIMULATOR} is not a GPU; ask for it by name: cuda"
    except DeviceError as error:
        return Device("cpu", why_no_gpu=str(error))
    for number in range(count):
        try:
            gpu = require_cuda(number)
            cuda_process.choose(number)
            return _device(gpu)
        except DeviceError as error:
            why = why or str(error)
    return Device("cpu", why_no_gpu=why)


def _device(gpu):
    if gpu is None:
        return Device("cuda", 0, cuda_driver.SIMULATOR)
    return Device("cuda", gpu.number, f"{gpu.name} (cuda:{gpu.number})")
