"""Networks as their rivals take them: a PyTorch module, an ONNX file, and what runs that file."""

import copy

import numpy as np
import torch
from torch import nn

from minisr.weights.formats import onnx

BF16 = "OpenVINO, bf16 (less exact)"


def multiply_adds(model):
    """Return how many a low-resolution pixel takes: each tap of each filter is used once."""
    return sum(array.size for array in model.state_dict().values() if array.ndim == 4)


def torch_network(state, upscale_factor):
    """Return ESPCN in PyTorch with the weights of a ``state_dict``."""
    network = nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2),
        nn.Tanh(),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(32, upscale_factor**2, 3, padding=1),
        nn.PixelShuffle(upscale_factor),
    )
    return with_weights(network, state)


class _ThinSR(nn.Module):
    """Thin convolutions, whose R*R channels are added to the pixel that they start from."""

    def __init__(self, convolutions, upscale_factor):
        super().__init__()
        *first, last = convolutions
        layers = [layer for conv in first for layer in (conv, nn.PReLU(conv.out_channels))]
        self.body = nn.Sequential(*layers, last)
        self.shuffle = nn.PixelShuffle(upscale_factor)

    def forward(self, x):
        return self.shuffle(self.body(x - 0.5) + x)


def thin_torch_network(state, upscale_factor):
    """Return ThinSR in PyTorch with the weights of a ``state_dict``, which say how deep it is."""
    shapes = [array.shape for array in state.values() if array.ndim == 4]
    convolutions = [nn.Conv2d(C, F, K, padding=K // 2) for F, C, K, _ in shapes]
    return with_weights(_ThinSR(convolutions, upscale_factor), state)


def with_weights(network, state):
    """Return a network of PyTorch with the weights of a ``state_dict``, in its order."""
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), state.values(), strict=True):
            parameter.copy_(torch.from_numpy(value))
    return network


# Networks of minisr that are written down for PyTorch, too, by name.
TWINS = {"espcn": torch_network, "thinsr": thin_torch_network}


def torch_peers(model, low, threads, compiled):
    torch.set_num_threads(threads)
    network = TWINS[model.name](model.state_dict(), model.upscale_factor).eval()
    x = torch.from_numpy(low)

    def peer(network, x):
        def run():
            with torch.inference_mode():
                return network(x).numpy()

        return run

    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    yield "PyTorch eager", lambda: peer(network, x)
    yield "PyTorch channels_last", lambda: peer(last, x.to(memory_format=torch.channels_last))
    if compiled:
        yield "PyTorch torch.compile", lambda: peer(torch.compile(network), x)


def onnxruntime_peer(file, low, threads, spinning):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"low": low})[0]


def openvino_peer(file, low, threads, precision):
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(core.read_model(file), "CPU", settings).create_infer_request()
    return lambda: next(iter(request.infer([low], share_inputs=True, share_outputs=True).values()))


def opencv_peer(file, low, threads):
    import cv2

    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(file, np.uint8))

    def run():
        network.setInput(low)
        return network.forward()

    return run


def inference_peers(model, low, threads, compiled):
    """Return the rivals of ``model(low)``, and why some are not among them.

    Parameters
    ----------
    model : Network
        One of ``TWINS``; all have its weights.
    low : ndarray, shape (N, 1, H, W), float32
    threads : int
    compiled : bool
        Whether torch.compile, which takes 20 seconds, is wanted.

    Returns
    -------
    peers : dict of str to callable
        Each returns the large picture.
    skipped : dict of str to str
    """
    N, _, H, W = low.shape
    file = onnx.to_bytes(model, {}, shape=(N, H, W))  # fixed: none of them has to be ready for more
    makers = dict(torch_peers(model, low, threads, compiled))
    makers |= {
        "ONNX Runtime": lambda: onnxruntime_peer(file, low, threads, False),
        "ONNX Runtime, spinning": lambda: onnxruntime_peer(file, low, threads, True),
        "OpenVINO": lambda: openvino_peer(file, low, threads, "f32"),
        BF16: lambda: openvino_peer(file, low, threads, "bf16"),
        "OpenCV dnn": lambda: opencv_peer(file, low, threads),
    }
    peers, skipped = {}, {}
    for name, make in makers.items():
        try:
            peer = make()
            peer()
        except Exception as error:  # whatever a rival's importer or compiler may raise
            skipped[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        else:
            peers[name] = peer
    return peers, skipped
