"""Noise with the statistics of photographs."""

import numpy as np


def natural(rng, height=180, width=240):
    """Draw noise whose spectrum falls as that of photographs: amplitude 1 / frequency."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    f[0, 0] = np.inf
    picture = np.fft.ifft2(np.fft.fft2(rng.standard_normal((height, width))) / f).real
    return 0.5 + 0.15 * picture / picture.std()
