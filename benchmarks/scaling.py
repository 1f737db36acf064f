"""How a pixel's time depends on the picture's size and on threads, and what memory it takes.

ESPCN x3 on pictures from 64 x 64 to 3840 x 2160, and on one that becomes 100 megapixels, with one
thread and with all. Memory is measured in a process of its own: its peak, less what it used before
(Python, Numba, one small picture done), less input and output.
"""

import resource
import subprocess
import sys
from statistics import median

import numpy as np
from measure import describe, environment, interleave, parser, print_table, write_json

from minisr import ESPCN, engine
from minisr.system.threads import Threads

SCALE = 3
SIZES = [  # height and width
    (64, 64), (128, 128), (256, 256), (288, 384), (360, 640), (720, 1280), (1080, 1920),
    (2160, 3840), (2778, 4000),
]  # fmt: skip
TOY = [(12, 16), (20, 15)]
COLUMNS = [
    "input", "output megapixels", "threads", "ms", "ns a pixel", "threads help", "to 1 MP's ns",
]  # fmt: skip
MEBIBYTE = 2**20


def timings(counts, sizes, seconds):
    """Return a row for each size and number of threads."""
    compiled, rng = engine.compile(ESPCN.from_pretrained(SCALE)), np.random.default_rng(0)
    pools = [Threads(count) for count in counts]
    rows = []
    for height, width in sizes:
        low = rng.random((1, 1, height, width), np.float32)
        peers = {pool.count: lambda low=low, pool=pool: compiled(low, pool) for pool in pools}
        times = {count: median(v) for count, v in interleave(peers, seconds, least=7).items()}
        for count, value in times.items():
            pixels = height * width * SCALE**2
            rows.append(
                {
                    "input": f"{width} x {height}",
                    "output megapixels": round(pixels / 1e6, 3),
                    "threads": count,
                    "ms": round(1e3 * value, 3),
                    "ns a pixel": round(1e9 * value / pixels, 3),
                    "threads help": round(times[counts[0]] / value, 2),
                }
            )
    for row in rows:
        same = [r for r in rows if r["threads"] == row["threads"]]
        one = min(same, key=lambda r: abs(r["output megapixels"] - 1))
        row["to 1 MP's ns"] = round(row["ns a pixel"] / one["ns a pixel"], 3)
    for pool in pools:
        pool.__exit__()
    return rows


def resident(field):
    """Return VmRSS (now) or VmHWM (the peak) in bytes.

    Not ``ru_maxrss``, where Linux has better: a child inherits that from who started it.
    """
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith(field))
        return int(line.split()[1]) * 1024
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def own_memory(height, width, count):
    """Return the bytes that a picture takes beside input and output. Once a process."""
    compiled = engine.compile(ESPCN.from_pretrained(SCALE))
    with Threads(count) as threads:
        compiled(np.zeros((1, 1, 16, 16), np.float32), threads)
        before = resident("VmRSS")
        low = np.random.default_rng(0).random((1, 1, height, width), np.float32)
        high = compiled(low, threads)
    return resident("VmHWM") - before - low.nbytes - high.nbytes


def memory(counts, sizes):
    """Return a row for each size and number of threads."""
    rows = []
    for height, width in sizes:
        for count in counts:
            words = [sys.executable, __file__, "--own-memory", str(height), str(width), "-j"]
            answer = subprocess.run([*words, str(count)], check=True, capture_output=True)
            rows.append(
                {
                    "input": f"{width} x {height}",
                    "threads": count,
                    "input and output, MiB": round(height * width * 40 / MEBIBYTE, 1),
                    "beside them, MiB": round(int(answer.stdout) / MEBIBYTE, 1),
                }
            )
    return rows


def plot(path, rows):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for count in sorted({row["threads"] for row in rows}):
        some = [row for row in rows if row["threads"] == count]
        x, y = ([row[key] for row in some] for key in ("output megapixels", "ns a pixel"))
        (line,) = axes.plot(x, y, "o-", label=f"{count} thread{'s' * (count > 1)}")
        axes.annotate(
            f"{y[-1]:.1f}", (x[-1], y[-1]), xytext=(8, -3), textcoords="offset points",
            color=line.get_color(),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(0.02, 250)
    axes.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_ylim(bottom=0)
    axes.set(
        title="ESPCN x3: time against the picture's size",
        xlabel="output, megapixels",
        ylabel="nanoseconds an output pixel",
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main():
    options = parser(__doc__)
    options.add_argument(
        "--own-memory", nargs=2, type=int, metavar=("H", "W"), help="only this, in bytes"
    )
    arguments = options.parse_args()
    if arguments.own_memory:
        print(own_memory(*arguments.own_memory, arguments.threads))
        return
    about = environment(arguments, ["numpy", "numba"])
    describe(about)
    counts = sorted({1, arguments.threads})
    sizes, seconds, largest = SIZES, 10, [(360, 640), (2160, 3840), SIZES[-1]]
    if arguments.short:
        seconds, largest = 1, SIZES[-1:]
    if arguments.toy:
        sizes, seconds, largest = TOY, 0, TOY[-1:]
    rows = timings(counts, sizes, seconds)
    print_table(rows, COLUMNS)
    spaces = memory(counts[-1:] if arguments.toy else counts, largest)
    print()
    print_table(spaces, list(spaces[0]))
    if arguments.json:
        write_json(arguments.json, {"environment": about, "times": rows, "memory": spaces})
    if arguments.plot:
        plot(arguments.plot, rows)


if __name__ == "__main__":
    main()
