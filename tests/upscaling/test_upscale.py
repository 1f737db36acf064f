import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minisr
from minisr import ESPCN, engine
from minisr.errors import PictureError, SettingsError
from minisr.images import imresize, read_picture, rgb_to_ycbcr, write_picture
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.pixels import MAXIMUM
from minisr.upscaling.plan import Enlargement


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
    if channels not in (2, 4):  # with bicubic as the network, all of it must be bicubic
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


def test_a_full_range_network_gets_full_range_luma(rng):
    class Keeps(Bicubic):
        luma_range = "full"

        def __call__(self, low, threads=None):
            self.low = low
            return super().__call__(low)

    model, picture = Keeps(), smooth(rng, 9, 14, 3).astype(np.float32)
    large = minisr.upscale(picture, model=model)
    assert_allclose(model.low[0, 0], picture @ np.float32([0.299, 0.587, 0.114]), atol=1e-6)
    assert_allclose(large, imresize(picture, (18, 28)), atol=2e-6)  # and converted back from it


def test_a_grey_picture_is_its_luma(rng):
    picture = smooth(rng, 9, 14).astype(np.float32)
    model = ESPCN(2, rng=np.random.default_rng(0))
    large = minisr.upscale(picture, model=Enlarger(model, as_trained=True))
    assert_array_equal(large, engine.compile(model)(picture[None, None])[0, 0])


def test_opaque_stays_opaque_and_its_colour_is_that_of_rgb(rng):
    rgb = np.uint8(255 * smooth(rng, 9, 14, 3))
    rgba = np.dstack([rgb, np.full((9, 14), 255, np.uint8)])
    large = minisr.upscale(rgba, model=Bicubic())
    assert (large[..., 3] == 255).all()
    assert_array_equal(large[..., :3], minisr.upscale(rgb, model=Bicubic()))


def test_transparent_pixels_do_not_bleed_into_visible_ones():
    picture = np.zeros((12, 12, 4), np.uint8)
    picture[..., :3] = (0, 255, 0)  # green, but only where it is invisible
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


def test_a_network_by_name():
    picture = np.full((6, 5, 3), 90, np.uint8)
    assert minisr.upscale(picture, scale=2).shape == (12, 10, 3)
    assert minisr.upscale(picture).shape == (18, 15, 3)
    with pytest.raises(SettingsError, match="vdsr: no such file of weights; bundled networks: "):
        minisr.upscale(picture, model="vdsr")


@pytest.mark.parametrize("colour", ["luma", "rgb"])
@pytest.mark.parametrize("scale", [2, 4, 2.5, 3.4, 8])
def test_bands_leave_no_seams_and_equal_the_whole_picture_to_the_bit(
    rng, monkeypatch, scale, colour
):
    picture = np.uint8(255 * smooth(rng, 90, 21, 4) + rng.integers(0, 2, (90, 21, 4)))
    enlarger = Enlarger(ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0)), scale)
    whole = minisr.upscale(picture, model=enlarger, colour=colour)
    plane = np.float32(picture[..., 0]) / 255
    whole_plane = enlarger.plane(plane)
    made = []
    make = Enlargement.make
    monkeypatch.setattr(
        Enlargement,
        "make",
        lambda *words, **options: made.append(words[3]) or make(*words, **options),
    )
    monkeypatch.setattr("minisr.engine.bands.BAND_BYTES", 1)
    assert_array_equal(minisr.upscale(picture, model=enlarger, colour=colour), whole)
    assert len(made) >= 3
    assert_array_equal(enlarger.plane(plane), whole_plane)


def test_memory_apart_from_picture_and_result_does_not_grow_with_them(monkeypatch):
    monkeypatch.setattr("minisr.engine.bands.BAND_BYTES", 1 << 20)
    enlarger = Enlarger(ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0)))
    minisr.upscale(np.zeros((40, 200, 3), np.uint8), model=enlarger)  # to allocate what stays
    tracemalloc.start()
    try:
        for height in (800, 1600):
            picture = np.zeros((height, 200, 3), np.uint8)
            tracemalloc.reset_peak()
            result = minisr.upscale(picture, model=enlarger)
            beside = tracemalloc.get_traced_memory()[1] - picture.nbytes - result.nbytes
            assert beside < 6 << 20, height
            del result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("scale", [1.5, 2, 3])
def test_any_scale_and_size_of_arrays(rng, scale):
    picture = np.uint8(255 * smooth(rng, 10, 15, 3))
    model = Bicubic()
    large = minisr.upscale(picture, scale, model)
    assert large.shape == (10 * scale, np.floor(15 * scale + 0.5), 3)
    assert_allclose(large, imresize(picture, large.shape[:2]), atol=9)
    assert minisr.upscale(picture, model=model, size=(None, 24)).shape == (16, 24, 3)


def test_every_colour_by_itself_is_enlarged_like_luma(rng):
    picture = np.uint8(255 * smooth(rng, 10, 15, 3))
    model = ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0))
    large = minisr.upscale(picture, model=model, colour="rgb")
    for channel in range(3):
        alone = minisr.upscale(picture[..., channel], model=model)
        assert_array_equal(large[..., channel], alone)
    with pytest.raises(SettingsError, match="colour must be one of luma, rgb, got 'yuv'"):
        minisr.upscale(picture, model=model, colour="yuv")


def test_a_path_is_read_and_if_asked_the_result_is_written(rng, tmp_path):
    picture = np.uint8(255 * smooth(rng, 10, 15, 3))
    write_picture(tmp_path / "in.png", picture, {"dpi": (300, 300)})
    model = Enlarger(Bicubic())
    large = minisr.upscale(tmp_path / "in.png", model=model)
    assert_array_equal(large, minisr.upscale(picture, model=model))
    out = minisr.upscale(str(tmp_path / "in.png"), model=model, output=str(tmp_path / "out.png"))
    assert out == tmp_path / "out.png"
    written = read_picture(out)
    assert_array_equal(written.pixels, large)
    assert written.metadata["dpi"] == pytest.approx((300, 300), abs=0.1)
    with pytest.raises(SettingsError, match="output needs a picture file, got an array"):
        minisr.upscale(picture, model=model, output="out.png")
    with pytest.raises(PictureError, match=r"none.png: no such file"):
        minisr.upscale(tmp_path / "none.png", model=model, output="out.png")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_file_in_bands_equals_the_whole_file_to_the_bit(rng, tmp_path, monkeypatch, channels):
    picture = rng.integers(0, 256, (150, 20, channels), dtype=np.uint8)
    write_picture(tmp_path / "in.tiff", picture[..., 0] if channels == 1 else picture)
    enlarger = Enlarger(ESPCN(3, channels=(4, 3), rng=np.random.default_rng(0)))
    whole = minisr.upscale(tmp_path / "in.tiff", model=enlarger)
    monkeypatch.setattr("minisr.upscaling.file.LARGEST_WHOLE", 100)
    monkeypatch.setattr("minisr.upscaling.file._BAND", 400)
    out = minisr.upscale(tmp_path / "in.tiff", model=enlarger, output=tmp_path / "out.tiff")
    assert_array_equal(read_picture(out).pixels, whole)


def test_the_size_is_known_before_a_large_file_is_read(tmp_path, monkeypatch):
    write_picture(tmp_path / "in.png", np.zeros((30, 20), np.uint8))
    monkeypatch.setattr("minisr.upscaling.file._SMALL", 1)
    enlarger = Enlarger(Bicubic(), size=(None, 300))  # a scale that depends on the picture
    out = minisr.upscale(tmp_path / "in.png", model=enlarger, output=tmp_path / "out.png")
    assert read_picture(out).pixels.shape == (450, 300)


@pytest.mark.parametrize("colour", [(0, 0, 255), (255, 255, 0)])
def test_a_soft_edge_of_alpha_has_no_fringe_of_another_colour(colour):
    picture = np.zeros((24, 24, 4), np.uint8)
    picture[..., :3] = 255, 0, 0  # which is invisible
    picture[:, 11:, :3] = colour
    picture[:, 11:, 3] = [128] + [255] * 12
    large = minisr.upscale(picture, 3, "thinsr-small").astype(int)
    visible = large[large[..., 3] > 128][:, :3]
    assert np.abs(visible - colour).max() < 24  # 70 if chroma and luma are weighted differently
