"""Any factor, and any size, from networks of one factor each."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minisr import ESPCN, engine, models, weights
from minisr.engine.receptive_field import receptive_field
from minisr.errors import CheckpointError, PictureError, SettingsError
from minisr.images import imresize
from minisr.models import EDSR, SRCNN, SubPixelCNN, ThinSR
from minisr.upscaling.enlarger import Enlarger

EXACT = {"dtype": np.float64, "backend": "reference", "rng": np.random.default_rng(5)}


def small(scale, **options):
    return ESPCN(scale, channels=(4, 3), rng=np.random.default_rng(scale), **options)


def compiled(scale):
    return engine.compile(small(scale))


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """Bundle three small networks: "tiny" x2, x3 and x4."""
    monkeypatch.setattr("minisr.models.bundled.FOLDER", tmp_path)
    for scale in (2, 3, 4):
        weights.save(small(scale), tmp_path / f"tiny_x{scale}.safetensors")


@pytest.mark.parametrize(
    ("scale", "chain"),
    [
        (2, (2,)),
        (3, (3,)),
        (4, (4,)),
        (8, (4, 2)),
        (6, (3, 2)),
        (9, (3, 3)),
        (12, (4, 3)),
        (16, (4, 4)),
        (1.5, (2,)),
        (2.5, (3,)),
        (3.5, (4,)),
        (5, (3, 2)),
        (7, (4, 2)),
        (12.1, (4, 4)),
    ],
)
def test_the_chain_is_short_and_makes_enough(bundled, scale, chain):
    enlarger = Enlarger("tiny", scale)
    assert enlarger.chain_of(10, 10) == chain
    assert enlarger.description == f"tiny x{scale}"


def test_a_whole_factor_is_its_networks_alone(bundled, rng):
    low = rng.random((7, 9), dtype=np.float32)
    assert_array_equal(
        Enlarger("tiny", 3, as_trained=True).plane(low), compiled(3)(low[None, None])[0, 0]
    )
    expected = compiled(2)(compiled(4)(low[None, None]))[0, 0]
    assert_array_equal(Enlarger("tiny", 8, as_trained=True).plane(low), expected)


def test_any_other_factor_is_reduced_by_bicubic(bundled, rng):
    low = rng.random((7, 9), dtype=np.float32)
    large = Enlarger("tiny", 2.5, as_trained=True).plane(low)
    assert large.shape == (18, 23)  # 17.5 and 22.5, rounded half up
    expected = imresize(compiled(3)(low[None, None])[0, 0], (18, 23))
    assert_allclose(large, expected, rtol=0, atol=1e-6)


def test_a_size_instead_of_a_factor(bundled, rng):
    assert Enlarger("tiny", size=(None, 30)).size_of(10, 20) == (15, 30)
    assert Enlarger("tiny", size=(25, None)).size_of(10, 21) == (25, 53)
    both = Enlarger("tiny", size=(31, 22))
    assert both.size_of(10, 20) == (31, 22)
    assert both.chain_of(10, 20) == (4,)
    assert both.plane(rng.random((10, 20), dtype=np.float32)).shape == (31, 22)
    assert both.description == "tiny 22x31"
    assert Enlarger("tiny", size=(None, 40)).description == "tiny w40"
    assert Enlarger("tiny", size=(40, None)).label == "h40"


def test_a_size_that_a_picture_has_already_is_refused(bundled):
    with pytest.raises(PictureError, match="20 x 10 pixels are enough for 20 x 10 already; choose"):
        Enlarger("tiny", size=(None, 20)).size_of(10, 20)
    with pytest.raises(PictureError, match="from 2 x 2 to 40 x 40 is more than x16; choose"):
        Enlarger("tiny", size=(None, 40)).size_of(2, 2)


def test_a_single_network_is_chained_with_itself(rng, tmp_path):
    low = rng.random((5, 4), dtype=np.float32)
    network = small(3)
    run = engine.compile(network)
    twice = run(run(low[None, None]))[0, 0]
    weights.save(network, tmp_path / "w.safetensors")
    for model in (network, tmp_path / "w.safetensors", str(tmp_path / "w.safetensors")):
        assert Enlarger(model).scale == 3
        assert_array_equal(Enlarger(model, 9, as_trained=True).plane(low), twice)
        reduced = Enlarger(model, 5, as_trained=True).plane(low)
        assert_allclose(reduced, imresize(twice, (25, 20)), rtol=0, atol=1e-6)
    with pytest.raises(SettingsError, match=r"w.safetensors enlarges x3, not x4; choose another"):
        Enlarger(tmp_path / "w.safetensors", 4)  # by x9, and then to less than half


def test_networks_are_loaded_when_needed_and_once(bundled, monkeypatch, rng):
    loaded = []
    load = models.from_pretrained

    def counted(name, factor, device):
        loaded.append(factor)
        return load(name, factor, device)

    monkeypatch.setattr(models, "from_pretrained", counted)
    enlarger = Enlarger("tiny", 8)
    assert loaded == []
    for _ in range(2):
        enlarger.plane(rng.random((5, 4), dtype=np.float32))
    assert loaded == [4, 2]


def test_an_rgb_network_takes_a_plane_as_grey(rng):
    network = small(2, in_channels=3)
    low = rng.random((5, 4), dtype=np.float32)
    enlarger = Enlarger(network)
    assert enlarger.in_channels == 3
    three = engine.compile(network)(np.repeat(low[None, None], 3, axis=1))
    assert_allclose(enlarger.plane(low), three.mean(axis=1)[0], rtol=1e-6)


@pytest.mark.parametrize("scale", [2, 4, 8, 9])
def test_a_band_with_its_halo_is_the_whole_pictures_to_the_bit(bundled, rng, scale):
    low = rng.random((61, 23), dtype=np.float32)
    enlarger = Enlarger("tiny", scale)
    whole, halo = enlarger.plane(low), enlarger.halo
    first, last, top = 24, 33, 24 - halo
    band = enlarger.plane(low[top : last + halo])
    assert_array_equal(
        band[(first - top) * scale : (last - top) * scale], whole[first * scale : last * scale]
    )


def test_there_is_no_halo_where_bands_would_not_work(bundled):
    assert Enlarger("tiny", 2.5).halo is None
    assert Enlarger("tiny", size=(40, None)).halo is None

    class Unknown:
        upscale_factor, in_channels, luma_range = 2, 1, "studio"

    assert Enlarger(Unknown()).halo is None


@pytest.mark.parametrize(
    "network",
    [
        ESPCN(3, channels=(4, 3), **EXACT),
        SubPixelCNN(2, **EXACT),
        SRCNN(2, channels=(4, 3), **EXACT),
        ThinSR(2, channels=3, depth=2, **EXACT),
        EDSR(4, in_channels=1, channels=3, residual_blocks=2, **EXACT),
    ],
    ids=lambda network: network.name,
)
def test_a_network_sees_no_further_than_its_receptive_field(network, rng):
    far = receptive_field(network)
    assert 2 <= far <= 12
    scale = network.upscale_factor
    low = rng.random((1, 1, 2 * far + 4, 5))
    changed = low.copy()
    changed[..., -1, :] += 1
    difference = np.abs(network(changed) - network(low)).max(axis=(0, 1, 3))
    seen = np.flatnonzero(difference > 1e-12)
    assert seen[0] // scale >= low.shape[2] - 1 - far
    assert seen[0] // scale <= low.shape[2] - 1 - far + 2  # and the bound is tight


def test_impossible_requests_are_refused(bundled, tmp_path):
    for scale in (1, 0, -2, 16.5, float("nan"), float("inf"), True, "3"):
        with pytest.raises(SettingsError, match="scale must be a number above 1, at most 16"):
            Enlarger("tiny", scale)
    with pytest.raises(SettingsError, match="expected a scale or a size, got both"):
        Enlarger("tiny", 2, (3, 4))
    with pytest.raises(SettingsError, match="size must be"):
        Enlarger("tiny", size=(None, None))
    with pytest.raises(SettingsError, match="integers of at least 1, got 0"):
        Enlarger("tiny", size=(0, None))
    with pytest.raises(SettingsError, match=r"no such file of weights; bundled networks: tiny$"):
        Enlarger(tmp_path / "none.safetensors")
    with pytest.raises(SettingsError, match="minisr has no weights of edsr x3"):
        Enlarger("edsr")
    with pytest.raises(CheckpointError, match="is a folder"):
        Enlarger(tmp_path)
