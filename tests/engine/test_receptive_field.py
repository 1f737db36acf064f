"""How far a network sees: measured, pixel by pixel, and cut into bands that are no higher."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small_networks import Plain, network_of

from minisr import engine, kernels, models
from minisr.engine.bands import BLOCK, cut, round_up, run_in_bands
from minisr.engine.receptive_field import receptive_field
from minisr.errors import ShapeError
from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    Layer,
    MaxPool2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from minisr.models import EDSR, ESPCN, SRCNN, SubPixelCNN, ThinSR
from minisr.system.threads import Threads

CPU, REFERENCE = kernels.load("cpu"), kernels.load("reference")


def conv(C, F, K):
    """Make a convolution all of whose taps count."""
    layer = Conv2d(C, F, K, REFERENCE, np.float64)
    layer.weight.value[...] = np.random.default_rng(F).uniform(0.5, 1, layer.weight.value.shape)
    return layer


def measured(network, R, C=1):
    """Return how far, in rows or columns, a result sees a change of one pixel."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (1, C, 41, 43))
    changed = x.copy()
    changed[:, :, 20, 21] += 1e-3
    rows, columns = (network(x) != network(changed))[0].any(axis=0).nonzero()
    below, right = rows.max() // R - 20, columns.max() // R - 21
    above, left = 20 - rows.min() // R, 21 - columns.min() // R
    return max(above, below, left, right)


NETWORKS = [
    ("espcn", {"upscale_factor": 3, "channels": (3, 2)}, 4),
    ("thinsr", {"upscale_factor": 2, "channels": 3, "depth": 3}, 6),
    ("srcnn", {"upscale_factor": 3, "channels": (3, 2)}, 4),
    ("srcnn", {"upscale_factor": 2, "kernel_sizes": (9, 5, 5), "channels": (3, 2)}, 6),
    ("edsr", {"upscale_factor": 3, "channels": 3, "residual_blocks": 1, "in_channels": 1}, 6),
    ("edsr", {"upscale_factor": 4, "channels": 3, "residual_blocks": 2, "in_channels": 1}, 8),
    ("subpixelcnn", {"upscale_factor": 2}, 5),
]


@pytest.mark.parametrize(("name", "options", "radius"), NETWORKS, ids=str)
def test_networks_see_as_far_as_is_said(name, options, radius):
    network = models.build(
        name, options, backend="reference", dtype=np.float64, rng=np.random.default_rng(1)
    )
    for parameter in network.parameters:  # so that no tap is nothing, and no ReLU is shut
        parameter.value[...] = np.abs(parameter.value) + 0.01
    assert receptive_field(network) == radius
    assert measured(network, network.upscale_factor) == radius


def test_a_layer_that_is_met_twice_counts_twice():
    twice = conv(1, 1, 3)
    network = Sequential({"a": twice, "b": conv(1, 1, 5), "c": twice})
    assert receptive_field(network) == measured(network, 1) == 4
    block = Residual({"a": twice, "b": twice}, REFERENCE)
    network = Sequential({"a": block, "b": Sequential({"c": block})})
    assert receptive_field(network) == measured(network, 1) == 4


def test_layers_after_an_enlargement_see_less_far():
    pixels = NearestUpsample(3, REFERENCE)
    shuffle = PixelShuffle(2, REFERENCE)
    for layers, R, radius in (
        ([conv(1, 1, 3), pixels, conv(1, 1, 7)], 3, 2),
        ([conv(1, 4, 3), shuffle, conv(1, 4, 3), shuffle, conv(1, 1, 3)], 4, 2),
        ([Bicubic(3, REFERENCE), conv(1, 1, 3)], 3, 3),
        ([Offset(-0.5, REFERENCE), ReLU(REFERENCE), pixels], 3, 0),
        ([], 1, 0),
    ):
        network = Sequential(dict(enumerate(layers)))
        assert receptive_field(network) == radius
        if layers:
            assert measured(network, R) <= radius


def test_blocks_of_rows_reach_further():
    """A block that a 3 x 3 convolution makes at once is seen as a whole."""
    network = ESPCN(2, channels=(4, 3))
    assert receptive_field(network) == 4
    assert receptive_field(network, BLOCK) == 7  # 1, up to 4, and 1; and 2
    thin = ThinSR(2, channels=3, depth=2)
    assert receptive_field(thin, BLOCK) == 1 + 4 + 4 + 2
    if CPU.stack([], 2) is not None:
        assert engine.compile(network).halo == 7
    assert engine.compile(network, "layers").halo == 4
    assert engine.compile(ESPCN(2, channels=(4, 3), dtype=np.float64)).halo == 4


class Shifted(Conv2d):
    """Sees one row further."""

    def forward(self, x):
        return super().forward(np.roll(x, 1, axis=2))


class Centred(Plain):
    """Sees everything."""

    def forward(self, x):
        return super().forward(x - x.mean())


class CentredWhenCalled(Plain):
    def __call__(self, x):
        return super().__call__(x - x.mean())


class Named(Plain):
    def __str__(self):
        return "a name changes nothing"


def lopsided():
    layer = conv(1, 1, 3)
    layer.padding = (2, 0, 1, 1)
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        MaxPool2d(1, REFERENCE),
        Layer(),
        Shifted(1, 1, 3, REFERENCE, np.float64),
        lopsided(),
        Centred({"a": conv(1, 1, 3)}),
        CentredWhenCalled({"a": conv(1, 1, 3)}),
        BatchNorm2d(1, REFERENCE, np.float64).train(),
        Residual({"a": conv(1, 1, 3)}, REFERENCE, shortcut=conv(1, 1, 9)),
        Residual({"a": conv(1, 1, 3)}, REFERENCE, shortcut=Bicubic(2, REFERENCE)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_where_it_is_not_known(layer):
    assert receptive_field(Sequential({"a": conv(1, 1, 3), "b": layer})) is None
    assert receptive_field(Sequential({"a": Sequential({"b": layer})})) is None


def test_what_is_no_sequence_of_layers():
    assert receptive_field(conv(1, 1, 3)) is None
    assert receptive_field(lambda x: x) is None
    assert receptive_field(Named({"a": conv(1, 1, 3), "b": Tanh(REFERENCE)})) == 1


def test_a_network_that_sees_everything_is_run_whole(rng):
    """In bands it would see only theirs."""
    network = Centred({"a": Conv2d(1, 1, 3, CPU, np.float32)})
    network.layers["a"].weight.value[...] = 0.1
    network.kernels, network.upscale_factor = CPU, 1
    x = rng.random((1, 1, 900, 300), np.float32)
    assert_array_equal(engine.compile(network)(x), network(x))


SMALL = {"channels": 8, "residual_blocks": 2}
PAPER = {"batch_norm": False, "residual_scaling": 0.1}


def small_edsr(R=2, **options):
    return EDSR(R, **SMALL, rng=np.random.default_rng(4), **options)


@pytest.mark.parametrize("options", [{}, PAPER], ids=str)
@pytest.mark.parametrize("R", [2, 3, 4, 8])
def test_bands_change_no_bit_and_the_halo_is_no_wider_than_it_must_be(R, options, rng):
    """One pixel less and the cut shows."""
    model = small_edsr(R, **options)
    for parameter in model.parameters:
        parameter.value[...] += 0.05 * rng.standard_normal(parameter.value.shape)
    x = rng.random((2, 3, 45, 13), np.float32)
    whole = model.forward(x)[0]
    compiled = engine.compile(model)
    assert compiled.plan is None
    assert compiled.halo == receptive_field(model) == 8
    assert_array_equal(model(x), whole)
    assert_array_equal(compiled(x), whole)
    for count, rows in ((1, 1), (2, 7), (3, 20)):
        with Threads(count) as threads:
            assert_array_equal(run_in_bands(model, x, R, compiled.halo, threads, rows), whole)
            narrow = run_in_bands(model, x, R, compiled.halo - 1, threads, rows)
            assert (narrow != whole).any()


def test_high_pictures_are_cut_by_the_engine(rng, monkeypatch):
    model = small_edsr(2, in_channels=1)
    x = rng.random((1, 1, 300, 9), np.float32)
    whole, heights, convolve = model(x), [], CPU.conv2d_forward

    def noted(x, *others):
        if x.shape[1] == 1:  # the first layer
            heights.append(x.shape[2])
        convolve(x, *others)

    monkeypatch.setattr(CPU, "conv2d_forward", noted)
    monkeypatch.setattr("minisr.engine.bands.BAND_PIXELS", 1000)
    with Threads(2) as threads:
        assert_array_equal(engine.compile(model)(x, threads), whole)
    assert sorted(heights) == [300 - 2 * 111 + 8, 111 + 8, 111 + 16]


STACKS = [
    ESPCN(3, channels=(12, 9), rng=np.random.default_rng(1)),
    SubPixelCNN(2, rng=np.random.default_rng(1)),
    SRCNN(2, channels=(6, 4), kernel_sizes=(9, 3, 5), rng=np.random.default_rng(1)),
    ThinSR(2, channels=6, depth=4, rng=np.random.default_rng(1)),
]


@pytest.mark.parametrize("network", STACKS, ids=str)
def test_bands_of_stacks_change_no_bit(network, rng):
    """Where they begin at multiples of a block, and have a halo to the bit."""
    compiled = engine.compile(network)
    x = rng.random((1, 1, 83, 27), np.float32)
    whole, R = compiled(x), network.upscale_factor
    for rows in (4, 20):
        for band in cut(83, rows, round_up(compiled.halo)):
            large = compiled(np.ascontiguousarray(x[:, :, band.top : band.bottom]))
            assert_array_equal(band.kept(large, R), whole[:, :, band.first * R : band.last * R])


@pytest.mark.parametrize("shape", [(3, 3), (1, 3, 4), (1, 1, 0, 4), (1, 1, 4, 0), (0, 1, 4, 4)])
def test_no_pictures_at_all_are_refused(shape):
    for network in (ESPCN(2, channels=(4, 3)), small_edsr(in_channels=1)):
        with pytest.raises(ShapeError, match=r"EDSR|ESPCN.*expects x of shape"):
            engine.compile(network)(np.zeros(shape, np.float32))


def test_more_channels_may_come_out_than_go_in(rng):
    layers = {"a": Conv2d(1, 2, 3, CPU, np.float32), "b": PReLU(2, CPU, np.float32)}
    layers["a"].weight.value[...] = rng.standard_normal((2, 1, 3, 3))
    network = network_of(layers, CPU)
    x = rng.random((2, 1, 9, 7), np.float32)
    assert_array_equal(engine.compile(network)(x), network(x))
