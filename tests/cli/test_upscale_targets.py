"""Where results go and as what: links, permissions, long names, names that lie."""

import io
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minisr import cli
from minisr.images import read_picture

SMALL = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)


def run(*words):
    return cli.main(["upscale", "-m", "espcn", "-s", "2", *map(str, words)])


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_private_picture_has_a_private_result(tmp_path, suffix):
    source = tmp_path / f"diary{suffix}"
    Image.fromarray(SMALL).save(source)
    source.chmod(0o600)
    assert run(source) == 0
    assert stat.S_IMODE((tmp_path / f"diary_x2{suffix}").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_as_the_target_stays_a_link(tmp_path):
    Image.fromarray(SMALL).save(tmp_path / "small.png")
    (tmp_path / "link.png").symlink_to("large.png")
    (tmp_path / "large.png").write_bytes(b"old")
    assert run(tmp_path / "small.png", "-o", tmp_path / "link.png", "--overwrite") == 0
    assert (tmp_path / "link.png").is_symlink()
    assert read_picture(tmp_path / "large.png").pixels.shape == (16, 16, 3)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="needs /dev/stdout")
def test_standard_output_by_the_name_of_its_device(tmp_path):
    Image.fromarray(SMALL).save(tmp_path / "small.png")
    command = [sys.executable, "-m", "minisr", "upscale", "-m", "espcn", "-s", "2"]
    command += [str(tmp_path / "small.png"), "-o", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert Image.open(io.BytesIO(done.stdout)).size == (16, 16)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_picture_with_another_formats_name_keeps_what_it_is(tmp_path, kind, transparent):
    pixels = np.dstack([SMALL, SMALL[..., 0]]) if transparent else SMALL
    source = tmp_path / "photo.jpg"
    options = {"lossless": True} if kind == "webp" else {}
    Image.fromarray(pixels).save(source, kind, **options)
    assert run(source) == 0
    (result,) = (path for path in tmp_path.iterdir() if path != source)
    assert result.name == f"photo_x2.{kind}"
    assert read_picture(result).pixels.shape == (16, 16, pixels.shape[2])


def test_a_jpeg_with_a_pngs_name(tmp_path):
    source = tmp_path / "photo.png"
    Image.fromarray(SMALL).save(source, "JPEG")
    assert run(source) == 0
    assert (tmp_path / "photo_x2.jpg").exists()


def test_ext_decides_all_the_same(tmp_path):
    source = tmp_path / "photo.jpg"
    Image.fromarray(SMALL).save(source, "PNG")
    assert run(source, "--ext", "tif") == 0
    assert (tmp_path / "photo_x2.tif").exists()


@pytest.mark.parametrize("length", [241, 248])
def test_long_names(tmp_path, length):
    source = tmp_path / f"{'n' * (length - 4)}.png"
    Image.fromarray(SMALL).save(source)
    assert run(source) == 0
    assert (tmp_path / f"{source.stem}_x2.png").exists()


def test_a_name_that_would_be_too_long_is_known_before_the_work(tmp_path, capsys):
    source = tmp_path / f"{'n' * 250}.png"
    Image.fromarray(SMALL).save(source)
    assert run(source) == 2
    assert "would have 257 bytes, and a file system takes 255; choose" in capsys.readouterr().err
    assert run(source, "-o", tmp_path / "short.png") == 0
