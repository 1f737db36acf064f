"""All kernels there are, for those who compile or count them."""

import importlib
import pkgutil

import minisr.kernels.cuda
from minisr.kernels.cuda.launch import Kernel


def all_kernels():
    """Return every kernel of the backend by its name, ``module.function``.

    A module that makes kernels to measure, for a network's numbers of channels say, names those
    that networks really use in a function ``typical_kernels()``, which returns a dict.
    """
    found = {}
    for module in pkgutil.iter_modules(minisr.kernels.cuda.__path__):
        contents = importlib.import_module(f"minisr.kernels.cuda.{module.name}")
        kernels = {name: k for name, k in vars(contents).items() if isinstance(k, Kernel)}
        if hasattr(contents, "typical_kernels"):
            kernels |= contents.typical_kernels()
        found |= {f"{module.name}.{name}": kernel for name, kernel in kernels.items()}
    return found
