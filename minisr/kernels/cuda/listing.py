"""A list of all kernels, for tests that compile them."""

import importlib
import pkgutil

import minisr.kernels.cuda
from minisr.kernels.cuda.launch import Kernel


def all_kernels():
    """Return every kernel of the backend by its name, ``module.function``.

    A module that generates kernels for given sizes, such as a network's numbers of channels, has a
    function ``typical_kernels()`` that returns a dict of those that networks really use.
    """
    found = {}
    for module in pkgutil.iter_modules(minisr.kernels.cuda.__path__):
        contents = importlib.import_module(f"minisr.kernels.cuda.{module.name}")
        kernels = {name: k for name, k in vars(contents).items() if isinstance(k, Kernel)}
        if hasattr(contents, "typical_kernels"):
            kernels |= contents.typical_kernels()
        found |= {f"{module.name}.{name}": kernel for name, kernel in kernels.items()}
    return found
