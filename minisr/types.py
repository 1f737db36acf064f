"""Types that signatures share, by the names that readers know them by."""

import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]  # its docstring says which shape and dtype
Cache = Any  # whatever a layer's backward needs of its forward
Kernels = ModuleType  # a backend, see `minisr.kernels`
Leaves = Iterator[Any]
Named = Iterator[tuple[str, Any]]
PathLike = str | os.PathLike[str]
Rng = np.random.Generator
State = dict[str, np.ndarray[Any, Any]]
