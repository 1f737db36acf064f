"""Ring three: PyTorch, live. Outputs, every gradient, Adam's steps, a loss curve."""

import numpy as np
import pytest
from backends import BACKENDS, ON_CPU
from numpy.testing import assert_allclose, assert_array_equal

from minisr import ESPCN, engine, kernels, optim
from minisr.datasets.pairs import Pair
from minisr.layers import PReLU
from minisr.models import initialization
from minisr.system.threads import Threads
from minisr.training import Patches, TrainConfig, make_trainer

torch = pytest.importorskip("torch", reason="needs PyTorch, which minisr itself never imports")


ENDS = {"tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}


def torch_espcn(
    upscale_factor, in_channels=1, activation="tanh", channels=(64, 32), output_activation=None
):
    """Write the network down as PyTorch's users would."""
    act = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    n1, n2 = channels

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(in_channels, n1, 5, padding=2)
            self.conv2 = torch.nn.Conv2d(n1, n2, 3, padding=1)
            self.conv3 = torch.nn.Conv2d(n2, in_channels * upscale_factor**2, 3, padding=1)
            self.act = act()
            self.shuffle = torch.nn.PixelShuffle(upscale_factor)
            self.end = {None: torch.nn.Identity, **ENDS}[output_activation]()

        def forward(self, x):
            x = self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))
            return self.end(self.shuffle(x))

    return Net()


def pair_of_networks(dtype, *, backend="cpu", **options):
    """Return minisr's network and PyTorch's with the same weights."""
    ours = ESPCN(backend=backend, dtype=dtype, rng=np.random.default_rng(3), **options)
    theirs = torch_espcn(**options).to(getattr(torch, np.dtype(dtype).name))
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    return ours, theirs


NETWORKS = [
    {"upscale_factor": 3},
    {"upscale_factor": 2, "activation": "relu"},
    {"upscale_factor": 4, "in_channels": 3, "channels": (7, 5)},
    {"upscale_factor": 3, "output_activation": "tanh"},
    {"upscale_factor": 2, "output_activation": "sigmoid", "activation": "relu"},
]


def relative_error(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_outputs_and_every_gradient(backend, dtype, options, rng):
    ours, theirs = pair_of_networks(dtype, backend=backend, **options)
    x = rng.random((2, ours.in_channels, 9, 14)).astype(dtype)
    out, caches = ours.forward(x)
    dout = rng.standard_normal(out.shape).astype(dtype)
    dx = ours.backward(dout, caches)

    torch_x = torch.from_numpy(x).requires_grad_()
    torch_out = theirs(torch_x)
    torch_out.backward(torch.from_numpy(dout))
    assert_allclose(
        out, torch_out.detach().numpy(), rtol=0, atol=1e-5 if dtype == np.float32 else 1e-12
    )
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    assert relative_error(dx, torch_x.grad.numpy()) < tolerance
    expected = dict(theirs.named_parameters())
    assert list(expected) == list(ours.state_dict())
    for name, parameter in ours.named_parameters():
        assert relative_error(parameter.grad, expected[name].grad.numpy()) < tolerance, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixel_shuffle_is_pytorchs_for_any_number_of_channels(backend, rng):
    module = kernels.load(backend)
    for R, C in ((2, 1), (3, 2), (4, 5)):
        x = rng.standard_normal((2, C * R * R, 3, 4)).astype(np.float32)
        out, back = np.empty((2, C, 3 * R, 4 * R), np.float32), np.empty_like(x)
        module.pixel_shuffle(x, R, out)
        assert_array_equal(out, torch.nn.PixelShuffle(R)(torch.from_numpy(x)).numpy())
        module.pixel_unshuffle(out, R, back)
        assert_array_equal(back, torch.nn.PixelUnshuffle(R)(torch.from_numpy(out)).numpy())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prelu_is_pytorchs_for_every_slope(backend, dtype, rng):
    """Where x is zero, too: there the slope counts, in both."""
    ours = PReLU(5, kernels.load(backend), dtype)
    theirs = torch.nn.PReLU(5, dtype=getattr(torch, np.dtype(dtype).name))
    assert_array_equal(ours.weight.value, theirs.weight.detach().numpy())
    ours.weight.value[...] = (-1.3, -0.2, 0, 0.6, 2)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x, dout = rng.standard_normal((2, 3, 5, 6, 7)).astype(dtype)
    x[:, :, 2] = 0
    out, cache = ours.forward(x)
    dx = ours.backward(dout, cache)
    torch_x = torch.from_numpy(x).requires_grad_()
    torch_out = theirs(torch_x)
    torch_out.backward(torch.from_numpy(dout))
    tolerance = 1e-5 if dtype == np.float32 else 1e-14
    assert_array_equal(out, torch_out.detach().numpy())
    assert_array_equal(dx, torch_x.grad.numpy())
    assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["mse", "l1"])
def test_losses(backend, name, rng):
    prediction, target = rng.standard_normal((2, 2, 1, 5, 6))
    gradient = np.empty_like(prediction)
    loss = getattr(kernels.load(backend), f"{name}_loss")(prediction, target, 60, gradient)
    torch_prediction = torch.from_numpy(prediction).requires_grad_()
    torch_loss = {"mse": torch.nn.MSELoss, "l1": torch.nn.L1Loss}[name]()(
        torch_prediction, torch.from_numpy(target)
    )
    torch_loss.backward()
    assert loss == pytest.approx(torch_loss.item(), rel=1e-12)
    assert_allclose(gradient, torch_prediction.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ten_adam_steps(backend, rng):
    ours, theirs = pair_of_networks(np.float64, backend=backend, upscale_factor=2, channels=(5, 4))
    adam = optim.Adam(ours.parameters, ours.kernels, 0.01, (0.8, 0.95), 1e-6)
    torch_adam = torch.optim.Adam(theirs.parameters(), 0.01, (0.8, 0.95), 1e-6)
    for _ in range(10):
        for parameter, twin in zip(ours.parameters, theirs.parameters(), strict=True):
            parameter.grad[...] = rng.standard_normal(parameter.value.shape)
            twin.grad = torch.from_numpy(parameter.grad.copy())
        adam.step()
        torch_adam.step()
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        assert_allclose(value, expected[name].numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", engine.ENGINES)
def test_the_loss_curve_of_fifty_steps(kind, rng):
    """Train both, through our trainer and a loop of PyTorch's, on the same batches."""
    high = rng.random((2, 1, 90, 75))
    high = (np.cumsum(high, axis=3) * 6 % 256).astype(np.uint8)
    pairs = [Pair(str(k), np.ascontiguousarray(h[:, 1::3, 1::3]), h) for k, h in enumerate(high)]
    sizes = {"batch_size": 4, "patch_size": 12, "seed": 8}
    config = TrainConfig(3, 50, **sizes, learning_rate=1e-3, warmup=5, engine=kind)
    patches = Patches(pairs, config.patch_size, config.batch_size, config.seed)
    theirs = torch_espcn(3)
    torch_adam = torch.optim.Adam(theirs.parameters(), betas=(0.9, config.beta2))
    schedule = config.make_schedule(patches.steps_per_epoch)
    with Threads(2) as threads:
        trainer = make_trainer(config, patches, threads)
        start = trainer.model.state_dict()
        theirs.load_state_dict({name: torch.from_numpy(v) for name, v in start.items()})
        curve, torch_curve = [], []
        for step in range(50):
            low, high = map(torch.from_numpy, patches.batch(step))
            torch_adam.param_groups[0]["lr"] = config.learning_rate * schedule(step)
            torch_adam.zero_grad()
            loss = torch.nn.functional.mse_loss(theirs(low), high)
            loss.backward()
            torch_adam.step()
            torch_curve.append(loss.item())
            curve.append(trainer.step())
    assert curve[-1] < curve[0] / 2
    assert_allclose(curve, torch_curve, rtol=1e-5)


def test_schedules_are_pytorchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    torch_adam = torch.optim.Adam([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.MultiStepLR(torch_adam, [50, 75, 100], 0.5)
    ours = optim.multi_step([50, 75, 100], 0.5)
    for step in range(120):
        assert ours(step) == torch_adam.param_groups[0]["lr"]
        torch_adam.step()
        theirs.step()
    torch_adam = torch.optim.Adam([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch_adam, 60, eta_min=0.1)
    ours = optim.cosine(60, final=0.1)
    for step in range(60):
        assert ours(step) == pytest.approx(torch_adam.param_groups[0]["lr"], rel=1e-9)
        torch_adam.step()
        theirs.step()


def test_the_uniform_initialisation_has_pytorchs_bounds():
    ours, theirs = pair_of_networks(np.float32, upscale_factor=3)
    theirs = torch_espcn(3)
    for (name, parameter), twin in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        layer = ours.layers[name.split(".")[0]]
        bound = 1 / np.sqrt(layer.weight.value[0].size)
        for values in (parameter.value, twin.detach().numpy()):
            assert np.abs(values).max() <= bound
            assert values.size < 30 or np.abs(values).max() > 0.8 * bound, name


def test_the_orthogonal_initialisation_is_pytorchs(rng):
    """Both give filters whose Gram matrix is gain^2 times the identity."""
    ours = ESPCN(3)
    for name in ("conv1", "conv2", "conv3"):
        initialization.orthogonal(ours.layers[name], rng, gain=1.7)
        weight = torch.empty(ours.layers[name].weight.value.shape)
        torch.nn.init.orthogonal_(weight, gain=1.7)
        for values in (ours.layers[name].weight.value, weight.numpy()):
            rows = values.reshape(len(values), -1).astype(np.float64)
            gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
            assert_allclose(gram, 1.7**2 * np.eye(len(gram)), atol=1e-5)
