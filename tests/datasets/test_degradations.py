"""Degradations: what is written is what is done, the same every time."""

import numpy as np
import pytest

from minisr.datasets.degradations import SHRINKS, Degradation, h264, jpeg, shrunk
from minisr.datasets.pairs import fingerprint, make_pair
from minisr.errors import SettingsError
from minisr.images import imresize, luma


@pytest.fixture(scope="module")
def picture():
    rows, columns = np.mgrid[:60, :72] / 9
    waves = [128 + 90 * np.sin(rows * (1 + k) + columns * k) for k in range(3)]
    return np.stack(waves, axis=2).astype(np.uint8)


def drawn(text, picture, scale=3, seed=0):
    return Degradation.parse(text).apply(picture, scale, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "text",
    [
        "clean",
        "jpeg=75",
        "jpeg=30..95",
        "blur=0.5..1.5,shrink=box/lanczos,noise=0..10,jpeg=30..95,subsampling=444/420",
        "shrink=nearest",
        "noise=2.5",
        "h264=18..30",
    ],
)
def test_what_is_written_is_read_and_written_again(text):
    assert Degradation.parse(text).text == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a degradation is clean, or steps such as jpeg=75"),
        ("sharpen=3", "got 'sharpen=3'"),
        ("jpeg", "jpeg must be a whole number from 1 to 100, .* got nothing"),
        ("jpeg=0", "got 0"),
        ("jpeg=101", "got 101"),
        ("jpeg=50.5", "got 50.5"),
        ("jpeg=90..30", r"got 90\.\.30"),
        ("jpeg=1..2..3", r"got 1\.\.2\.\.3"),
        ("jpeg=x", "got x"),
        ("noise=-1", "noise must be a number from 0 to 100"),
        ("noise=nan", "got nan"),
        ("shrink=bicubic2", "shrink must be of bicubic, box"),
        ("subsampling=420", "subsampling is JPEG's"),
        ("jpeg=50,subsampling=411", "subsampling must be of 444, 422, 420, got 411"),
        ("jpeg=50,jpeg=60", "jpeg occurs twice"),
        ("jpeg=50,h264=20", "a degradation compresses once"),
        ("clean,jpeg=50", "got 'clean'"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, message):
    with pytest.raises(SettingsError, match=message) as raised:
        Degradation.parse(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kernel", SHRINKS)
@pytest.mark.parametrize("channels", [None, 3])
def test_every_kernel_shrinks_to_the_size_and_keeps_the_mean(picture, kernel, scale, channels):
    given = picture if channels else picture[..., 0]
    low = shrunk(given, (60 // scale, 72 // scale), kernel)
    assert low.shape == (60 // scale, 72 // scale, *given.shape[2:])
    assert low.dtype == np.uint8
    assert abs(low.mean() - given.mean()) < 4


def test_nothing_else_is_matlabs_bicubic(picture):
    assert np.array_equal(drawn("clean", picture), imresize(picture, (20, 24)))
    assert Degradation.parse("clean").is_clean
    assert not Degradation.parse("jpeg=100").is_clean


def test_linear_is_opencvs(picture):
    cv2 = pytest.importorskip("cv2")
    for scale in (2, 3, 4):
        theirs = cv2.resize(picture, (72 // scale, 60 // scale), interpolation=cv2.INTER_LINEAR)
        assert np.array_equal(shrunk(picture, (60 // scale, 72 // scale), "linear"), theirs)


def test_lower_quality_is_further_away(picture):
    clean = drawn("clean", picture).astype(float)
    errors = [np.abs(jpeg(drawn("clean", picture), q) - clean).mean() for q in (95, 75, 30, 5)]
    assert errors == sorted(errors)


def test_noise_has_the_deviation_that_is_asked_for():
    grey = np.full((300, 300), 128, np.uint8)
    assert drawn("noise=8", grey).std() == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize("shape", [(20, 24), (21, 25, 3)])
def test_a_frame_of_a_video(shape):
    pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")
    rng = np.random.default_rng(0)
    smooth = imresize(rng.integers(0, 256, (6, 7, *shape[2:]), dtype=np.uint8), shape[:2])
    fine, coarse = (h264(smooth, crf).astype(float) for crf in (10, 40))
    assert fine.shape == shape
    assert np.abs(fine - smooth).mean() < np.abs(coarse - smooth).mean()


def test_draws_depend_on_the_seed_alone(picture):
    text = "shrink=box/lanczos/bilinear,noise=0..10,jpeg=30..95,subsampling=444/420"
    assert np.array_equal(drawn(text, picture, seed=1), drawn(text, picture, seed=1))
    assert not np.array_equal(drawn(text, picture, seed=1), drawn(text, picture, seed=2))


def test_a_pair_has_its_variants_and_draws_by_content(picture):
    degrade = [Degradation.parse("jpeg=30..95"), Degradation.parse("noise=5")]
    pair = make_pair(picture, 3, degrade=degrade, variants=3, seed=7)
    assert pair.degraded
    assert np.array_equal(pair.high[0], luma(picture))
    versions = pair.versions()
    assert len(versions) == 3
    assert all(version.high is pair.high for version in versions)
    assert len({version.low.tobytes() for version in versions}) == 3
    again = make_pair(picture, 3, name="another name", degrade=degrade, variants=3, seed=7)
    assert fingerprint([again]) == fingerprint([pair])
    other = make_pair(picture, 3, degrade=degrade, variants=3, seed=8)
    assert fingerprint([other]) != fingerprint([pair])
    turned = make_pair(picture[::-1], 3, degrade=degrade, variants=3, seed=7)
    assert not np.array_equal(turned.low[:, ::-1], pair.low)


def test_colours_are_compressed_before_luma_is_taken(picture):
    pair = make_pair(picture, 3, degrade=[Degradation.parse("jpeg=40")])
    assert np.array_equal(pair.low[0], luma(jpeg(imresize(picture, (20, 24)), 40)))
    in_rgb = make_pair(picture, 3, in_channels=3, degrade=[Degradation.parse("jpeg=40")])
    assert in_rgb.low.shape == (3, 20, 24)


def test_clean_pairs_are_as_they_always_were(picture):
    pair = make_pair(picture, 3, degrade=[Degradation.parse("clean")], variants=4)
    assert not pair.degraded
    assert pair.versions() == [pair] or len(pair.versions()) == 1
    assert np.array_equal(pair.low[0], imresize(luma(picture), (20, 24)))
