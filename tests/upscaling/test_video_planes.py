"""Planes of video: code values, chroma siting, and the pipeline of stages."""

import numpy as np
import pytest

from minisr.images import imresize
from minisr.upscaling.video import planes
from minisr.upscaling.video.layout import Layout, code_scale
from minisr.upscaling.video.pipeline import map_in_order, prefetch


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("step", [1, 2])
def test_centred_samples_are_resized_as_matlab_does(rng, scale, step):
    plane = rng.integers(0, 256, (11, 14)).astype(np.uint8)
    taps = [
        planes.axis_taps(n, n * scale, n * step, n * step * scale, step, (step - 1) / 2)
        for n in plane.shape
    ]
    large = planes.resize(plane, *taps)
    assert large == pytest.approx(imresize(plane.astype(np.float64), scale), abs=1e-3)


@pytest.mark.parametrize("site", [0, 0.5, 1])
@pytest.mark.parametrize("scale", [2, 3, 2.5])
def test_chroma_stays_aligned_with_luma(site, scale):
    # If each chroma sample's value is its own position, in luma pixels of the small picture, then
    # after enlarging it must be the new sample's position, in the same pixels.
    small, large = 60, round(60 * scale)
    index, weight = planes.axis_taps(30, -(-large // 2), small, large, 2, site)
    ramp = 2.0 * np.arange(30) + site
    out = (weight * ramp[index]).sum(axis=1)
    place = (2 * np.arange(len(out)) + site + 0.5) * small / large - 0.5
    inside = (place > 6) & (place < 52)
    assert out[inside] == pytest.approx(place[inside], abs=1e-4)


def test_shrinking_antialiases(rng):
    plane = rng.integers(0, 256, (40, 50)).astype(np.uint8)
    taps = [planes.axis_taps(n, n // 2, n, n // 2, 1, 0) for n in plane.shape]
    expected = imresize(plane.astype(np.float64), 0.5)
    assert planes.resize(plane, *taps) == pytest.approx(expected, abs=1e-3)


def test_codes_are_rounded_and_clipped():
    values = np.float32([[-0.1, 0.0, 0.5, 1.0, 1.1, 2.49 / 255, 2.51 / 255]])
    out = np.zeros(values.shape, np.uint8)
    planes.to_codes(values, 255, 0, 255, out)
    assert out.tolist() == [[0, 0, 128, 255, 255, 2, 3]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_parts_of_planes_are_read_and_written(rng, dtype):
    values, out = rng.random((9, 40), np.float32), np.full((9, 32), 7, dtype)
    part = values[:, 3:23]
    for target in (out[:, :20], out[:, 12:], out[:, ::-1][:, :20]):
        out[...] = 7
        planes.to_codes(part, 200, 10, 255, target)
        assert np.array_equal(target, np.floor(part * np.float32(200) + np.float32(10.5)))
        assert (out == 7).sum() >= 9 * 12


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_black_and_white_have_the_right_intensities(bits):
    layout = Layout(2, 2, bits)
    studio = [16 << bits - 8, 235 << bits - 8]
    for full, codes in ((False, studio), (True, [0, (1 << bits) - 1])):
        for network, levels in (("studio", [16 / 255, 235 / 255]), ("full", [0, 1])):
            factor, shift = code_scale(layout, full, network)
            assert [factor * code + shift for code in codes] == pytest.approx(levels)


def test_stages_keep_the_order_and_propagate_errors():
    def numbers():
        yield from range(50)

    doubled = map_in_order(lambda n: 2 * n, prefetch(numbers(), 2), 3)
    assert list(prefetch(doubled, 2)) == list(range(0, 100, 2))

    def broken():
        yield 1
        raise ValueError("spilt")

    stage = prefetch(map_in_order(lambda n: n, prefetch(broken(), 2), 2), 2)
    with pytest.raises(ValueError, match="spilt"):
        list(stage)


def test_a_stage_prefetches_little_and_ends_with_its_consumer():
    taken, closed = [], []

    def numbers():
        try:
            for n in range(1000):
                taken.append(n)
                yield n
        finally:
            closed.append(True)

    stage = prefetch(map_in_order(lambda n: n, prefetch(numbers(), 2), 2), 2)
    assert [next(stage) for _ in range(5)] == list(range(5))
    stage.close()
    assert closed == [True]
    assert len(taken) < 30
