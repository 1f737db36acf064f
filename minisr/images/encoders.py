"""The encoders of still pictures and animations: arrays and metadata in, bytes out."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import bmp, pnm
from minisr.images.exif import PREFIX, without_orientation
from minisr.images.gif import writing as gif
from minisr.images.imageio_reading import check_avif
from minisr.images.jpeg import segments as jpeg_segments
from minisr.images.metadata import NAMES
from minisr.images.png import chunks as png_chunks
from minisr.images.png import deep as png_deep
from minisr.images.png import metadata as png_metadata
from minisr.images.tiff.writing import TiffWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisr.images.formats import Format

JPEG_QUALITY, JPEG_SUBSAMPLING = 95, "4:4:4"
AVIF_QUALITY = 90


def encode_still(
    form: Format, pixels: Any, metadata: Any, quality: Any, subsampling: Any
) -> tuple[bytes, tuple[Any, ...]]:
    """Encode a picture whose pixels its format can hold.

    Parameters
    ----------
    form : minisr.images.formats.Format
    pixels, metadata, quality, subsampling
        As in `minisr.images.writing.encode_picture`.

    Returns
    -------
    bytes
    tuple of str
        Notes of what was lost.
    """
    return _ENCODERS[form.name](pixels, metadata, quality, subsampling)


def encode_frames(
    form: Format,
    frames: Iterator[Any] | tuple[Any, Any, Any],
    times: list[Any],
    plays: int,
    metadata: Any,
    quality: Any,
) -> tuple[bytes, tuple[Any, ...]]:
    """Encode an animation.

    Parameters
    ----------
    form : minisr.images.formats.Format
        GIF, WebP or PNG.
    frames : iterator of ndarray, shape (H, W, 3) or (H, W, 4), uint8
    times : list of int
        Duration of each frame in milliseconds.
    plays : int
        How often the animation plays; 0 means forever.
    metadata, quality
        As in `minisr.images.writing.encode_picture`.

    Returns
    -------
    bytes
    tuple of str
        Notes of what was lost.
    """
    from PIL import Image

    if form.name == "GIF":
        return gif.encode(frames, times, plays, _comment(metadata))
    first, *others = (Image.fromarray(frame) for frame in frames)
    options = {"save_all": True, "append_images": others, "duration": times, "loop": plays}
    file = io.BytesIO()
    if form.name == "WebP":
        first.save(file, format="WEBP", **options, **_webp_options(metadata, quality))
        return file.getvalue(), ()
    # Every frame is whole and replaces the one before.
    first.save(file, format="PNG", **options, disposal=0, blend=0)
    chunks = png_metadata.chunks_for(metadata)
    return png_chunks.with_chunks(file.getvalue(), chunks), ()


def _comment(metadata):
    return next((t.text for t in metadata.get("text", ()) if t.keyword == "Comment"), None)


def _saved(pixels, form, **options):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=form, **options)
    return file.getvalue()


def _encode_png(pixels, metadata, quality, subsampling):
    content = png_deep.encode(pixels) if pixels.dtype == np.uint16 else _saved(pixels, "PNG")
    return png_chunks.with_chunks(content, png_metadata.chunks_for(metadata)), ()


def _encode_jpeg(pixels, metadata, quality, subsampling):
    options = {"quality": quality or JPEG_QUALITY, "subsampling": subsampling or JPEG_SUBSAMPLING}
    if metadata.get("dpi"):
        options["dpi"] = tuple(round(value) for value in metadata["dpi"])
    content = _saved(pixels, "JPEG", **options)
    if metadata.get("exif") and not metadata["exif"].startswith(PREFIX):
        metadata = metadata | {"exif": PREFIX + metadata["exif"]}
    content, too_large = jpeg_segments.with_metadata(content, metadata, _comment(metadata))
    notes = (f"{NAMES[key]} is too large for JPEG and was left out" for key in too_large)
    return content, tuple(notes)


def _encode_webp(pixels, metadata, quality, subsampling):
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    notes = ("WebP cannot hold grey, so grey became RGB",) if channels < 3 else ()
    return _saved(pixels, "WEBP", **_webp_options(metadata, quality)), notes


def _webp_options(metadata, quality):
    options = {key: metadata[key] for key in ("icc_profile", "exif", "xmp") if metadata.get(key)}
    # exact: keep the colours of transparent pixels, as every other format does.
    return options | {"exact": True} | ({"quality": quality} if quality else {"lossless": True})


def _encode_tiff(pixels, metadata, quality, subsampling):
    file = io.BytesIO()
    writer = TiffWriter(file, pixels.shape, pixels.dtype, metadata)
    writer.write(pixels)
    writer.finish()
    return file.getvalue(), writer.notes


def _encode_avif(pixels, metadata, quality, subsampling):
    check_avif()
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    notes = (
        ("minisr cannot write grey with alpha as AVIF, so grey became RGB",)
        if channels == 2
        else ()
    )
    options = {key: metadata[key] for key in ("icc_profile", "xmp") if metadata.get(key)}
    options["subsampling"] = "4:0:0" if channels == 1 else subsampling or JPEG_SUBSAMPLING
    if metadata.get("exif"):
        # Pillow rewrites EXIF with an orientation, and maker notes would lose their place.
        options["exif"] = without_orientation(metadata["exif"])
    return _saved(pixels, "AVIF", quality=quality or AVIF_QUALITY, **options), notes


def _encode_bmp(pixels, metadata, quality, subsampling):
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return bmp.encode(pixels, metadata.get("dpi")), ()
    return _saved(pixels, "BMP", **{key: metadata[key] for key in ("dpi",) if key in metadata}), ()


def _encode_gif(pixels, metadata, quality, subsampling):
    return gif.encode([pixels], [0], 1, _comment(metadata))


def _encode_pnm(pixels, metadata, quality, subsampling):
    return pnm.header_for(pixels.shape, pixels.dtype) + pnm.row_bytes_for(pixels), ()


_ENCODERS = {
    "PNG": _encode_png,
    "JPEG": _encode_jpeg,
    "WebP": _encode_webp,
    "TIFF": _encode_tiff,
    "BMP": _encode_bmp,
    "GIF": _encode_gif,
    "PNM": _encode_pnm,
    "AVIF": _encode_avif,
}
