"""Pictures on disk: read them whole, write them whole, find them in folders.

Nothing is lost in silence: the colour profile, EXIF and resolution travel with the pixels, palettes
and CMYK become RGB, and a file that could only be read at fewer bits than it has is refused.
Pillow reads, because imageio hides the profile, EXIF and raw mode; imageio (over Pillow) writes.
Both are imported in the functions: together they take a tenth of a second.
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minisr.atomic import atomic_path
from minisr.errors import PictureError

READ_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
WRITE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"),
    *(".ppm", ".pgm", ".pnm"),
)
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")  # no EPS: it runs Ghostscript

_ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp")
_SIXTEEN_BIT_SUFFIXES = (".png", ".tif", ".tiff", ".pgm", ".pnm")
_FLOAT_SUFFIXES = (".tif", ".tiff")
_METADATA_KEYS = {
    ".png": ("icc_profile", "exif", "dpi"),
    ".jpg": ("icc_profile", "exif", "dpi"),
    ".jpeg": ("icc_profile", "exif", "dpi"),
    ".tif": ("icc_profile", "exif", "dpi"),
    ".tiff": ("icc_profile", "exif", "dpi"),
    ".webp": ("icc_profile", "exif"),
    ".bmp": ("dpi",),
}
_OPTIONS = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    # exact: keep the colours of transparent pixels, as every other format does.
    ".webp": {"lossless": True, "exact": True},
    # TIFF is left uncompressed: with compression, libtiff writes it, and loses EXIF's inner part.
}
_EXIF_ORIENTATION = 0x0112
_TIFF_BITS_PER_SAMPLE = 258
# Description, maker, model, software, date, artist, copyright, EXIF and GPS: the rest of a TIFF's
# directory is about the layout of that one file.
_TIFF_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what its file said about it.

    Attributes
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        Grey (H, W), grey and alpha (C = 2), RGB (C = 3) or RGBA (C = 4, not premultiplied).
        Integers use their type's whole range; floats are as in the file, usually in [0, 1].
    metadata : dict
        What there was of ``icc_profile`` (bytes), ``exif`` (bytes; its orientation is applied to
        ``pixels`` and set to 1) and ``dpi`` (pixels per inch, horizontal and vertical).
    """

    pixels: np.ndarray
    metadata: dict = field(default_factory=dict)


def read_picture(path):
    """Read a picture.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG, TIFF, WebP, BMP, GIF or PPM/PGM/PBM; the content decides, not the suffix.

    Returns
    -------
    Picture
        Upright. Palettes and CMYK become RGB (RGBA where there is transparency), one bit becomes
        8-bit grey, 16-bit grey stays uint16. Of an animation, the first frame.

    Raises
    ------
    PictureError
        No such file, not a picture, damaged or truncated, too large to be honest (Pillow's limit
        against decompression bombs), or colour of more than 8 bits, which Pillow would cut.
    """
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    if path.is_dir():
        raise PictureError(f"{path}: expected a picture, got a folder")
    try:
        with Image.open(path, formats=_FORMATS) as image:
            raw_mode = _raw_mode(image)
            _refuse_lost_depth(image, raw_mode, path)
            image.load()
            return _to_picture(image, raw_mode, path)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{path}: not a picture, or of no kind that minisr reads ({' '.join(READ_SUFFIXES)})"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{path}: too large: {_one_line(error)}") from None
    except Exception as error:  # decoders raise nearly anything at a damaged file
        raise PictureError(f"{path}: cannot be read: {_one_line(error)}") from None


def write_picture(path, pixels, metadata=None):
    """Write a picture, completely or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the format: PNG, TIFF, WebP, BMP, PPM and PGM without loss, JPEG at
        quality 95 with full-resolution colour. An existing file is replaced in one step.
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        As in :class:`Picture`. 16 bits: grey in PNG, TIFF or PGM; float32: grey in TIFF.
    metadata : dict, optional
        As in :class:`Picture`. What the format cannot hold is left out, and so is a colour
        profile of another colour space (an RGB profile on a grey picture).

    Raises
    ------
    PictureError
        An unknown suffix, a missing folder, no room or no permission, or pixels that the format
        cannot hold without loss.
    """
    import imageio.v3 as iio

    path, pixels = Path(path), np.asarray(pixels)
    suffix = path.suffix.lower()
    _check_writable(path, suffix, pixels)
    metadata = dict(metadata or {})
    _drop_foreign_profile(metadata, pixels)
    options = dict(_OPTIONS.get(suffix, {}))
    options |= {key: metadata[key] for key in _METADATA_KEYS.get(suffix, ()) if metadata.get(key)}
    try:
        content = iio.imwrite("<bytes>", pixels, plugin="pillow", extension=suffix, **options)
    except Exception as error:  # encoders, too, raise nearly anything, mostly about metadata
        raise PictureError(f"{path}: cannot be encoded: {_one_line(error)}") from None
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from None


def find_pictures(paths):
    """List picture files.

    Parameters
    ----------
    paths : str, Path, or iterable of them
        Files, taken as they are whatever their suffix, and folders, of which the visible files
        with a picture's suffix are taken, sorted by name; folders within are not entered.

    Returns
    -------
    list of Path
        In the order of ``paths``, each file once.

    Raises
    ------
    PictureError
        A missing path, a folder without pictures or that cannot be listed, or no paths at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not paths:
        raise PictureError("expected pictures or folders of pictures, got none: name at least one")
    found = {}  # a dict keeps the order, and each file once, by whatever path it is named
    for path in map(Path, paths):
        if path.is_dir():
            pictures = _pictures_in(path)
        elif path.exists():
            pictures = [path]
        else:
            raise PictureError(f"{path}: expected a picture or a folder, found nothing there")
        for picture in pictures:
            found.setdefault(os.path.abspath(picture), picture)
    return list(found.values())


def _pictures_in(folder):
    """Return the pictures of one folder, sorted by name."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise PictureError(f"{folder}: cannot be listed: {error.strerror or error}") from None
    pictures = [
        entry
        for entry in entries
        if entry.suffix.lower() in READ_SUFFIXES and not entry.name.startswith(".")
        if entry.is_file()
    ]
    if not pictures:
        raise PictureError(
            f"{folder}: expected a folder of pictures ({' '.join(READ_SUFFIXES)}), "
            f"found none among its {len(entries)} entries: name another folder"
        )
    return pictures


def _raw_mode(image):
    """Return how Pillow found the samples laid out in the file, like 'RGB;16B', before load()."""
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _refuse_lost_depth(image, raw_mode, path):
    """Raise PictureError for a file whose samples Pillow would cut to 8 bits without a word."""
    deep = False
    if image.format == "PNG":
        deep = ";16" in raw_mode and image.mode != "I;16"
    elif image.format == "TIFF":
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))
        deep = len(bits) > 1 and max(bits) > 8
    elif image.format == "PPM" and image.mode == "RGB":
        args = image.tile[0].args  # (mode, largest value) for all but plain 8 bits
        deep = isinstance(args, tuple) and isinstance(args[1], int) and args[1] > 255
    if deep:
        raise PictureError(
            f"{path}: 16-bit colour would be cut to 8 bits: "
            "convert it to 8-bit colour (or 16-bit grey) first"
        )
    if image.mode == "I" and image.format != "PPM":
        raise PictureError(
            f"{path}: 32-bit or signed whole numbers: convert it to 16-bit grey first"
        )


def _to_picture(image, raw_mode, path):
    """Turn a loaded Pillow image into pixels and metadata."""
    metadata = {}
    if image.info.get("icc_profile"):
        metadata["icc_profile"] = image.info["icc_profile"]
    dpi = tuple(float(value) for value in image.info.get("dpi", ()))
    if len(dpi) == 2 and all(0 < value < math.inf for value in dpi):  # TIFF's may be 0 / 0
        metadata["dpi"] = dpi
    orientation = _read_exif(image, metadata)
    pixels = _upright(_pixels(image, raw_mode, path), orientation)
    if orientation >= 5 and "dpi" in metadata:
        metadata["dpi"] = metadata["dpi"][::-1]  # rows became columns
    # A CMYK profile says nothing about the RGB that was made here.
    _drop_foreign_profile(metadata, pixels)
    return Picture(np.ascontiguousarray(pixels), metadata)


def _pixels(image, raw_mode, path):
    """Return the pixels of a loaded Pillow image in one of the kinds that Picture has."""
    transparent = "transparency" in image.info
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
    elif image.mode in ("I", "I;16", "I;16B", "I;16L"):
        grey = np.asarray(image).astype(np.uint16)
        if not transparent:
            return grey
        alpha = np.where(grey == image.info["transparency"], 0, 65535)
        return np.stack([grey, alpha.astype(np.uint16)], axis=2)
    elif image.mode == "F":
        return np.asarray(image, dtype=np.float32)
    elif image.mode in ("1", "L"):
        grey = np.asarray(image.convert("L"))
        if not transparent:
            return grey
        # Pillow scales 2- and 4-bit samples to 8 bits, but not the value that means transparent.
        key = image.info["transparency"] * {"L;2": 85, "L;4": 17}.get(raw_mode, 1)
        return np.stack([grey, np.where(grey == key, 0, 255).astype(np.uint8)], axis=2)
    elif image.mode == "RGB" and transparent:
        image = image.convert("RGBA")
    elif image.mode in ("CMYK", "YCbCr", "RGBX"):
        image = image.convert("RGB")
    elif image.mode == "RGBa":
        image = image.convert("RGBA")
    if image.mode not in ("LA", "RGB", "RGBA"):
        raise PictureError(f"{path}: pixels of kind {image.mode}: convert it to RGB first")
    return np.asarray(image)


def _read_exif(image, metadata):
    """Put EXIF with its orientation reset into ``metadata``; return the orientation, 1 to 8."""
    try:
        exif = image.getexif()
        if not exif:
            return 1
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        if _EXIF_ORIENTATION in exif:
            exif[_EXIF_ORIENTATION] = 1
        if image.format == "TIFF":
            for tag in set(exif) - set(_TIFF_DESCRIPTIVE):
                del exif[tag]
        if exif:
            metadata["exif"] = exif.tobytes()
    except Exception:  # damaged EXIF: the picture itself is still good, so it goes without
        return 1
    return orientation if orientation in range(1, 9) else 1


def _upright(pixels, orientation):
    """Undo an EXIF orientation: 2 to 4 mirror or turn by half, 5 to 8 also swap the axes."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _drop_foreign_profile(metadata, pixels):
    """Remove a colour profile whose header (bytes 16 to 20) names another colour space."""
    colour_space = b"GRAY" if pixels.ndim == 2 or pixels.shape[2] == 2 else b"RGB "
    if "icc_profile" in metadata and metadata["icc_profile"][16:20] != colour_space:
        del metadata["icc_profile"]


def _check_writable(path, suffix, pixels):
    """Raise PictureError unless the format of ``suffix`` can hold ``pixels``."""
    if suffix not in WRITE_SUFFIXES:
        raise PictureError(
            f"{path}: cannot write pictures of kind '{suffix}': use {' '.join(WRITE_SUFFIXES)}"
        )
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.size == 0 or channels not in (1, 2, 3, 4) or (pixels.ndim == 3 and channels == 1):
        raise PictureError(
            f"{path}: expected pixels of shape (H, W) or (H, W, 2, 3 or 4), got {pixels.shape}"
        )
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(f"{path}: expected uint8, uint16 or float32, got {pixels.dtype}")
    if channels in (2, 4) and suffix not in _ALPHA_SUFFIXES:
        raise PictureError(f"{path}: {suffix} holds no transparency: write PNG")
    if pixels.dtype == np.uint16 and (channels > 1 or suffix not in _SIXTEEN_BIT_SUFFIXES):
        raise PictureError(
            f"{path}: 16 bits can only be written as grey, in {' '.join(_SIXTEEN_BIT_SUFFIXES)}: "
            "convert to uint8"
        )
    if pixels.dtype == np.float32 and (channels > 1 or suffix not in _FLOAT_SUFFIXES):
        raise PictureError(
            f"{path}: floats can only be written as grey, in {' '.join(_FLOAT_SUFFIXES)}: "
            "convert to uint8"
        )


def _one_line(error):
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
