"""Every kind of picture, enlarged, and read back by other programs.

``PYTHONPATH=.:tests python tests/images/test_picture_table.py`` prints the table in
docs/pictures.md.
"""

import functools
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from other_kinds import OTHER_KINDS
from picture_kinds import KINDS
from PIL import Image, ImageSequence
from stand_in_enlarger import StandIn

from minisr.errors import PictureError
from minisr.images import read_picture
from minisr.images.formats import default_suffix
from minisr.upscaling.file import upscale_file

SCALE = 2
STAMP = {"Software": "minisr 0, no network"}
DURATIONS = [70, 30, 110, 90]
# Results in another format than the source.
OTHERS = (
    ("PNG, RGB, 16 bits", ".tif"),
    ("PNG, RGB, 16 bits", ".jpg"),
    ("PNG, RGB, 16 bits", ".ppm"),
    ("PNG, RGBA, 16 bits", ".webp"),
    ("PNG, grey and alpha", ".webp"),
    ("PNG, grey and alpha", ".bmp"),
    ("PNG, text, 300 dpi", ".jpg"),
    ("PNG, text, 300 dpi", ".tif"),
    ("PNG, Display P3", ".jpg"),
    ("PNG, HDR (cICP)", ".tif"),
    ("PNG, animated (APNG)", ".webp"),
    ("PNG, animated (APNG)", ".gif"),
    ("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".png"),
    ("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".tif"),
    ("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".webp"),
    ("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".bmp"),
    ("JPEG, rotated by 90° in EXIF", ".png"),
    ("WebP, animated", ".gif"),
    ("WebP, animated", ".png"),
    ("WebP, Display P3, EXIF, XMP", ".jpg"),
    ("TIFF, Display P3, EXIF, 300 dpi", ".jpg"),
    ("TIFF, RGB, float", ".png"),
    ("TIFF, grey, float", ".jpg"),
    ("TIFF, RGB, 16 bits", ".png"),
    ("TIFF, RGBA, float", ".png"),
    ("GIF, animated, transparent", ".webp"),
    ("GIF, animated, transparent", ".png"),
    ("BMP, palette", ".png"),
    ("PPM, 16 bits", ".png"),
    ("PNG, RGBA", ".avif"),
    ("PNG, grey and alpha", ".avif"),
    ("TIFF, RGB, 16 bits", ".avif"),
    ("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".avif"),
    ("JPEG, rotated by 90° in EXIF", ".avif"),
    ("AVIF, Display P3, EXIF, XMP", ".jpg"),
    ("HEIC, Display P3, EXIF, XMP", ".avif"),
    ("HEIC, Display P3, EXIF, XMP", ".png"),
    ("HEIC, 10 bits", ".png"),
    ("HEIC, 10 bits", ".tif"),
)
BY_NAME = {kind.name: kind for kind in (*KINDS, *OTHER_KINDS)}
ROWS = [(kind.name, ".pgm" if kind.suffix == ".pbm" else kind.suffix) for kind in KINDS]
ROWS += [
    # A transparent HEIC is refused as a JPEG, which its result would be.
    (kind.name, ".png" if "HEIC, RGBA" in kind.name else default_suffix(kind.suffix))
    for kind in OTHER_KINDS
]
ROWS += [row for row in OTHERS]
IDS = [f"{name} to {suffix}" for name, suffix in ROWS]
ENLARGER = StandIn(scale=SCALE)


class Table:
    """Every picture of the table, made, enlarged, and read by each program only once."""

    def __init__(self, folder, stamp=None):
        self.folder = folder
        self.results, self.expected = {}, {}
        for number, (name, suffix) in enumerate(ROWS):
            kind = BY_NAME[name]
            if kind.needs and importlib.util.find_spec(kind.needs) is None:
                continue
            content, pixels = kind.make()
            source = folder / f"{number:03}-in{kind.suffix}"
            source.write_bytes(content)
            target = self.path(number, suffix)
            self.results[number] = upscale_file(source, target, ENLARGER, stamp=stamp)
            self.expected[number] = pixels

    def path(self, number, suffix):
        return self.folder / f"{number:03}-out{suffix}"

    def paths(self):
        return [str(self.path(number, ROWS[number][1])) for number in self.results]

    @functools.cached_property
    def tags(self):
        """Return the output of exiftool, by file name."""
        done = run("exiftool", "-json", "-n", "-a", "-G1", *self.paths())
        return {Path(entry["SourceFile"]).name: entry for entry in json.loads(done)}

    @functools.cached_property
    def identities(self):
        """Return format, width, height, depth and channels of every frame, by file name."""
        form = "%d/%f|%m|%w|%h|%z|%[channels]\n"
        found = {}
        for line in run("identify", "-quiet", "-format", form, *self.paths()).decode().split("\n"):
            if line:
                path, *words = line.split("|")
                found.setdefault(Path(path).name, []).append(words)
        return found


def run(program, *arguments):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    # On files they do not know, these programs print to stderr and exit with an error status.
    return subprocess.run([program, *arguments], capture_output=True, check=False).stdout


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return Table(tmp_path_factory.mktemp("table"), STAMP)


@pytest.fixture
def row(request, table):
    number = request.param
    name, suffix = ROWS[number]
    if number not in table.results:
        pytest.skip(f"needs {BY_NAME[name].needs}")
    return number, BY_NAME[name], suffix


every_row = pytest.mark.parametrize("row", range(len(ROWS)), ids=IDS, indirect=True)


def expected_of(table, number, suffix):
    """Return the expected pixels of all frames as floats, and the dtype of the source."""
    pixels = table.expected[number].astype(np.float64)
    dtype = table.expected[number].dtype
    pixels /= 1 if dtype.kind == "f" else np.iinfo(dtype).max
    frames = pixels if BY_NAME[ROWS[number][0]].frames > 1 else pixels[None]
    large = frames.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    return large, dtype


def depth_of(dtype, suffix):
    """Return the bits per sample of the result."""
    most = {".png": 16, ".tif": 32, ".ppm": 16, ".pgm": 16}.get(suffix, 8)
    return min(8 * dtype.itemsize, most)


@every_row
def test_imagemagick_finds_what_is_expected(row, table):
    number, kind, suffix = row
    found = table.identities[table.path(number, suffix).name]
    large, dtype = expected_of(table, number, suffix)
    names = {".tif": "TIFF", ".jpg": "JPEG", ".avif": "HEIC"}  # as ImageMagick calls AVIF
    name = names.get(suffix, suffix[1:].upper())
    channels = 1 if large.ndim == 3 else large.shape[3]
    for words in found:
        assert words[0].startswith(name)
        assert words[1:3] == [str(large.shape[2]), str(large.shape[1])]
        assert words[3] == str(depth_of(dtype, suffix))
    # ImageMagick 6 reads only one frame of an APNG; ffprobe counts them below.
    assert len(found) == (1 if suffix == ".png" else kind.frames)
    if suffix in (".png", ".tif", ".pgm", ".ppm", ".jpg"):
        assert found[0][4] == {1: "gray", 2: "graya", 3: "srgb", 4: "srgba"}[channels]


@every_row
def test_the_pixels_are_those_of_the_source(row, table):
    """Read by Pillow at 8 bits, and by tifffile or OpenCV at more."""
    number, kind, suffix = row
    path = table.path(number, suffix)
    large, dtype = expected_of(table, number, suffix)
    tolerance = kind.tolerance / 255
    if suffix in (".jpg", ".avif"):
        tolerance = max(tolerance, 0.25 if kind.suffix != suffix else 0)
    frames = frames_by_others(path, depth_of(dtype, suffix))
    if frames is None:
        pytest.skip("no other reader here keeps all its bits")
    if kind.frames > 1:
        assert len(frames) == len(large)
    for got, wanted in zip(frames, large, strict=True):
        got, wanted = as_rgba(got), as_rgba(wanted)
        visible = wanted[..., 3] > 0
        assert got.shape == wanted.shape
        step = 0.51 / (255 if depth_of(dtype, suffix) == 8 else 65535)
        lossy = {kind.suffix, suffix} & {".avif", ".heic"}  # whose alpha is lossy, too
        alpha_step = 5 / 255 if lossy else step
        np.testing.assert_allclose(got[..., 3], wanted[..., 3], atol=alpha_step)
        np.testing.assert_allclose(got[visible], wanted[visible], atol=max(step, tolerance))


def as_rgba(pixels):
    """Return RGBA of floats from grey, grey and alpha, RGB or RGBA."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    colour = pixels[..., :-1] if pixels.shape[2] in (2, 4) else pixels
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else np.ones_like(pixels[..., :1])
    return np.concatenate([np.repeat(colour, 3, 2) if colour.shape[2] == 1 else colour, alpha], 2)


def frames_by_others(path, depth):
    """Return all frames of a file as floats in [0, 1], read by another program or library."""
    if depth == 8:
        with Image.open(path) as image:
            frames = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
        return [frame / 255 for frame in frames]
    if path.suffix == ".tif":
        tifffile = pytest.importorskip("tifffile")
        pixels = tifffile.imread(path)
        return [pixels.astype(np.float64) / (1 if pixels.dtype.kind == "f" else 65535)]
    cv2 = pytest.importorskip("cv2")
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return [pixels / 65535]


@every_row
def test_exiftool_finds_no_error_and_the_upright_size(row, table):
    number, _, suffix = row
    tags = table.tags[table.path(number, suffix).name]
    large, _ = expected_of(table, number, suffix)
    size = {"Width": large.shape[2], "Height": large.shape[1]}
    assert "ExifTool:Error" not in tags
    sizes = 0
    for key, value in tags.items():
        name = key.split(":")[-1]
        if name.endswith("Orientation"):
            assert value == 1, key
        for side in size:
            if name in (f"Image{side}", f"ExifImage{side}") and value:
                assert value == size[side], key
                sizes += 1
    assert sizes >= 2 or suffix in (".ppm", ".pgm")
    if suffix == ".tif" and large.ndim == 4 and large.shape[3] in (2, 4):
        assert tags["IFD0:ExtraSamples"] == 2  # alpha, not premultiplied


@every_row
def test_metadata_is_kept_or_a_note_names_it(row, table):
    number, kind, suffix = row
    tags = table.tags[table.path(number, suffix).name]
    notes = " ".join(table.results[number].notes)
    stamped = " ".join(str(tags.get(f"{g}:Software", "")) for g in ("PNG", "IFD0"))
    if suffix not in (".bmp", ".gif", ".ppm", ".pgm") and (suffix != ".webp" or kind.frames == 1):
        assert STAMP["Software"] in stamped
    checks = {
        "icc": ("the colour profile", "ICC_Profile:RedMatrixColumn", "0.51512 0.2412 -0.00105"),
        "exif": ("EXIF", "IFD0:Make", "Maker & Co"),
        "xmp": ("XMP", "XMP-dc:Format", "kept"),
        "iptc": ("IPTC", "IPTC:Caption-Abstract", "caption"),
        "comment": ("text", "File:Comment", "a comment"),
        "text": ("text", "PNG:Title", "plain"),
        "gamma": ("PNG's colour chunks", "PNG:Gamma", 2.2),
        "cicp": ("PNG's colour chunks", None, None),
    }
    for carried in kind.carries:
        if carried.startswith("dpi"):
            dots = int(carried[3:] or 300)
            found = [tags.get(f"{g}:XResolution") for g in ("IFD0", "JFIF")]
            found += [round(tags.get("PNG-pHYs:PixelsPerUnitX", 0) * 0.0254)]
            found += [round(tags.get("File:PixelsPerMeterX", 0) * 0.0254)]
            assert dots in found or "the resolution" in notes
            continue
        word, key, value = checks[carried]
        if suffix == ".png" and carried == "comment":
            key = "PNG:Comment"
        if word in notes:
            assert key not in tags
        elif key is not None:
            assert str(tags.get(key)) == str(value)
        if carried == "exif" and word not in notes:
            assert tags["ExifIFD:DateTimeOriginal"] == "2026:11:24 12:00:00"
            assert "a maker's own notes" in str(tags["ExifIFD:MakerNoteUnknownText"])
            assert "IFD1:ThumbnailOffset" not in tags or "rotated" not in kind.name
    if "text" in kind.carries and suffix == ".png":
        assert tags["PNG:Author"].strip() == ("packed " * 300).strip()
        assert tags["PNG:Comment-ja"] == "日本語"


MOVING = [k for k, (name, suffix) in enumerate(ROWS) if BY_NAME[name].frames > 1]


@pytest.mark.parametrize("row", MOVING, ids=[IDS[k] for k in MOVING], indirect=True)
def test_durations_and_the_loop_count_are_kept(row, table):
    number, _, suffix = row
    path = table.path(number, suffix)
    with Image.open(path) as image:
        got = []
        for frame in ImageSequence.Iterator(image):
            frame.load()  # WebP has the duration only after this
            got.append(frame.info["duration"])
        # GIF counts repetitions, the others count plays.
        source_is_gif = ROWS[number][0].startswith("GIF")
        plays = image.info["loop"] + (suffix == ".gif")
    assert got == DURATIONS
    assert plays == 3 + source_is_gif
    if suffix == ".png":
        words = ("-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames")
        assert b"nb_read_frames=4" in run("ffprobe", *words, "-of", "default", str(path))
    if suffix == ".webp":
        assert run("webpinfo", "-summary", str(path)).count(b"ANMF") >= 4


def test_a_transparent_picture_never_becomes_a_jpeg(tmp_path):
    for name in ("PNG, RGBA", "GIF, transparent", "TIFF, RGBA, float"):
        if BY_NAME[name].needs and importlib.util.find_spec(BY_NAME[name].needs) is None:
            continue
        content, _ = BY_NAME[name].make()
        with pytest.raises(PictureError, match=r"a\.jpg: JPEG cannot hold transparency: write PNG"):
            upscale_file(content, tmp_path / "a.jpg", ENLARGER)
    content, _ = BY_NAME["GIF, animated"].make()
    with pytest.raises(PictureError, match=r"a\.jpg: JPEG cannot hold an animation: write GIF"):
        upscale_file(content, tmp_path / "a.jpg", ENLARGER)
    assert list(tmp_path.iterdir()) == []


def test_every_result_can_be_read_again(table):
    for number, result in table.results.items():
        picture = read_picture(table.path(number, ROWS[number][1]))
        assert picture.pixels.shape[1::-1] == result.size_out


WORDS = {
    "dpi": "resolution",
    "exif": "EXIF",
    "icc_profile": "profile",
    "photoshop": "IPTC",
    "png_colour": "colour chunks",
    "text": "text",
    "tiff_deflate": "compressed",
    "xmp": "XMP",
}
FORMAT_NAMES = {".jpg": "JPEG", ".tif": "TIFF", ".webp": "WebP"}


def markdown(table):
    """Return the table of docs/pictures.md."""
    lines = ["| in | out | bits | channels | kept | notes |", "|---|---|---|---|---|---|"]
    for number, (name, suffix) in enumerate(ROWS):
        if number not in table.results:
            continue
        kind, result = BY_NAME[name], table.results[number]
        picture = read_picture(table.path(number, suffix))
        pixels = picture.pixels
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        words = {1: "grey", 2: "grey, alpha", 3: "RGB", 4: "RGBA"}[channels]
        kept = [WORDS[key] for key in sorted(picture.metadata)]
        if result.frames > 1:
            kept.append(f"{result.frames} frames, durations, loop count")
        if picture.format == "JPEG" and kind.suffix == ".jpg":
            kept.append(f"quality {picture.quality}")
            kept += [picture.subsampling] if picture.subsampling else []
        bits = "float" if pixels.dtype.kind == "f" else 8 * pixels.itemsize
        out = FORMAT_NAMES.get(suffix, suffix[1:].upper())
        notes = "; ".join(result.notes)
        lines.append(f"| {name} | {out} | {bits} | {words} | {', '.join(kept)} | {notes} |")
    return "\n".join(lines)


def test_the_document_has_this_table(tmp_path):
    for needed in ("tifffile", "pillow_heif", "pillow_jxl"):
        pytest.importorskip(needed)
    document = Path(__file__).parents[2] / "docs" / "pictures.md"
    assert markdown(Table(tmp_path)) in document.read_text(encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        sys.stdout.write(markdown(Table(Path(scratch))) + "\n")
