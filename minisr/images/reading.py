"""Read a whole picture with all its metadata, and note whatever is converted or left out.

Pillow decodes most pictures. PNG and TIFF with more than 8 bits per sample, which it would reduce
to 8, and PNM, which it reads only in part, are decoded here. HEIC is read through pillow-heif, and
whatever else there is through imageio. All of them are imported inside functions, because importing
Pillow alone takes a twentieth of a second.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.images import exif as exifs
from minisr.images import heif, imageio_reading, pnm
from minisr.images.jpeg.quality import estimate
from minisr.images.picture import Picture
from minisr.images.pillow_images import metadata_of, pixels_of, raw_mode_of
from minisr.images.png import chunks as png_chunks
from minisr.images.png import deep as png_deep
from minisr.images.png import metadata as png_metadata
from minisr.images.sources import check_size, explained, opened
from minisr.images.tiff.layout import CMYK, is_for_pillow, layout_of, read_directory, size_of
from minisr.images.tiff.messages import captured_messages
from minisr.images.tiff.metadata import ORIENTATION
from minisr.images.tiff.metadata import read as read_tiff_metadata
from minisr.images.tiff.rows import read_rows
from minisr.images.upright import upright_picture
from minisr.images.webp_chunks import is_lossy

if TYPE_CHECKING:
    from typing import Any

LOSSY_WEBP_QUALITY = 95
_X_RESOLUTION = 0x011A
_SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")


def read_picture(source: Any, *, allow_large: bool = False) -> Picture:
    """Read a picture.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        PNG, JPEG, TIFF, WebP, BMP, GIF, PPM/PGM/PBM, AVIF, HEIC, or any that imageio reads through
        Pillow, recognised by content, not by suffix.
    allow_large : bool, optional
        Also read pictures of more than 179 megapixels.

    Returns
    -------
    Picture
        Upright. Palettes and CMYK become RGB (RGBA if there is transparency), 1-bit pictures
        become 8-bit grey; 16 bits per channel and floats are kept. Only the first frame of an
        animation and the first page of a TIFF are read. What imageio or pillow-heif leaves out is
        noted.

    Raises
    ------
    PictureError
        The file does not exist, is not a picture, is empty, damaged, truncated or too large, or
        has samples that `Picture` cannot hold without loss.
    """
    with opened(source) as (file, form), explained(source):
        reader = _READERS.get(form)
        return reader(file, allow_large) if reader else _read_foreign(file, form, allow_large)


def _read_png(file, allow_large):
    content = file.read()
    chunks = list(png_chunks.split(content))
    kinds = dict(chunks)
    header = bytes(kinds.get(b"IHDR", b""))
    if len(header) != 13:
        raise ValueError("it has no header")
    check_size(*struct.unpack(">II", header[:8]), allow_large)
    metadata, notes = png_metadata.read(chunks)
    if header[8] == 16:
        data = [data for kind, data in chunks if kind == b"IDAT"]
        key = kinds[b"tRNS"] if b"tRNS" in kinds and header[9] in (0, 2) else None
        return upright_picture(png_deep.decode(header, data, key), metadata, notes, "PNG")
    pixels_only = io.BytesIO(png_chunks.pixels_only(chunks))
    pixels, more, _ = _through_pillow(pixels_only, "PNG", allow_large)[:3]
    return upright_picture(pixels, metadata, [*notes, *more], "PNG")


def _read_tiff(file, allow_large):
    directory = read_directory(file)
    check_size(*size_of(directory), allow_large)
    metadata, notes, orientation = read_tiff_metadata(file, directory)
    layout = layout_of(directory)
    for_pillow = is_for_pillow(file)
    if layout is None and not for_pillow:
        raise PictureError(
            "expected whole bytes of grey, RGB or CMYK in a big-endian BigTIFF, got pixels of "
            "another kind: convert it to 8-bit RGB first"
        )
    if layout is not None and (layout.dtype.itemsize > 1 or not for_pillow):
        pixels = read_rows(file, layout, 0, layout.height)
        if layout.colour == CMYK:
            notes.append("CMYK was converted to RGB without using a profile")
        if layout.dtype.itemsize == 8:
            notes.append("64-bit floats were rounded to 32 bits")
    else:
        file.seek(0)
        with captured_messages() as messages:
            pixels, more, changed, image = _through_pillow(file, "TIFF", allow_large)
        notes, metadata = [*notes, *more], metadata | changed
        if messages:
            notes.append("its pixels are damaged in places")
        if orientation != image.getexif().get(ORIENTATION, 1):  # Pillow has already applied it
            if orientation >= 5 and "dpi" in metadata:
                metadata["dpi"] = metadata["dpi"][::-1]
            orientation = 1
    if directory.next:
        notes.append("only its first page was read")
    return upright_picture(pixels, metadata, notes, "TIFF", orientation)


def _read_pnm(file, allow_large):
    header = pnm.read_header(file)
    check_size(header.width, header.height, allow_large)
    return Picture(pnm.read(file), {}, (), "PNM")


def _read_jpeg(file, allow_large):
    pixels, notes, changed, image = _through_pillow(file, "JPEG", allow_large)
    from PIL.JpegImagePlugin import get_sampling

    metadata = metadata_of(image) | changed
    if not image.info.get("jfif_unit") and not _resolution_in_exif(metadata):
        metadata.pop("dpi", None)  # the file gives none, and Pillow has made up 72
    if getattr(image, "n_frames", 1) > 1:
        notes = (*notes, "the other pictures in the file (MPO) were left out")
    tables = image.quantization
    chroma = get_sampling(image) if image.layers == 3 else -1
    return upright_picture(
        *(pixels, metadata, notes, "JPEG"),
        quality=estimate(tables[min(tables)]) if tables else None,
        subsampling=_SUBSAMPLING[chroma] if chroma >= 0 else None,
    )


def _resolution_in_exif(metadata):
    try:
        return _X_RESOLUTION in exifs.raw_entries(metadata.get("exif", b""))[2]
    except (ValueError, struct.error):
        return False


def _read_webp(file, allow_large):
    quality = LOSSY_WEBP_QUALITY if is_lossy(file.read(1 << 20)) else None
    file.seek(0)
    pixels, notes, _, image = _through_pillow(file, "WebP", allow_large)
    return upright_picture(pixels, metadata_of(image), notes, "WebP", quality=quality)


def _read_other(form):
    def read(file, allow_large):
        pixels, notes, _, image = _through_pillow(file, form, allow_large)
        return upright_picture(pixels, metadata_of(image), notes, form)

    return read


def _read_heic(file, allow_large):
    return upright_picture(*heif.read(file, allow_large), "HEIC", 1)


def _read_foreign(file, form, allow_large):
    read = imageio_reading.read(file, form, allow_large)
    return upright_picture(read.pixels, read.metadata, read.notes, form, read.orientation)


def _through_pillow(file, form, allow_large):
    """Decode with Pillow; return pixels, notes, changed metadata, and the image."""
    from PIL import Image

    with Image.open(file, formats=[form.upper()]) as image:
        check_size(*image.size, allow_large)
        raw_mode = raw_mode_of(image)
        image.load()
        pixels, notes, changed = pixels_of(image, raw_mode)
        frames = getattr(image, "n_frames", 1) if form in ("GIF", "WebP", "PNG") else 1
        if frames > 1:
            notes = (*notes, f"only the first of {frames} frames was read")
        return pixels, notes, changed, image


_READERS = {
    "PNG": _read_png,
    "TIFF": _read_tiff,
    "PNM": _read_pnm,
    "JPEG": _read_jpeg,
    "WebP": _read_webp,
    "GIF": _read_other("GIF"),
    "BMP": _read_other("BMP"),
    "HEIC": _read_heic,
}
