"""ESPCN on a GPU in PyTorch, in every form in which it may be fastest.

"TF32" forms multiply numbers rounded to ten bits of mantissa and compute something less exact: they
are shown, and not compared.
"""

import contextlib
import copy

import torch
from cuda_timing import TorchClock
from peers import TWINS, with_weights

TF32 = "TF32 (less exact)"


@contextlib.contextmanager
def precision(tf32):
    """Allow TF32 in convolutions and products, or not, and let cuDNN look for what is fastest."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def captured(function, *inputs):
    """Return the CUDA graph of a call with these very tensors, and what the call returns."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            function(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function(*inputs)
    return graph, result


def inference_forms(model, low, compiled):
    """Yield ``(name, maker)``; a maker returns a function to be timed, whose result is a tensor.

    Parameters
    ----------
    model : Network
        One of ``peers.TWINS``; all have its weights.
    low : ndarray, shape (N, 1, H, W), float32
    compiled : bool
        Whether torch.compile, which takes ten seconds, is wanted.
    """
    plain = TWINS[model.name](model.state_dict(), model.upscale_factor).eval().cuda()
    last = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    x = torch.from_numpy(low).cuda()
    x_last = x.to(memory_format=torch.channels_last)

    def eager(network, x, tf32=False):
        def run():
            with torch.inference_mode(), precision(tf32):
                return network(x)

        return run

    def graph(network, x, tf32=False):
        with torch.no_grad(), precision(tf32):
            recorded, result = captured(network, x)

        def run():
            recorded.replay()
            return result

        return run

    yield "PyTorch eager", lambda: eager(plain, x)
    yield "PyTorch channels_last", lambda: eager(last, x_last)
    yield "PyTorch CUDA graph", lambda: graph(plain, x)
    yield "PyTorch channels_last, CUDA graph", lambda: graph(last, x_last)
    yield f"PyTorch eager, {TF32}", lambda: eager(plain, x, tf32=True)
    yield f"PyTorch CUDA graph, {TF32}", lambda: graph(plain, x, tf32=True)
    if compiled:
        compile_to_graph = {"mode": "reduce-overhead", "dynamic": False}
        yield "PyTorch torch.compile", lambda: eager(torch.compile(plain, **compile_to_graph), x)


def end_to_end(model, low):
    """Return a function from pageable memory to pageable memory, 8 bits, as pictures come."""
    network = TWINS[model.name](model.state_dict(), model.upscale_factor).eval().cuda()
    picture = torch.from_numpy(low)

    def run():
        with torch.inference_mode(), precision(tf32=False):
            x = picture.cuda(non_blocking=True).float().div_(255)
            return network(x).mul_(255).round_().clamp_(0, 255).byte().cpu()

    return run


class Step:
    """A step of training: forward, mean squared error, backward, Adam."""

    def __init__(self, state, config, low, high):
        self.state = state
        self.network = TWINS["espcn"](state, config.upscale_factor).cuda()
        self.forward = self.network
        self.low, self.high = (torch.from_numpy(array).cuda() for array in (low, high))
        self.adam = torch.optim.Adam(
            self.network.parameters(),
            torch.tensor(config.learning_rate, device="cuda"),
            (0.9, config.beta2),
            fused=True,
            capturable=True,
        )

    def __call__(self):
        """Take the step, and return its loss, a tensor on the GPU."""
        self.adam.zero_grad(set_to_none=False)
        loss = torch.nn.functional.mse_loss(self.forward(self.low), self.high)
        loss.backward()
        self.adam.step()
        return loss

    def reset(self):
        """Begin again, in the same memory: what was tried or captured has taken steps."""
        with_weights(self.network, self.state)
        for moments in self.adam.state.values():
            for tensor in moments.values():
                tensor.zero_()


def training_forms(make_step, compiled):
    """Yield ``(name, maker)``; a maker returns a `Step`, and a function that takes it.

    ``make_step`` returns a fresh `Step`, so that each form begins with the same weights.
    """

    def eager(tf32=False):
        step = make_step()

        def run():
            with precision(tf32):
                return step()

        return step, run

    def graph(tf32=False):
        step = make_step()
        with precision(tf32):
            recorded, loss = captured(step)

        def run():
            recorded.replay()
            return loss

        return step, run

    def compiled_forward():
        step, run = eager()
        step.forward = torch.compile(step.network, dynamic=False)
        return step, run

    yield "PyTorch eager", eager
    yield "PyTorch CUDA graph", graph
    yield f"PyTorch eager, {TF32}", lambda: eager(tf32=True)
    yield f"PyTorch CUDA graph, {TF32}", lambda: graph(tf32=True)
    if compiled:
        yield "PyTorch torch.compile", compiled_forward


def made_steps(forms):
    """Return the training forms that can be made here, as they begin, and why others cannot."""
    steps = {}

    def maker(name, make):
        def made_one():
            steps[name], run = make()
            return run

        return made_one

    runs, skipped = made((name, maker(name, make)) for name, make in forms)
    for name in runs:
        steps[name].reset()
    return runs, skipped


def made(forms):
    """Return the forms that can be made here, and why the others cannot."""
    runs, skipped = {}, {}
    for name, make in forms:
        try:
            run = make()
            run()
            torch.cuda.synchronize()
        except Exception as error:  # whatever a compiler may raise
            skipped[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        else:
            runs[name] = run
    return runs, skipped


def device_clocks(runs):
    """Return a clock of the GPU's own time for each."""
    return {name: TorchClock(run) for name, run in runs.items()}
