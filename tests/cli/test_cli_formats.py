"""``minisr upscale`` of formats that it reads but does not write, and a phone's folder."""

import subprocess
import sys

import numpy as np
import pytest
from other_kinds import heic_of, qoi
from picture_kinds import encoded, exif, samples, wide_profile
from PIL import Image

from minisr import cli
from minisr.images import read_picture
from minisr.images.software import is_by_minisr, software_of
from minisr.system import packages

METADATA = {"exif": exif(), "icc_profile": wide_profile()}


@pytest.fixture
def upscale(weights, capsys):
    """Return a function that runs the command and returns status, output and error lines."""

    def run(*words):
        status = cli.main(["upscale", *map(str, words), "-m", str(weights)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


@pytest.fixture
def phone(tmp_path):
    """Return a folder as a phone fills it."""
    pytest.importorskip("pillow_heif")
    folder = tmp_path / "phone"
    folder.mkdir()
    pixels = samples(3, smooth=True)
    (folder / "IMG_1.HEIC").write_bytes(heic_of("RGB", pixels, **METADATA))
    (folder / "IMG_2.heic").write_bytes(
        heic_of(
            "RGB;16",
            pixels.astype(np.uint16) * 257,
            exif=exif(6),
            icc_profile=METADATA["icc_profile"],
        )
    )
    (folder / "IMG_3.avif").write_bytes(encoded(pixels, "AVIF", **METADATA))
    (folder / "IMG_4.jpg").write_bytes(encoded(pixels, "JPEG", **METADATA))
    # A picture that was sent on keeps its name, whatever it has become.
    (folder / "IMG_5.heic").write_bytes(encoded(pixels, "JPEG", **METADATA))
    return folder


def test_a_folder_of_a_phones_pictures_goes_through_whole(upscale, phone, tmp_path):
    out = tmp_path / "out"
    status, _, lines = upscale(phone, "-o", out)
    assert status == 0
    assert lines == [
        "minisr: .heic is read but not written: 3 results are .jpg; --ext chooses another format",
        f"minisr: {phone / 'IMG_2.heic'}: 16 bits became 8 bits, the most that JPEG can hold",
    ]
    sizes = {"IMG_1_x2.jpg": (12, 18), "IMG_2_x2.jpg": (18, 12), "IMG_3_x2.avif": (12, 18)}
    sizes |= {"IMG_4_x2.jpg": (12, 18), "IMG_5_x2.jpg": (12, 18)}
    assert {path.name for path in out.iterdir()} - {".minisr-manifest.jsonl"} == {*sizes}
    for name, size in sizes.items():
        picture = read_picture(out / name)
        assert picture.format == ("AVIF" if name.endswith("avif") else "JPEG")
        assert picture.pixels.shape == (*size, 3)
        assert picture.metadata["icc_profile"] == METADATA["icc_profile"]
        assert b"2026:11:24 12:00:00" in picture.metadata["exif"]
        assert is_by_minisr(software_of(out / name))
    assert upscale(phone, "-o", out) == (
        *(0, ""),
        ["minisr: 5 of 5 were done already; --overwrite makes them again"],
    )


def test_results_beside_a_phones_pictures_are_not_taken_for_sources(upscale, phone):
    assert upscale(phone)[0] == 0
    before = sorted(phone.iterdir())
    assert len(before) == 10
    status, _, lines = upscale(phone)
    assert status == 0
    assert lines == ["minisr: 5 of 5 were done already; --overwrite makes them again"]
    assert sorted(phone.iterdir()) == before


def test_a_phones_pictures_without_the_package_are_named_and_the_rest_is_made(
    upscale, phone, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    status, _, lines = upscale(phone, "-o", tmp_path / "out")
    assert status == 1
    assert sum("HEIC needs pillow-heif" in line for line in lines) == 2
    assert (tmp_path / "out" / "IMG_3_x2.avif").exists()
    assert (tmp_path / "out" / "IMG_5_x2.jpg").exists()


def test_games_and_the_webs_pictures_in_a_folder_become_png(upscale, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.tga").write_bytes(encoded(samples(4), "TGA"))
    (folder / "b.TGA").write_bytes(encoded(samples(3), "TGA"))
    (folder / "c.qoi").write_bytes(qoi()()[0])
    (folder / "d.jp2").write_bytes(encoded(samples(3), "JPEG2000"))
    (folder / "e.ico").write_bytes(encoded(Image.fromarray(samples(4)), "ICO"))
    status, _, lines = upscale(folder, "-o", tmp_path / "out")
    assert status == 0
    ends = "is read but not written: the result is .png; --ext chooses another format"
    assert lines == [
        f"minisr: .ico {ends}",
        f"minisr: .jp2 {ends}",
        f"minisr: .qoi {ends}",
        "minisr: .tga is read but not written: 2 results are .png; --ext chooses another format",
    ]
    names = {path.name for path in (tmp_path / "out").glob("*.*") if path.suffix == ".png"}
    assert names == {f"{letter}_x2.png" for letter in "abcde"}
    assert upscale(folder, "-o", tmp_path / "webp", "--ext", "webp")[2] == []


def test_quality_and_format_of_an_avif(upscale, tmp_path, rng):
    path = tmp_path / "a.png"
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    sizes = []
    for number in (20, 95):
        assert upscale(path, "-o", tmp_path / f"{number}.avif", "--quality", number)[0] == 0
        sizes.append((tmp_path / f"{number}.avif").stat().st_size)
    assert 2 * sizes[0] < sizes[1]
    assert upscale(path, "--ext", "avif")[0] == 0
    assert read_picture(tmp_path / "a_x2.avif").format == "AVIF"


def test_a_heic_through_pipes_is_a_jpeg(weights):
    pytest.importorskip("pillow_heif")
    words = [sys.executable, "-m", "minisr", "upscale", "-", "-o", "-", "-m", str(weights)]
    content = heic_of("RGB", samples(3, smooth=True))
    done = subprocess.run(words, input=content, capture_output=True, check=True)
    assert read_picture(done.stdout).format == "JPEG"
    assert done.stderr.decode().strip() == (
        "minisr: standard input: HEIC is not written: the result is JPEG"
    )


def test_what_info_says_of_the_packages(capsys, monkeypatch):
    found = packages.version
    monkeypatch.setattr(
        packages, "version", lambda name: None if name.startswith("pillow-") else found(name)
    )
    assert cli.main(["info"]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["imageio"] == found("imageio")
    assert said["pillow-heif"] == 'not installed: pip install "minisr[heif]"'
    assert said["pillow-jxl-plugin"] == 'not installed: pip install "minisr[jxl]"'
