"""Pictures of the kinds that minisr reads through imageio or pillow-heif, made without minisr.

As in `picture_kinds`, each maker returns the bytes of a file and the pixels in it, upright.
"""

import io
import struct

import numpy as np
from picture_kinds import HEIGHT, WIDTH, Kind, encoded, exif, samples, simple, turned, wide_profile
from picture_kinds import xmp as xmp_block
from PIL import Image

FINE = {"quality": 95, "subsampling": "4:4:4"}


def qoi(channels=3):
    """Return a maker of a QOI by hand: every pixel in full."""

    def make():
        pixels = samples(channels)
        tag = b"\xfe" if channels == 3 else b"\xff"
        body = b"".join(tag + pixel.tobytes() for pixel in pixels.reshape(-1, channels))
        head = b"qoif" + struct.pack(">IIBB", WIDTH, HEIGHT, channels, 0)
        return head + body + b"\0" * 7 + b"\1", pixels

    return make


def deep_sgi():
    """Return an SGI by hand, 16 bits per sample, bottom row first, channel by channel."""
    pixels = samples(3, np.uint16)
    head = struct.pack(">HBBHHHHII", 0x01DA, 0, 2, 3, WIDTH, HEIGHT, 3, 0, 65535)
    planes = pixels[::-1].transpose(2, 0, 1).astype(">u2")
    return head.ljust(512, b"\0") + planes.tobytes(), np.uint8(pixels >> 8)


def pfm():
    """Return a grey PFM by hand: floats, bottom row first."""
    pixels = samples(1, np.float32)
    return f"Pf\n{WIDTH} {HEIGHT}\n-1.0\n".encode() + pixels[::-1].astype("<f4").tobytes(), pixels


def two_icons():
    """Return an ICO of two sizes and the pixels of the larger one."""
    pixels = samples(4)
    picture = Image.fromarray(pixels)
    content = encoded(picture, "ICO", sizes=[(WIDTH, HEIGHT), (4, 3)])
    return content, pixels


def grey_jp2():
    pixels = samples(1, np.uint16)
    return encoded(Image.fromarray(pixels), "JPEG2000"), pixels


def heic_of(mode, pixels, **options):
    """Return the content of a HEIC."""
    import pillow_heif

    file = io.BytesIO()
    image = pillow_heif.from_bytes(
        mode, pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes()
    )
    image.save(file, **{"quality": 95, "chroma": 444, **options})
    return file.getvalue()


def heic(mode, channels, dtype=np.uint8, **options):
    """Return a maker of a HEIC through pillow-heif; 16 bits become 10 in it."""

    def make():
        smooth = samples(channels, smooth=True)
        pixels = smooth if dtype == np.uint8 else smooth.astype(np.uint16) * 257 + 100
        return heic_of(mode, pixels, **options), pixels

    return make


def turned_heic():
    stored = samples(3, smooth=True)
    return heic_of("RGB", stored, exif=exif(6, thumbnail=True)), np.rot90(stored, -1)


def jxl(channels, dtype=np.uint8, **options):
    """Return a maker of a lossless JPEG XL through its plugin."""

    def make():
        import pillow_jxl  # noqa: F401, which adds it to Pillow

        pixels = samples(channels, dtype)
        return encoded(pixels, "JXL", lossless=True, **options), pixels

    return make


EVERY = {"icc_profile": wide_profile(), "exif": exif(), "xmp": xmp_block()}
HEIC, JXL = {"needs": "pillow_heif"}, {"needs": "pillow_jxl"}

OTHER_KINDS = (
    Kind("AVIF", ".avif", simple("AVIF", smooth=True, **FINE), 8),
    Kind("AVIF, grey", ".avif", simple("AVIF", 1, smooth=True, quality=95, subsampling="4:0:0"), 8),
    Kind("AVIF, RGBA", ".avif", simple("AVIF", 4, smooth=True, **FINE), 8),
    Kind(
        *("AVIF, Display P3, EXIF, XMP", ".avif"),
        simple("AVIF", smooth=True, **FINE, **EVERY),
        tolerance=8,
        carries=("icc", "exif", "xmp"),
    ),
    Kind("AVIF, rotated by 90° in EXIF", ".avif", turned("AVIF", **FINE), 8, ("exif",)),
    Kind("HEIC", ".heic", heic("RGB", 3), 10, **HEIC),
    Kind("HEIC, grey", ".heic", heic("L", 1), 10, **HEIC),
    Kind("HEIC, RGBA", ".heic", heic("RGBA", 4), 10, **HEIC),
    Kind("HEIC, 10 bits", ".heic", heic("RGB;16", 3, np.uint16), 10, **HEIC),
    Kind("HEIC, RGBA, 10 bits", ".heic", heic("RGBA;16", 4, np.uint16), 10, **HEIC),
    Kind(
        *("HEIC, Display P3, EXIF, XMP", ".heic", heic("RGB", 3, **EVERY), 10),
        carries=("icc", "exif", "xmp"),
        **HEIC,
    ),
    Kind("HEIC, rotated by 90°", ".heic", turned_heic, 10, ("exif",), **HEIC),
    Kind("JPEG XL", ".jxl", jxl(3), **JXL),
    Kind("JPEG XL, RGBA", ".jxl", jxl(4), **JXL),
    Kind("JPEG XL, grey, 16 bits", ".jxl", jxl(1, np.uint16), **JXL),
    Kind("JPEG 2000", ".jp2", simple("JPEG2000", 3)),
    Kind("JPEG 2000, RGBA", ".jp2", simple("JPEG2000", 4)),
    Kind("JPEG 2000, grey, 16 bits", ".jp2", grey_jp2),
    Kind("TGA", ".tga", simple("TGA", 3)),
    Kind("TGA, RGBA", ".tga", simple("TGA", 4)),
    Kind("QOI", ".qoi", qoi()),
    Kind("QOI, RGBA", ".qoi", qoi(4)),
    Kind("ICO, two sizes", ".ico", two_icons),
    Kind("DDS, RGBA", ".dds", simple("DDS", 4)),
    Kind("SGI", ".sgi", simple("SGI", 3)),
    Kind("SGI, 16 bits", ".sgi", deep_sgi),
    Kind("PFM", ".pfm", pfm),
)
