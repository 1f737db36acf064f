"""How long a network takes to make a picture of 1920 x 1080, in minisr and in its rivals.

All have the same weights and the same picture, in one process, float32. Before anything is timed,
each one's output is compared with PyTorch's: the largest difference must be at most 1e-5. Then they
take turns. OpenVINO in bf16 computes something less exact and is not compared, only shown.

ESPCN, unless --network names another bundled one; then minisr's own ESPCN, which computes something
else, is beside it.
"""

import numpy as np
import torch
from measure import OURS, compare, describe, environment, parser, plot_bars, print_table, write_json
from peers import BF16, inference_peers, multiply_adds

from minisr import engine, from_pretrained
from minisr.system.threads import Threads

PICTURES = {3: (360, 640), 2: (540, 960), 4: (270, 480)}  # height and width, by scale
TOY = {3: (9, 16)}
PACKAGES = ["numpy", "numba", "torch", "onnxruntime", "openvino", "opencv-contrib-python-headless"]
COLUMNS = [
    "peer", "ms", "frames/s", "to minisr", "to fastest peer", "GFLOP/s", "% of ceiling",
    "ceiling", "max difference",
]  # fmt: skip


BASE = "minisr, ESPCN"


def measure(network, scale, size, threads, seconds, torch_compile):
    """Return the table's rows, and the peers that are not in it."""
    height, width = size
    model = from_pretrained(network, scale)
    compiled = engine.compile(model)
    low = np.random.default_rng(0).random((1, 1, height, width), np.float32)
    single = Threads(1)
    peers = {
        OURS: lambda: compiled(low, threads),
        "minisr, one thread": lambda: compiled(low, single),
    }
    rivals, skipped = inference_peers(model, low, threads.count, torch_compile)
    peers |= rivals
    expected = rivals["PyTorch eager"]()
    differences = {name: float(np.abs(run() - expected).max()) for name, run in peers.items()}
    for name, difference in differences.items():
        assert difference <= 1e-5 or name == BF16, f"{name} differs by {difference}"
    for name, reason in skipped.items():
        print(f"  skipped: {name}: {reason}")
    same = [name for name in rivals if name != BF16]
    if model.name != "espcn":
        base = engine.compile(from_pretrained("espcn", scale))
        peers[BASE] = lambda: base(low, threads)
    operations = 2 * multiply_adds(model) * height * width
    rows = compare(peers, operations, threads, seconds, same, least=10)
    for row in rows:
        row["frames/s"] = round(1e3 / row["ms"], 1)
        if row["peer"] == BASE:  # another network: neither its operations nor its picture
            row |= dict.fromkeys(["GFLOP/s", "% of ceiling", "max difference"])
        else:
            row["max difference"] = float(f"{differences[row['peer']]:.1e}")
    return rows, skipped


def main():
    options = parser(__doc__)
    options.add_argument("--network", default="espcn", help="a bundled one (default: espcn)")
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    arguments = options.parse_args()
    about = environment(arguments, PACKAGES)
    describe(about)
    report = {"environment": about, "network": arguments.network, "pictures": []}
    pictures = TOY if arguments.toy else PICTURES
    seconds = 0 if arguments.toy else 15 if arguments.short else 40
    torch_compile = not (arguments.no_compile or arguments.toy)
    with Threads(arguments.threads) as threads:
        for scale, size in list(pictures.items())[: 1 if arguments.short else None]:
            height, width = size
            title = f"x{scale}, {width} x {height} -> {width * scale} x {height * scale}"
            print(f"\n{title}")
            if torch_compile:
                torch.compiler.reset()
            rows, skipped = measure(arguments.network, scale, size, threads, seconds, torch_compile)
            print_table(rows, COLUMNS)
            report["pictures"].append({"title": title, "peers": rows, "skipped": skipped})
    if arguments.json:
        write_json(arguments.json, report)
    if arguments.plot:
        groups = {
            picture["title"]: [(r["peer"], r["ms"], f"{r['ms']:.1f}") for r in picture["peers"]]
            for picture in report["pictures"]
        }
        title = f"{arguments.network} to 1920 x 1080"
        plot_bars(arguments.plot, title, groups, "milliseconds, less is better")


if __name__ == "__main__":
    main()
