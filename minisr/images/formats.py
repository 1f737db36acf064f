"""Which file formats there are, by suffix, and what each can hold."""

READ_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
WRITE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"),
    *(".ppm", ".pgm", ".pnm"),
)
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")  # no EPS: it runs Ghostscript

ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp")
SIXTEEN_BIT_SUFFIXES = (".png", ".tif", ".tiff", ".pgm", ".pnm")
FLOAT_SUFFIXES = (".tif", ".tiff")
METADATA_KEYS = {
    ".png": ("icc_profile", "exif", "dpi"),
    ".jpg": ("icc_profile", "exif", "dpi"),
    ".jpeg": ("icc_profile", "exif", "dpi"),
    ".tif": ("icc_profile", "exif", "dpi"),
    ".tiff": ("icc_profile", "exif", "dpi"),
    ".webp": ("icc_profile", "exif"),
    ".bmp": ("dpi",),
}
OPTIONS = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    # exact: keep the colours of transparent pixels, as every other format does.
    ".webp": {"lossless": True, "exact": True},
    # TIFF is left uncompressed: with compression, libtiff writes it, and loses EXIF's inner part.
}
