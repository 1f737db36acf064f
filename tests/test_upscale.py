import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minisr
from minisr import ESPCN
from minisr.errors import PictureError, SettingsError
from minisr.images import imresize, rgb_to_ycbcr
from minisr.scales import Enlarger
from minisr.upscale import MAXIMUM


class Bicubic:
    """A network whose output is known: MATLAB's bicubic."""

    luma_range = "studio"

    def __init__(self, in_channels=1, upscale_factor=2):
        self.in_channels, self.upscale_factor = in_channels, upscale_factor

    def __call__(self, low, threads=None):
        assert low.dtype == np.float32
        assert low.shape[1] == self.in_channels
        size = [self.upscale_factor * n for n in low.shape[2:]]
        return np.stack([[imresize(plane, size) for plane in sample] for sample in low])


def smooth(rng, *shape):
    small = rng.random((4, 5, *shape[2:]))
    return imresize(small, shape[:2]).clip(0, 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_the_same_kind_of_picture_comes_out(rng, dtype, channels, in_channels):
    shape = (9, 14) if channels is None else (9, 14, channels)
    maximum = MAXIMUM[dtype]
    picture = (smooth(rng, *shape) * maximum).astype(dtype)
    large = minisr.upscale(picture, model=Bicubic(in_channels))
    assert large.dtype == dtype
    assert large.shape == (18, 28, *shape[2:])
    if channels not in (2, 4):  # with bicubic for a network, all of it must be bicubic
        expected = imresize(picture.astype(np.float64), (18, 28))
        if maximum > 1:
            expected = expected.clip(0, maximum)
        assert_allclose(large, expected, rtol=0, atol=0.006 * maximum)


def test_luma_goes_through_the_network_and_chroma_does_not(rng):
    class Brighter(Bicubic):
        def __call__(self, low, threads=None):
            return super().__call__(low) + np.float32(0.1)

    picture = smooth(rng, 9, 14, 3) * 0.5 + 0.2
    plain = rgb_to_ycbcr(minisr.upscale(picture, model=Bicubic()))
    changed = rgb_to_ycbcr(minisr.upscale(picture, model=Brighter()))
    assert_allclose(changed[..., 0] - plain[..., 0], 0.1, atol=1e-6)
    assert_allclose(changed[..., 1:], plain[..., 1:], atol=1e-6)


def test_a_network_of_full_range_is_given_that_luma(rng):
    class Keeps(Bicubic):
        luma_range = "full"

        def __call__(self, low, threads=None):
            self.low = low
            return super().__call__(low)

    model, picture = Keeps(), smooth(rng, 9, 14, 3).astype(np.float32)
    large = minisr.upscale(picture, model=model)
    assert_allclose(model.low[0, 0], picture @ np.float32([0.299, 0.587, 0.114]), atol=1e-6)
    assert_allclose(large, imresize(picture, (18, 28)), atol=2e-6)  # and is converted back by it


def test_a_grey_picture_is_its_luma(rng):
    picture = smooth(rng, 9, 14).astype(np.float32)
    model = ESPCN(2, rng=np.random.default_rng(0))
    large = minisr.upscale(picture, model=Enlarger(model, as_trained=True))
    assert_array_equal(large, model(picture[None, None])[0, 0])


def test_opaque_stays_opaque_and_its_colour_is_that_of_rgb(rng):
    rgb = np.uint8(255 * smooth(rng, 9, 14, 3))
    rgba = np.dstack([rgb, np.full((9, 14), 255, np.uint8)])
    large = minisr.upscale(rgba, model=Bicubic())
    assert (large[..., 3] == 255).all()
    assert_array_equal(large[..., :3], minisr.upscale(rgb, model=Bicubic()))


def test_transparent_pixels_do_not_bleed_into_visible_ones():
    picture = np.zeros((12, 12, 4), np.uint8)
    picture[..., :3] = (0, 255, 0)  # green, but only where nobody sees it
    picture[:, 6:] = (200, 40, 30, 255)
    large = minisr.upscale(picture, model=Bicubic())
    visible = large[..., 3] > 8
    assert visible[:, 12:].all()
    assert_allclose(large[visible][:, :3], np.tile([200, 40, 30], (visible.sum(), 1)), atol=2)
    assert not large[:, :9, 3].any()


@pytest.mark.parametrize("value", [0, 255])
def test_what_is_beyond_the_range_is_clipped(value):
    class TooMuch(Bicubic):
        def __call__(self, low, threads=None):
            return super().__call__(low) + np.float32(2 if value else -2)

    large = minisr.upscale(np.full((4, 4), 128, np.uint8), model=TooMuch())
    assert (large == value).all()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros(5), r"shape \(H, W\) or \(H, W, C\) with C from 1 to 4, got \(5,\)"),
        (np.zeros((5, 5, 5)), r"got \(5, 5, 5\)"),
        (np.zeros((0, 5)), r"got \(0, 5\)"),
        (np.zeros((5, 5), int), "expects uint8, uint16, float32, float64, got int64"),
        (np.full((5, 5), np.nan), "expects finite numbers"),
    ],
)
def test_what_is_no_picture_is_refused(picture, message):
    with pytest.raises(PictureError, match=message):
        minisr.upscale(picture, model=Bicubic())


def test_a_network_by_name():
    picture = np.full((6, 5, 3), 90, np.uint8)
    assert minisr.upscale(picture, scale=2).shape == (12, 10, 3)
    assert minisr.upscale(picture).shape == (18, 15, 3)
    with pytest.raises(SettingsError, match="vdsr: no such file of weights; networks that come"):
        minisr.upscale(picture, model="vdsr")
