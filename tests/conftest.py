from pathlib import Path

import numpy as np
import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def rng():
    return np.random.default_rng(20160501)


@pytest.fixture
def shared_data():
    """Return the folder of test pictures that lies beside some checkouts."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the pictures in ../shared/data, which this checkout lacks")
    return SHARED_DATA
