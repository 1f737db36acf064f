"""The backends that tests run over, and those that are quick enough for whatever size."""

import pytest

from minisr import kernels
from minisr.errors import MinisrError


def _backend(name):
    """Return a test's parameter, which skips and says why where nothing can compute with it."""
    try:
        kernels.load(name)
    except MinisrError as error:
        return pytest.param(name, marks=pytest.mark.skip(reason=str(error)))
    return name


ON_CPU = [name for name in kernels.BACKENDS if name != "cuda"]
FAST_ON_CPU = [name for name in ON_CPU if name != "reference"]
BACKENDS = [*ON_CPU, _backend("cuda")]
FAST = [name for name in BACKENDS if name != "reference"]
