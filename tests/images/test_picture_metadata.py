"""Metadata, block by block: it changes where it must, and nowhere else."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from picture_kinds import chunk, encoded, exif, png, samples, srgb_profile, xmp
from PIL import Image

from minisr.errors import PictureError
from minisr.images import Text, encode_picture, photoshop, read_picture
from minisr.images import exif as exifs
from minisr.images import xmp as xmps
from minisr.images.jpeg.quality import estimate
from minisr.images.png.text import chunk_of, text_of


def tags_of(block):
    """Return {tag: value} of EXIF's first directory and of its own, as Pillow reads them.

    Also return the thumbnail, which is looked up by hand; None if there is none.
    """
    found = Image.Exif()
    found.load(block)
    data, order = block[6:], "<" if block[6:7] == b"I" else ">"
    (first,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, first)
    (second,) = struct.unpack_from(order + "I", data, first + 2 + 12 * count)
    thumbnail = None
    if second:
        start, length = (
            struct.unpack_from(order + "I", data, second + 2 + 12 * k + 8)[0] for k in (1, 2)
        )
        thumbnail = data[start : start + length]
    return dict(found), found.get_ifd(0x8769), thumbnail


def test_exif_is_made_upright_in_place():
    before = exif(orientation=6, thumbnail=True)
    first, inner, thumbnail = tags_of(before)
    assert (first[0x0112], inner[0x9214]) == (6, (1, 2))
    assert thumbnail == encoded(samples(3, smooth=True), "JPEG")
    after = exifs.upright(before)
    first, inner, thumbnail = tags_of(after)
    assert first[0x0112] == 1
    assert 0x9214 not in inner  # it was a position in the picture before the rotation
    assert thumbnail is None
    assert b"\xff\xd8\xff" not in after  # the bytes of the thumbnail are gone, too
    note = b"a maker's own notes"
    assert after.index(note) == before.index(note)  # so the offsets in it stay valid


def test_upright_exif_keeps_its_thumbnail_and_its_bytes():
    before = exif(orientation=1, thumbnail=True)
    assert exifs.upright(before) == before
    assert tags_of(before)[2].startswith(b"\xff\xd8\xff")


def test_exif_gets_new_sizes_where_it_has_sizes():
    after = exifs.resized(exif(size=(9, 6)), (70000, 18))
    first, inner, _ = tags_of(after)
    assert (first[0x0100], first[0x0101]) == (70000, 18)  # 70000 needs another type
    assert (inner[0xA002], inner[0xA003]) == (70000, 18)
    assert 0x9214 not in inner
    assert inner[0x9003] == "2026:11:24 12:00:00"
    bare = exifs.stamped(None, {"Software": "x"})
    assert exifs.resized(bare, (3, 4)) == bare


def test_exif_is_stamped_at_its_end():
    before = exif(thumbnail=True)
    after = exifs.stamped(before, {"Software": "minisr, a longer name", "Artist": "me"})
    first, inner, thumbnail = tags_of(after)
    assert first[0x0131] == "minisr, a longer name"
    assert first[0x013B] == "me"  # short enough to fit in the directory itself
    assert first[0x010F] == "Maker & Co"
    assert inner[0xA002] == 9
    assert thumbnail == tags_of(before)[2]
    assert after[6 + 8 : len(before)] == before[6 + 8 :]  # only the header has changed
    assert tags_of(exifs.stamped(None, {"Software": "minisr"}))[0] == {0x0131: "minisr"}


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\0\0", b"MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_raises(block):
    for change in (exifs.upright, exifs.orientation_of, lambda b: exifs.resized(b, (1, 1))):
        with pytest.raises((ValueError, struct.error)):
            change(block)


def test_truncated_exif_raises_nothing_else():
    whole = exif(orientation=6, thumbnail=True)
    for length in range(len(whole)):
        with contextlib.suppress(ValueError, struct.error):
            exifs.resized(exifs.upright(whole[:length]), (5, 5))


def test_a_picture_with_damaged_exif_is_read_with_a_note(tmp_path):
    content = encoded(samples(3), "JPEG", exif=b"Exif\0\0nonsense")
    picture = read_picture(content)
    assert "exif" not in picture.metadata
    assert picture.notes == ("damaged EXIF was left out",)


def test_xmp_is_changed_where_it_describes_the_pixels():
    after = xmps.resized(xmps.upright(xmp(orientation=8)), (18, 12))
    assert xmps.orientation_of(xmp(orientation=8)) == 8
    assert xmps.orientation_of(after) == 1
    assert b'tiff:ImageWidth="18"' in after
    assert b'tiff:ImageLength="12"' in after
    as_elements = b"<rdf:Description><tiff:Orientation>3</tiff:Orientation></rdf:Description>"
    assert xmps.orientation_of(as_elements) == 3
    assert b"<tiff:Orientation>1</tiff:" in xmps.upright(as_elements)
    stamped = xmps.stamped(after, 'minisr "x" & <y>')
    assert b'xmp:CreatorTool="minisr &quot;x&quot; &amp; &lt;y>"' in stamped
    assert stamped.count(b"xmlns:xmp=") == 1
    again = xmps.stamped(stamped, "other")
    assert b'xmp:CreatorTool="other"' in again
    assert b"minisr" not in again
    assert xmps.stamped(again, "other") == again


def test_the_orientation_in_xmp_is_used_if_exif_has_none():
    content = encoded(samples(3), "PNG")
    text = chunk(*chunk_of(Text("XML:com.adobe.xmp", xmp(orientation=6).decode())))
    picture = read_picture(content[:33] + text + content[33:])
    np.testing.assert_array_equal(picture.pixels, np.rot90(samples(3), -1))
    assert xmps.orientation_of(picture.metadata["xmp"]) == 1


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (Text("Title", "plain é"), b"tEXt"),
        (Text("Title", "long " * 400), b"zTXt"),
        (Text("Title", "日本語"), b"iTXt"),
        (Text("Title", "日本語" * 800), b"iTXt"),
        (Text("Title", "plain", "en", "title"), b"iTXt"),
    ],
)
def test_png_text_survives_a_round_trip(entry, kind):
    assert chunk_of(entry)[0] == kind
    assert text_of(*chunk_of(entry)) == entry


def test_text_that_would_fill_the_memory_is_left_out():
    bomb = b"Comment\0\0" + zlib.compress(bytes(1 << 25))
    picture = read_picture(png(samples(3), 8, 2, [(b"zTXt", bomb)]))
    assert "text" not in picture.metadata
    assert picture.notes == ("a damaged zTXt chunk was left out (too long, or cut off)",)


def test_a_damaged_ancillary_chunk_is_left_out():
    content = png(samples(3), 8, 2, [(b"tEXt", b"Title\0text")])
    damaged = content.replace(b"Title", b"Tidle")
    picture = read_picture(damaged)
    assert "text" not in picture.metadata
    np.testing.assert_array_equal(picture.pixels, samples(3))
    pixels_damaged = content.replace(b"IDAT\x78", b"IDAT\x79")
    with pytest.raises(PictureError, match="the checksum of its IDAT chunk is wrong"):
        read_picture(pixels_damaged)


def test_exif_stored_as_text_becomes_exif():
    """As ImageMagick wrote it. If the text were kept, the picture would be rotated twice."""
    block = exif(orientation=6)
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n"
    entry = (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))
    picture = read_picture(png(samples(3), 8, 2, [entry]))
    assert "text" not in picture.metadata
    assert exifs.orientation_of(picture.metadata["exif"]) == 1
    np.testing.assert_array_equal(picture.pixels, np.rot90(samples(3), -1))


def test_iptc_is_found_in_photoshop_blocks():
    other = b"8BIM\x03\xed\x03abc\0\0\0\x03xyz\0"
    blocks = other + photoshop.blocks_of(b"\x1c\x02\x78\0\x01a")
    assert photoshop.iptc_of(blocks) == b"\x1c\x02\x78\0\x01a"
    assert photoshop.iptc_of(other) is None
    assert photoshop.iptc_of(b"8BIM\x04\x04") is None
    assert photoshop.iptc_of(b"") is None


@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 51, 75, 85, 92, 95, 99, 100])
def test_the_quality_of_a_jpeg_is_estimated_exactly(quality):
    with Image.open(io.BytesIO(encoded(samples(3), "JPEG", quality=quality))) as image:
        assert estimate(image.quantization[0]) == quality
    content, _ = encode_picture(samples(3), ".jpg", quality=quality, subsampling="4:2:0")
    picture = read_picture(content)
    assert (picture.quality, picture.subsampling) == (quality, "4:2:0")


def test_a_large_profile_spans_segments_of_a_jpeg():
    profile = bytearray(srgb_profile())
    profile += np.random.default_rng(0).bytes(150_000)
    content, notes = encode_picture(samples(3), ".jpg", {"icc_profile": bytes(profile)})
    assert notes == ()
    assert read_picture(content).metadata["icc_profile"] == bytes(profile)
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["icc_profile"] == bytes(profile)


def test_a_note_names_what_is_too_large_for_a_jpeg():
    block = exifs.stamped(None, {"Description": "x" * 70_000})
    content, notes = encode_picture(samples(3), ".jpg", {"exif": block})
    assert notes == ("EXIF is too large for JPEG and was left out",)
    assert "exif" not in read_picture(content).metadata


def test_a_grey_picture_keeps_a_grey_profile_and_refuses_another():
    grey = srgb_profile()[:16] + b"GRAY" + srgb_profile()[20:]
    for suffix in (".png", ".jpg", ".tif"):
        content, notes = encode_picture(samples(1), suffix, {"icc_profile": grey})
        assert notes == ()
        assert read_picture(content).metadata["icc_profile"] == grey
        content, notes = encode_picture(samples(1), suffix, {"icc_profile": srgb_profile()})
        assert notes == ("the colour profile is for another colour space and was left out",)
        assert "icc_profile" not in read_picture(content).metadata


def test_the_segments_of_a_jpeg_are_in_order():
    """JFIF requires its segment to come first, and EXIF requires to come right after it."""
    metadata = {"exif": exif(), "icc_profile": srgb_profile(), "dpi": (300.0, 300.0)}
    content, _ = encode_picture(samples(3), ".jpg", metadata)
    assert content[2:4] == b"\xff\xe0"
    (length,) = struct.unpack_from(">H", content, 4)
    assert content[4 + length : 6 + length] == b"\xff\xe1"
    assert content[8 + length : 14 + length] == b"Exif\0\0"


def test_a_png_has_a_profile_or_srgb_but_not_both():
    colour = {b"sRGB": b"\0", b"gAMA": (45455).to_bytes(4, "big")}
    for metadata, expected in (
        ({"png_colour": colour}, [b"sRGB", b"gAMA"]),
        ({"png_colour": colour, "icc_profile": srgb_profile()}, [b"gAMA", b"iCCP"]),
    ):
        content, _ = encode_picture(samples(3), ".png", metadata)
        for kind in (b"sRGB", b"gAMA", b"iCCP"):
            assert (kind in content) == (kind in expected)
            if kind in expected:
                assert content.index(kind) < content.index(b"IDAT")
