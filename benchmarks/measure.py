"""How every benchmark here measures: what the machine is, and peers in turn, never one by one."""

import platform
import time
from importlib import metadata
from statistics import median


def environment(threads, packages):
    """Return what a figure means nothing without.

    Parameters
    ----------
    threads : int
    packages : list of str
        Those whose versions matter.
    """
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line for line in file if line.startswith(("model name", "flags"))]
        processor = lines[0].split(":")[1].strip()
        wide = [name for name in ("avx512f", "avx2") if f" {name} " in lines[1]]
        processor += f" ({', '.join(wide)})" if wide else ""
    except (OSError, IndexError):
        pass
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {"processor": processor, "threads": threads, "versions": versions}


def describe(environment):
    """Return the environment as a line of text."""
    versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items())
    return f"{environment['processor']}, {environment['threads']} threads; {versions}"


def interleave(peers, seconds, least=5):
    """Time peers in turn, round after round, so that a busy machine is busy for all of them.

    Parameters
    ----------
    peers : dict of str to callable
    seconds : float
        For all of them together.
    least : int, optional
        Rounds at least.

    Returns
    -------
    dict of str to float
        The median of each, in seconds. The first round, which compiles and warms caches, is left
        out.
    """
    times = {name: [] for name in peers}
    end = None
    while end is None or time.perf_counter() < end or len(next(iter(times.values()))) < least:
        for name, run in peers.items():
            began = time.perf_counter()
            run()
            if end is not None:
                times[name].append(time.perf_counter() - began)
        end = end or time.perf_counter() + seconds
    return {name: median(values) for name, values in times.items()}
