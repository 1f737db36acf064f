"""What a TIFF says about its picture."""

from minisr.images.pillow_images import dpi_of

_COMPRESSION, ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 259, 274, 282, 283, 296
_XMP, _PHOTOSHOP, _ICC = 700, 34377, 34675
_PER_INCH = {1: None, 2: 1.0, 3: 2.54}
# Description, maker, model, software, date, artist, copyright, rating, EXIF, GPS, and Windows'
# title to subject: the rest of a directory is about the layout of that one file.
_DESCRIPTIVE = (
    *(0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x4746, 0x8298, 0x8769, 0x8825),
    *range(0x9C9B, 0x9CA0),
)


def read(file, directory):
    """Return metadata and notes as `Picture` has them, and the orientation, 1 to 8.

    Parameters
    ----------
    file : binary file
    directory : PIL.TiffImagePlugin.ImageFileDirectory_v2
    """
    metadata, notes = {}, []
    blocks = {"icc_profile": _ICC, "xmp": _XMP, "photoshop": _PHOTOSHOP}
    for key, tag in blocks.items():
        content = directory.get(tag)
        if isinstance(content, tuple):  # of bytes written as numbers
            content = bytes(content) if all(0 <= number < 256 for number in content) else None
        if isinstance(content, bytes) and content:
            metadata[key] = content
    if directory.get(_COMPRESSION, 1) != 1:
        metadata["tiff_deflate"] = True
    scale = _PER_INCH.get(directory.get(_UNIT, 2))
    resolutions = directory.get(_X_RESOLUTION), directory.get(_Y_RESOLUTION)
    if scale and all(resolutions):
        dpi = dpi_of([float(value) * scale for value in resolutions])
        if dpi:
            metadata["dpi"] = dpi
    try:
        exif = _exif(file, directory)
        if exif:
            metadata["exif"] = exif
    except Exception:  # damaged EXIF: the picture itself is still good
        notes.append("damaged EXIF was left out")
    orientation = directory.get(ORIENTATION, 1)
    return metadata, notes, orientation if orientation in range(1, 9) else 1


def _exif(file, directory):
    """Return the descriptive part of the directory as EXIF; None where there is none."""
    from PIL import Image

    file.seek(2)
    if b"+" in file.read(2):  # BigTIFF, whose directories Pillow's EXIF cannot read
        return None
    exif = Image.Exif()
    file.seek(0)
    exif.load_from_fp(file)
    for tag in set(exif) - set(_DESCRIPTIVE):
        del exif[tag]
    return exif.tobytes() if exif else None
