"""HEIC as phones make it: depth, orientation and metadata, and what is left out is said."""

import io
import struct

import numpy as np
import pytest
from other_kinds import heic_of
from picture_kinds import exif, samples, wide_profile, xmp
from stand_in_enlarger import StandIn

from minisr.errors import PictureError
from minisr.images import exif as exifs
from minisr.images import heif_details, read_picture
from minisr.images import xmp as xmps
from minisr.upscaling.file import upscale_file

pillow_heif = pytest.importorskip("pillow_heif")

PROFILE = wide_profile()  # which has the time of day in it
SMOOTH = samples(3, smooth=True)
DEEP = SMOOTH.astype(np.uint16) * 257 + 100


@pytest.mark.parametrize("bits", [10, 12])
def test_ten_and_twelve_bits_become_sixteen_exactly(bits, monkeypatch):
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", bits == 12)
    content = heic_of("RGB;16", DEEP)
    image = pillow_heif.open_heif(io.BytesIO(content), False, hdr_to_16bit=False)
    assert image.mode == f"RGB;{bits}"
    raw = np.asarray(image).astype(np.float64)
    picture = read_picture(content)
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, np.floor(raw * 65535 / (2**bits - 1) + 0.5))
    assert picture.notes == ()
    assert heif_details.details_of(content).bits == bits


def test_grey_of_ten_bits():
    picture = read_picture(heic_of("I;16", DEEP[..., 0]))
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels.astype(int) - DEEP[..., 0]).max() < 1000


def test_colours_multiplied_by_alpha_are_divided_by_it():
    alpha = np.repeat(np.uint8([0, 85, 170, 255, 0, 85, 170, 255, 255])[None], len(SMOOTH), axis=0)
    stored = np.uint8(SMOOTH * (alpha[..., None] / 255) + 0.5)
    content = heic_of("RGBa", np.dstack([stored, alpha]), quality=-1)
    assert pillow_heif.open_heif(io.BytesIO(content)).mode == "RGBa"
    pixels = read_picture(content).pixels
    assert np.abs(pixels[..., 3].astype(int) - alpha).max() <= 3
    visible = alpha > 100
    assert np.abs(pixels[visible][:, :3].astype(int) - SMOOTH[visible]).max() <= 12
    assert (pixels[pixels[..., 3] == 0][:, :3] == 0).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_picture_is_turned_once_and_its_metadata_says_so(orientation):
    metadata = {"exif": exif(orientation, thumbnail=True), "xmp": xmp(orientation)}
    content = heic_of("RGB", SMOOTH, **metadata, icc_profile=PROFILE)
    picture = read_picture(content)
    turns = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    assert picture.pixels.shape == np.rot90(SMOOTH, turns).shape
    assert np.abs(picture.pixels.astype(int) - np.rot90(SMOOTH, turns)).max() <= 10
    assert exifs.orientation_of(picture.metadata["exif"]) in (1, None)
    assert xmps.orientation_of(picture.metadata["xmp"]) in (1, None)
    assert picture.metadata["icc_profile"] == PROFILE
    assert b"a maker's own notes" in picture.metadata["exif"]
    assert picture.metadata["xmp"].count(b"<dc:format>kept</dc:format>") == 1


def test_an_orientation_that_only_exif_states_turns_nothing():
    """HEIF has its own way to turn pictures; viewers ignore EXIF's."""
    content = heic_of("RGB", SMOOTH, exif=exif(1))
    stated = struct.pack(">HHIHH", 0x0112, 3, 1, 1, 0)
    turned = content.replace(stated, struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0))
    assert turned != content
    picture = read_picture(turned)
    assert picture.pixels.shape == SMOOTH.shape
    assert exifs.orientation_of(picture.metadata["exif"]) == 1


def test_the_primary_picture_is_read_and_the_others_are_noted():
    def image_of(pixels):
        return pillow_heif.from_bytes("RGB", pixels.shape[1::-1], pixels.tobytes())

    file = io.BytesIO()
    images = image_of(SMOOTH[::-1])
    images.save(file, append_images=list(image_of(SMOOTH)), primary_index=1, quality=95, chroma=444)
    picture = read_picture(file.getvalue())
    assert np.abs(picture.pixels.astype(int) - SMOOTH).max() <= 10
    assert picture.notes == ("the other picture in the file was left out",)


def box(kind, *parts):
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def heif(*, layers=(), items=(b"hvc1",), colour=b"", more=b"", wide=False):
    """Return boxes as in a HEIC whose first item is the picture; there are no pixels."""
    properties = [
        box(b"hvcC", bytes(17) + b"\xfa"),  # 10 bits
        *([colour] if colour else []),
        *(box(b"auxC", bytes(4), layer.encode() + b"\0") for layer in layers),
    ]
    numbers = range(1, 2 + bool(colour))
    associated = b"".join(struct.pack(">H" if wide else ">B", number) for number in numbers)
    ipma = bytes([1 if wide else 0, 0, 0, int(wide)]) + struct.pack(">I", 1)
    ipma += struct.pack(">I" if wide else ">H", 1) + bytes([len(numbers)]) + associated
    infe = [
        box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), kind, b"\0")
        for number, kind in enumerate(items, 1)
    ]
    meta = box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), struct.pack(">H", 1)),
        box(b"iinf", bytes(4), struct.pack(">H", len(infe)), *infe),
        box(b"iprp", box(b"ipco", *properties), box(b"ipma", ipma)),
    )
    return box(b"ftyp", b"heic", bytes(4), b"mif1heic") + meta + more


@pytest.mark.parametrize("wide", [False, True])
def test_what_is_beside_the_picture_is_noted(wide):
    found = heif_details.details_of(
        heif(
            wide=wide,
            layers=(
                "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                "urn:mpeg:hevc:2015:auxid:2",
                "urn:com:apple:photo:2020:aux:hdrgainmap",
                "urn:com:apple:photo:2018:aux:portraiteffectsmatte",
            ),
            more=box(b"mpvd", b"a film"),
        )
    )
    assert found.bits == 10
    assert found.left_out == (
        "its depth map was left out",
        "its gain map (HDR) was left out",
        "its layer portraiteffectsmatte was left out",
        "the video in the file (motion photo) was left out",
    )
    assert heif_details.details_of(heif(items=(b"hvc1", b"tmap"))).left_out == (
        "its gain map (HDR) was left out",
    )
    assert heif_details.details_of(heif(more=box(b"moov"))).left_out == (
        "only its still was read, not the sequence of pictures in the file",
    )


def test_a_motion_photo_is_read_with_a_note():
    content = heic_of("RGB", SMOOTH) + box(b"mpvd", b"a film")
    assert read_picture(content).notes == ("the video in the file (motion photo) was left out",)


def test_damage_in_the_boxes_is_left_to_the_decoder():
    whole = heif(layers=("urn:x:hdrgainmap",), colour=box(b"colr", b"nclx", bytes(7)))
    for length in range(len(whole)):
        heif_details.details_of(whole[:length])
    for at in range(len(whole)):
        heif_details.details_of(whole[:at] + b"\xff" + whole[at + 1 :])


def test_colour_as_code_points_reaches_a_png_and_is_noted_elsewhere():
    hdr = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9}
    content = heic_of("RGB;16", DEEP, **hdr, full_range_flag=1)
    picture = read_picture(content)
    assert picture.metadata["png_colour"] == {b"cICP": b"\x09\x10\0\1"}
    done = upscale_file(content, None, StandIn(), suffix=".png")
    assert b"cICP\x09\x10\0\1" in done.content
    assert done.notes == ()
    done = upscale_file(content, None, StandIn(), suffix=".jpg")
    assert done.notes == (
        "16 bits became 8 bits, the most that JPEG can hold",
        "JPEG cannot hold the colour space that its code points (cICP) name",
    )
    assert "png_colour" not in read_picture(heic_of("RGB", SMOOTH)).metadata  # sRGB
    profiled = heic_of("RGB", SMOOTH, icc_profile=PROFILE)
    assert "png_colour" not in read_picture(profiled).metadata


def test_a_transparent_heic_is_refused_as_a_jpeg(tmp_path):
    content = heic_of("RGBA", samples(4, smooth=True))
    with pytest.raises(PictureError, match="JPEG cannot hold transparency: write PNG, WebP or"):
        upscale_file(content, tmp_path / "a.jpg", StandIn())
    assert list(tmp_path.iterdir()) == []
