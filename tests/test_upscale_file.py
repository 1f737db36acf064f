"""From a picture file to a larger one."""

import numpy as np

from minisr.images import read_picture, write_picture
from minisr.upscale_file import upscale_file


def twice(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def test_a_still_is_enlarged(tmp_path, rng):
    pixels = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    write_picture(tmp_path / "a.png", pixels)
    done = upscale_file(tmp_path / "a.png", tmp_path / "b.png", twice)
    assert (done.size_in, done.size_out) == ((5, 4), (10, 8))
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png").pixels, twice(pixels))
