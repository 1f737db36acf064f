"""Pictures, pairs of them and patches that tests of training learn from."""

import numpy as np

from minisr.datasets.pairs import Pair, make_pair
from minisr.training.patches import Patches


def numbered_pair(height, width, scale):
    """Return a pair whose low pixels say where they are, and whose high pixels say it again."""
    low = np.arange(height * width, dtype=np.uint8).reshape(1, height, width)
    return Pair("numbers", low, np.repeat(np.repeat(low, scale, axis=1), scale, axis=2))


def smooth_picture(seed, height=60, width=72):
    """Make blobs with an edge or two: enough to learn from."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20
    waves = sum(np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-3, 3, (4, 3)))
    return np.uint8(np.clip(128 + 40 * waves + 50 * np.sign(x - y), 0, 255))


def patches_for(config):
    """Return the patches of a training run with these settings, of three smooth pictures."""
    scale, in_channels = config.upscale_factor, config.in_channels
    pairs = [make_pair(smooth_picture(k), scale, in_channels) for k in range(3)]
    return Patches(pairs, config.patch_size, config.batch_size, config.seed)
