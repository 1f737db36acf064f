"""Ways to enlarge, side by side: what each costs, what it learns, and what pattern it leaves.

The same two convolutions (64 of 5 x 5, 32 of 3 x 3, tanh) with another head each:

- sub-pixel: nine 3 x 3 filters and a pixel shuffle, which is ESPCN;
- transposed: a transposed convolution, 9 x 9 (the same weights) and 10 x 10 (not divisible by 3);
- nearest: each pixel repeated 3 x 3 times, then a convolution of the large picture, 3 x 3 (as many
  multiply-adds as sub-pixel) or 9 x 9 (as many weights);
- unpooling: each value to the centre of a cell of zeros, then a 9 x 9 convolution. Nothing was
  pooled, so no maximum says where else it should go;
- bicubic first: all three convolutions on the enlarged picture, as SRCNN does.

sub-pixel, transposed 9 x 9 and unpooling are one and the same function but for their biases. They
start with the same weights, and that their outputs and first losses agree is checked before
anything is timed.

Times are given twice. "best" is what minisr has: convolutions in bands with Winograd and all
threads wherever a backend's stack can run them, which is all of the sub-pixel network and parts of
the others. "by layers" is one kernel after the other for all, in one thread (a training step:
samples spread over all threads): that compares methods, not how much work went into each.
"""

import functools
import itertools
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
from measure import describe, environment, interleave, parser, plot_bars, print_table, write_json

from minisr import engine, kernels, optim
from minisr.datasets.pairs import make_pair
from minisr.demo import HOLD_OUT, LEARN, pictures_folder
from minisr.engine import learning
from minisr.evaluation.checkerboard import checkerboard
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import read_picture
from minisr.layers import (
    Bicubic,
    Conv2d,
    ConvTranspose2d,
    MaxUnpool2d,
    NearestUpsample,
    PixelShuffle,
    Sequential,
    Tanh,
)
from minisr.models import Network, initialization
from minisr.models.equivalence import transposed_from_sub_pixel
from minisr.system.threads import Threads
from minisr.training.patches import Patches

SCALE = 3
BATCH, PATCH = 8, 32  # patches, and low-resolution pixels a side
TOY = 48  # pixels a side of pictures, for a trial
BORDER = 4 * SCALE  # pixels: as far as the padding reaches
MEBIBYTE = 2**20
SUB_PIXEL = "sub-pixel"
TIMES = [
    "head", "ms, best", "to sub-pixel, best", "ms, by layers", "to sub-pixel, by layers",
    "step ms, best", "step to sub-pixel, best", "step ms, by layers",
    "step to sub-pixel, by layers",
]  # fmt: skip
SIZES = [
    "head", "parameters", "multiply-adds", "MiB, best", "MiB, by layers", "MiB, training a sample",
]  # fmt: skip
QUALITY = ["head", "PSNR", "checkerboard, untrained", "checkerboard, trained"]


class Unpool(MaxUnpool2d):
    """Unpooling to the centres of the cells."""

    def forward(self, x):
        """(N, C, H, W) -> (N, C, H*R, W*R)."""
        R, (H, W) = self.kernel_size, x.shape[2:]
        centre = R // 2
        rows = (R * np.arange(H)[:, None] + centre) * R * W
        places = np.broadcast_to(rows + R * np.arange(W) + centre, x.shape)
        return super().forward(x, np.ascontiguousarray(places, np.int64))

    def __call__(self, x):
        """Return ``out`` alone."""
        return self.forward(x)[0]


class Upscaler(Network, Sequential):
    """A plain list of layers, as the networks of minisr are."""

    def __init__(self, layers, kernels, upscale_factor):
        super().__init__(layers)
        self.kernels, self.upscale_factor = kernels, upscale_factor


class Head(NamedTuple):
    """One way to enlarge.

    Attributes
    ----------
    layers : callable
        Takes a backend and the two convolutions, and returns a network's layers.
    weight : callable
        Takes a sub-pixel convolution and a generator, and returns the first weights of the last
        layer: the same as that one's where the head is the same function.
    is_equal : bool
        Whether it is the same function as the sub-pixel convolution.
    """

    layers: Callable
    weight: Callable
    is_equal: bool = False


def sub_pixel(backend, body):
    last = Conv2d(32, SCALE**2, 3, backend, np.float32)
    return {**body, "conv3": last, "pixel_shuffle": PixelShuffle(SCALE, backend)}


def transposed(kernel_size, padding, output_padding):
    def layers(backend, body):
        last = ConvTranspose2d(
            32, 1, kernel_size, SCALE, backend, np.float32, padding, output_padding
        )
        return {**body, "last": last}

    return layers


def enlarged_features(enlarge, kernel_size):
    def layers(backend, body):
        last = Conv2d(32, 1, kernel_size, backend, np.float32)
        return {**body, "enlarge": enlarge(SCALE, backend), "conv3": last}

    return layers


def enlarged_picture(backend, body):
    last = Conv2d(32, 1, 3, backend, np.float32)
    return {"enlarge": Bicubic(SCALE, backend), **body, "conv3": last}


def as_stamps(conv, rng):
    return transposed_from_sub_pixel(conv, SCALE).weight.value


def as_turned_stamps(conv, rng):
    return as_stamps(conv, rng)[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)


def first_filter(conv, rng):
    return conv.weight.value[:1]


def random(shape, terms):
    """Draw as many numbers as ``balance_ends`` leaves where ``terms`` of them meet at a pixel."""
    bound = 0.3 / np.sqrt(terms)
    return lambda conv, rng: rng.uniform(-bound, bound, shape)


HEADS = {
    SUB_PIXEL: Head(sub_pixel, lambda conv, rng: conv.weight.value, True),
    "transposed 9 x 9": Head(transposed(9, 3, 0), as_stamps, True),
    "transposed 10 x 10": Head(transposed(10, 4, 1), random((32, 1, 10, 10), 32 * 100 / SCALE**2)),
    "nearest, conv 3 x 3": Head(enlarged_features(NearestUpsample, 3), first_filter),
    "nearest, conv 9 x 9": Head(
        enlarged_features(NearestUpsample, 9), random((1, 32, 9, 9), 32 * 81)
    ),
    "unpooling, conv 9 x 9": Head(enlarged_features(Unpool, 9), as_turned_stamps, True),
    "bicubic first": Head(enlarged_picture, first_filter),
}


def network(name, seed=0, with_icnr=False, backend=None):
    """Make a network with its first weights.

    Parameters
    ----------
    name : str
        Of `HEADS`.
    seed : int, optional
        Networks of equal seed have the same two convolutions.
    with_icnr : bool, optional
        Whether all nine filters of a sub-pixel convolution start as copies of the first.
    backend : module, optional
        The fast one by default.
    """
    head, backend, rng = HEADS[name], backend or kernels.load("cpu"), np.random.default_rng(seed)
    body = {
        "conv1": Conv2d(1, 64, 5, backend, np.float32),
        "tanh1": Tanh(backend),
        "conv2": Conv2d(64, 32, 3, backend, np.float32),
        "tanh2": Tanh(backend),
    }
    model = Upscaler(head.layers(backend, body), backend, SCALE)
    conv = Conv2d(32, SCALE**2, 3, backend, np.float32)
    for layer in (body["conv1"], body["conv2"], conv):
        initialization.uniform(layer, rng)
    initialization.balance_ends(body["conv1"], conv)
    if with_icnr:
        initialization.icnr(conv, SCALE)
    last = [layer for layer in model.layers.values() if layer.parameters][-1]
    last.weight.value[...] = head.weight(conv, rng)
    last.bias.value[...] = conv.bias.value[0]
    return model


def multiply_adds(model):
    """Return how many a pixel of the small picture takes, borders aside."""
    total, area = 0, 1  # the pixels that one small one has become
    for layer in model.layers.values():
        if isinstance(layer, Bicubic):  # four taps along each axis, the rows first
            R = layer.upscale_factor
            total += 4 * area * (R + R**2)
        if isinstance(layer, (Conv2d, ConvTranspose2d)):
            total += area * layer.weight.value.size
        if isinstance(layer, ConvTranspose2d):
            area *= layer.stride**2
        elif isinstance(layer, MaxUnpool2d):
            area *= layer.kernel_size**2
        elif isinstance(layer, (Bicubic, NearestUpsample, PixelShuffle)):
            area *= layer.upscale_factor**2
    return total


def best(model):
    """Return a function of a batch and threads that runs each part as fast as minisr can.

    The engine gets what enlarges by itself, and the convolutions before and after it, which are
    stacks.
    """

    def in_stack(item):
        return isinstance(item[1], (Conv2d, Tanh, PixelShuffle))

    parts = []
    for is_stack, items in itertools.groupby(model.layers.items(), in_stack):
        layers = dict(items)
        scale = 1 if is_stack and "pixel_shuffle" not in layers else SCALE
        parts.append(engine.compile(Upscaler(layers, model.kernels, scale)))

    def run(x, threads):
        for part in parts:
            x = part(x, threads)
        return x

    return run


def check(models, low, batch, threads):
    """Raise AssertionError unless heads that are one function give one output and one loss."""
    expected = models[SUB_PIXEL](low)
    loss = learning.learn(models[SUB_PIXEL], *batch, "mse", threads)
    for name, model in models.items():
        ways = {"best": best(model)(low, threads), "by layers": model(low)}
        reference = expected if HEADS[name].is_equal else ways["by layers"]
        for way, out in ways.items():
            difference = float(np.abs(out - reference).max())
            assert difference <= 1e-5, f"{name}, {way}, differs by {difference}"
        if HEADS[name].is_equal:
            for learn in lessons(model).values():
                got = learn(*batch, "mse", threads)
                assert np.isclose(got, loss, rtol=1e-5), f"{name} has loss {got}, not {loss}"


def lessons(model):
    """Return what learns from a batch, by way."""
    return {
        "best": engine.compile(model).learn,
        "by layers": functools.partial(learning.learn, model),
    }


def peak(run):
    """Return the MiB that a call takes at most, its result included, as NumPy counts them."""
    run()  # what is kept from call to call is there
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / MEBIBYTE
    finally:
        tracemalloc.stop()


def teacher(model, learn):
    """Return a function from a batch to its loss that takes one step."""
    adam = optim.Adam(model.parameters, model.kernels, 2e-3, (0.9, 0.99))

    def step(low, high, factor=1.0):
        adam.zero_grad()
        loss = learn(low, high)
        adam.learning_rate = 2e-3 * factor
        adam.step()
        return loss

    return step


def costs(size, batch, threads, seconds, least):
    """Return the rows of what each head costs."""
    low = np.random.default_rng(0).random((1, 1, *size), np.float32)
    models = {name: network(name) for name in HEADS}
    check(models, low, batch, threads)
    pictures, steps, single = {}, {}, Threads(1)
    for name, model in models.items():
        pictures[name, "best"] = functools.partial(best(model), low, threads)
        pictures[name, "by layers"] = functools.partial(model, low)
    for name in HEADS:
        for way in ("best", "by layers"):
            model = network(name)
            learn = lessons(model)[way]
            step = teacher(model, lambda *a, learn=learn: learn(*a, "mse", threads))
            steps[name, way] = lambda step=step: step(*batch)
    times = {key: median(v) for key, v in interleave(pictures, seconds, least).items()}
    step_times = {key: median(v) for key, v in interleave(steps, seconds, least).items()}
    sample = [array[:1] for array in batch]
    rows = []
    for name, model in models.items():
        row = {
            "head": name,
            "parameters": model.parameter_count,
            "multiply-adds": multiply_adds(model),
            "MiB, training a sample": round(
                peak(lambda m=model: learning.learn(m, *sample, "mse", single)), 1
            ),
        }
        for way in ("best", "by layers"):
            row[f"ms, {way}"] = round(1e3 * times[name, way], 2)
            row[f"to sub-pixel, {way}"] = round(times[name, way] / times[SUB_PIXEL, way], 2)
            row[f"step ms, {way}"] = round(1e3 * step_times[name, way], 2)
            ratio = step_times[name, way] / step_times[SUB_PIXEL, way]
            row[f"step to sub-pixel, {way}"] = round(ratio, 2)
            row[f"MiB, {way}"] = round(peak(pictures[name, way]), 1)
        rows.append(row)
    return rows


def read(names, side=None):
    """Return the pixels of pictures, or a square out of each."""
    pictures = (read_picture(pictures_folder() / name).pixels for name in names)
    return [pixels[:side, :side] for pixels in pictures]


def judge(enlarge, pictures):
    """Return the mean PSNR and the mean checkerboard of what ``enlarge`` makes."""
    figures = []
    for low, high in pictures:
        large = enlarge(low)
        psnr, _ = PROTOCOLS["matlab"].score(large, high, SCALE)
        inside = large[BORDER:-BORDER, BORDER:-BORDER]
        figures.append((psnr, checkerboard(inside, SCALE)))
    return np.mean(figures, axis=0)


def quality(patches, held_out, steps, threads):
    """Return the rows of what each head has learnt after so many steps, and its pattern."""
    pictures = [PROTOCOLS["matlab"].prepare(pixels, SCALE) for pixels in held_out]
    psnr, pattern = judge(lambda low: PROTOCOLS["matlab"].bicubic(low, SCALE), pictures)
    rows = [quality_row("bicubic", psnr, None, pattern)]
    schedule = optim.cosine(steps, warmup=min(50, steps // 10), final=0.01)
    for name, head in HEADS.items():
        for with_icnr in [False, True][: 1 + head.is_equal]:
            model = network(name, with_icnr=with_icnr)
            learn, run = lessons(model)["best"], best(model)

            def enlarge(low, run=run):
                return run(low[None, None].astype(np.float32) / np.float32(255), threads)[0, 0]

            _, before = judge(enlarge, pictures)
            step = teacher(model, lambda *a, learn=learn: learn(*a, "mse", threads))
            for number in range(steps):
                step(*patches.batch(number), schedule(number))
            psnr, after = judge(enlarge, pictures)
            rows.append(quality_row(name + ", ICNR" * with_icnr, psnr, before, after))
    return rows


def quality_row(name, psnr, before, after):
    return {
        "head": name,
        "PSNR": round(float(psnr), 2),
        "checkerboard, untrained": None if before is None else float(f"{before:.1e}"),
        "checkerboard, trained": float(f"{after:.1e}"),
    }


def main():
    options = parser(__doc__)
    options.add_argument("--steps", type=int, help="of training; 1500 by default")
    arguments = options.parse_args()
    size, seconds, least, steps = (360, 640), 40, 5, 1500
    batch, patch, side = BATCH, PATCH, None
    if arguments.short:
        size, seconds, least, steps = (90, 160), 3, 3, 100
    if arguments.toy:
        size, seconds, steps = (6, 8), 0, 1
        batch, patch, side = 1, 6, TOY
    steps = arguments.steps or steps
    about = environment(arguments, ["numpy", "numba", "scikit-image"])
    describe(about)
    pairs = [make_pair(pixels, SCALE) for pixels in read(LEARN, side)]
    patches = Patches(pairs, patch, batch, seed=0)
    title = f"x{SCALE}, {size[1]} x {size[0]}; a step is {batch} patches of {patch} x {patch}"
    report = {"environment": about, "title": title, "steps": steps}
    report["pictures"] = f"{' and '.join(HOLD_OUT)} held out"
    with Threads(arguments.threads) as threads:
        print(f"\n{title}")
        report["costs"] = costs(size, patches.batch(0), threads, seconds, least)
        for columns in (SIZES, TIMES):
            print_table(report["costs"], columns)
            print()
        print(f"PSNR on {' and '.join(HOLD_OUT)}, protocol matlab, after {steps} steps")
        report["quality"] = quality(patches, read(HOLD_OUT, side), steps, threads)
        print_table(report["quality"], QUALITY)
    if arguments.json:
        write_json(arguments.json, report)
    if arguments.plot:
        first = report["costs"][0]
        groups = {
            title: [(r["head"], r[key] / first[key], f"{r[key] / first[key]:.1f}") for r in rows]
            for title, key, rows in (
                ("multiply-adds", "multiply-adds", report["costs"]),
                ("a picture", "ms, by layers", report["costs"]),
                ("a training step", "step ms, by layers", report["costs"]),
            )
        }
        label = "times that of the sub-pixel convolution"
        plot_bars(arguments.plot, "Ways to enlarge, layer by layer", groups, label)


if __name__ == "__main__":
    main()
