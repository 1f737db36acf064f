"""Enlarge a clip that was shrunk: the network comes closer to the original than bicubic."""

import numpy as np
import pytest
from video_clips import luma_of, make_clip, picture_frame

from minisr.images import imresize
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger

av = pytest.importorskip("av", reason="needs PyAV: pip install 'minisr[video]'")

from minisr.upscaling.video import upscale_video  # noqa: E402
from minisr.upscaling.video.frame import plane_arrays  # noqa: E402

HEIGHT, WIDTH, FRAMES = 96, 132, 6


def scene(number, height=HEIGHT, width=WIDTH):
    """Return the luma of moving discs and stripes with antialiased edges."""
    y, x = np.mgrid[: 4 * height, : 4 * width] / 4
    luma = np.full(y.shape, 60.0)
    for k in range(5):
        centre = 20 + 25 * k + number, 20 + 14 * k
        inside = np.hypot(x - centre[0], y - centre[1]) < 9 + 3 * k
        stripes = (x * np.cos(k) + y * np.sin(k)) % (5 + 2 * k) < 2.5 + k
        luma[inside] = np.where(stripes[inside], 200 - 20 * k, 90)
    fine = luma.reshape(height, 4, width, 4).mean(axis=(1, 3))
    return np.rint(fine).astype(np.uint8)


class Bicubic:
    """MATLAB's bicubic, through the same decoder and encoder."""

    def __init__(self, scale):
        self.scale = scale

    def size_of(self, height, width):
        return height * self.scale, width * self.scale

    def plane(self, low, threads=None):
        return imresize(low, self.scale)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_network_beats_bicubic_through_the_same_encoder(tmp_path, scale):
    originals = [scene(number) for number in range(FRAMES)]

    def shrunk(number, height, width, format, full):
        frame = picture_frame(number, height, width, format, full)
        plane_arrays(frame, LAYOUT)[0][...] = imresize(originals[number], 1 / scale)
        return frame

    from minisr.upscaling.video.layout import Layout

    LAYOUT = Layout(2, 2, 8)
    source = tmp_path / "small.mkv"
    size = (HEIGHT // scale, WIDTH // scale)
    make_clip(source, "ffv1", size=size, frames=FRAMES, picture=shrunk)
    psnr = {}
    for name, enlarger in (("network", Enlarger(scale=scale)), ("bicubic", Bicubic(scale))):
        target = tmp_path / f"{name}.mkv"
        upscale_video(source, target, enlarger, codec="h264", crf=12, threads=Threads(2))
        error = luma_of(target).astype(float) - np.stack(originals)
        psnr[name] = 10 * np.log10(255**2 / np.mean(error[:, 8:-8, 8:-8] ** 2))
    assert psnr["network"] > psnr["bicubic"] + 0.7, psnr


def test_the_luma_is_what_the_network_makes_of_it(tmp_path):
    source, target = tmp_path / "small.mkv", tmp_path / "large.mkv"
    make_clip(source, "ffv1", size=(24, 32), frames=3)
    enlarger = Enlarger(scale=3)
    upscale_video(source, target, enlarger, codec="ffv1", threads=Threads(2))
    for low, large in zip(luma_of(source), luma_of(target), strict=True):
        expected = enlarger.plane(low.astype(np.float32) / np.float32(255), Threads(1)) * 255
        assert np.abs(large - expected.clip(0, 255)).max() <= 0.501
