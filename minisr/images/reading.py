"""Read a picture whole, with all that its file says about it; nothing is lost in silence.

Pillow decodes; but deep PNG and TIFF, which it would cut to 8 bits, and PNM, of which it reads a
part, are decoded here. Pillow is imported in the functions: it takes a twentieth of a second.
"""

import io
import struct

import numpy as np

from minisr.errors import PictureError
from minisr.images import exif as exifs
from minisr.images import pnm
from minisr.images import xmp as xmps
from minisr.images.jpeg.quality import estimate
from minisr.images.picture import Picture
from minisr.images.pillow_images import metadata_of, pixels_of, raw_mode_of
from minisr.images.png import chunks as png_chunks
from minisr.images.png import deep as png_deep
from minisr.images.png import metadata as png_metadata
from minisr.images.profiles import without_foreign_profile
from minisr.images.sources import check_size, explained, opened
from minisr.images.tiff.complaints import complaints
from minisr.images.tiff.layout import CMYK, is_for_pillow, layout_of, read_directory, size_of
from minisr.images.tiff.metadata import ORIENTATION
from minisr.images.tiff.metadata import read as read_tiff_metadata
from minisr.images.tiff.rows import read_rows
from minisr.images.webp_chunks import is_lossy

LOSSY_WEBP_QUALITY = 95
_X_RESOLUTION = 0x011A
_SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")


def read_picture(source, *, allow_large=False):
    """Read a picture.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        PNG, JPEG, TIFF, WebP, BMP, GIF or PPM/PGM/PBM; the content decides, not the suffix.
    allow_large : bool, optional
        Read also what is larger than 179 megapixels.

    Returns
    -------
    Picture
        Upright. Palettes and CMYK become RGB (RGBA where there is transparency), one bit becomes
        8-bit grey; 16 bits a channel and floats stay what they are. Of an animation, the first
        frame, and of a TIFF of several pages, the first.

    Raises
    ------
    PictureError
        No such file, not a picture, empty, damaged or truncated, too large, or of samples that
        would lose by what Picture can hold.
    """
    with opened(source) as (file, form), explained(source):
        return _READERS[form](file, allow_large)


def finished(pixels, metadata, notes, form, orientation=None, **fields):
    """Return a Picture, upright.

    Parameters
    ----------
    pixels, metadata, notes, form
        As in `Picture`, but as they lie in the file.
    orientation : int, optional
        1 to 8; by default that of EXIF or, where it has none, of XMP.
    **fields
        The other ones of `Picture`.
    """
    metadata, notes = dict(metadata), list(notes)
    if "exif" in metadata:
        try:
            own = exifs.orientation_of(metadata["exif"])
            orientation = own if orientation is None else orientation
            metadata["exif"] = exifs.upright(metadata["exif"])
        except (ValueError, struct.error):  # the picture itself is still good
            del metadata["exif"]
            notes.append("damaged EXIF was left out")
    if "xmp" in metadata:
        own = xmps.orientation_of(metadata["xmp"])
        orientation = own if orientation is None else orientation
        metadata["xmp"] = xmps.upright(metadata["xmp"])
    orientation = orientation or 1
    if orientation >= 5 and "dpi" in metadata:
        metadata["dpi"] = metadata["dpi"][::-1]  # rows became columns
    pixels = np.ascontiguousarray(upright(pixels, orientation))
    kept = without_foreign_profile(metadata, pixels)
    if kept is not metadata and not any(note.startswith("CMYK") for note in notes):
        notes.append("its profile is of another colour space and was left out")
    return Picture(pixels, kept, tuple(notes), form, **fields)


def upright(pixels, orientation):
    """Undo an EXIF orientation: 2 to 4 mirror or turn by half, 5 to 8 also swap the axes."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


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
        return finished(png_deep.decode(header, data, key), metadata, notes, "PNG")
    bare = io.BytesIO(png_chunks.bare(chunks))
    pixels, more, _ = _through_pillow(bare, "PNG", allow_large)[:3]
    return finished(pixels, metadata, [*notes, *more], "PNG")


def _read_tiff(file, allow_large):
    directory = read_directory(file)
    check_size(*size_of(directory), allow_large)
    metadata, notes, orientation = read_tiff_metadata(file, directory)
    layout = layout_of(directory)
    for_pillow = is_for_pillow(file)
    if layout is None and not for_pillow:
        raise PictureError("a big-endian BigTIFF with such pixels: convert it to RGB first")
    if layout is not None and (layout.dtype.itemsize > 1 or not for_pillow):
        pixels = read_rows(file, layout, 0, layout.height)
        if layout.colour == CMYK:
            notes.append("CMYK became RGB, without its profile")
        if layout.dtype.itemsize == 8:
            notes.append("64-bit floats became 32-bit")
    else:
        file.seek(0)
        with complaints() as said:
            pixels, more, changed, image = _through_pillow(file, "TIFF", allow_large)
        notes, metadata = [*notes, *more], metadata | changed
        if said:
            notes.append("its pixels are damaged in places")
        if orientation != image.getexif().get(ORIENTATION, 1):  # Pillow has made it upright
            if orientation >= 5 and "dpi" in metadata:
                metadata["dpi"] = metadata["dpi"][::-1]
            orientation = 1
    if directory.next:
        notes.append("only the first of its pages was read")
    return finished(pixels, metadata, notes, "TIFF", orientation)


def _read_pnm(file, allow_large):
    header = pnm.read_header(file)
    check_size(header.width, header.height, allow_large)
    return Picture(pnm.read(file), {}, (), "PNM")


def _read_jpeg(file, allow_large):
    pixels, notes, changed, image = _through_pillow(file, "JPEG", allow_large)
    from PIL.JpegImagePlugin import get_sampling

    metadata = metadata_of(image) | changed
    if not image.info.get("jfif_unit") and not _resolution_in_exif(metadata):
        metadata.pop("dpi", None)  # Pillow then says 72
    if getattr(image, "n_frames", 1) > 1:
        notes = (*notes, "the other pictures in the file (MPO) were left out")
    tables = image.quantization
    chroma = get_sampling(image) if image.layers == 3 else -1
    return finished(
        *(pixels, metadata, notes, "JPEG"),
        quality=estimate(tables[min(tables)]) if tables else None,
        subsampling=_SUBSAMPLING[chroma] if chroma >= 0 else None,
    )


def _resolution_in_exif(metadata):
    try:
        return _X_RESOLUTION in exifs.rows_of(metadata.get("exif", b""))[2]
    except (ValueError, struct.error):
        return False


def _read_webp(file, allow_large):
    quality = LOSSY_WEBP_QUALITY if is_lossy(file.read(1 << 20)) else None
    file.seek(0)
    pixels, notes, _, image = _through_pillow(file, "WebP", allow_large)
    return finished(pixels, metadata_of(image), notes, "WebP", quality=quality)


def _read_other(form):
    def read(file, allow_large):
        pixels, notes, _, image = _through_pillow(file, form, allow_large)
        return finished(pixels, metadata_of(image), notes, form)

    return read


def _through_pillow(file, form, allow_large):
    """Return pixels, notes, changed metadata, and the image."""
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
}
