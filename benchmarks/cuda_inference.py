"""Pictures and frames enlarged on a GPU, beside PyTorch: part of `gpu.py`."""

import numpy as np
from cuda_timing import NumbaClock, WallClock, row_of, turns
from measure import OURS
from peers import multiply_adds

from minisr import engine, models
from minisr.kernels.cuda.frames import FrameStream
from minisr.kernels.cuda.memory import SIMULATED

LARGE = {"1080p": (1080, 1920), "4K": (2160, 3840)}  # height and width of what comes out
BATCHES = (1, 16)
COLUMNS = ["peer", "ms", "frames/s", "to minisr", "TFLOP/s", "% of FLOPs", "max difference"]
END_COLUMNS = ["peer", "ms", "frames/s", "to minisr"]
TOLERANCE = 1e-5


class OnDevice:
    """minisr from an array on the GPU to an array on the GPU."""

    def __init__(self, model, low):
        from numba import cuda

        self.stack = engine.compile(model).plan.stack
        self.space = self.stack.workspace(*(low.shape[k] for k in (0, 2, 3)))
        self.x = cuda.to_device(low)
        self.out = cuda.device_array(*self.space.words)
        self.width = low.shape[3] * model.upscale_factor
        # Numba's simulator has no times of events.
        self.clock = WallClock(self) if SIMULATED else NumbaClock(self, self.space.stream)

    def __call__(self):
        """Enlarge the batch."""
        self.stack.forward_device(self.x, self.out, self.space)

    def result(self):
        """Return what came out, as NumPy has it."""
        self()
        self.space.stream.synchronize()
        whole = self.out.copy_to_host().view(self.space.dtype).reshape(self.space.shape)
        return whole[..., : self.width]


class Frames:
    """minisr from 8 bits here to 8 bits here, a few frames on their way at once."""

    COUNT = 50  # a call

    def __init__(self, model, low):
        self.frame = np.round(low[0] * 255).astype(np.uint8)
        self.stream = FrameStream(engine.compile(model).plan.stack, *self.frame.shape[1:])

    def clock(self, count):
        """Return the seconds of a frame."""
        return WallClock(self)(count) / self.COUNT

    def __call__(self):
        """Enlarge so many frames."""
        for _ in self.stream(self.frame for _ in range(self.COUNT)):
            pass


def network(name, scale, options=None):
    """Return a bundled network, on the GPU; for a trial one of these options, untrained."""
    if options is not None:
        return models.build(name, {"upscale_factor": scale, **options}, backend="cuda")
    return models.from_pretrained(name, scale, backend="cuda")


def picture(shape):
    """Return a batch of noise of (N, 1, H, W)."""
    return np.random.default_rng(0).random(shape, np.float32)


def compare(model, low, make_peers, seconds, ceiling):
    """Return the rows of one table, and which peers are not in it, and why.

    It is the GPU's own time, from array to array there. Who differs from minisr is not timed.

    Parameters
    ----------
    model : Network
    low : ndarray, shape (N, 1, H, W)
    make_peers : callable
        Called when minisr has its memory. It returns a dict of str to (clock, what the peer makes
        of ``low``; None if it is less exact and not compared), and one of str to why it is missing.
    seconds : float
    ceiling : float
        Operations a second at most.
    """
    ours = OnDevice(model, low)
    expected = ours.result()
    rivals, skipped = make_peers()
    differences, peers = {OURS: None}, {}
    for name, (clock, result) in rivals.items():
        difference = None if result is None else float(np.abs(result - expected).max())
        if difference is not None and not difference <= TOLERANCE:
            skipped[name] = f"differs from minisr by {difference}"
            continue
        peers[name], differences[name] = clock, difference
    exact = [name for name, (_, result) in rivals.items() if result is not None]
    if exact and not any(name in peers for name in exact):
        raise SystemExit(f"minisr differs from all others, nothing is timed: {skipped}")
    clocks = {OURS: ours.clock} | peers
    times = turns(clocks, seconds)
    for name, reason in skipped.items():
        print(f"  skipped: {name}: {reason}")
    N, _, H, W = low.shape
    operations = 2 * multiply_adds(model) * N * H * W
    rows = [row_of(name, values) for name, values in times.items()]
    return finished(rows, N, operations, ceiling, differences), skipped


def finished(rows, frames, operations=None, ceiling=None, differences=None):
    """Add to rows what follows from their times."""
    ours = next(row["ms"] for row in rows if row["peer"] == OURS)
    for row in rows:
        row["frames/s"] = round(1e3 * frames / row["ms"], 1)
        row["to minisr"] = round(row["ms"] / ours, 3)
        if operations is not None:
            speed = operations / row["ms"] * 1e3
            row["TFLOP/s"] = round(speed / 1e12, 2)
            row["% of FLOPs"] = round(100 * speed / ceiling, 1)
            difference = differences[row["peer"]]
            row["max difference"] = None if difference is None else float(f"{difference:.1e}")
    return rows
