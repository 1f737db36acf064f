"""How long a user waits before anything is computed.

Each figure is a whole process from start to end: Python alone; ``import minisr`` and, beside it,
its rivals; ``minisr upscale`` of a picture of 256 x 256 for the first time, when Numba's cache is
an empty folder and every kernel must be compiled, and for the second time. Median of several.
"""

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


def measure(threads, repeats, compilations):
    """Return the times of each process, by name."""
    times = {"python": []} | {f"import {name}": [] for name in IMPORTS}
    for _ in range(repeats + 1):
        times["python"].append(seconds([sys.executable, "-c", ""]))
        for name in IMPORTS:
            times[f"import {name}"].append(seconds([sys.executable, "-c", f"import {name}"]))
    for values in times.values():
        values.pop(0)  # read from the disk
    times |= {"minisr upscale, first": [], "minisr upscale, second": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
        write_picture(folder / "low.png", picture)
        words = [sys.executable, "-m", "minisr", "upscale", str(folder / "low.png")]
        words += ["-o", str(folder / "high.png"), "-j", str(threads)]
        for number in range(compilations):
            cache = str(folder / f"cache{number}")
            times["minisr upscale, first"].append(seconds(words, NUMBA_CACHE_DIR=cache))
            for _ in range(repeats // compilations + 1):
                times["minisr upscale, second"].append(seconds(words, NUMBA_CACHE_DIR=cache))
    return times


def main():
    arguments = parser(__doc__).parse_args()
    about = environment(arguments.threads, ["numpy", "numba", "scipy", "onnxruntime", "torch"])
    describe(about)
    times = measure(arguments.threads, *((3, 1) if arguments.short else (11, 3)))
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
