"""Batches of random patches, cut from pairs of pictures."""

import numpy as np

from minisr.errors import PictureError, SettingsError
from minisr.types import Array


class Patches:
    """Random patches, rotated and mirrored in all eight ways.

    A batch depends on the seed and the step's number alone. So a resumed run sees what it would
    have seen anyway, and no state of a random generator has to be stored.

    Parameters
    ----------
    pairs : list of Pair
    patch_size : int
        Side of a patch, in low-resolution pixels.
    batch_size : int
    seed : int

    Raises
    ------
    PictureError
        If a picture is smaller than a patch.
    SettingsError
        If a number is below one, or there are no pictures.
    """

    def __init__(self, pairs: list, patch_size: int, batch_size: int, seed: int) -> None:
        for name, number in (("patch_size", patch_size), ("batch_size", batch_size)):
            if number < 1:
                raise SettingsError(f"{name} must be at least 1, got {number}")
        if not pairs:
            raise SettingsError("training needs at least one picture, got none")
        self.scale = pairs[0].high.shape[1] // pairs[0].low.shape[1]
        for pair in pairs:
            if min(pair.low.shape[1:]) < patch_size:
                height, width = pair.high.shape[1:]
                raise PictureError(
                    f"{pair.name} is {width} x {height} pixels, but patches of {patch_size} at "
                    f"x{self.scale} need {patch_size * self.scale} per side; "
                    "leave it out or choose a smaller patch size"
                )
        self.pairs = pairs
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.seed = seed
        # Every position in every picture is equally likely.
        self._places = np.array([pair.low.shape[1:] for pair in pairs]) - patch_size + 1
        self._chances = self._places.prod(axis=1) / self._places.prod(axis=1).sum()

    @property
    def steps_per_epoch(self) -> int:
        """How many steps it takes to see as many pixels as the pictures have."""
        pixels = sum(pair.low[0].size for pair in self.pairs)
        return max(1, round(pixels / (self.batch_size * self.patch_size**2)))

    def batch(self, step: int) -> tuple[Array, Array]:
        """Cut the batch of a step.

        Parameters
        ----------
        step : int
            From zero.

        Returns
        -------
        low : ndarray, shape (batch_size, C, patch_size, patch_size), float32 in [0, 1]
        high : ndarray, shape (batch_size, C, patch_size * scale, ...), float32 in [0, 1]
        """
        rng = np.random.default_rng([self.seed, step])
        P, R, C = self.patch_size, self.scale, self.pairs[0].low.shape[0]
        low = np.empty((self.batch_size, C, P, P), np.float32)
        high = np.empty((self.batch_size, C, P * R, P * R), np.float32)
        chosen = rng.choice(len(self.pairs), self.batch_size, p=self._chances)
        tops, lefts = rng.integers(self._places[chosen].T)  # all in one call: each takes 5 us
        turns = rng.integers(8, size=self.batch_size)
        for n, (k, top, left, turn) in enumerate(zip(chosen, tops, lefts, turns, strict=True)):
            pair = self.pairs[k]
            low[n] = _turned(pair.low[:, top : top + P, left : left + P], turn)
            top, left = R * top, R * left
            high[n] = _turned(pair.high[:, top : top + P * R, left : left + P * R], turn)
        low *= np.float32(1 / 255)
        high *= np.float32(1 / 255)
        return low, high


def _turned(patch, turn):
    """Return a view of a square patch, rotated and mirrored in one of the eight ways."""
    if turn & 1:
        patch = patch[:, ::-1]
    if turn & 2:
        patch = patch[:, :, ::-1]
    return patch.transpose(0, 2, 1) if turn & 4 else patch
