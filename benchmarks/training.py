"""How fast a training step is, beside PyTorch's, after checking that both compute the same.

A step is forward, mean squared error, backward and Adam on a batch of low-resolution patches,
ESPCN x3. minisr's step also cuts its patches out of pictures; PyTorch's are ready in memory.
"""

import argparse
import json

import numpy as np
import torch
from measure import describe, environment, interleave

from minisr.data import Pair, Patches
from minisr.threads import Threads, available
from minisr.trainer import TrainConfig, Trainer

WORKLOADS = [(16, 32), (16, 17), (64, 48)]  # patches, and low-resolution pixels a side


def torch_network():
    """ESPCN x3 in PyTorch."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 64, 5, padding=2),
        torch.nn.Tanh(),
        torch.nn.Conv2d(64, 32, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.Conv2d(32, 9, 3, padding=1),
        torch.nn.PixelShuffle(3),
    )


def random_pairs():
    rng = np.random.default_rng(0)
    high = rng.integers(0, 256, (4, 1, 480, 600), np.uint8)
    return [Pair(str(k), np.ascontiguousarray(h[:, 1::3, 1::3]), h) for k, h in enumerate(high)]


def compare(batch_size, patch_size, threads, seconds, compiled):
    """Return the median seconds a step of each peer."""
    config = TrainConfig(3, 10_000, batch_size=batch_size, patch_size=patch_size, warmup=0)
    patches = Patches(random_pairs(), patch_size, batch_size, seed=0)
    trainer = Trainer(config, patches, threads)
    low, high = map(torch.from_numpy, patches.batch(0))
    peers = {"minisr": trainer.step}
    first_losses = {}
    for name in ("PyTorch eager", *(["PyTorch compiled"] if compiled else [])):
        network = torch_network()
        values = trainer.model.state_dict().values()
        with torch.no_grad():
            for parameter, value in zip(network.parameters(), values, strict=True):
                parameter.copy_(torch.from_numpy(value))
        forward = torch.compile(network) if name == "PyTorch compiled" else network
        adam = torch.optim.Adam(network.parameters(), config.learning_rate, (0.9, config.beta2))

        def step(forward=forward, adam=adam):
            adam.zero_grad()
            loss = torch.nn.functional.mse_loss(forward(low), high)
            loss.backward()
            adam.step()
            return loss.item()

        first_losses[name] = step()
        peers[name] = step
    ours = trainer.step()
    for name, loss in first_losses.items():
        assert abs(loss - ours) < 1e-5 * ours, f"{name} has loss {loss}, minisr {ours}"
    return interleave(peers, seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one workload, a few seconds")
    parser.add_argument("--compiled", action="store_true", help="torch.compile, too")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    parser.add_argument("-j", "--threads", type=int, default=available())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    about = environment(arguments.threads, ["numpy", "numba", "torch"])
    print(describe(about))
    report = {"environment": about, "steps": []}
    with Threads(arguments.threads) as threads:
        for batch_size, patch_size in WORKLOADS[:1] if arguments.short else WORKLOADS:
            seconds = compare(
                batch_size, patch_size, threads, 5 if arguments.short else 20, arguments.compiled
            )
            pixels = batch_size * patch_size**2
            print(f"\nbatch of {batch_size} patches, {patch_size} x {patch_size} low-resolution")
            for name, value in seconds.items():
                ratio = seconds["PyTorch eager"] / value
                print(
                    f"  {name:<18} {1e3 * value:8.2f} ms  {pixels / value / 1e6:6.3f} million "
                    f"LR pixels/s  {ratio:5.2f} x PyTorch eager"
                )
            report["steps"].append({"batch": batch_size, "patch": patch_size, "seconds": seconds})
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
