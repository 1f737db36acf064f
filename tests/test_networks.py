"""Each network against PyTorch, written down there by itself: outputs, gradients, training."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minisr import kernels, models, optim
from minisr.models import SubPixelCNN
from minisr.threads import Threads

torch = pytest.importorskip("torch", reason="needs PyTorch, which minisr itself never imports")
nn = torch.nn


class TorchSubPixelCNN(nn.Module):
    def __init__(self, upscale_factor, in_channels=1, output_activation=None, luma_range=None):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 5, padding=2)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 32, 3, padding=1)
        self.conv4 = nn.Conv2d(32, in_channels * upscale_factor**2, 3, padding=1)
        self.upscale_factor, self.output_activation = upscale_factor, output_activation

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = torch.relu(conv(x))
        x = nn.functional.pixel_shuffle(self.conv4(x), self.upscale_factor)
        return getattr(torch, self.output_activation)(x) if self.output_activation else x


TWINS = {"subpixelcnn": TorchSubPixelCNN}
NETWORKS = [
    ("subpixelcnn", {"upscale_factor": 3}),
    ("subpixelcnn", {"upscale_factor": 2, "in_channels": 3, "output_activation": "tanh"}),
]


def pair_of(name, options, dtype=np.float32, backend="cpu"):
    """Return minisr's network and PyTorch's with the same weights."""
    rng = np.random.default_rng(3)
    ours = models.build(name, options, dtype=dtype, backend=backend, rng=rng)
    for parameter in ours.parameters:  # zeros and ones would hide mistakes
        parameter.value[...] += 0.05 * rng.standard_normal(parameter.value.shape)
    theirs = TWINS[name](**options).to(getattr(torch, np.dtype(dtype).name)).eval()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def relative_error(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("backend", kernels.BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_outputs_and_every_gradient(backend, dtype, name, options, rng):
    ours, theirs = pair_of(name, options, dtype, backend)
    x = rng.random((2, ours.in_channels, 9, 14)).astype(dtype)
    out, caches = ours.forward(x)
    dout = rng.standard_normal(out.shape).astype(dtype)
    dx = ours.backward(dout, caches)
    torch_x = torch.from_numpy(x).requires_grad_()
    torch_out = theirs(torch_x)
    torch_out.backward(torch.from_numpy(dout))
    closeness = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(out, torch_out.detach().numpy(), rtol=0, atol=closeness)
    assert_allclose(ours(x), out, rtol=0, atol=closeness)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    assert relative_error(dx, torch_x.grad.numpy()) < tolerance
    for key, parameter in theirs.named_parameters():
        got = dict(ours.named_parameters())[key].grad
        assert relative_error(got, parameter.grad.numpy()) < tolerance, key


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_twenty_steps_of_training(name, options, rng):
    ours, theirs = pair_of(name, options)
    R, C = ours.upscale_factor, ours.in_channels
    theirs.train()
    adam = optim.Adam(ours.parameters, ours.kernels, 1e-3)
    torch_adam = torch.optim.Adam(theirs.parameters(), 1e-3)
    curve, torch_curve = [], []
    with Threads(2) as threads:
        for _ in range(20):
            low = rng.random((3, C, 12, 10), np.float32)
            high = np.repeat(np.repeat(low, R, axis=2), R, axis=3)
            ours.zero_grad()
            curve.append(ours.learn(low, high, "mse", threads))
            adam.step()
            torch_adam.zero_grad()
            loss = nn.functional.mse_loss(theirs(torch.from_numpy(low)), torch.from_numpy(high))
            loss.backward()
            torch_adam.step()
            torch_curve.append(loss.item())
    assert curve[-1] < 0.7 * curve[0]
    assert_allclose(curve, torch_curve, rtol=1e-4)


def test_subpixelcnn_starts_orthogonal_with_the_gain_of_relu():
    model = SubPixelCNN(2, rng=np.random.default_rng(0))
    for name, gain in (("conv1", 2), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
        layer = model.layers[name]
        rows = layer.weight.value.reshape(len(layer.weight.value), -1).astype(float)
        gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        assert_allclose(gram, gain * np.eye(len(gram)), atol=1e-5)
        assert not layer.bias.value.any()
