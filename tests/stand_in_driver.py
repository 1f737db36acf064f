"""A stand-in for NVIDIA's driver, as `cuda.bindings.driver` shows it, on a machine without one."""

# ruff: noqa: N802, the names are NVIDIA's

from types import SimpleNamespace

ATTRIBUTES = ("COMPUTE_CAPABILITY_MAJOR", "COMPUTE_CAPABILITY_MINOR", "COMPUTE_MODE")
SUCCESS = "CUDA_SUCCESS"


def gpu(name="NVIDIA H100", capability=(9, 0), memory=80_000_000_000, mode="DEFAULT", **more):
    """Describe a GPU; ``retain`` is what the driver says to who wants a context."""
    return SimpleNamespace(name=name, capability=capability, memory=memory, mode=mode, **more)


class Driver:
    """It has some GPUs, knows some version of CUDA, and may fail at any of its functions.

    Attributes
    ----------
    called : list of str
        The functions that were called.
    """

    CUdevice_attribute = SimpleNamespace(**{f"CU_DEVICE_ATTRIBUTE_{n}": n for n in ATTRIBUTES})

    def __init__(self, *gpus, version=13000, failing=None, free=None):
        self.gpus, self.version, self.failing, self.free = gpus, version, failing or {}, free
        self.called = []

    def CUcomputemode(self, mode):
        return SimpleNamespace(name=f"CU_COMPUTEMODE_{mode}")

    def _answer(self, function, *values):
        self.called.append(function)
        fault = self.failing.get(function, SUCCESS)
        if isinstance(fault, Exception):
            raise fault
        values = values if fault == SUCCESS else (None,) * len(values)
        return SimpleNamespace(name=fault), *values

    def cuDriverGetVersion(self):
        return self._answer("cuDriverGetVersion", self.version)

    def cuInit(self, flags):
        assert flags == 0
        return self._answer("cuInit")

    def cuDeviceGetCount(self):
        return self._answer("cuDeviceGetCount", len(self.gpus))

    def cuDeviceGet(self, number):
        return self._answer("cuDeviceGet", number)

    def cuDeviceGetName(self, length, device):
        return self._answer("cuDeviceGetName", self.gpus[device].name.encode() + b"\0" * 9)

    def cuDeviceTotalMem(self, device):
        return self._answer("cuDeviceTotalMem", self.gpus[device].memory)

    def cuDeviceGetAttribute(self, attribute, device):
        found = self.gpus[device]
        values = dict(zip(ATTRIBUTES, (*found.capability, found.mode), strict=True))
        return self._answer("cuDeviceGetAttribute", values[attribute])

    def cuDevicePrimaryCtxRetain(self, device):
        _, context = self._answer("cuDevicePrimaryCtxRetain", object())
        return SimpleNamespace(name=self.gpus[device].retain), context

    def cuDevicePrimaryCtxRelease(self, device):
        return self._answer("cuDevicePrimaryCtxRelease")

    def cuMemGetInfo(self):
        return self._answer("cuMemGetInfo", *(self.free or (0, 0)))
