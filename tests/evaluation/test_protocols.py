"""Protocols, against published figures and other implementations' resizers and luma."""

import dataclasses
import math

import numpy as np
import pytest

from minisr.errors import PictureError, SettingsError, ShapeError
from minisr.evaluation.evaluate import score_methods
from minisr.evaluation.metrics import psnr, ssim
from minisr.evaluation.protocols import DIFFERENCES, PROTOCOLS
from minisr.images import find_pictures, imresize, luma, read_picture

MATLAB = PROTOCOLS["matlab"]


def noisy_pair(rng, shape):
    a = rng.integers(0, 256, shape, dtype=np.uint8)
    b = np.clip(a + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)
    return a, b


def test_each_protocol_has_a_name_and_a_one_line_description():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.description
        assert "\n" not in protocol.description


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_matlab_crops_takes_luma_and_shrinks(scale, rng):
    pixels = rng.integers(0, 256, (26, 37, 3), dtype=np.uint8)
    low, high = MATLAB.prepare(pixels, scale)
    height, width = 26 // scale, 37 // scale
    np.testing.assert_array_equal(high, luma(pixels)[: height * scale, : width * scale])
    np.testing.assert_array_equal(low, imresize(high, (height, width)))
    assert low.dtype == high.dtype == np.uint8
    assert low.shape == (height, width)


def test_matlab_shaves_scale_pixels_off_every_side(rng):
    high = rng.integers(0, 256, (30, 36), dtype=np.uint8)
    prediction = high.copy()
    prediction[[0, 2, -3, -1]] ^= 255
    prediction[:, [0, 2, -3, -1]] ^= 255
    assert MATLAB.score(prediction, high, 3) == (math.inf, 1)
    for pixel in ((3, 3), (-4, -4), (3, -4), (-4, 3)):
        changed = prediction.copy()
        changed[pixel] ^= 255
        assert MATLAB.score(changed, high, 3)[0] < math.inf


def test_matlab_clips_and_rounds_a_float_prediction(rng):
    high = rng.integers(0, 256, (20, 20), dtype=np.uint8)
    prediction = high / 255
    prediction[high == 255] += 0.3
    prediction[high == 0] -= 0.3
    assert MATLAB.score(prediction + 0.49 / 255, high, 2) == (math.inf, 1)
    assert MATLAB.score((prediction - 0.49 / 255).astype(np.float32), high, 2) == (math.inf, 1)
    assert MATLAB.score(prediction + 0.51 / 255, high, 2)[0] < 50


def test_matlab_score_is_psnr_and_ssim_of_the_inside(rng):
    high, prediction = noisy_pair(rng, (24, 28))
    inside = np.s_[2:-2, 2:-2]
    expected = psnr(prediction[inside], high[inside]), ssim(prediction[inside], high[inside])
    assert MATLAB.score(prediction, high, 2) == expected


def test_matlab_treats_deep_and_opaque_pictures_like_8_bits(rng):
    rgb = rng.integers(0, 256, (24, 25, 3), dtype=np.uint8)
    expected = MATLAB.prepare(rgb, 2)
    opaque = np.full((24, 25, 1), 255, np.uint8)
    same = (rgb.astype(np.uint16) * 257, rgb / 255, np.concatenate([rgb, opaque], axis=2))
    for pixels in same:
        np.testing.assert_array_equal(MATLAB.prepare(pixels, 2)[0], expected[0])
        np.testing.assert_array_equal(MATLAB.prepare(pixels, 2)[1], expected[1])
    grey = rgb[..., 0]
    np.testing.assert_array_equal(MATLAB.prepare(grey, 2)[1], grey[:, :24])  # unconverted
    grey_alpha = np.stack([grey, opaque[..., 0]], axis=2)
    np.testing.assert_array_equal(MATLAB.prepare(grey_alpha, 2)[1], grey[:, :24])
    deep = np.tile(np.array([128, 129, 385, 386], np.uint16), (24, 6))
    np.testing.assert_array_equal(MATLAB.prepare(deep, 2)[1][0, :4], [0, 1, 1, 2])


def test_matlab_refuses_transparency():
    pixels = np.full((24, 24, 4), 255, np.uint8)
    pixels[3, 4, 3] = 254
    with pytest.raises(PictureError, match=r"transparent pixels .* background"):
        MATLAB.prepare(pixels, 2)


@pytest.mark.parametrize(("scale", "minimum"), [(1, 13), (2, 16), (3, 18), (4, 20), (12, 36)])
def test_matlab_tells_the_smallest_size_that_it_can_measure(scale, minimum):
    low, high = MATLAB.prepare(np.zeros((minimum, minimum), np.uint8), scale)
    assert MATLAB.score(MATLAB.bicubic(low, scale), high, scale) == (math.inf, 1)
    with pytest.raises(PictureError, match=f"at least {minimum} x {minimum} pixels .* x{scale}"):
        MATLAB.prepare(np.zeros((minimum + 5, minimum - 1), np.uint8), scale)


def test_matlab_refuses_bad_arguments():
    high = np.zeros((24, 24), np.uint8)
    for scale in (0, -2, 2.0, "2"):
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            MATLAB.prepare(high, scale)
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            MATLAB.score(high, high, scale)
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            MATLAB.bicubic(high, scale)
    with pytest.raises(PictureError, match="at least 16 x 16"):
        MATLAB.prepare(np.zeros(3, np.uint8), 2)
    with pytest.raises(PictureError, match="got int16"):
        MATLAB.prepare(high.astype(np.int16), 2)
    with pytest.raises(PictureError, match="NaN"):
        MATLAB.score(np.full((24, 24), np.nan), high, 2)
    with pytest.raises(ShapeError, match=r"got \(24, 23\) and \(24, 24\)"):
        MATLAB.score(high[:, 1:], high, 2)
    with pytest.raises(ShapeError, match="float64"):
        MATLAB.score(high, high / 255, 2)
    with pytest.raises(PictureError, match="got float64"):
        MATLAB.bicubic(high / 255, 2)


def test_bicubic_is_rounded_once_and_overshoots(rng):
    low = rng.integers(0, 2, (8, 9), dtype=np.uint8) * 255
    enlarged = MATLAB.bicubic(low, 3)
    assert enlarged.shape == (24, 27)
    assert enlarged.max() > 1
    np.testing.assert_array_equal(enlarged, imresize(low / 255, (24, 27)))


@pytest.mark.parametrize(
    ("name", "scale", "published", "tolerance"),
    [
        ("Set5", 2, 33.66, 0.02),
        ("Set5", 3, 30.39, 0.02),
        ("Set5", 4, 28.42, 0.02),
        ("Set14", 2, 30.24, 0.03),
        ("Set14", 3, 27.54, 0.03),
        ("Set14", 4, 26.00, 0.03),
    ],
)
def test_bicubic_gives_the_published_figures(shared_data, name, scale, published, tolerance):
    scores = []
    for path in find_pictures(shared_data / name):
        low, high = MATLAB.prepare(read_picture(path).pixels, scale)
        scores.append(MATLAB.score(MATLAB.bicubic(low, scale), high, scale)[0])
    assert np.mean(scores) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    ("picture", "rgb", "luma_"),
    [
        ("img_001", (20.419710, 0.391853), (22.441898, 0.453097)),  # baboon
        ("img_005", (20.239912, 0.567738), (21.720398, 0.585511)),  # comic
    ],
)
def test_basicsr_gives_its_published_figures(shared_data, picture, rgb, luma_):
    """From the table on BasicSR's page about metrics: bicubic x4 on two pictures of Set14."""
    pixels = read_picture(shared_data / "Set14" / f"{picture}.png").pixels
    protocol = PROTOCOLS["basicsr"]
    low, high = protocol.prepare(pixels, 4)
    enlarged = protocol.bicubic(low, 4)
    assert protocol.score(enlarged, high, 4) == pytest.approx(luma_, abs=2e-6)
    colours = dataclasses.replace(protocol, luma=None)
    assert colours.score(enlarged, high, 4) == pytest.approx(rgb, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "white"),
    [
        ("matlab", 235),
        ("basicsr", 235),
        ("edsr", 16 + (65.738 + 129.057 + 25.064) * 255 / 256),
        ("yjn870", 16 + (64.738 + 129.057 + 25.064) * 255 / 256),  # 234: not white
        ("torch-example", 255),
    ],
)
def test_the_luma_of_white(name, white):
    value = PROTOCOLS[name].luma_of(np.full((2, 3, 3), 255, np.uint8))
    levels = value if value.dtype == np.uint8 else value * 255
    np.testing.assert_allclose(levels, white, rtol=1e-12)
    assert round(16 + (64.738 + 129.057 + 25.064) * 255 / 256) == 234


def test_how_much_the_choice_of_luma_changes_psnr(rng):
    original = rng.integers(30, 220, (40, 44, 3), dtype=np.uint8)
    grey_noise = rng.integers(-20, 21, (40, 44, 1))  # the same error in all three colours
    changed = np.uint8(original + grey_noise)

    def of(**changes):
        protocol = dataclasses.replace(MATLAB, rounded=False, answer="clipped", **changes)
        return protocol.score(protocol.luma_of(changed), protocol.luma_of(original), 2)[0]

    studio = of()
    assert of(luma="full") - studio == pytest.approx(20 * math.log10(219 / 255), abs=1e-9)
    assert 20 * math.log10(219 / 255) == pytest.approx(-1.32, abs=0.005)
    gap = of(luma="studio, 64.738") - studio
    assert gap == pytest.approx(-20 * math.log10(218.859 / 256 * 255 / 219), abs=1e-9)
    assert gap == pytest.approx(0.04, abs=0.001)
    assert of(luma="studio, over 256") == pytest.approx(studio, abs=1e-4)


def test_every_difference_changes_the_figures(rng):
    small = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    colour = imresize(small, (301, 305))
    pictures = colour, luma(colour) // 2 + 20

    def figures(protocol):
        values = []
        for pixels in pictures:
            low, high = protocol.prepare(pixels, 3)
            values.append(protocol.score(protocol.bicubic(low, 3), high, 3)[0])
        return protocol.mean_psnr(values)

    matlab = figures(MATLAB)
    for text, changes in DIFFERENCES.items():
        assert figures(dataclasses.replace(MATLAB, **changes)) != matlab, text


def from_pillow(image):
    return np.asarray(image, np.float64)


@pytest.fixture
def colour(rng):
    return imresize(rng.integers(0, 256, (50, 53, 3), dtype=np.uint8), (200, 211))


def test_yjn870_matches_its_script(colour):
    from PIL import Image

    def y(image):
        return (16 + from_pillow(image) @ np.array([64.738, 129.057, 25.064]) / 256) / 255

    high = Image.fromarray(colour).resize((210, 198), Image.BICUBIC)
    low = high.resize((70, 66), Image.BICUBIC)
    answer = np.repeat(np.repeat(y(low), 3, axis=0), 3, axis=1) * 1.3 - 0.1
    error = np.mean((answer.clip(0, 1) - y(high)) ** 2)
    protocol = PROTOCOLS["yjn870"]
    given, expected = protocol.prepare(colour, 3)
    np.testing.assert_allclose(given, y(low), rtol=1e-12)
    np.testing.assert_allclose(expected, y(high), rtol=1e-12)
    decibels, _ = protocol.score(answer, expected, 3)
    assert decibels == pytest.approx(10 * math.log10(1 / error), rel=1e-12)


def test_torch_example_matches_its_script(rng):
    from PIL import Image

    pictures = [imresize(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8), (300, 281))]
    pictures.append(imresize(pictures[0], (101, 403)))  # smaller than the square along one axis
    protocol, errors, values = PROTOCOLS["torch-example"], [], []
    for pixels in pictures:
        luma_ = np.asarray(Image.fromarray(pixels).convert("YCbCr"))[..., 0]
        if pixels.shape[0] == 300:
            square = luma_[22:277, 13:268]  # round(45 / 2) and round(26 / 2), halves to even
        else:
            square = np.zeros((255, 255), np.uint8)
            square[77:178] = luma_[:, 74:329]
        low = np.asarray(Image.fromarray(square).resize((85, 85), Image.BILINEAR))
        given, high = protocol.prepare(pixels, 3)
        np.testing.assert_array_equal(given, low)
        np.testing.assert_array_equal(high, square)
        answer = np.kron(low / 255, np.ones((3, 3))) * 1.2 - 0.1  # beyond [0, 1]
        errors.append(np.mean((answer - square / 255) ** 2))
        values.append(protocol.score(answer, high, 3)[0])
    assert protocol.mean_psnr(values) == pytest.approx(-10 * math.log10(np.mean(errors)), rel=1e-12)
    assert protocol.mean_psnr([math.inf, math.inf]) == math.inf
    assert MATLAB.mean_psnr([10, 30]) == 20
    assert protocol.mean_psnr([10, 30]) == pytest.approx(-10 * math.log10(0.0505))


def test_edsr_matches_its_script(colour, rng):
    for name, inside in (("edsr", 3), ("edsr-div2k", 9)):
        protocol = PROTOCOLS[name]
        low, high = protocol.prepare(colour, 3)
        np.testing.assert_array_equal(high, colour[:198, :210])
        np.testing.assert_array_equal(low, imresize(high, (66, 70)))
        answer = np.clip(high + rng.normal(0, 9, high.shape), 0, 255).astype(np.uint8)
        difference = (answer.astype(float) - high) / 255
        if name == "edsr":
            difference = difference @ np.array([65.738, 129.057, 25.064]) / 256
        valid = difference[inside:-inside, inside:-inside]
        expected = -10 * math.log10(np.mean(valid**2))
        assert protocol.score(answer, high, 3)[0] == pytest.approx(expected, rel=1e-12)


def test_opencv_compares_all_pixels_of_all_colours(colour, rng):
    protocol = PROTOCOLS["opencv"]
    low, high = protocol.prepare(colour, 3)
    np.testing.assert_array_equal(low, colour[1:198:3, 1:210:3])
    answer = np.clip(high + rng.normal(0, 9, high.shape), 0, 255).astype(np.uint8)
    decibels, similarity = protocol.score(answer, high, 3)
    assert decibels == psnr(answer, high)
    around = ((5, 5), (5, 5), (0, 0))
    mirrored = (np.pad(x, around, mode="reflect") for x in (answer, high))
    assert similarity == pytest.approx(ssim(*mirrored), abs=1e-14)
    quality = getattr(pytest.importorskip("cv2", reason="needs OpenCV"), "quality", None)
    if quality is None:
        pytest.skip("needs OpenCV with the module quality: opencv-contrib-python")
    theirs = np.mean(quality.QualitySSIM_compute(answer, high)[0][:3])
    assert similarity == pytest.approx(theirs, abs=1e-6)


def test_grey_pictures_by_every_protocol(rng):
    grey = imresize(rng.integers(0, 256, (30, 30), dtype=np.uint8), (60, 60))
    for name, protocol in PROTOCOLS.items():
        _, high = protocol.prepare(grey, 2)
        if name == "matlab":
            np.testing.assert_array_equal(high, grey)
        elif protocol.given == "picture":
            np.testing.assert_array_equal(high, np.stack([grey] * 3, axis=2))
        elif name == "yjn870":
            np.testing.assert_allclose(high * 255, 16 + 218.859 / 256 * grey, rtol=1e-12)
        else:
            np.testing.assert_array_equal(high[98:158, 98:158], grey)


def test_every_protocol_refuses_nan_and_accepts_its_own_pictures(colour):
    for name, protocol in PROTOCOLS.items():
        low, high = protocol.prepare(colour, 3)
        assert protocol.score(high, high, 3) == pytest.approx((math.inf, 1)), name
        with pytest.raises(PictureError, match="NaN"):
            protocol.score(np.full(high.shape, np.nan), high, 3)
        with pytest.raises(ShapeError, match="expected a prediction of the shape"):
            protocol.score(high[1:], high, 3)
        with pytest.raises(PictureError, match=f"low of protocol {name}, got uint16"):
            protocol.bicubic(low.astype(np.uint16), 3)
        assert protocol.colours(colour, 3).shape == (*low.shape[:2], 3)


def test_a_grey_low_counts_as_the_luma_of_its_picture(colour):
    low, high = MATLAB.prepare(colour, 3)
    given, whole = MATLAB.prepare(colour, 3, low)
    np.testing.assert_array_equal(given, low)
    np.testing.assert_array_equal(whole, high)


def test_a_given_low_must_leave_room_for_the_window(colour):
    with pytest.raises(PictureError, match=r"at least 18 x 18 .* got shape \(12, 12, 3\)"):
        MATLAB.prepare(colour[:23, :23], 3, colour[:4, :4])  # cropped to a multiple of 12
    with pytest.raises(PictureError, match="5 x 8 pixels, expected 6 x 8 at x8"):
        MATLAB.prepare(colour[:64, :55], 8, colour[:8, :5])


@pytest.mark.parametrize("name", ["matlab", "yjn870", "torch-example"])
def test_an_rgb_prediction_is_compared_by_the_luma_of_the_protocol(name):
    class Nearest:
        """Perfect on a constant picture."""

        in_channels, upscale_factor = 3, 3

        def __call__(self, x, threads=None):
            return x.repeat(3, axis=2).repeat(3, axis=3)

    constant = np.broadcast_to(np.uint8([201, 30, 77]), (255, 255, 3))
    scores = score_methods(constant, 3, {"rgb": Nearest()}, PROTOCOLS[name])
    assert scores["rgb"].psnr == math.inf
