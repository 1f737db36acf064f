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

import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
from measure import describe, environment, interleave, parser, plot_bars, print_table, write_json

from minisr import kernels, optim
from minisr.datasets.pairs import make_pair
from minisr.demo import HOLD_OUT, LEARN, pictures_folder
from minisr.evaluation.checkerboard import checkerboard
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import read_picture
from minisr.layers import (
    Bicubic,
    Conv2d,
    ConvStack,
    ConvTranspose2d,
    Layer,
    MaxUnpool2d,
    NearestUpsample,
    PixelShuffle,
    Sequential,
    Tanh,
)
from minisr.models import initialization
from minisr.models.equivalence import transposed_from_sub_pixel
from minisr.system.threads import Threads
from minisr.training.patches import Patches

SCALE = 3
BATCH, PATCH = 8, 32  # patches, and low-resolution pixels a side
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


class Upscaler(Sequential):
    """Parts one after the other, of which stacks are run as such."""

    def __init__(self, layers, kernels):
        super().__init__(layers)
        self.kernels = kernels

    def __call__(self, x, threads=None):
        """Run each part as fast as it can."""
        for part in self.layers.values():
            x = part(x, threads) if isinstance(part, ConvStack) else part(x)
        return x

    def learn(self, low, high, loss, threads):
        """Leave all to the backend's stack where that is the whole network."""
        first, *others = self.layers.values()
        if others:
            return super().learn(low, high, loss, threads)
        return first.learn(low, high, loss, threads)

    @property
    def flat(self):
        """All layers, those of the stacks included."""
        for part in self.layers.values():
            yield from part.layers.values() if isinstance(part, Sequential) else [part]


class Head(NamedTuple):
    """One way to enlarge.

    Attributes
    ----------
    parts : callable
        Takes a backend and the two convolutions, and returns a network's parts.
    weight : callable
        Takes a sub-pixel convolution and a generator, and returns the first weights of the last
        layer: the same as that one's where the head is the same function.
    is_equal : bool
        Whether it is the same function as the sub-pixel convolution.
    """

    parts: Callable
    weight: Callable
    is_equal: bool = False


def stack(layers, backend, upscale_factor=1):
    """Make what a backend may run as one."""
    return ConvStack({**layers, "pixel_shuffle": PixelShuffle(upscale_factor, backend)}, backend)


def sub_pixel(backend, body):
    last = Conv2d(32, SCALE**2, 3, backend, np.float32)
    return {"all": stack({**body, "conv3": last}, backend, SCALE)}


def transposed(kernel_size, padding, output_padding):
    def parts(backend, body):
        last = ConvTranspose2d(
            32, 1, kernel_size, SCALE, backend, np.float32, padding, output_padding
        )
        return {"body": stack(body, backend), "last": last}

    return parts


def enlarged_features(enlarge, kernel_size):
    def parts(backend, body):
        last = Conv2d(32, 1, kernel_size, backend, np.float32)
        return {
            "body": stack(body, backend),
            "enlarge": enlarge(SCALE, backend),
            "last": stack({"conv3": last}, backend),
        }

    return parts


def enlarged_picture(backend, body):
    last = Conv2d(32, 1, 3, backend, np.float32)
    return {"enlarge": Bicubic(SCALE, backend), "all": stack({**body, "conv3": last}, backend)}


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
    model = Upscaler(head.parts(backend, body), backend)
    conv = Conv2d(32, SCALE**2, 3, backend, np.float32)
    for layer in (body["conv1"], body["conv2"], conv):
        initialization.uniform(layer, rng)
    initialization.balance_ends(body["conv1"], conv)
    if with_icnr:
        initialization.icnr(conv, SCALE)
    last = [layer for layer in model.flat if layer.parameters][-1]
    last.weight.value[...] = head.weight(conv, rng)
    last.bias.value[...] = conv.bias.value[0]
    return model


def multiply_adds(model):
    """Return how many a pixel of the small picture takes, borders aside."""
    total, area = 0, 1  # the pixels that one small one has become
    for layer in model.flat:
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


def by_layers(model, x):
    """Run one kernel after the other."""
    for layer in model.flat:
        x = layer(x)
    return x


def check(models, low, batch, threads):
    """Raise AssertionError unless heads that are one function give one output and one loss."""
    expected = by_layers(models[SUB_PIXEL], low)
    loss = Layer.learn(models[SUB_PIXEL], *batch, "mse", threads)
    for name, model in models.items():
        ways = {"best": model(low, threads), "by layers": by_layers(model, low)}
        reference = expected if HEADS[name].is_equal else ways["by layers"]
        for way, out in ways.items():
            difference = float(np.abs(out - reference).max())
            assert difference <= 1e-5, f"{name}, {way}, differs by {difference}"
        if HEADS[name].is_equal:
            for learn in (model.learn, lambda *a, m=model: Layer.learn(m, *a)):
                got = learn(*batch, "mse", threads)
                assert np.isclose(got, loss, rtol=1e-5), f"{name} has loss {got}, not {loss}"


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
        pictures[name, "best"] = lambda model=model: model(low, threads)
        pictures[name, "by layers"] = lambda model=model: by_layers(model, low)
    for name in HEADS:
        for way in ("best", "by layers"):
            model = network(name)
            learn = model.learn if way == "best" else lambda *a, m=model: Layer.learn(m, *a)
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
                peak(lambda m=model: Layer.learn(m, *sample, "mse", single)), 1
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


def held_out():
    """Return (low, high) for each picture that nobody learns from."""
    return [
        PROTOCOLS["matlab"].prepare(read_picture(pictures_folder() / name).pixels, SCALE)
        for name in HOLD_OUT
    ]


def judge(enlarge, pictures):
    """Return the mean PSNR and the mean checkerboard of what ``enlarge`` makes."""
    figures = []
    for low, high in pictures:
        large = enlarge(low)
        psnr, _ = PROTOCOLS["matlab"].score(large, high, SCALE)
        inside = large[BORDER:-BORDER, BORDER:-BORDER]
        figures.append((psnr, checkerboard(inside, SCALE)))
    return np.mean(figures, axis=0)


def quality(patches, steps, threads):
    """Return the rows of what each head has learnt after so many steps, and its pattern."""
    pictures = held_out()
    psnr, pattern = judge(lambda low: PROTOCOLS["matlab"].bicubic(low, SCALE), pictures)
    rows = [quality_row("bicubic", psnr, None, pattern)]
    schedule = optim.cosine(steps, warmup=min(50, steps // 10), final=0.01)
    for name, head in HEADS.items():
        for with_icnr in [False, True][: 1 + head.is_equal]:
            model = network(name, with_icnr=with_icnr)

            def enlarge(low, model=model):
                return model(low[None, None].astype(np.float32) / np.float32(255), threads)[0, 0]

            _, before = judge(enlarge, pictures)
            step = teacher(model, lambda *a, m=model: m.learn(*a, "mse", threads))
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
    if arguments.short:
        size, seconds, least, steps = (90, 160), 3, 3, 100
    steps = arguments.steps or steps
    about = environment(arguments.threads, ["numpy", "numba", "scikit-image"])
    describe(about)
    folder = pictures_folder()
    pairs = [make_pair(read_picture(folder / name).pixels, SCALE) for name in LEARN]
    patches = Patches(pairs, PATCH, BATCH, seed=0)
    title = f"x{SCALE}, {size[1]} x {size[0]}; a step is {BATCH} patches of {PATCH} x {PATCH}"
    report = {"environment": about, "title": title, "steps": steps}
    report["pictures"] = f"{' and '.join(HOLD_OUT)} held out"
    with Threads(arguments.threads) as threads:
        print(f"\n{title}")
        report["costs"] = costs(size, patches.batch(0), threads, seconds, least)
        for columns in (SIZES, TIMES):
            print_table(report["costs"], columns)
            print()
        print(f"PSNR on {' and '.join(HOLD_OUT)}, protocol matlab, after {steps} steps")
        report["quality"] = quality(patches, steps, threads)
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
