"""From an image of Pillow's to pixels."""

import numpy as np

from minisr.errors import PictureError

_TIFF_BITS_PER_SAMPLE = 258


def raw_mode_of(image):
    """Return how Pillow found the samples laid out in the file, like 'RGB;16B', before load()."""
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def refuse_lost_depth(image, raw_mode, path):
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


def pixels_of(image, raw_mode, path):
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
