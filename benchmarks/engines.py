"""What the engine buys: the same network layer by layer, and compiled.

Both run the same kernels. Layer by layer is the lesson, on one thread; the engine hands whole
stacks of layers to the backend, keeps tiles in the cache and works on samples in parallel. Results
are compared before anything is timed.
"""

import numpy as np
from measure import describe, environment, interleave, parser, print_table, write_json

from minisr import engine, models
from minisr.system.threads import Threads

SCALE = 3
FRAME, BATCH = (1, 1, 360, 640), (16, 1, 32, 32)
TOY_FRAME, TOY_BATCH = (1, 1, 24, 32), (2, 1, 9, 9)
COLUMNS = ["network", "work", "layer by layer, ms", "compiled, one thread, ms", "compiled, ms"]
COLUMNS += ["ratio"]
NETWORKS = ("espcn", "thinsr", "edsr")


def measure(name, threads, seconds, frame, batch):
    """Return two rows of the table: a frame of video, and the gradient of a batch."""
    options = {"in_channels": 1, "channels": 16, "residual_blocks": 4} if name == "edsr" else {}
    model = models.build(name, {"upscale_factor": SCALE, **options}, rng=np.random.default_rng(0))
    compiled = engine.compile(model)
    rng = np.random.default_rng(1)
    low = rng.random(frame, np.float32)
    assert np.allclose(compiled(low, threads), model(low), atol=1e-5), name
    patches = rng.random(batch, np.float32)
    targets = rng.random((*batch[:2], SCALE * batch[2], SCALE * batch[3]), np.float32)
    losses = model.learn(patches, targets), compiled.learn(patches, targets, "mse", threads)
    assert np.isclose(*losses, rtol=1e-5), name
    with Threads(1) as one:
        works = {
            f"a frame, {frame[3]} x {frame[2]}": (
                lambda: model(low),
                lambda: compiled(low, one),
                lambda: compiled(low, threads),
            ),
            f"gradient, {batch[0]} of {batch[2]} x {batch[3]}": (
                lambda: model.learn(patches, targets),
                lambda: compiled.learn(patches, targets, "mse", one),
                lambda: compiled.learn(patches, targets, "mse", threads),
            ),
        }
        rows = []
        for work, runs in works.items():
            times = interleave(dict(zip(COLUMNS[2:5], runs, strict=True)), seconds)
            times = {column: float(np.median(values)) for column, values in times.items()}
            row = {column: round(1e3 * value, 2) for column, value in times.items()}
            ratio = times[COLUMNS[2]] / times[COLUMNS[4]]
            rows.append({"network": name, "work": work, **row, "ratio": round(ratio, 1)})
    return rows


def main():
    arguments = parser(__doc__).parse_args()
    about = environment(arguments, ["numpy", "numba"])
    describe(about)
    sizes = (TOY_FRAME, TOY_BATCH) if arguments.toy else (FRAME, BATCH)
    seconds = 0 if arguments.toy else 5 if arguments.short else 20
    rows = []
    with Threads(arguments.threads) as threads:
        for name in NETWORKS:
            rows += measure(name, threads, seconds, *sizes)
    print_table(rows, COLUMNS)
    if arguments.json:
        write_json(arguments.json, {"environment": about, "rows": rows})


if __name__ == "__main__":
    main()
