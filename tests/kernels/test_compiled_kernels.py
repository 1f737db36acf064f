"""What only the compiled CPU kernels have: a vectorised tanh, and a cache to be invalidated."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minisr.kernels.cpu import bands, options
from minisr.kernels.cpu.vector_tanh import tanh
from minisr.kernels.cpu.vectors import HAS_VECTORS

pytestmark = pytest.mark.skipif(
    not HAS_VECTORS, reason="this host has no vector instructions: the plain loops run"
)


def test_vectorised_tanh():
    x = np.concatenate([np.linspace(-12, 12, 1_000_001), np.geomspace(1e-38, 1e38, 5003)])
    x = np.concatenate([x, -x]).astype(np.float32)
    out = np.empty_like(x)
    tanh(x, out)
    exact = np.tanh(x.astype(np.float64))
    assert np.abs(out - exact).max() < 3.3e-7  # measured 3.25e-7 at worst
    assert np.abs((out - exact)[exact != 0] / exact[exact != 0]).max() < 5e-7
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    out = np.empty_like(special)
    tanh(special, out)
    assert_allclose(out, [np.nan, 1, -1, 0, 0], atol=2.5e-7)
    assert_array_equal(np.signbit(out[3:]), [False, True])


def test_a_change_in_one_file_recompiles_all_kernels():
    """Numba's own check would look only at `bands`, and run an outdated micro-kernel."""
    assert {"bands.py", "microkernel.py", "vectors.py"} <= {name for name, _ in options.FOLDER}
    assert bands.run_column._cache._cache_file._source_stamp[1] == options.FOLDER
