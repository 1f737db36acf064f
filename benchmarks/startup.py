"""How long a user waits before anything is computed.

Each figure is a whole process from start to end: Python alone; ``import minisr`` and, beside it,
its rivals; ``minisr upscale`` of a picture of 256 x 256 for the first time, when Numba's cache is
an empty folder and every kernel must be compiled, and for the second time. Median of several. A
trial compiles nothing: it leaves Numba its own cache.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from measure import describe, environment, parser, plot_bars, print_table, write_json

from minisr.images import write_picture

IMPORTS = ["minisr", "onnxruntime", "openvino", "torch"]
LIMITS = {
    "import minisr": 0.5,
    "minisr upscale, first": 15,
    "minisr upscale, second": 1.5,
}  # seconds, of issue 3
COLUMNS = ["process", "seconds", "fastest", "slowest", "limit"]


def seconds(words, **settings):
    """Return how long a process takes; it must succeed."""
    began = time.perf_counter()
    subprocess.run(words, env={**os.environ, **settings}, check=True, capture_output=True)
    return time.perf_counter() - began


def imports():
    """Return minisr and those of its rivals that are installed."""
    found = [name for name in IMPORTS if importlib.util.find_spec(name)]
    for name in IMPORTS:
        if name not in found:
            print(f"  skipped: {name}, which is not installed")
    return found


def measure(threads, names, side, repeats, compilations):
    """Return the times of each process, by name.

    Parameters
    ----------
    threads : int
        Of ``minisr upscale``.
    names : list of str
        What is imported.
    side : int
        Of the picture, in pixels.
    repeats, compilations : int
        How often; without any compilation, Numba's cache is the one that is there.
    """
    times = {"python": []} | {f"import {name}": [] for name in names}
    for _ in range(repeats + 1):
        times["python"].append(seconds([sys.executable, "-c", ""]))
        for name in names:
            times[f"import {name}"].append(seconds([sys.executable, "-c", f"import {name}"]))
    for values in times.values():
        values.pop(0)  # read from the disk
    times |= {"minisr upscale, first": [], "minisr upscale, second": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        write_picture(folder / "low.png", picture)
        words = [sys.executable, "-m", "minisr", "upscale", str(folder / "low.png")]
        # What is there would not be made again.
        words += ["-o", str(folder / "high.png"), "--overwrite", "-j", str(threads)]
        for number in range(max(1, compilations)):
            cache = {"NUMBA_CACHE_DIR": str(folder / f"cache{number}")} if compilations else {}
            times["minisr upscale, first"].append(seconds(words, **cache))
            for _ in range(repeats // max(1, compilations) + 1):
                times["minisr upscale, second"].append(seconds(words, **cache))
    return times


def main():
    arguments = parser(__doc__).parse_args()
    about = environment(arguments, ["numpy", "numba", "scipy", "onnxruntime", "torch"])
    describe(about)
    names, side, often = imports(), 256, (3, 1) if arguments.short else (11, 3)
    if arguments.toy:
        names, side, often = names[:1], 16, (1, 0)
    times = measure(arguments.threads, names, side, *often)
    rows = [
        {
            "process": name,
            "seconds": round(median(values), 3),
            "fastest": round(min(values), 3),
            "slowest": round(max(values), 3),
            "limit": LIMITS.get(name),
        }
        for name, values in times.items()
    ]
    print_table(rows, COLUMNS)
    if arguments.json:
        write_json(arguments.json, {"environment": about, "processes": rows})
    if arguments.plot:
        bars = [(row["process"], row["seconds"], f"{row['seconds']:.2f}") for row in rows]
        plot_bars(arguments.plot, "Whole processes", {"": bars}, "seconds, less is better")


if __name__ == "__main__":
    main()
