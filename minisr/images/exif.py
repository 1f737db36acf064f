"""EXIF: kept, with its orientation applied once."""

EXIF_ORIENTATION = 0x0112
# Description, maker, model, software, date, artist, copyright, EXIF and GPS: the rest of a TIFF's
# directory is about the layout of that one file.
TIFF_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825)


def read_exif(image, metadata):
    """Put EXIF with its orientation reset into ``metadata``; return the orientation, 1 to 8."""
    try:
        exif = image.getexif()
        if not exif:
            return 1
        orientation = exif.get(EXIF_ORIENTATION, 1)
        if EXIF_ORIENTATION in exif:
            exif[EXIF_ORIENTATION] = 1
        if image.format == "TIFF":
            for tag in set(exif) - set(TIFF_DESCRIPTIVE):
                del exif[tag]
        if exif:
            metadata["exif"] = exif.tobytes()
    except Exception:  # damaged EXIF: the picture itself is still good, so it goes without
        return 1
    return orientation if orientation in range(1, 9) else 1


def upright(pixels, orientation):
    """Undo an EXIF orientation: 2 to 4 mirror or turn by half, 5 to 8 also swap the axes."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
