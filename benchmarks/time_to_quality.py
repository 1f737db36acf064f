"""How long training takes to reach a quality: minisr with Adam and with SOAP, PyTorch with Adam.

Give the folder that `minisr data get T91 BSDS500 Set5` has filled. All learn from T91 and from
BSDS500/train, each for the same minutes; every tenth picture of BSDS500/train is held out, and the
PSNR on those 20 is what is drawn against the seconds. Set5 is measured once, when all is over, and
decides nothing.

All have the same network, first weights, batches (the same numbers, cut by the same code), loss,
learning rate, warm-up, cosine and moving average of the weights. First a batch is taken by all, and
its loss, every gradient, the step of Adam and the average must agree. Then, in turn, each takes
steps for some seconds on a network to throw away: from these comes how many steps fit into the
minutes, which fixes the schedule. PyTorch runs eagerly or compiled, whichever was faster there,
with its fused Adam, the fastest it has.

Whole trainings cannot be repeated until the machine was quiet. So they run side by side in slices
of about five seconds, in an order shuffled anew each time: whatever disturbs the machine disturbs
all of them. A competitor's clock runs in its own slices alone, batches and average included;
compiling and measuring PSNR stand outside, for all alike.

A curve is that of one schedule, made for all the minutes. Who has fewer of them should make a
schedule for these, and gets further than the curve is there.
"""

import dataclasses
import itertools
import random
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from measure import (
    PAUSE,
    QUIET,
    WARM,
    Disturbance,
    calls,
    describe,
    environment,
    parser,
    print_table,
    write_json,
)
from peers import TWINS

from minisr.datasets.pairs import PictureSet
from minisr.evaluation.evaluate import as_trained, evaluate_picture, mean, score_pair
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import find_pictures
from minisr.kernels.reference import CHARBONNIER_EPSILON
from minisr.models import MODELS
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, Patches, TrainConfig
from minisr.training.recipes import read_recipe
from minisr.training.runs.console import Console
from minisr.training.runs.pictures import read
from minisr.training.runs.plan import Sources

SLICE = 5.0  # seconds
TOY = {"batch_size": 2, "patch_size": 8}
OF_SET5 = "302003.jpg"  # of BSDS500/train: Set5's woman at a higher resolution
OURS = {"minisr, Adam": "adam", "minisr, SOAP": "soap"}
THEIRS = "PyTorch, Adam"
FORMS = {"eager": lambda network: network, "torch.compile": torch.compile}
LOSSES = {
    "mse": torch.nn.functional.mse_loss,
    "l1": torch.nn.functional.l1_loss,
    "charbonnier": lambda x, y: ((x - y) ** 2 + CHARBONNIER_EPSILON**2).sqrt().mean(),
}
PROTOCOL = PROTOCOLS["matlab"]
# Okabe and Ito's, which the colour-blind tell apart as well.
COLOURS = {
    "bicubic": "black",
    "minisr, Adam": "#0072B2",
    "minisr, SOAP": "#D55E00",
    THEIRS: "#707070",
}
FINALS = ["who", "steps", "ms a step", "seconds", "held out, dB", "Set5, dB / SSIM"]


class Ours(CompiledTrainer):
    """minisr, as it trains."""

    def weights(self):
        """Return the averaged weights by name."""
        return self.averaged.state_dict()


class InTorch:
    """The same training in PyTorch."""

    def __init__(self, config, patches, form):
        self.config, self.patches = config, patches
        first = config.make_model("cpu").state_dict()
        self.names = list(first)
        self.network = TWINS[config.model](first, config.upscale_factor)
        self.forward = FORMS[form](self.network)
        self.parameters = list(self.network.parameters())
        self.averaged = [parameter.detach().clone() for parameter in self.parameters]
        betas = 0.9, config.beta2
        self.adam = torch.optim.Adam(self.parameters, config.learning_rate, betas, fused=True)
        self.schedule = config.make_schedule(patches.steps_per_epoch)
        self.steps = 0
        self.learn()  # compiles, and changes no weight

    def learn(self):
        """Draw a batch, set the gradients to its own, and return its loss."""
        low, high = map(torch.from_numpy, self.patches.batch(self.steps))
        self.adam.zero_grad()
        loss = LOSSES[self.config.loss_at(self.steps)](self.forward(low), high)
        loss.backward()
        return loss.item()

    def step(self):
        """Draw a batch, take a step on it, and return its loss."""
        loss = self.learn()
        self.adam.param_groups[0]["lr"] = self.config.learning_rate * self.schedule(self.steps)
        self.adam.step()
        self.steps += 1
        decay = min(self.config.average_decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():  # all at once, as torch.optim.swa_utils does it
            torch._foreach_lerp_(self.averaged, self.parameters, 1 - decay)
        return loss

    def weights(self):
        """Return the averaged weights by name."""
        return {n: a.numpy() for n, a in zip(self.names, self.averaged, strict=True)}


class Judge:
    """Measures weights in minisr, whoever has trained them; None is bicubic."""

    def __init__(self, network, held_out, threads):
        self.network, self.held_out, self.threads = network, held_out, threads
        self.enlarger = as_trained(network)  # which reads the weights when it is called
        self.alone = Threads(1)  # the pictures are shared among the threads already

    def model(self, weights):
        """Return what enlarges with these weights."""
        if weights is None:
            return None
        self.network.load_state_dict(weights)
        return self.enlarger

    def __call__(self, weights):
        """Return the mean PSNR on the held-out pictures."""
        model = self.model(weights)
        return mean(
            self.threads.map(
                lambda pair: score_pair(model, pair, PROTOCOL, self.alone), self.held_out
            )
        ).psnr

    def on_files(self, files, weights):
        """Return the mean score on other pictures, None if there are none."""
        if not files:
            return None
        methods, scale = {"it": self.model(weights)}, self.network.upscale_factor
        return mean(
            self.threads.map(
                lambda path: evaluate_picture(path, scale, methods, PROTOCOL, self.alone)["it"],
                files,
            )
        )


def pictures_of(folder, config, threads):
    """Return the pairs to learn from, those held out, and the files of Set5."""
    train = folder / "BSDS500" / "train"
    held_out = [path for path in find_pictures(train)[::10] if path.name != OF_SET5]
    of_set5 = [path for path in [train / OF_SET5] if path.is_file()]
    sets = (
        [PictureSet.at(path) for path in paths]
        for paths in ([folder / "T91", train], held_out, of_set5)
    )
    pictures = read(Sources(*sets), config, threads, Console(False, print))
    last = folder / "Set5"
    if not last.is_dir():
        print(f"left out: Set5, since {last} is not there")
    return pictures.learn, pictures.held_out, find_pictures(last) if last.is_dir() else []


def apart(ours, theirs):
    """Return how far an array is from another, relative to that one's length."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def check(config, patches, threads, forms):
    """Take a step of Adam in minisr and in each form of PyTorch, and compare all that it gives.

    Returns
    -------
    dict of str to dict
        By form: how far apart loss, gradients (the worst array), the step of Adam (the worst, too)
        and the averaged weights are.

    Raises
    ------
    AssertionError
        If that is more than rounding explains.
    """
    # Without warm-up, so that the first step is no smaller than the others.
    config = dataclasses.replace(config, optimizer="adam", schedule="constant")
    ours = Ours(config, patches, threads)
    before = ours.model.state_dict()
    loss = ours.step()
    differences = {}
    for form in forms:
        theirs = InTorch(config, patches, form)
        their_loss = theirs.step()
        gradients, steps = [], []
        for (name, mine), other in zip(
            ours.model.named_parameters(), theirs.parameters, strict=True
        ):
            gradients.append(apart(mine.grad, other.grad.numpy()))
            after = other.detach().numpy()
            steps.append(apart(mine.value - before[name], after - before[name]))
        averages = theirs.weights()
        differences[form] = difference = {
            "loss": abs(loss / their_loss - 1),
            "gradient": max(gradients),
            "step": max(steps),
            "average": max(apart(v, averages[name]) for name, v in ours.weights().items()),
        }
        most = {"loss": 1e-5, "gradient": 1e-4, "step": 1e-3, "average": 1e-4}
        for what, limit in most.items():
            assert difference[what] <= limit, f"{form}: {what} differs by {difference[what]}"
    return differences


def usable_forms(config, patches, compiled):
    """Return the forms that run here, and why others do not."""
    forms, skipped = [], {}
    for form in FORMS:
        if form == "torch.compile" and not compiled:
            continue
        try:
            InTorch(config, patches, form).step()
        except Exception as error:  # whatever a compiler may raise
            skipped[form] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        else:
            forms.append(form)
    return forms, skipped


def seconds_a_step(probes, rounds, seconds):
    """Return what a step takes each: the median of rounds in which all have a turn."""
    times = {name: [] for name in probes}
    for _ in range(rounds):
        for name, probe in probes.items():
            time.sleep(PAUSE)
            calls(probe.step, WARM)
            times[name].append(calls(probe.step, seconds))
    return {name: median(values) for name, values in times.items()}


def stops(steps, slices):
    """Return at which steps PSNR is measured: after each slice, and thrice within the first.

    Parameters
    ----------
    steps : int
        All of them.
    slices : int

    Returns
    -------
    list of int
        Rising; the last one is ``steps``.
    """
    fractions = [1 / 8, 1 / 4, 1 / 2, *range(1, slices + 1)]
    return sorted({max(1, round(steps * fraction / slices)) for fraction in fractions})


def race(competitors, plan, judge):
    """Train all to their last stop, slice by slice.

    Parameters
    ----------
    competitors : dict of str to Ours or InTorch
    plan : dict of str to list of int
        The stops of each.
    judge : callable
        From weights to PSNR.

    Returns
    -------
    points : dict of str to list of dict
        "steps", "seconds" and "psnr" at each stop, the start first.
    shares : list of float
        Of each slice: how much of the processors' time others took.
    """
    points = {
        name: [{"steps": 0, "seconds": 0.0, "psnr": judge(one.weights())}]
        for name, one in competitors.items()
    }
    shares, order, shuffle = [], list(competitors), random.Random(0).shuffle
    rounds = max(map(len, plan.values()))
    for number in range(rounds):
        shuffle(order)
        for name in order:
            if number >= len(plan[name]):
                continue
            one, stop = competitors[name], plan[name][number]
            time.sleep(PAUSE)
            disturbance = Disturbance()
            began = time.perf_counter()
            while one.steps < stop:
                one.step()
            seconds = points[name][-1]["seconds"] + time.perf_counter() - began
            shares.append(disturbance.share())
            psnr = judge(one.weights())
            points[name].append(
                {"steps": stop, "seconds": round(seconds, 3), "psnr": round(psnr, 4)}
            )
        text = ", ".join(
            f"{name} {points[name][-1]['seconds']:.1f} s {points[name][-1]['psnr']:.2f} dB"
            for name in competitors
        )
        print(f"  {number + 1} of {rounds}: {text}", flush=True)
    return points, shares


def marks(lowest, highest, most=10):
    """Return round numbers of dB between two, at most so many of them.

    Parameters
    ----------
    lowest, highest : float
        dB.
    most : int, optional

    Returns
    -------
    list of float
        Rising, as fine as fits; none if nothing lies between.
    """
    for hundredths in (5, 10, 20, 50, 100, 200, 500):
        first = int(np.floor(100 * lowest / hundredths)) + 1
        last = int(np.floor(100 * highest / hundredths))
        if last - first < most:
            break
    return [number * hundredths / 100 for number in range(first, last + 1)]


def seconds_to(points, mark):
    """Return when a curve first reaches a mark, on straight lines between points; None if never."""
    for before, after in itertools.pairwise(points):
        if after["psnr"] >= mark > before["psnr"]:
            share = (mark - before["psnr"]) / (after["psnr"] - before["psnr"])
            return before["seconds"] + share * (after["seconds"] - before["seconds"])
    return 0.0 if points and points[0]["psnr"] >= mark else None


def rows_of_marks(points, bicubic):
    """Return a row a mark: the seconds of each, and PyTorch's divided by those of our two."""
    best = max(point["psnr"] for curve in points.values() for point in curve)
    final = points[THEIRS][-1]["psnr"]
    rows = []
    for mark in sorted({*marks(bicubic, best), final}):
        times = {name: seconds_to(curve, mark) for name, curve in points.items()}
        row = {"held out": f"{mark:.2f} dB" + " (PyTorch's last)" * (mark == final)}
        row |= {f"{name}, s": t and round(t, 1) for name, t in times.items()}
        for name in OURS:
            both = times[THEIRS] and times[name]
            row[f"PyTorch to {name}"] = round(times[THEIRS] / times[name], 2) if both else None
        rows.append(row)
    return rows


def row_of_finals(name, last, held_out, score):
    """Return the row of what one has come to; bicubic has no last point."""
    return {
        "who": name,
        "steps": last and last["steps"],
        "ms a step": last and round(1e3 * last["seconds"] / last["steps"], 2),
        "seconds": last and round(last["seconds"], 1),
        "held out, dB": round(held_out, 2),
        "Set5, dB / SSIM": score and f"{score.psnr:.2f} / {score.ssim:.4f}",
    }


def remarks(report):
    """Return what the tables do not say."""
    ms = ", ".join(f"{name} {value:.2f}" for name, value in report["ms"].items())
    apart = max(value for form in report["differences"].values() for value in form.values())
    return (
        f"{report['pictures']}. A step alone, in milliseconds: {ms}. After a step of Adam, loss, "
        f"gradients, step and average differ from PyTorch's by at most {apart:.1e}, relatively. "
        f"Others took {report['others']:.0%} of the processors' time, and over {QUIET:.0%} of it "
        f"in {report['disturbed']} of {report['slices']} slices."
    )


def spread(heights, least):
    """Move heights apart until neighbours have ``least`` between them, as little as possible.

    Parameters
    ----------
    heights : list of float
    least : float

    Returns
    -------
    list of float
        In the order given.
    """
    order = np.argsort(heights, kind="stable")
    groups = []  # of labels that touch: where the lowest is, and how many
    for height in np.asarray(heights, float)[order]:
        groups.append([height, 1])
        while len(groups) > 1 and groups[-2][0] + groups[-2][1] * least > groups[-1][0]:
            (low, count), (high, more) = groups[-2:]
            # Each label wants to be where it was: the group's lowest is at the mean wish.
            low = (count * low + more * (high - count * least)) / (count + more)
            groups[-2:] = [[low, count + more]]
    places = [low + k * least for low, count in groups for k in range(count)]
    result = np.empty(len(places))
    result[order] = places
    return result.tolist()


def plot(path, title, points, bicubic):
    """Draw PSNR against seconds, each line labelled at its end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    end = max(curve[-1]["seconds"] for curve in points.values())
    finals = {"bicubic": bicubic} | {name: curve[-1]["psnr"] for name, curve in points.items()}
    margin = 0.06 * max(*finals.values(), bicubic + 0.1) - 0.06 * bicubic
    heights = spread([max(final, bicubic) for final in finals.values()], margin)
    axes.axhline(bicubic, color=COLOURS["bicubic"], linestyle=":", linewidth=1.5)
    for name, curve in points.items():
        x, y = ([point[key] for point in curve] for key in ("seconds", "psnr"))
        style = "--" if name == THEIRS else "-"
        axes.plot(x, y, style, color=COLOURS[name], linewidth=2)
    for (name, final), height in zip(finals.items(), heights, strict=True):
        axes.text(1.02 * end, height, f"{name} {final:.2f}", color=COLOURS[name], va="center")
    axes.set(
        title=title,
        xlabel="seconds of training",
        ylabel="PSNR on held-out pictures, dB",
        xlim=(0, end),
        ylim=(bicubic - margin, max(heights) + margin),
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)


def configs_of(arguments):
    """Return the settings of training with each optimizer; their steps are found out later."""
    settings = {"model": "espcn", "upscale_factor": 3, "steps": 1}
    settings |= read_recipe(arguments.recipe).settings if arguments.recipe else {}
    settings |= TOY if arguments.toy else {}
    given = {"model": arguments.network, "upscale_factor": arguments.scale}
    settings |= {name: value for name, value in given.items() if value is not None}
    rates = {"adam": arguments.adam_rate, "soap": arguments.soap_rate}
    return {
        optimizer: TrainConfig(**settings | {"optimizer": optimizer, "learning_rate": rate})
        for optimizer, rate in rates.items()
    }


def prepare(configs, patches, threads, compiled, rounds, seconds):
    """See who runs here, that all compute the same, and how fast.

    Returns
    -------
    dict
        "form" of PyTorch that is fastest, "skipped" ones, "differences", and "ms" a step.
    """
    config = configs["adam"]
    forms, skipped = usable_forms(config, patches, compiled)
    for form, reason in skipped.items():
        print(f"  skipped: {form}: {reason}")
    differences = check(config, patches, threads, forms)
    for form, difference in differences.items():
        text = ", ".join(f"{what} {value:.1e}" for what, value in difference.items())
        print(f"  PyTorch {form} differs after a step by: {text}")
    probes = {name: Ours(configs[optimizer], patches, threads) for name, optimizer in OURS.items()}
    probes |= {form: InTorch(config, patches, form) for form in forms}
    times = seconds_a_step(probes, rounds, seconds)
    ms = {name: round(1e3 * value, 3) for name, value in times.items()}
    print(f"  ms a step: {', '.join(f'{name} {value:.2f}' for name, value in ms.items())}")
    form = min(forms, key=times.get)
    return {"form": form, "skipped": skipped, "differences": differences, "ms": ms}


def compete(folder, minutes, configs, threads, compiled, rounds, seconds):
    """Check, plan, train and measure; print it, and return it."""
    config = configs["adam"]
    pairs, held_out, set5 = pictures_of(folder, config, threads)
    patches = Patches(pairs, config.patch_size, config.batch_size, config.seed)
    network = config.make_model("cpu")
    title = f"{network}, {minutes:g} minutes of training"
    pictures = f"{len(pairs)} pictures to learn from, {len(held_out)} held out"
    print(f"\n{title}: {network.parameter_count:,} parameters; {pictures}")
    found = prepare(configs, patches, threads, compiled, rounds, seconds)

    ms = {name: found["ms"][name if name in OURS else found["form"]] for name in [*OURS, THEIRS]}
    plans = {
        name: dataclasses.replace(
            configs[OURS.get(name, "adam")], steps=max(1, round(60_000 * minutes / milliseconds))
        )
        for name, milliseconds in ms.items()
    }
    competitors = {name: Ours(plans[name], patches, threads) for name in OURS}
    competitors[THEIRS] = InTorch(plans[THEIRS], patches, found["form"])
    slices = max(4, round(60 * minutes / SLICE))
    judge = Judge(network, held_out, threads)
    plan = {name: stops(plans[name].steps, slices) for name in competitors}
    points, shares = race(competitors, plan, judge)
    disturbed = sum(share > QUIET for share in shares)
    if disturbed:
        print(f"  WARNING: others took over {QUIET:.0%} in {disturbed} of {len(shares)} slices")

    bicubic = judge(None)
    finals = [row_of_finals("bicubic", None, bicubic, judge.on_files(set5, None))]
    for name, curve in points.items():
        score = judge.on_files(set5, competitors[name].weights())
        who = f"{name} ({found['form']})" if name == THEIRS else name
        finals.append(row_of_finals(who, curve[-1], curve[-1]["psnr"], score))
    rows = rows_of_marks(points, bicubic)
    print()
    print_table(finals, FINALS)
    print()
    print_table(rows, list(rows[0]))
    return {
        "title": title,
        "pictures": pictures,
        "minutes": minutes,
        **found,
        "configs": {name: dataclasses.asdict(plan) for name, plan in plans.items()},
        "slices": len(shares),
        "disturbed": disturbed,
        "others": round(float(np.mean(shares)), 4),
        "bicubic": round(bicubic, 4),
        "finals": finals,
        "marks": rows,
        "points": points,
    }


def main():
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="a folder with T91, BSDS500/train and Set5")
    options.add_argument("--minutes", type=float, help="of each one's training; 3 by default")
    known = [name for name in TWINS if name in MODELS]
    options.add_argument("--network", choices=known, help="espcn by default")
    options.add_argument("--scale", type=int, help="3 by default")
    options.add_argument("--recipe", type=Path, help="settings for all, as `minisr train` has them")
    options.add_argument("--adam-rate", type=float, default=2e-3, help="Adam's learning rate")
    options.add_argument("--soap-rate", type=float, default=2e-3, help="SOAP's learning rate")
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    arguments = options.parse_args()
    minutes, rounds, seconds = 3, 7, 1.0
    if arguments.short:
        minutes, rounds, seconds = 0.1, 3, 0.3
    if arguments.toy:
        minutes, rounds, seconds = 0.002, 1, 0.01
    minutes = arguments.minutes or minutes
    compiled = not (arguments.no_compile or arguments.short or arguments.toy)
    about = environment(arguments, ["numpy", "numba", "scipy", "torch"])
    describe(about)
    torch.set_num_threads(arguments.threads)
    configs = configs_of(arguments)
    with Threads(arguments.threads) as threads:
        report = compete(arguments.data, minutes, configs, threads, compiled, rounds, seconds)
    if arguments.json:
        write_json(arguments.json, {"environment": about, **report})
    if arguments.plot:
        plot(arguments.plot, report["title"], report["points"], report["bicubic"])


if __name__ == "__main__":
    main()
