"""How every benchmark here measures: what the machine is, and peers in turn, never one by one."""

import argparse
import json
import os
import platform
import random
import subprocess
import textwrap
import time
from pathlib import Path
from statistics import median, quantiles

from ceiling import Ceiling

from minisr.kernels.cpu.host import instructions
from minisr.system.packages import version
from minisr.system.threads import available, processor

# Seconds of a peer's turn: nothing, for the pools of PyTorch and others spin on after their work;
# untimed calls, for a virtual machine that has slept wakes its cores one by one; timed ones.
PAUSE, WARM, TIMED = 0.005, 0.05, 0.03
QUIET = 0.05  # of the processors' time: what others may take
CEILING = "FMA ceiling"
OURS = "minisr"


def parser(doc, threads=None):
    """Return a parser with the options that all benchmarks have."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--short", action="store_true", help="less of it, within a minute")
    result.add_argument(
        "--toy", action="store_true", help="a trial on a few pixels: its times mean nothing"
    )
    result.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    result.add_argument("--plot", metavar="FILE", type=Path, help="also draw them: a PNG")
    result.add_argument("-j", "--threads", type=int, default=threads or available())
    return result


def environment(arguments, packages):
    """Return what a figure means nothing without.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of `parser`: the number of threads, and whether this is a trial.
    packages : list of str
        Those whose versions matter.
    """
    wide = instructions()
    versions = {"minisr": commit(), "python": platform.python_version()}
    for package in packages:
        versions[package] = version(package) or "not installed"
    trial = {"toy": True} if arguments.toy else {}
    return trial | {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor() + (f" ({', '.join(wide)})" if wide else ""),
        "processors": available(),
        "threads": arguments.threads,
        "busy": busy(0.05 if arguments.toy else 0.5),
        "versions": versions,
    }


def commit():
    """Return the commit that is measured, marked if files of the package differ from it."""

    def git(*words):
        folder = Path(__file__).parent.parent
        answer = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    try:
        changed = " and changes" if git("status", "--porcelain", "minisr") else ""
        return (git("rev-parse", "--short", "HEAD") or "unknown") + changed
    except OSError:
        return "unknown"


class Disturbance:
    """How much of the processors' time others have taken since the last question."""

    def __init__(self):
        self.seen = self.look()

    def look(self):
        """Return the seconds of processors so far: others', and all. Linux alone knows."""
        try:
            with open("/proc/stat", encoding="utf-8") as file:
                ticks = [int(word) for word in file.readline().split()[1:9]]
        except OSError:
            return 0.0, 0.0
        total = sum(ticks) / os.sysconf("SC_CLK_TCK")
        idle = (ticks[3] + ticks[4]) / os.sysconf("SC_CLK_TCK")  # without work, and for disks
        return total - idle - sum(os.times()[:4]), total  # ours, and our children's

    def share(self):
        """Return the share of others since the last call; zero where nobody knows."""
        before, self.seen = self.seen, self.look()
        others, total = (now - then for now, then in zip(self.seen, before, strict=True))
        return others / total if total else 0.0


def busy(seconds):
    """Return the share of the processors' time that others use, over some seconds."""
    disturbance = Disturbance()
    time.sleep(seconds)
    return max(0.0, round(disturbance.share(), 3))


def describe(environment):
    """Print the environment, and a warning if the machine has other work."""
    versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items())
    print(f"{environment['processor']}, {environment['threads']} threads; {versions}")
    if environment.get("toy"):
        print("a trial: what follows are no measurements")
    elif environment["busy"] > QUIET:
        load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
        print(
            f"WARNING: {environment['busy']:.0%} of the processors' time is taken by others (load "
            f"average {load}); do not trust these figures"
        )


def calls(run, seconds):
    """Call again and again for so long, at least once; return the mean seconds of a call."""
    count, began = 0, time.perf_counter()
    while True:
        run()
        count += 1
        spent = time.perf_counter() - began
        if spent >= seconds:
            return spent / count


def interleave(peers, seconds, least=5):
    """Time peers in turn, round after round, so that a busy machine is busy for all of them.

    Every round has an order of its own: nobody always runs after the same neighbour. Rounds in
    which other processes took more than QUIET of the processors' time do not count, and are made up
    for, in up to four times the time; if even that gives too few, the least disturbed ones count.

    With no seconds, each is called twice, whatever else the machine does: a trial.

    Parameters
    ----------
    peers : dict of str to callable
    seconds : float
        For all of them together; 0 for a trial.
    least : int, optional
        Rounds at least.

    Returns
    -------
    dict of str to list of float
        The seconds of a call in each round.
    """
    order, shuffle = list(peers), random.Random(0).shuffle
    if not seconds:
        return {name: [calls(peers[name], 0) for _ in range(2)] for name in order}
    for name in order:
        peers[name]()
    rounds = []  # the share of others, and the seconds of each peer
    disturbance = Disturbance()
    began = time.perf_counter()
    while True:
        quiet = sum(share <= QUIET for share, _ in rounds)
        spent = time.perf_counter() - began
        enough = quiet >= least or (len(rounds) >= least and spent > 4 * seconds)
        if enough and spent > seconds:
            break
        shuffle(order)
        times = {}
        for name in order:
            time.sleep(PAUSE)
            calls(peers[name], WARM)
            times[name] = calls(peers[name], TIMED)
        rounds.append((disturbance.share(), times))
    if quiet < least:
        print(f"  WARNING: of {len(rounds)} rounds only {quiet} were undisturbed; {least} count")
    rounds.sort(key=lambda item: item[0])
    return {name: [times[name] for _, times in rounds[: max(quiet, least)]] for name in peers}


def compare(peers, operations, threads, seconds, rivals=(), least=5):
    """Time peers and the FMA ceiling in the same rounds.

    Parameters
    ----------
    peers : dict of str to callable
        One of them is called OURS.
    operations : float
        What a call does: two for a multiply-add, counted as a direct convolution does them.
    threads : minisr.system.threads.Threads
        As many as the peers use. A peer whose name ends in "one thread" uses one.
    seconds : float
    rivals : collection of str, optional
        The peers among which the fastest one is looked for.

    Returns
    -------
    list of dict
        A row of the table a peer: "peer", "ms" (median), "quartiles_ms", "rounds", "to minisr" and
        "to fastest peer" (this time divided by that one's), "GFLOP/s", "% of ceiling", and that
        "ceiling" in GFLOP/s, the one of a single core for a peer with one thread.
    """
    ceiling = Ceiling(threads)
    times = interleave({**peers, CEILING: ceiling}, seconds, least)
    best = ceiling.operations / median(times.pop(CEILING)) / 1e9
    medians = {name: median(values) for name, values in times.items()}
    fastest = min((medians[name] for name in rivals), default=None)
    rows = []
    for name, values in times.items():
        speed = operations / medians[name] / 1e9
        reachable = best / threads.count if name.endswith("one thread") else best
        quartiles = quantiles(values, n=4)
        rows.append(
            {
                "peer": name,
                "ms": round(1e3 * medians[name], 3),
                "quartiles_ms": [round(1e3 * quartiles[index], 3) for index in (0, 2)],
                "rounds": len(values),
                "to minisr": round(medians[name] / medians[OURS], 3),
                "to fastest peer": fastest and round(medians[name] / fastest, 3),
                "GFLOP/s": round(speed, 1),
                "% of ceiling": round(100 * speed / reachable, 1),
                "ceiling": round(reachable),
            }
        )
    return rows


def print_table(rows, columns):
    """Print rows, aligned; the first column is text, and None is a dash."""
    cells = [columns] + [["-" if row[c] is None else f"{row[c]}" for c in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for first, *others in cells:
        numbers = (f"{c:>{width}}" for c, width in zip(others, widths[1:], strict=True))
        print("  " + "  ".join([f"{first:<{widths[0]}}", *numbers]))


def markdown(rows, columns):
    """Return a table in Markdown, the first column to the left, the rest to the right."""
    lines = [columns, [":--"] + ["--:"] * (len(columns) - 1)]
    lines += [["-" if row.get(c) is None else str(row[c]) for c in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_json(path, report):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def plot_bars(path, title, groups, label):
    """Draw horizontal bars, a panel a group, those of minisr in a colour of their own.

    Parameters
    ----------
    path : Path
        A PNG.
    title : str
    groups : dict of str to list of (str, float, str)
        By panel: name, length and text of each bar.
    label : str
        Of the axis.
    """
    from matplotlib.figure import Figure

    tallest = max(len(bars) for bars in groups.values())
    longest = max(len(name) for bars in groups.values() for name, _, _ in bars)
    width = max(5.2, 3.2 + 0.085 * longest)
    figure = Figure(figsize=(width * len(groups), 1.3 + 0.34 * tallest), layout="constrained")
    heading = figure.suptitle(title)
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for axes, (name, bars) in zip(panels, groups.items(), strict=True):
        names, lengths, texts = zip(*bars, strict=True)
        colours = ["tab:red" if OURS in bar else "tab:gray" for bar in names]
        drawn = axes.barh(names, lengths, color=colours)
        axes.bar_label(drawn, texts, padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.3)
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    rooms = {axes.title: axes for axes in panels}
    _wrap_titles(figure, rooms | {heading: figure})
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _wrap_titles(figure, rooms):
    """Break titles wider than what they stand over; ``rooms`` has those, by title."""
    words = {title: title.get_text() for title in rooms if title.get_text()}
    for _ in range(8):
        figure.draw_without_rendering()  # only then is it known how wide anything is
        for title in words:
            over = rooms[title]
            share = over.get_window_extent().width / title.get_window_extent().width
            if share < 1:
                longest = max(map(len, title.get_text().splitlines()))
                title.set_text(textwrap.fill(words[title], max(8, int(longest * share))))
