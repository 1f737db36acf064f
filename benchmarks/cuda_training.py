"""Steps of training on a GPU, beside PyTorch: part of `gpu.py`."""

import numpy as np
from cuda_timing import WallClock, row_of, turns
from measure import OURS
from peers import multiply_adds

from minisr.datasets.pairs import Pair
from minisr.system.threads import Threads
from minisr.training import Patches, TrainConfig, make_trainer

SCALE = 3
WORKLOADS = [(16, 32), (256, 48)]  # patches, and low-resolution pixels a side
COLUMNS = ["peer", "ms", "million LR pixels/s", "to minisr", "TFLOP/s", "% of FLOPs"]
TO_GPU = f"{OURS}, batch in main memory"
STEPS = 2  # whose losses must agree: the second one has gone through every gradient


def patches_of(batch_size, patch_size):
    """Return patches of noise."""
    rng = np.random.default_rng(0)
    high = rng.integers(0, 256, (4, 1, 480, 600), np.uint8)
    pairs = [Pair(str(k), np.ascontiguousarray(h[:, 1::3, 1::3]), h) for k, h in enumerate(high)]
    return Patches(pairs, patch_size, batch_size, seed=0)


class Ours:
    """minisr's steps: forward, loss, backward, Adam and the moving average of the weights."""

    def __init__(self, config, patches, low, high, on_gpu):
        self.trainer = make_trainer(config, patches, Threads(1), backend="cuda")
        self.batch = low, high
        if on_gpu:
            from numba import cuda

            self.batch = cuda.to_device(low), cuda.to_device(high)

    def __call__(self):
        """Take a step, and return its loss."""
        return self.trainer.step_on(*self.batch)


def compare(batch_size, patch_size, make_rivals, seconds, ceiling, options=None):
    """Return the rows of one table, and the peers that are not in it: the time on the clock.

    Each step ends when its loss is known here. The batch is on the GPU, but for one row.

    Parameters
    ----------
    batch_size, patch_size : int
    make_rivals : callable
        From ``(state, config, low, high)`` to a dict of functions that take a step and return its
        loss, all from the same weights, and a dict of those that cannot be made.
    seconds : float
    ceiling : float
        Operations a second at most.
    options : dict, optional
        Of the network: for a trial, a small one.
    """
    config = TrainConfig(
        SCALE,
        1_000_000,
        batch_size=batch_size,
        patch_size=patch_size,
        schedule="constant",
        options=options or {},
    )
    patches = patches_of(batch_size, patch_size)
    low, high = patches.batch(0)
    peers = {OURS: Ours(config, patches, low, high, True)}
    peers[TO_GPU] = Ours(config, patches, low, high, False)
    state = peers[OURS].trainer.model.state_dict()
    operations = 2 * batch_size * patch_size**2 * (3 * multiply_adds(peers[OURS].trainer.model))
    operations -= 2 * batch_size * patch_size**2 * state["conv1.weight"].size
    rivals, skipped = make_rivals(state, config, low, high)
    peers |= rivals
    losses = {name: [float(step()) for _ in range(STEPS)] for name, step in peers.items()}
    for name, values in losses.items():
        # TF32 rounds what it multiplies, by up to a thousandth.
        near = 1e-3 if "TF32" in name else 1e-5
        if not np.allclose(values, losses[OURS], rtol=near):
            skipped[name] = f"has losses {values}, minisr {losses[OURS]}"
            del peers[name]
    if rivals and not any(name in peers for name in rivals):
        raise SystemExit(f"minisr differs from all others, nothing is timed: {skipped}")
    for name, reason in skipped.items():
        print(f"  skipped: {name}: {reason}")
    clocks = {name: WallClock(lambda step=step: float(step())) for name, step in peers.items()}
    rows = [row_of(name, values) for name, values in turns(clocks, seconds).items()]
    ours = rows[0]["ms"]
    for row in rows:
        speed = operations / row["ms"] * 1e3
        row["million LR pixels/s"] = round(batch_size * patch_size**2 / row["ms"] / 1e3, 2)
        row["to minisr"] = round(row["ms"] / ours, 3)
        row["TFLOP/s"] = round(speed / 1e12, 2)
        row["% of FLOPs"] = round(100 * speed / ceiling, 1)
    return rows, skipped
