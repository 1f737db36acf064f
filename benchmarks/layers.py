"""How far each layer of ESPCN x3 is from the ceiling.

A layer runs alone on a tile that fits into the second-level cache, as it does within a picture; the
loop over it is compiled, so that no call from Python is in the figure. PyTorch's convolution gets
the same tile, and a batch of one tile a thread. Outputs are compared first. "direct" is minisr's
convolution without Winograd; "alone" is one without its tanh. Operations are always counted as
those of a direct convolution, so that Winograd's can exceed the ceiling: it does a quarter of the
multiplications.
"""

import numpy as np
import torch
from measure import OURS, compare, describe, environment, parser, plot_bars, print_table, write_json
from numba import njit

from minisr.kernels.cpu import bands
from minisr.kernels.cpu.stack import COLUMN, Plan, Weights
from minisr.kernels.cpu.vectors import HAS_VECTORS
from minisr.kernels.stacks import Stage
from minisr.layers import Parameter
from minisr.system.threads import Threads

ROWS = 32
REPEATS = 20
# Name, input channels, filters, kernel size, activation, whether to leave Winograd out.
LAYERS = [
    ("conv1 + tanh", 1, 64, 5, "tanh", False),
    ("conv2 + tanh", 64, 32, 3, "tanh", False),
    ("conv3", 32, 9, 3, None, False),
    ("conv1 alone", 1, 64, 5, None, False),
    ("conv2 alone", 64, 32, 3, None, False),
    ("conv2 alone, direct", 64, 32, 3, None, True),
    ("conv3, direct", 32, 9, 3, None, True),
]
COLUMNS = ["layer", "peer", "us", "to minisr", "GFLOP/s", "% of ceiling", "ceiling"]


@njit(nogil=True)
def repeat(
    times, layer, weights, offsets, buffers, source, target, stride, plane, rows, columns, scratch
):
    """Run a layer several times."""
    for _ in range(times):
        bands.run_layer(
            layer, weights, offsets, buffers, source, target, stride, plane, rows, columns, scratch
        )


class Tile:
    """One thread's buffers, filled with a tile, and the layer that is to run on them."""

    def __init__(self, x, weight, bias, activation, direct):
        empty = np.zeros(0, np.float32)
        packed = Weights([Stage(Parameter(weight, empty), Parameter(bias, empty), activation)])
        plan = Plan(packed.table, COLUMN, ROWS)
        layer = plan.table[0]
        if direct:
            layer[bands.SQUARES] = -1
        C, _, _ = x.shape
        self.filters, self.stride, self.plane = len(bias), plan.stride, plan.plane
        buffers, scratch = plan.borrow()
        buffers[:] = 0
        planes = buffers[: C * plan.plane].reshape(C, -1, plan.stride)
        planes[:, : x.shape[1], : x.shape[2]] = x
        self.buffers, self.target = buffers, C * plan.plane
        self.arguments = (
            layer, packed.values, plan.offsets, buffers, 0, self.target, plan.stride, plan.plane,
            ROWS, COLUMN, scratch,
        )  # fmt: skip

    def run(self, times=REPEATS):
        """Run the layer."""
        repeat(times, *self.arguments)

    def output(self):
        """Return what the layer made, (F, ROWS, COLUMN)."""
        planes = self.buffers[self.target : self.target + self.filters * self.plane]
        return planes.reshape(self.filters, -1, self.stride)[:, :ROWS, :COLUMN]


def measure(C, F, K, activation, direct, threads, seconds):
    """Return the rows of minisr and PyTorch for one layer; "ms" are those of REPEATS tiles."""
    torch.set_num_threads(threads.count)
    rng = np.random.default_rng(0)
    shape = (threads.count, C, ROWS + K - 1, COLUMN + K - 1)
    x = rng.uniform(-1, 1, shape).astype(np.float32)  # what tanh may have left
    weight = rng.standard_normal((F, C, K, K), np.float32) / np.float32(np.sqrt(C) * K)
    bias = rng.standard_normal(F, np.float32)
    tiles = [Tile(sample, weight, bias, activation, direct) for sample in x]
    tensors = [torch.from_numpy(array) for array in (x, weight, bias)]

    def theirs():
        with torch.inference_mode():
            out = torch.nn.functional.conv2d(*tensors)
            return out.tanh_() if activation else out

    def theirs_repeatedly():
        for _ in range(REPEATS):
            theirs()

    expected = theirs().numpy()
    for tile, out in zip(tiles, expected, strict=True):
        tile.run(1)
        difference = float(np.abs(tile.output() - out).max())
        assert difference <= 1e-5, f"differs from PyTorch by {difference}"
    peers = {OURS: lambda: threads.map(Tile.run, tiles), "PyTorch": theirs_repeatedly}
    operations = 2 * C * F * K * K * ROWS * COLUMN * threads.count * REPEATS
    return compare(peers, operations, threads, seconds, ["PyTorch"], least=20)


def main():
    arguments = parser(__doc__, threads=1).parse_args()
    if not HAS_VECTORS:
        raise SystemExit("this machine has none of the vector instructions that are measured here")
    about = environment(arguments, ["numpy", "numba", "torch"])
    describe(about)
    print(f"a tile of {ROWS} x {COLUMN} pixels a thread")
    report = {"environment": about, "tile": [ROWS, COLUMN], "layers": []}
    seconds = 0 if arguments.toy else 1 if arguments.short else 5
    with Threads(arguments.threads) as threads:
        for name, *layer in LAYERS:
            rows = measure(*layer, threads, seconds)
            for row in rows:
                row["layer"] = name
                row["us"] = round(1e3 * row["ms"] / REPEATS, 1)  # of one tile on every thread
            report["layers"].append({"title": name, "peers": rows})
    print_table([row for layer in report["layers"] for row in layer["peers"]], COLUMNS)
    if arguments.json:
        write_json(arguments.json, report)
    if arguments.plot:
        name = "% of ceiling"
        bars = [
            (f"{row['layer']}: {row['peer']}", row[name], f"{row[name]:.0f} %")
            for layer in report["layers"]
            for row in layer["peers"]
            if row["peer"] == OURS or "direct" not in row["layer"]
        ]
        plot_bars(arguments.plot, "Layers of ESPCN x3, each alone", {"": bars}, name)


if __name__ == "__main__":
    main()
