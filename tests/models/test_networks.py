"""Each network against PyTorch, written down there by itself: outputs, gradients, training."""

import re

import numpy as np
import pytest
from backends import BACKENDS, ON_CPU
from numpy.testing import assert_allclose, assert_array_equal

from minisr import engine, kernels, models, optim
from minisr.errors import SettingsError, ShapeError
from minisr.layers import BatchNorm2d
from minisr.models import EDSR, ESPCN, SRCNN, SubPixelCNN, ThinSR
from minisr.system.threads import Threads

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


class TorchBlock(nn.Module):
    def __init__(self, channels, batch_norm, scaling):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.scaling = scaling

    def forward(self, x):
        return x + self.scaling * self.norm(self.conv2(torch.relu(self.norm(self.conv1(x)))))


class TorchBody(nn.Module):
    def __init__(self, channels, residual_blocks, batch_norm, scaling):
        super().__init__()
        for k in range(residual_blocks):
            self.add_module(str(k), TorchBlock(channels, batch_norm, scaling))
        self.conv_mid = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        start = x
        for layer in self.children():
            x = layer(x)
        return start + x


class TorchEDSR(nn.Module):
    def __init__(
        self, upscale_factor, in_channels=3, channels=64, residual_blocks=16, batch_norm=True,
        residual_scaling=1,
    ):  # fmt: skip
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.body = TorchBody(channels, residual_blocks, batch_norm, residual_scaling)
        self.upsample = nn.Sequential()
        for k, R in enumerate({2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[upscale_factor]):
            step = nn.Sequential()
            step.add_module("conv", nn.Conv2d(channels, channels * R * R, 3, padding=1))
            step.add_module("shuffle", nn.PixelShuffle(R))
            self.upsample.add_module(str(k), step)
        self.conv_out = nn.Conv2d(channels, in_channels, 3, padding=1)

    def forward(self, x):
        return self.conv_out(self.upsample(self.body(self.conv_in(x))))


def bicubic_matrix(length, R):
    """Write Keys' bicubic enlargement down as a matrix, pixel by pixel, mirrored at the border."""
    matrix = np.zeros((length * R, length))
    for y in range(length * R):
        place = (y + 0.5) / R - 0.5
        for k in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            d = abs(place - k)
            weight = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            mirrored = -k - 1 if k < 0 else 2 * length - 1 - k if k >= length else k
            matrix[y, mirrored] += weight
    return torch.from_numpy(matrix)


class TorchSRCNN(nn.Module):
    def __init__(self, upscale_factor, in_channels=1, kernel_sizes=(9, 1, 5), channels=(64, 32)):
        super().__init__()
        sizes = [in_channels, *channels, in_channels]
        for k, K in enumerate(kernel_sizes):
            conv = nn.Conv2d(sizes[k], sizes[k + 1], K, padding=K // 2)
            self.add_module(f"conv{k + 1}", conv)
        self.upscale_factor = upscale_factor

    def forward(self, x):
        rows, columns = (bicubic_matrix(n, self.upscale_factor).to(x) for n in x.shape[2:])
        x = rows @ x @ columns.T
        return self.conv3(torch.relu(self.conv2(torch.relu(self.conv1(x)))))


class TorchThinSR(nn.Module):
    def __init__(self, upscale_factor, in_channels=1, channels=16, depth=9):
        super().__init__()
        for k in range(1, depth + 2):
            sizes = (in_channels, channels, 5) if k == 1 else (channels, channels, 3)
            self.add_module(f"conv{k}", nn.Conv2d(*sizes, padding=sizes[2] // 2))
            self.add_module(f"prelu{k}", nn.PReLU(channels))
        last = nn.Conv2d(channels, in_channels * upscale_factor**2, 3, padding=1)
        self.add_module(f"conv{depth + 2}", last)
        self.upscale_factor = upscale_factor

    def forward(self, x):
        high = x - 0.5
        for layer in self.children():
            high = layer(high)
        high = nn.functional.pixel_shuffle(high, self.upscale_factor)
        return high + nn.functional.interpolate(x, scale_factor=self.upscale_factor, mode="nearest")


TWINS = {
    "subpixelcnn": TorchSubPixelCNN,
    "edsr": TorchEDSR,
    "srcnn": TorchSRCNN,
    "thinsr": TorchThinSR,
}
SMALL = {"channels": 8, "residual_blocks": 2}
PAPER = {"batch_norm": False, "residual_scaling": 0.1}
NETWORKS = [
    ("edsr", {"upscale_factor": 2, **SMALL}),
    ("edsr", {"upscale_factor": 3, "in_channels": 1, **SMALL}),
    ("edsr", {"upscale_factor": 4, **SMALL, **PAPER}),
    ("srcnn", {"upscale_factor": 3}),
    ("srcnn", {"upscale_factor": 2, "kernel_sizes": (9, 5, 5), "channels": (7, 5)}),
    ("srcnn", {"upscale_factor": 2, "in_channels": 3, "channels": (6, 4)}),
    ("subpixelcnn", {"upscale_factor": 3}),
    ("subpixelcnn", {"upscale_factor": 2, "in_channels": 3, "output_activation": "tanh"}),
    ("thinsr", {"upscale_factor": 3}),
    ("thinsr", {"upscale_factor": 2, "in_channels": 3, "channels": 7, "depth": 2}),
    ("thinsr", {"upscale_factor": 4, "channels": 16, "depth": 3}),
]

# EDSR alone trains otherwise than it is used.
CASES = [
    (name, options, training)
    for name, options in NETWORKS
    for training in ((False, True) if name == "edsr" else (False,))
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


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options", "training"), CASES, ids=str)
def test_outputs_and_every_gradient(backend, dtype, name, options, training, rng):
    ours, theirs = pair_of(name, options, dtype, backend)
    ours.train(training)
    theirs.train(training)
    x = rng.random((2, ours.in_channels, 9, 14)).astype(dtype)
    out, caches = ours.forward(x)
    dout = rng.standard_normal(out.shape).astype(dtype)
    dx = ours.backward(dout, caches)
    torch_x = torch.from_numpy(x).requires_grad_()
    torch_out = theirs(torch_x)
    torch_out.backward(torch.from_numpy(dout))
    closeness = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(out, torch_out.detach().numpy(), rtol=0, atol=closeness)
    if not training:  # or it would see a batch once more
        assert_array_equal(ours(x), out)
        assert_allclose(engine.compile(ours)(x), out, rtol=0, atol=closeness)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    assert relative_error(dx, torch_x.grad.numpy()) < tolerance
    for key, parameter in theirs.named_parameters():
        got, expected = dict(ours.named_parameters())[key].grad, parameter.grad.numpy()
        if training and re.fullmatch(r"body\.\d\.conv\d\.bias", key) and ours.batch_norm:
            assert np.abs(got).max() < 10 * tolerance  # the batch's mean takes it away again
        else:
            assert relative_error(got, expected) < tolerance, key
    for key, value in theirs.named_buffers():
        closeness = {"rtol": 1e-6, "atol": 1e-6}
        assert_allclose(ours.state_dict()[key], value.numpy(), err_msg=key, **closeness)


@pytest.mark.parametrize("kind", engine.ENGINES)
@pytest.mark.parametrize(("name", "options", "training"), CASES, ids=str)
def test_twenty_steps_of_training(kind, name, options, training, rng):
    ours, theirs = pair_of(name, options)
    ours.train(training)
    run = engine.compile(ours, kind)
    R, C = ours.upscale_factor, ours.in_channels
    theirs.train(training)
    adam = optim.Adam(ours.parameters, ours.kernels, 1e-3)
    torch_adam = torch.optim.Adam(theirs.parameters(), 1e-3)
    curve, torch_curve = [], []
    with Threads(2) as threads:
        for _ in range(20):
            low = rng.random((3, C, 12, 10), np.float32)
            high = np.repeat(np.repeat(low, R, axis=2), R, axis=3)
            ours.zero_grad()
            curve.append(run.learn(low, high, "mse", threads))
            adam.step()
            torch_adam.zero_grad()
            loss = nn.functional.mse_loss(theirs(torch.from_numpy(low)), torch.from_numpy(high))
            loss.backward()
            torch_adam.step()
            torch_curve.append(loss.item())
    assert curve[-1] < 0.7 * curve[0]
    # A bias before a batch norm has no gradient but rounding, of which Adam makes whole steps.
    noisy = training and getattr(ours, "batch_norm", False)
    assert_allclose(curve, torch_curve, rtol=5e-3 if noisy else 1e-4)
    for key, value in theirs.named_buffers():
        if not key.endswith("mean"):  # biases without a gradient wander by Adam's rounding errors
            assert_allclose(ours.state_dict()[key], value.numpy(), rtol=5e-3, err_msg=key)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_is_pytorchs(backend, dtype, rng):
    """Three batches in training, then one in use: outputs, gradients, and what is remembered."""
    ours = BatchNorm2d(3, kernels.load(backend), dtype)
    theirs = nn.BatchNorm2d(3, dtype=getattr(torch, np.dtype(dtype).name))
    state = {"weight": (1.5, -2, 0.1), "bias": (0, 3, -1)}
    for name, values in state.items():
        getattr(ours, name).value[...] = values
        with torch.no_grad():
            getattr(theirs, name).copy_(torch.tensor(values, dtype=torch.float64))
    closeness = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10}
    for training in (True, True, True, False):
        ours.train(training)
        theirs.train(training)
        x = (5 * rng.standard_normal((4, 3, 5, 7)) + [[[[2]], [[-30]], [[0]]]]).astype(dtype)
        dout = rng.standard_normal(x.shape).astype(dtype)
        out, cache = ours.forward(x)
        dx = ours.backward(dout, cache)
        torch_x = torch.from_numpy(x).requires_grad_()
        torch_out = theirs(torch_x)
        torch_out.backward(torch.from_numpy(dout))
        assert_allclose(out, torch_out.detach().numpy(), **closeness)
        tolerance = 1e-4 if dtype == np.float32 else 1e-10
        assert relative_error(dx, torch_x.grad.numpy()) < tolerance
        for name, parameter in theirs.named_parameters():  # both add up
            assert relative_error(getattr(ours, name).grad, parameter.grad.numpy()) < tolerance
        expected = theirs.state_dict()
        assert list(ours.state_dict()) == list(expected)
        for name, value in ours.state_dict().items():
            assert_allclose(value, expected[name].numpy(), rtol=1e-6, err_msg=name)
    assert ours.num_batches_tracked == 3
    with pytest.raises(ShapeError, match="expects two values a channel to train on"):
        ours.train()(np.zeros((1, 3, 1, 1), dtype))
    with pytest.raises(ShapeError, match=r"BatchNorm2d\(3\) expects x of shape \(N, 3, H, W\)"):
        ours(np.zeros((1, 2, 4, 4), dtype))


def small_edsr(R=2, **options):
    return EDSR(R, **SMALL, rng=np.random.default_rng(4), **options)


def test_calling_a_network_does_not_change_it(rng):
    model = small_edsr()
    before = model.state_dict()
    for run in (model, engine.compile(model)):
        run(rng.random((1, 3, 6, 7), np.float32))
    for name, value in model.state_dict().items():
        assert_array_equal(value, before[name])


def test_the_norm_of_a_block_is_one_layer_met_twice(rng):
    model = small_edsr().train()
    model(rng.random((2, 3, 6, 7), np.float32))
    assert model.state_dict()["body.1.norm.num_batches_tracked"] == 2
    assert not [name for name in model.state_dict() if "again" in name]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EDSR(6), "upscale_factor of EDSR must be 2, 3, 4 or 8, got 6"),
        (lambda: EDSR(9), "upscale_factor must be an integer from 2 to 8, got 9"),
        (lambda: EDSR(2, channels=0), "channels must be a whole number from 1 on, got 0"),
        (lambda: EDSR(2, channels=1.5), "channels must be a whole number from 1 on, got 1.5"),
        (lambda: EDSR(2, residual_blocks=True), "residual_blocks must be a whole number"),
        (lambda: EDSR(2, batch_norm="no"), "batch_norm must be true or false, got 'no'"),
        (lambda: EDSR(2, residual_scaling=0), r"residual_scaling must be in \(0, 1\], got 0"),
        (lambda: SRCNN(2, kernel_sizes=(9, 1)), r"kernel_sizes must be one of \(9, 1, 5\), .* got"),
        (lambda: EDSR(2, residual_scaling="x"), r"residual_scaling must be in \(0, 1\], got x"),
        (
            lambda: SRCNN(2, kernel_sizes=915),
            "kernel_sizes must be one of .* got 915",
        ),
        (lambda: SRCNN(2, channels=(64,)), "channels must be two positive numbers"),
        (lambda: SRCNN(2, channels=64), "channels must be two positive numbers, got 64"),
        (
            lambda: ESPCN(2, activation=["tanh"]),
            r"activation must be .*, got \['tanh",
        ),
        (lambda: EDSR(2, channels=10**9), "of 288,000,000,027,000,000,000 weights is too large"),
        (lambda: EDSR(2, residual_blocks=10**9), "weights is too large: minisr allows 100,000"),
        (lambda: ESPCN(2, channels=(10**9, 1)), "choose fewer channels or blocks"),
        (lambda: SRCNN(2, channels=(1, 10**8)), "weights is too large"),
        (lambda: ThinSR(2, channels=0), "channels must be a whole number from 1 on, got 0"),
        (lambda: ThinSR(2, depth=2.5), "depth must be a whole number from 1 on, got 2.5"),
        (lambda: ThinSR(2, depth=10**9), "weights is too large"),
        (lambda: ThinSR(1), "upscale_factor must be an integer from 2 to 8, got 1"),
        (lambda: SubPixelCNN(2, in_channels=4), r"in_channels must be 1 \(luma\) or 3 \(RGB\)"),
    ],
)
def test_an_option_that_is_none_is_refused(make, message):
    with pytest.raises(SettingsError, match=message):
        make()


def test_edsr_starts_normal():
    model = EDSR(2, rng=np.random.default_rng(0))
    assert model.parameter_count == 1_369_859 + 16 * 2 * 64  # the paper's 1.37 million, and norms
    weight = model.layers["body"].layers["3"].layers["conv1"].weight.value
    assert abs(weight.mean()) < 1e-3
    assert weight.std() == pytest.approx(0.02, rel=0.02)
    assert not model.layers["conv_out"].bias.value.any()


def test_subpixelcnn_starts_orthogonal_with_the_gain_of_relu():
    model = SubPixelCNN(2, rng=np.random.default_rng(0))
    for name, gain in (("conv1", 2), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
        layer = model.layers[name]
        rows = layer.weight.value.reshape(len(layer.weight.value), -1).astype(float)
        gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        assert_allclose(gram, gain * np.eye(len(gram)), atol=1e-5)
        assert not layer.bias.value.any()


def test_thinsr_starts_about_its_skip_and_values_grow_slowly(rng):
    model = ThinSR(3, channels=64, rng=np.random.default_rng(0))
    x = rng.random((1, 1, 40, 40), np.float32)
    nearest = np.repeat(np.repeat(x, 3, axis=2), 3, axis=3)
    added = model(x) - nearest
    assert 1e-4 < added.std() < x.std()  # of noise; pictures are smoother
    sizes, values = [], x
    for name, layer in model.layers.items():
        values = layer(values)
        if name.startswith("prelu"):
            sizes.append(np.square(values[..., 8:-8, 8:-8]).mean())
    ratios = np.divide(sizes[1:], sizes[:-1])
    assert 1 < ratios.min() < ratios.max() < 1.6


def test_thinsrs_padding_is_grey(rng):
    """Without biases, mid-grey comes out as it is, up to the border."""
    model = ThinSR(2, channels=5, depth=1, rng=rng)
    model.layers["conv3"].weight.value[...] *= 100
    grey = np.full((1, 1, 9, 8), 0.5, np.float32)
    for run in (model, engine.compile(model)):
        assert_array_equal(run(grey), np.full((1, 1, 18, 16), 0.5, np.float32))
        assert (run(grey + np.float32(0.1)) != np.float32(0.6)).any()
