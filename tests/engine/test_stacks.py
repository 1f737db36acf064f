"""Which networks a backend runs as one stack, which not; all do what their layers do."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_networks import Plain, WithShortcut, network_of

from minisr import engine, kernels, models
from minisr.engine import learning
from minisr.engine.stacks import plan_stack
from minisr.errors import SettingsError, ShapeError
from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from minisr.models import EDSR, ESPCN, SRCNN, SubPixelCNN, ThinSR
from minisr.system.threads import Threads

cpu = kernels.load("cpu")
pytestmark = pytest.mark.skipif(
    cpu.stack([], 2) is None, reason="this host has no vectors: the plain loops run"
)


def conv(C, F, K=3, kind=Conv2d):
    layer = kind(C, F, K, cpu, np.float32)
    rng = np.random.default_rng(F)
    layer.weight.value[...] = rng.standard_normal(layer.weight.value.shape) / np.sqrt(C * K * K)
    layer.bias.value[...] = 0.1 * rng.standard_normal(F)
    return layer


def prelu(C):
    layer = PReLU(C, cpu, np.float32)
    layer.weight.value[...] = np.linspace(-0.5, 1.2, C)
    return layer


def named(*layers):
    return {f"layer{k}": layer for k, layer in enumerate(layers)}


def check_against_the_layers(network, rng, rtol=1e-4):
    """See that a network gives compiled, called or taught, what it gives layer by layer."""
    compiled = engine.compile(network)
    network.zero_grad()
    lesson = engine.compile(learning.with_own_gradients(network), "layers")
    channels = getattr(network, "in_channels", 1)
    low = rng.random((3, channels, 9, 13), np.float32) - np.float32(0.25)
    expected = lesson(low)
    high = rng.random(expected.shape, np.float32)
    with Threads(2) as threads:
        assert_allclose(compiled(low, threads), expected, rtol=1e-5, atol=1e-5)
        loss = compiled.learn(low, high, "mse", threads)
    assert loss == pytest.approx(lesson.learn(low, high, "mse"), rel=1e-5)
    names = [name for name, _ in network.named_parameters()]
    theirs = lesson.network.parameters
    for name, ours, other in zip(names, network.parameters, theirs, strict=True):
        error = np.linalg.norm(ours.grad - other.grad)
        assert error <= rtol * np.linalg.norm(other.grad) + 1e-8, name
        assert other.grad.any(), name


BUNDLED = [
    ESPCN(3, channels=(6, 5), rng=np.random.default_rng(0)),
    ESPCN(2, channels=(6, 5), output_activation="sigmoid", rng=np.random.default_rng(0)),
    SubPixelCNN(2, output_activation="tanh", rng=np.random.default_rng(0)),
    SRCNN(2, channels=(6, 5), rng=np.random.default_rng(0)),
    ThinSR(2, channels=6, depth=2, rng=np.random.default_rng(0)),
    ThinSR(3, in_channels=3, channels=6, depth=2, rng=np.random.default_rng(0)),
]


@pytest.mark.parametrize("network", BUNDLED, ids=str)
def test_networks_that_are_a_stack(network, rng):
    plan = plan_stack(network)
    convolutions = [layer for layer in network.layers.values() if isinstance(layer, Conv2d)]
    assert [stage.weight for stage in plan.stack.stages] == [one.weight for one in convolutions]
    assert (plan.first, plan.last) == (convolutions[0], convolutions[-1])
    assert plan.upscale_factor == (1 if isinstance(network, SRCNN) else network.upscale_factor)
    assert [type(layer) for layer in plan.before] == [Bicubic] * isinstance(network, SRCNN)
    parameters = [p for stage in plan.stack.stages for p in stage.parameters]
    assert parameters == network.parameters
    check_against_the_layers(network, rng, 1e-3)


MORE = {
    "a single convolution": [conv(1, 1, 5)],
    "no shuffle": [conv(1, 4), Tanh(cpu), conv(4, 1)],
    "no activations": [conv(1, 4), conv(4, 4), PixelShuffle(2, cpu)],
    "an activation after the shuffle": [conv(1, 4), PixelShuffle(2, cpu), Sigmoid(cpu)],
    "an activation before it": [conv(1, 4), Tanh(cpu), PixelShuffle(2, cpu)],
    "PReLU between": [conv(1, 5), prelu(5), conv(5, 4), PixelShuffle(2, cpu)],
    "an offset": [Offset(-0.5, cpu), conv(1, 4), PixelShuffle(2, cpu)],
    "an enlargement first": [NearestUpsample(2, cpu), conv(1, 4), PixelShuffle(2, cpu)],
    "an offset after it": [Bicubic(2, cpu), Offset(0.25, cpu), conv(1, 1)],
    "ReLU first": [ReLU(cpu), conv(1, 4), PixelShuffle(2, cpu)],
    "a sequence that learns nothing": [Sequential(named(Tanh(cpu), ReLU(cpu))), conv(1, 1)],
}


@pytest.mark.parametrize("name", MORE)
def test_lists_of_layers_that_are_a_stack(name, rng):
    network = network_of(named(*MORE[name]), cpu)
    assert plan_stack(network) is not None
    check_against_the_layers(network, rng)


class OwnForward(Plain):
    def forward(self, x):
        return super().forward(2 * x)


class OwnBackward(Plain):
    def backward(self, dout, caches):
        return super().backward(3 * dout, caches)


class OwnCall(Plain):
    def __call__(self, x):
        return np.clip(super().__call__(x), 0, 1)


class OwnLesson(Plain):
    def learn(self, low, high, loss="mse", count=None):
        return 5 * super().learn(low, high + 1, loss, count)


class OwnForwardPast(WithShortcut):
    def forward(self, x):
        out, caches = super().forward(x)
        return 2 * out, caches

    def __call__(self, x):
        return self.forward(x)[0]


class Doubled(Conv2d):
    """Does something else than its weights say."""

    def forward(self, x):
        out, cache = super().forward(x)
        return 2 * out, cache

    def backward(self, dout, x):
        return super().backward(2 * dout, x)


class Softened(Tanh):
    def forward(self, x):
        return super().forward(x / 2)


def made(kind, *layers, **options):
    network = kind(named(*layers), **options)
    network.kernels, network.upscale_factor = cpu, 2
    return network


def uneven():
    layer = conv(1, 1)
    layer.padding = (2, 0, 1, 1)
    return layer


def smaller():
    layer = conv(1, 1)
    layer.padding = (0,) * 4
    return layer


def shuffled(*layers, factor=2):
    return network_of(named(*layers, conv(1, 4), PixelShuffle(2, cpu)), cpu, factor)


twice, tanh = conv(1, 1), Tanh(cpu)
pixels = NearestUpsample(2, cpu)
ESPCNS = {"channels": (6, 5), "rng": np.random.default_rng(0)}
OTHERS = {
    "a forward of its own": made(OwnForward, conv(1, 4), PixelShuffle(2, cpu)),
    "a backward of its own": made(OwnBackward, conv(1, 4), PixelShuffle(2, cpu)),
    "a call of its own": made(OwnCall, conv(1, 4), PixelShuffle(2, cpu)),
    "a lesson of its own": made(OwnLesson, conv(1, 4), PixelShuffle(2, cpu)),
    "a forward of its own, and a shortcut": made(
        OwnForwardPast, conv(1, 4), PixelShuffle(2, cpu), kernels=cpu, shortcut=pixels
    ),
    "the same convolution twice": shuffled(twice, tanh, twice),
    "the same activation twice": shuffled(conv(1, 5), tanh, conv(5, 1), tanh),
    "a convolution of a subclass": shuffled(conv(1, 1, kind=Doubled), Tanh(cpu)),
    "a second convolution of a subclass": shuffled(conv(1, 1), conv(1, 1, kind=Doubled)),
    "an activation of a subclass": shuffled(conv(1, 1), Softened(cpu)),
    "PReLU after the shuffle": network_of(
        named(conv(1, 8), PixelShuffle(2, cpu), prelu(2)), cpu, 2
    ),
    "PReLU before the shuffle, and no more convolution": network_of(
        named(conv(1, 8), prelu(8), PixelShuffle(2, cpu)), cpu, 2
    ),
    "uneven padding": shuffled(uneven()),
    "padding that makes pictures smaller": shuffled(smaller()),
    "PReLU before the first convolution": shuffled(prelu(1)),
    "batch normalisation before the first convolution": shuffled(BatchNorm2d(1, cpu, np.float32)),
    "batch normalisation between": shuffled(conv(1, 1), BatchNorm2d(1, cpu, np.float32)),
    "an enlargement between": shuffled(conv(1, 1), pixels, factor=4),
    "an offset between": shuffled(conv(1, 1), Offset(0.5, cpu)),
    "two offsets": shuffled(Offset(0.5, cpu), Offset(0.25, cpu)),
    "two activations": shuffled(conv(1, 1), Tanh(cpu), ReLU(cpu)),
    "two shuffles": shuffled(conv(1, 4), PixelShuffle(2, cpu), factor=4),
    "two activations after the shuffle": network_of(
        named(conv(1, 4), PixelShuffle(2, cpu), Tanh(cpu), ReLU(cpu)), cpu, 2
    ),
    "an activation before the shuffle and one after it": network_of(
        named(conv(1, 4), Tanh(cpu), PixelShuffle(2, cpu), ReLU(cpu)), cpu, 2
    ),
    "a convolution after the shuffle": network_of(
        named(conv(1, 4), PixelShuffle(2, cpu), conv(1, 1)), cpu, 2
    ),
    "convolutions in a sequence inside": shuffled(Sequential(named(conv(1, 1), Tanh(cpu)))),
    "a block inside": shuffled(Residual(named(conv(1, 1), Tanh(cpu)), cpu)),
    "a skip with a scaling": network_of(
        named(conv(1, 4), PixelShuffle(2, cpu)), cpu, 2, shortcut=pixels, scaling=0.5
    ),
    "a skip of another kind": network_of(
        named(conv(1, 4), PixelShuffle(2, cpu)), cpu, 2, shortcut=Bicubic(2, cpu)
    ),
    "a skip of the input itself": network_of(named(conv(1, 1), Tanh(cpu)), cpu, shortcut=None),
    "a skip past an enlargement": network_of(
        named(Bicubic(2, cpu), conv(1, 1)), cpu, 2, shortcut=pixels
    ),
    "a skip past an activation that comes first": network_of(
        named(Tanh(cpu), conv(1, 4), PixelShuffle(2, cpu)), cpu, 2, shortcut=pixels
    ),
    "no convolution": network_of(named(Bicubic(2, cpu), Tanh(cpu)), cpu, 2),
    "no layers": network_of({}, cpu),
    "EDSR": EDSR(2, in_channels=1, channels=4, residual_blocks=1, rng=np.random.default_rng(0)),
    "double precision": ESPCN(2, dtype=np.float64, **ESPCNS),
    "the reference": ESPCN(2, backend="reference", **ESPCNS),
}


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "double precision"])
def test_networks_that_are_left_to_their_layers(name, rng):
    network = OTHERS[name]
    assert plan_stack(network) is None
    assert engine.compile(network).plan is None
    check_against_the_layers(network, rng)


def test_double_precision_is_left_to_the_layers(rng):
    network = OTHERS["double precision"]
    compiled = engine.compile(network)
    assert compiled.plan is None
    x = rng.random((2, 1, 9, 13))
    assert_array_equal(compiled(x), network(x))


@pytest.mark.parametrize("name", models.MODELS)
def test_a_subclass_that_changes_nothing_is_still_a_stack(name):
    kind = models.MODELS[name]
    subclass = type("Mine", (kind,), {"__str__": lambda self: "mine"})
    assert (plan_stack(subclass(2)) is None) == (plan_stack(kind(2)) is None)


@pytest.mark.parametrize(
    "layers",
    [
        [conv(1, 4), conv(5, 4), PixelShuffle(2, cpu)],
        [conv(1, 4), prelu(5), conv(4, 4), PixelShuffle(2, cpu)],
        [conv(1, 5), PixelShuffle(2, cpu)],
        [conv(1, 4), PixelShuffle(2, cpu), conv(4, 4)],
    ],
    ids=["channels", "slopes", "channels of the shuffle", "channels after the shuffle"],
)
def test_layers_that_do_not_fit_together_say_so(layers, rng):
    """A stack trusts its caller, and would read beyond an array."""
    network = network_of(named(*layers), cpu, 2)
    assert plan_stack(network) is None
    with pytest.raises(ShapeError, match="expects x of shape"):
        engine.compile(network)(rng.random((1, 1, 6, 7), np.float32))


def test_a_skip_needs_as_many_channels_as_come_out():
    layers = named(conv(1, 8), PixelShuffle(2, cpu))
    assert plan_stack(network_of(layers, cpu, 2)) is not None
    assert plan_stack(network_of(layers, cpu, 2, shortcut=pixels)) is None


def test_a_skip_must_enlarge_as_the_layers_do(rng):
    layers = named(conv(1, 4), PixelShuffle(2, cpu))
    network = network_of(layers, cpu, 2, shortcut=NearestUpsample(3, cpu))
    assert plan_stack(network) is None
    with pytest.raises(ShapeError, match="like the shortcut"):
        engine.compile(network)(rng.random((1, 1, 6, 7), np.float32))


def test_layers_may_be_replaced_before_a_network_is_compiled(rng):
    network = copy.copy(BUNDLED[0])
    network.layers = {**network.layers, "tanh1": ReLU(cpu)}
    activations = [stage.activation for stage in plan_stack(network).stack.stages]
    assert activations == ["relu", "tanh", None]
    check_against_the_layers(network, rng)


def test_there_are_two_engines(rng):
    network = BUNDLED[0]
    assert isinstance(engine.compile(network), engine.CompiledNetwork)
    assert isinstance(engine.compile(network, engine="layers"), engine.LayerByLayer)
    x = rng.random((1, 1, 5, 6), np.float32)
    assert_array_equal(engine.compile(network, engine="layers")(x), network(x))
    with pytest.raises(SettingsError, match="engine must be one of compiled, layers, got 'nonsen"):
        engine.compile(network, engine="nonsense")


def test_whatever_can_be_called_can_be_compiled(rng):
    x = rng.random((2, 1, 5, 6), np.float32)
    assert_array_equal(engine.compile(lambda x: 2 * x)(x), 2 * x)
    layers = Sequential(named(conv(1, 4), PixelShuffle(2, cpu)))
    assert_array_equal(engine.compile(layers)(x), layers(x))
