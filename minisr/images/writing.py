"""Write a picture whole, with all that its format can hold, or not at all."""

import io
from pathlib import Path

import numpy as np

from minisr.atomic import atomic_path
from minisr.errors import PictureError
from minisr.images import jpeg_segments, png16, png_chunks, png_metadata, pnm
from minisr.images.exif import PREFIX
from minisr.images.formats import format_of
from minisr.images.profiles import without_foreign_profile
from minisr.images.sources import one_line
from minisr.images.tiff_write import TiffWriter

JPEG_QUALITY, JPEG_SUBSAMPLING = 95, "4:4:4"
_NAMES = {
    "icc_profile": "the colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "dpi": "the resolution",
    "text": "text",
    "photoshop": "IPTC and Photoshop's blocks",
    "png_colour": "PNG's chunks about colour",
}


def write_picture(path, pixels, metadata=None, *, quality=None, subsampling=None):
    """Write a picture, completely or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the format: PNG, TIFF, WebP, BMP, GIF, PPM and PGM, or JPEG. An existing
        file is replaced in one step.
    pixels, metadata, quality, subsampling
        As in :func:`encode_picture`.

    Returns
    -------
    tuple of str
        What the format could not hold.

    Raises
    ------
    PictureError
        An unknown suffix, a missing folder, no room or no permission, or pixels that the format
        cannot hold without loss.
    """
    path = Path(path)
    try:
        content, notes = encode_picture(
            pixels, path.suffix, metadata, quality=quality, subsampling=subsampling
        )
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from None
    write_bytes(path, content)
    return notes


def write_bytes(path, content):
    """Write bytes to a file in one step, or raise PictureError."""
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from None


def encode_picture(pixels, suffix, metadata=None, *, quality=None, subsampling=None):
    """Encode a picture.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        As in :class:`Picture`. 16 bits: PNG, TIFF, PPM and PGM; float32: TIFF; transparency: PNG,
        TIFF, WebP and GIF, which knows only all or nothing and 256 colours.
    suffix : str
        Such as ".png".
    metadata : dict, optional
        As in :class:`Picture`.
    quality : int, optional
        Of JPEG, 1 to 100, by default 95. A WebP with a quality is packed with loss, one without is
        not.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}, optional
        Of a JPEG's chroma; by default none, "4:4:4".

    Returns
    -------
    bytes
    tuple of str
        What the format could not hold: one note for each kind of metadata, a colour profile of
        another colour space (an RGB profile on a grey picture), or colours beyond 256.

    Raises
    ------
    PictureError
        An unknown suffix, or pixels that the format cannot hold without loss.
    """
    pixels = np.asarray(pixels)
    form = format_of(suffix)
    check_pixels(pixels, form, suffix)
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise PictureError(f"expected a quality from 1 to 100, got {quality!r}")
    metadata, notes = fitting(metadata or {}, form, pixels)
    try:
        content, more = _ENCODERS[form.name](pixels, metadata, quality, subsampling)
    except Exception as error:  # encoders raise nearly anything, mostly about metadata
        raise PictureError(f"cannot be encoded: {one_line(error)}") from None
    return content, (*notes, *more)


def check_pixels(pixels, form, suffix):
    """Raise PictureError unless a format can hold pixels."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.size == 0 or channels not in (1, 2, 3, 4) or (pixels.ndim == 3 and channels == 1):
        raise PictureError(
            f"expected pixels of shape (H, W) or (H, W, 2, 3 or 4), got {pixels.shape}"
        )
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(f"expected uint8, uint16 or float32, got {pixels.dtype}")
    if channels in (2, 4) and not form.alpha:
        raise PictureError(f"{suffix} holds no transparency: write PNG, WebP or TIFF")
    if not form.holds(pixels.dtype):
        kind = "16 bits" if pixels.dtype == np.uint16 else "floats"
        where = "PNG, TIFF, PPM or PGM" if pixels.dtype == np.uint16 else "TIFF"
        raise PictureError(f"{suffix} holds no {kind}: write {where}, or convert to uint8")
    height, width = pixels.shape[:2]
    if max(width, height) > form.largest_side:
        raise PictureError(
            f"{width} x {height} pixels are more than {suffix} can hold, "
            f"{form.largest_side} a side: write PNG or TIFF"
        )


def fitting(metadata, form, pixels):
    """Return the part of metadata that a format and the pixels can hold, and notes of the rest."""
    notes = []
    kept = {key: value for key, value in metadata.items() if value}
    fits = without_foreign_profile(kept, pixels)
    if fits is not kept:
        notes.append("the colour profile is of another colour space and was left out")
    for key in fits.keys() - set(form.metadata):
        if key == "text":
            lost = [entry.keyword for entry in fits[key] if entry.keyword not in form.texts]
            if lost:
                notes.append(f"{form.name} has no place for text ({', '.join(lost)})")
        elif key != "png_colour" or (not fits.get("icc_profile") and _matters(fits[key])):
            notes.append(f"{form.name} has no place for {_NAMES.get(key, key)}")
    wanted = {*form.metadata, *(("text",) if form.texts else ())}
    return {key: value for key, value in fits.items() if key in wanted}, sorted(notes)


def _matters(png_colour):
    """Return whether chunks about colour say anything but sRGB, which is taken for granted."""
    standard = {b"gAMA": (45455).to_bytes(4, "big"), b"cICP": b"\1\x0d\0\1"}
    if b"sRGB" in png_colour and b"cICP" not in png_colour:
        return False
    return any(standard.get(kind) != data for kind, data in png_colour.items() if kind != b"cHRM")


def _comment(metadata):
    return next((t.text for t in metadata.get("text", ()) if t.keyword == "Comment"), None)


def _saved(pixels, form, **options):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=form, **options)
    return file.getvalue()


def _encode_png(pixels, metadata, quality, subsampling):
    content = png16.encode(pixels) if pixels.dtype == np.uint16 else _saved(pixels, "PNG")
    return png_chunks.with_chunks(content, png_metadata.chunks_for(metadata)), ()


def _encode_jpeg(pixels, metadata, quality, subsampling):
    options = {"quality": quality or JPEG_QUALITY, "subsampling": subsampling or JPEG_SUBSAMPLING}
    if metadata.get("dpi"):
        options["dpi"] = tuple(round(value) for value in metadata["dpi"])
    content = _saved(pixels, "JPEG", **options)
    if metadata.get("exif") and not metadata["exif"].startswith(PREFIX):
        metadata = metadata | {"exif": PREFIX + metadata["exif"]}
    content, too_large = jpeg_segments.with_metadata(content, metadata, _comment(metadata))
    return content, tuple(f"{_NAMES[key]} is too large for JPEG" for key in too_large)


def _encode_webp(pixels, metadata, quality, subsampling):
    # exact: keep the colours of transparent pixels, as every other format does.
    options = {key: metadata[key] for key in ("icc_profile", "exif", "xmp") if metadata.get(key)}
    options |= {"quality": quality} if quality else {"lossless": True}
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    notes = ("WebP holds no grey, so grey became RGB",) if channels < 3 else ()
    return _saved(pixels, "WEBP", exact=True, **options), notes


def _encode_tiff(pixels, metadata, quality, subsampling):
    file = io.BytesIO()
    writer = TiffWriter(file, pixels.shape, pixels.dtype, metadata)
    writer.write(pixels)
    writer.finish()
    return file.getvalue(), ()


def _encode_bmp(pixels, metadata, quality, subsampling):
    return _saved(pixels, "BMP", **{key: metadata[key] for key in ("dpi",) if key in metadata}), ()


def _encode_gif(pixels, metadata, quality, subsampling):
    from minisr.images.gif import encode

    return encode([pixels], [0], 1, _comment(metadata))


def _encode_pnm(pixels, metadata, quality, subsampling):
    return pnm.header_for(pixels.shape, pixels.dtype) + pnm.row_bytes_for(pixels), ()


_ENCODERS = {
    "PNG": _encode_png,
    "JPEG": _encode_jpeg,
    "WEBP": _encode_webp,
    "TIFF": _encode_tiff,
    "BMP": _encode_bmp,
    "GIF": _encode_gif,
    "PNM": _encode_pnm,
}
