"""A constant image comes out unchanged, and grey stays grey: white is white, to the level."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minisr
from minisr import ESPCN, engine, models
from minisr.engine.receptive_field import receptive_field
from minisr.images import imresize
from minisr.images.chroma import chroma_of, join_chroma, luma_of
from minisr.images.colour import LUMA_RANGES, rgb_to_ycbcr
from minisr.models import EDSR, SubPixelCNN, ThinSR
from minisr.upscaling.constant import constant_error, is_constant, table_indices
from minisr.upscaling.enlarger import Enlarger

SCALES = [factor for name, factor in models.pretrained_names() if name == models.DEFAULT]
SATURATED = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)),
    *((254, 255, 255), (1, 0, 0), (200, 40, 30), (255, 128, 0), (17, 34, 250)),
]


@pytest.fixture(scope="module")
def enlarger():
    """Return an enlarger for x3, with the default network."""
    return Enlarger(scale=3)


def constant(value, dtype):
    factor = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[np.dtype(dtype).name]
    return np.full((5, 6, np.size(value)), np.multiply(value, factor), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["grey", "luma", "rgb"])
def test_every_grey_level_stays_itself(enlarger, dtype, kind):
    for level in range(256):
        picture = constant(level if kind == "grey" else (level,) * 3, dtype)
        colour = "rgb" if kind == "rgb" else "luma"
        large = minisr.upscale(picture, model=enlarger, colour=colour)
        assert large.shape[:2] == (15, 18)
        assert_array_equal(large, np.broadcast_to(picture[0, 0], large.shape), str(level))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colour", ["luma", "rgb"])
@pytest.mark.parametrize("scale", [*SCALES, 8, 2.5, 1.2])
def test_constant_colours_stay_themselves(dtype, colour, scale):
    enlarger = Enlarger(scale=scale)
    for value in (*SATURATED, (0, 0, 0), (255, 255, 255), (128, 128, 128)):
        for pixel in (value, (*value, 255), (*value, 128)):
            picture = constant(pixel, dtype)
            large = minisr.upscale(picture, model=enlarger, colour=colour)
            assert_array_equal(large, np.broadcast_to(picture[0, 0], large.shape))


def test_constant_floats_hardly_change(enlarger):
    for value in SATURATED:
        picture = constant(value, np.float32)
        large = minisr.upscale(picture, model=enlarger)
        assert_allclose(large, np.broadcast_to(picture[0, 0], large.shape), rtol=0, atol=2e-6)


def test_every_16_bit_level_stays_itself(enlarger):
    for level in range(0, 65536, 509):
        large = minisr.upscale(np.full((4, 4), level, np.uint16), model=enlarger)
        assert (large == level).all(), level


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colour", ["luma", "rgb"])
def test_a_grey_picture_in_colour_stays_grey(rng, dtype, colour):
    grey = imresize(rng.random((5, 6)), (30, 40)).clip(0, 1) * np.iinfo(dtype).max
    large = minisr.upscale(np.repeat(grey.astype(dtype)[..., None], 3, axis=2), colour=colour)
    assert_array_equal(large[..., 0], large[..., 1])
    assert_array_equal(large[..., 0], large[..., 2])
    assert np.ptp(large) > np.iinfo(dtype).max / 2


def test_a_constant_area_in_a_picture_stays_constant_and_leaves_no_seam(enlarger, rng):
    picture = np.full((60, 40), 255, np.uint8)
    picture[:20] = rng.integers(0, 255, (20, 40))
    large = minisr.upscale(picture, model=enlarger).astype(int)
    far = 3 * (20 + receptive_field(enlarger.network(3)))
    assert (large[far:] == 255).all()
    gently = np.float32(240) + np.mgrid[:40, :40][1] // 2  # one level more every other column
    plain = Enlarger(scale=3, as_trained=True)
    jumps = [
        np.abs(np.diff(minisr.upscale(gently / 255, model=each)[30:90, 30:90] * 255) - 1 / 6).max()
        for each in (enlarger, plain)
    ]
    assert jumps[0] < jumps[1]  # the correction adds no jumps to those of the network


@pytest.mark.parametrize(
    "network",
    [
        ESPCN(3, channels=(4, 3), rng=np.random.default_rng(1)),
        ThinSR(2, channels=3, depth=2, rng=np.random.default_rng(1)),
        SubPixelCNN(4, rng=np.random.default_rng(1)),
        EDSR(
            4,
            in_channels=1,
            channels=3,
            residual_blocks=1,
            batch_norm=False,
            rng=np.random.default_rng(1),
        ),
        ESPCN(2, channels=(4, 3), backend="reference", rng=np.random.default_rng(1)),
    ],
    ids=str,
)
def test_the_error_on_constant_images_is_known_in_advance(network):
    radius, R = receptive_field(network), network.upscale_factor
    height, width = 2 * radius + 6, radius + 3  # narrower than the receptive field
    table = constant_error(engine.compile(network), radius, (height, width))
    assert table.shape[1:] == (2 * radius + 1, width, R, R)
    steps = len(table) - 1
    rows, columns = table_indices(height, table.shape[1]), table_indices(width, width)
    for step in (0, steps // 3, steps):
        level = np.float32(step / steps)
        large = network(np.full((1, 1, height, width), level, np.float32))[0, 0]
        expected = table[step, rows[:, None], columns].swapaxes(1, 2).reshape(large.shape)
        assert_allclose(large - level, expected, rtol=0, atol=2e-6)
    assert np.abs(table).max() > 1e-3


def test_rows_near_a_border_have_their_own_row_in_the_table_and_the_others_share_one():
    assert table_indices(9, 5).tolist() == [0, 1, 2, 2, 2, 2, 2, 3, 4]
    assert table_indices(6, 5).tolist() == [0, 1, 2, 2, 3, 4]
    assert table_indices(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert table_indices(4, 4).tolist() == [0, 1, 2, 3]
    assert table_indices(4, 1).tolist() == [0, 0, 0, 0]


def test_where_a_picture_is_constant(rng):
    plane = rng.integers(0, 2, (30, 40)).astype(np.float32)
    plane[8:24, 5:30] = 0.5
    found = is_constant(plane, 3)
    for y, x in np.ndindex(plane.shape):
        window = plane[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4]
        assert not (found[y, x] and np.ptp(window) > 0)
    assert found[12:20, 9:26].all()
    assert not found[:8].any()
    assert is_constant(np.ones((2, 3)), 5).all()
    assert not is_constant(rng.random((30, 40)), 3).any()
    corner = rng.random((30, 40))
    corner[-5:, -5:] = 0.5  # all that is seen from the last pixel, and one more
    assert is_constant(corner, 3).sum() == is_constant(corner, 3)[-1, -1] == 1


def test_the_table_for_a_deep_network_has_fewer_steps():
    network = ThinSR(2, channels=2, depth=18, rng=np.random.default_rng(0))
    run, radius = engine.compile(network), receptive_field(network)
    assert len(constant_error(run, radius, (99, 99))) == 18
    assert len(constant_error(run, radius, (9, 9))) == 256


@pytest.mark.parametrize("luma_range", LUMA_RANGES)
def test_chroma_there_and_back(rng, luma_range):
    rgb = rng.random((3, 4, 5), dtype=np.float32)
    rgb[:, 0] = rgb[:1, 0]
    luma, chroma = luma_of(rgb, luma_range), chroma_of(rgb, luma_range)
    ycbcr = rgb_to_ycbcr(rgb.transpose(1, 2, 0), luma_range)
    assert_allclose(luma, ycbcr[..., 0], atol=1e-6)
    assert_allclose(chroma, ycbcr[..., 1:].transpose(2, 0, 1) - 128 / 255, atol=1e-6)
    assert not chroma[:, 0].any()
    back = join_chroma(luma, chroma, luma_range)
    assert_allclose(back, rgb, atol=2e-6)
    assert_array_equal(back[0, 0], back[2, 0])
