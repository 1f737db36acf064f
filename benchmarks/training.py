"""How long a step of training takes, in minisr and in PyTorch.

A step is forward, mean squared error, backward and Adam on a batch of low-resolution patches,
ESPCN x3. The patches are ready in memory for all; minisr is also there as it trains, cutting them
out of pictures. Its step also keeps the moving average of the weights. First all take two steps
from the same weights on the same patches, and their losses must agree: the second one has gone
through every gradient.
"""

import numpy as np
import torch
from measure import OURS, compare, describe, environment, parser, plot_bars, print_table, write_json
from peers import multiply_adds, torch_network

from minisr.datasets.pairs import Pair
from minisr.system.threads import Threads
from minisr.training import Patches, TrainConfig, make_trainer

SCALE = 3
WORKLOADS = [(16, 32), (16, 17), (64, 48)]  # patches, and low-resolution pixels a side
TOY = [(2, 9)]
COLUMNS = [
    "peer", "ms", "million LR pixels/s", "to minisr", "to fastest peer", "GFLOP/s", "% of ceiling",
    "ceiling",
]  # fmt: skip


def random_pairs():
    rng = np.random.default_rng(0)
    high = rng.integers(0, 256, (4, 1, 480, 600), np.uint8)
    return [Pair(str(k), np.ascontiguousarray(h[:, 1::3, 1::3]), h) for k, h in enumerate(high)]


def torch_step(config, network, forward):
    """Return a function from a batch to its loss that teaches the network."""
    adam = torch.optim.Adam(network.parameters(), config.learning_rate, (0.9, config.beta2))

    def step(low, high):
        adam.zero_grad()
        loss = torch.nn.functional.mse_loss(forward(low), high)
        loss.backward()
        adam.step()
        return loss.item()

    return step


def measure(batch_size, patch_size, threads, seconds, compiled):
    """Return the table's rows, and the peers that are not in it."""
    torch.set_num_threads(threads.count)
    config = TrainConfig(
        SCALE, 1_000_000, batch_size=batch_size, patch_size=patch_size, schedule="constant"
    )
    patches = Patches(random_pairs(), patch_size, batch_size, seed=0)
    trainer, alone = (make_trainer(config, patches, pool) for pool in (threads, Threads(1)))
    batches = [tuple(map(torch.from_numpy, patches.batch(index))) for index in range(2)]
    steps, skipped = {}, {}
    for name in ["PyTorch eager"] + ["PyTorch torch.compile"] * compiled:
        network = torch_network(trainer.model.state_dict(), SCALE)
        forward = network if name == "PyTorch eager" else torch.compile(network)
        step = torch_step(config, network, forward)
        try:
            losses = [step(*batch) for batch in batches]
        except Exception as error:  # whatever a compiler may raise
            skipped[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        else:
            steps[name] = (step, losses)
    ours = [trainer.step(), trainer.step()]
    for name, (_, losses) in steps.items():
        assert np.allclose(losses, ours, rtol=1e-5), f"{name} has losses {losses}, minisr {ours}"
    for name, reason in skipped.items():
        print(f"  skipped: {name}: {reason}")
    rivals = {name: lambda step=step: step(*batches[0]) for name, (step, _) in steps.items()}
    low, high = (array.numpy() for array in batches[0])
    peers = {
        OURS: lambda: trainer.step_on(low, high),
        "minisr, cutting patches": trainer.step,
        "minisr, one thread": lambda: alone.step_on(low, high),
        **rivals,
    }
    # Backward is two more convolutions a layer, but nobody wants the gradient of the picture.
    pixels = batch_size * patch_size**2
    operations = 2 * pixels * (3 * multiply_adds(trainer.model) - 25 * 64)
    rows = compare(peers, operations, threads, seconds, rivals, least=10)
    for row in rows:
        row["million LR pixels/s"] = round(pixels / row["ms"] / 1e3, 3)
    return rows, skipped


def main():
    options = parser(__doc__)
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    arguments = options.parse_args()
    about = environment(arguments, ["numpy", "numba", "torch"])
    describe(about)
    report = {"environment": about, "workloads": []}
    workloads = TOY if arguments.toy else WORKLOADS
    seconds = 0 if arguments.toy else 10 if arguments.short else 20
    compiled = not (arguments.no_compile or arguments.toy)
    with Threads(arguments.threads) as threads:
        for batch_size, patch_size in workloads[: 1 if arguments.short else None]:
            title = f"{batch_size} patches of {patch_size} x {patch_size}"
            print(f"\n{title}")
            if compiled:
                torch.compiler.reset()
            rows, skipped = measure(batch_size, patch_size, threads, seconds, compiled)
            print_table(rows, COLUMNS)
            report["workloads"].append({"title": title, "peers": rows, "skipped": skipped})
    if arguments.json:
        write_json(arguments.json, report)
    if arguments.plot:
        name = "million LR pixels/s"
        groups = {
            workload["title"]: [(r["peer"], r[name], f"{r[name]:.2f}") for r in workload["peers"]]
            for workload in report["workloads"]
        }
        plot_bars(arguments.plot, "A training step of ESPCN x3", groups, f"{name}, more is better")


if __name__ == "__main__":
    main()
