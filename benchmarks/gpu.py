"""minisr on a GPU beside PyTorch: pictures to 1080p and 4K, frames of a video, steps of training.

Every peer has the same weights and the same input; outputs (or losses) are compared before anything
is timed. Peers take turns. Pictures: the GPU's own time, by its events, from array to array there;
frames: the time on the clock from 8 bits in main memory to 8 bits there; steps: the time on the
clock until the loss is known. float32 is exact (TF32 off) but where a name says otherwise.

It takes less than eight minutes. With --toy it runs in Numba's simulator (NUMBA_ENABLE_CUDASIM=1),
on pictures of a few pixels, to see that it works: its times then mean nothing, and no file of
results is written. (The file is not called cuda.py: that is the name of NVIDIA's own package.)
"""

import sys

import cuda_inference
import cuda_training
from cuda_inference import LARGE, Frames, network, picture
from measure import OURS, describe, environment, parser, plot_bars, print_table, write_json

from minisr.kernels.cuda import driver as cuda_driver
from minisr.kernels.cuda import process as cuda_process

SCALES = (3, 2, 4)
PACKAGES = ["numpy", "numba", "numba-cuda", "torch"]
TOY = {"toy": (6, 12)}
TOY_NETWORK, TOY_OPTIONS = "espcn", {"channels": (2, 2)}
END_TO_END = "PyTorch eager"


def hardware(toy):
    """Return the GPU's name, memory and driver, its ceilings measured, and print them."""
    cuda_process.enter()
    if toy:
        print("Numba's simulator: what follows are not times of a GPU")
        return {"gpu": "Numba's simulator", "flops": 1e12, "bytes": 1e12}
    from cuda_ceiling import Copy, MultiplyAdds
    from cuda_timing import turns

    gpu = cuda_driver.ask().gpus[cuda_process.chosen()]
    adds, copy = MultiplyAdds(), Copy()
    times = turns({"adds": adds.clock, "copy": copy.clock}, 1)
    facts = {
        "gpu": gpu.name,
        "capability": ".".join(map(str, gpu.capability)),
        "driver": cuda_driver.release() or "unknown",
        "flops": adds.operations / min(times["adds"]),
        "bytes": copy.bytes / min(times["copy"]),
    }
    print(
        f"{facts['gpu']} (compute capability {facts['capability']}), driver {facts['driver']}; "
        f"measured ceilings: {facts['flops'] / 1e12:.1f} TFLOP/s in float32, "
        f"{facts['bytes'] / 1e12:.2f} TB/s"
    )
    return facts


def pictures(arguments, ceiling):
    """Yield a table for each scale, size and batch."""
    for scale in SCALES[: 1 if arguments.short or arguments.toy else None]:
        model = network(arguments.network, scale, arguments.options)
        for size, (height, width) in (TOY if arguments.toy else LARGE).items():
            for batch in cuda_inference.BATCHES[: 1 if arguments.toy else None]:
                low = picture((batch, 1, height // scale, width // scale))
                title = f"x{scale} to {size}, batches of {batch}"
                print(f"\n{title}")

                def make_peers(model=model, low=low):
                    return _rivals(model, low, not arguments.no_compile)

                if arguments.toy:
                    make_peers = _nobody
                else:
                    _give_back()
                rows, skipped = cuda_inference.compare(
                    model, low, make_peers, arguments.seconds, ceiling["flops"]
                )
                print_table(rows, cuda_inference.COLUMNS)
                yield {"title": title, "peers": rows, "skipped": skipped}


def _nobody():
    return {}, {}


def _give_back():
    """Let PyTorch give back the memory that it keeps: others ask the driver for theirs."""
    import gc

    import torch

    gc.collect()
    torch.cuda.empty_cache()


def _rivals(model, low, compiled):
    """Return PyTorch's forms as ``{name: (clock, result)}``, and why some cannot be made."""
    import cuda_peers
    import torch

    torch.compiler.reset()
    runs, skipped = cuda_peers.made(cuda_peers.inference_forms(model, low, compiled))
    clocks = cuda_peers.device_clocks(runs)
    exact = {name: cuda_peers.TF32 not in name for name in runs}
    results = {name: run().cpu().numpy() if exact[name] else None for name, run in runs.items()}
    return {name: (clocks[name], results[name]) for name in runs}, skipped


def frames(arguments):
    """Yield a table of frames of 8 bits, from main memory to main memory."""
    from cuda_timing import WallClock, row_of, turns

    for scale in SCALES[:1]:
        model = network(arguments.network, scale, arguments.options)
        for size, (height, width) in (TOY if arguments.toy else LARGE).items():
            low = picture((1, 1, height // scale, width // scale))
            title = f"x{scale} to {size}, frames of 8 bits there and back"
            print(f"\n{title}")
            ours = Frames(model, low)
            if arguments.toy:
                ours.COUNT = 1
            clocks = {OURS: ours.clock}
            if not arguments.toy:
                import cuda_peers

                clocks[END_TO_END] = WallClock(cuda_peers.end_to_end(model, ours.frame[None]))
            times = turns(clocks, arguments.seconds)
            rows = [row_of(name, values) for name, values in times.items()]
            rows = cuda_inference.finished(rows, 1)
            print_table(rows, cuda_inference.END_COLUMNS)
            yield {"title": title, "peers": rows, "skipped": {}}


def steps(arguments, ceiling):
    """Yield a table for each size of batch."""
    for batch_size, patch_size in [(1, 4)] if arguments.toy else cuda_training.WORKLOADS:
        title = f"step of ESPCN x3, {batch_size} patches of {patch_size} x {patch_size}"
        print(f"\n{title}")

        def rivals(state, config, low, high):
            if arguments.toy:
                return {}, {}
            import cuda_peers

            forms = cuda_peers.training_forms(
                lambda: cuda_peers.Step(state, config, low, high), not arguments.no_compile
            )
            return cuda_peers.made_steps(forms)

        rows, skipped = cuda_training.compare(
            batch_size,
            patch_size,
            rivals,
            arguments.seconds,
            ceiling["flops"],
            arguments.options,
        )
        print_table(rows, cuda_training.COLUMNS)
        yield {"title": title, "peers": rows, "skipped": skipped}


def main():
    options = parser(__doc__, threads=1)
    options.add_argument("--network", default="espcn", help="a bundled one (default: espcn)")
    options.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    options.add_argument("--seconds", type=float, default=4, help="for a table (default: 4)")
    arguments = options.parse_args()
    if arguments.toy != cuda_driver.is_simulated():
        options.error("--toy goes with NUMBA_ENABLE_CUDASIM=1, and nothing else does")
    arguments.options = None
    if arguments.toy:
        arguments.seconds, arguments.network, arguments.options = 0, TOY_NETWORK, TOY_OPTIONS
    about = environment(arguments, PACKAGES)
    describe(about)
    ceiling = hardware(arguments.toy)
    report = {"environment": about, "hardware": ceiling, "network": arguments.network}
    parts = {
        "pictures": pictures(arguments, ceiling),
        "frames": frames(arguments),
        "steps": steps(arguments, ceiling),
    }
    for part, tables in parts.items():
        report[part] = []
        for table in tables:
            report[part].append(table)
            sys.stdout.flush()
            if arguments.json and not arguments.toy:  # what there is, should time run out
                write_json(arguments.json, report)
    if arguments.plot and not arguments.toy:
        tables = [report["pictures"][0], report["steps"][0]]
        groups = {
            table["title"]: [(row["peer"], row["ms"], f"{row['ms']:.3f}") for row in table["peers"]]
            for table in tables
        }
        plot_bars(arguments.plot, ceiling["gpu"], groups, "milliseconds, less is better")


if __name__ == "__main__":
    main()
