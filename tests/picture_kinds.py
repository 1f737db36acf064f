"""Pictures of every kind, made without minisr: by Pillow, by tifffile, or byte by byte.

Each maker returns the bytes of a file and the pixels in it, upright.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

HEIGHT, WIDTH = 6, 9


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    name : str
        A readable description that begins with the format.
    suffix : str
    make : callable
        Takes no arguments; returns bytes and ndarray.
    tolerance : int
        Largest difference, of 255, for lossy formats.
    carries : tuple of str
        The metadata that must be kept, see the tests.
    frames : int
    needs : str
        The module needed to make it.
    """

    name: str
    suffix: str
    make: callable
    tolerance: int = 0
    carries: tuple = ()
    frames: int = 1
    needs: str = ""


def samples(channels=3, dtype=np.uint8, seed=1, smooth=False):
    """Return random pixels, or smooth ones for lossy formats."""
    rng = np.random.default_rng(seed)
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    if smooth:
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        planes = [60 + 12 * x + 5 * c + 8 * y for c in range(max(channels, 1))]
        return np.uint8(np.stack(planes, axis=2)).reshape(shape)
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def binary_alpha(pixels):
    pixels = pixels.copy()
    full = np.iinfo(pixels.dtype).max
    pixels[..., -1] = np.where(pixels[..., -1] > full // 3, full, 0)
    return pixels


def wide_profile():
    """Return a profile with the primaries of Display P3: sRGB's profile with other colorants."""
    content = bytearray(srgb_profile())
    # s15Fixed16 values of rXYZ, gXYZ, bXYZ in Apple's Display P3, D50.
    colorants = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    (count,) = struct.unpack_from(">I", content, 128)
    for k in range(count):
        name, offset, _ = struct.unpack_from(">4sII", content, 132 + 12 * k)
        if name in colorants:
            values = (round(value * 65536) for value in colorants[name])
            struct.pack_into(">3i", content, offset + 8, *values)
    return bytes(content)


def grey_profile():
    """Return sRGB's profile with a header that says it is for grey."""
    content = bytearray(srgb_profile())
    content[16:20] = b"GRAY"
    return bytes(content)


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation=1, size=(WIDTH, HEIGHT), thumbnail=False):
    """Return EXIF as a camera writes it: big-endian, with maker notes and sizes."""
    parts = bytearray(b"MM\0*\0\0\0\x08")

    def directory(at, entries, following=0):
        body, extra = b"", b""
        after = at + 2 + 12 * len(entries) + 4
        for tag, kind, values in entries:
            form = {2: "s", 3: "H", 4: "I", 5: "I", 7: "s"}[kind]
            raw = values if form == "s" else struct.pack(f">{len(values)}{form}", *values)
            count = len(raw) if form == "s" else len(values) // (2 if kind == 5 else 1)
            if len(raw) > 4:
                field = struct.pack(">I", after + len(extra))
                extra += raw + b"\0" * (len(raw) % 2)
            else:
                field = raw.ljust(4, b"\0")
            body += struct.pack(">HHI", tag, kind, count) + field
        return struct.pack(">H", len(entries)) + body + struct.pack(">I", following) + extra

    inner = [
        (0x9003, 2, b"2026:11:24 12:00:00\0"),
        (0x927C, 7, b"a maker's own notes, which no one else can read"),
        (0x9214, 3, (1, 2)),
        (0xA002, 4, (size[0],)),
        (0xA003, 3, (size[1],)),
    ]
    first = [
        (0x0100, 3, (size[0],)),
        (0x0101, 3, (size[1],)),
        (0x010F, 2, b"Maker & Co\0"),
        (0x0112, 3, (orientation,)),
        (0x0131, 2, b"camera 1.0\0"),
    ]
    length = len(directory(8, [*first, (0x8769, 4, (0,))]))
    inner_at = 8 + length
    inner_bytes = directory(inner_at, inner)
    second_at = inner_at + len(inner_bytes) if thumbnail else 0
    parts += directory(8, [*first, (0x8769, 4, (inner_at,))], second_at) + inner_bytes
    if thumbnail:
        picture = encoded(samples(3, smooth=True), "JPEG")
        entries = [(0x0103, 3, (6,)), (0x0201, 4, (0,)), (0x0202, 4, (len(picture),))]
        at = second_at + len(directory(second_at, entries))
        entries[1] = (0x0201, 4, (at,))
        parts += directory(second_at, entries) + picture
    return b"Exif\0\0" + bytes(parts)


def xmp(orientation=1):
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'tiff:Orientation="{orientation}" tiff:ImageWidth="{WIDTH}" '
        f'tiff:ImageLength="{HEIGHT}"><dc:format>kept</dc:format></rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def encoded(pixels, form, **options):
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, format=form, **options)
    return file.getvalue()


def simple(form, channels=3, dtype=np.uint8, smooth=False, **options):
    """Return a maker of one picture, written by Pillow."""

    def make():
        pixels = samples(channels, dtype, smooth=smooth)
        return encoded(pixels, form, **options), pixels

    return make


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels, depth, colour, before=(), interlaced=False):
    """Return a PNG built by hand: samples of any depth, unfiltered, after the chunks ``before``."""
    height, width = pixels.shape[:2]

    def lines(part):
        raw = part.reshape(part.shape[0], -1)
        if depth == 16:
            rows = [row.astype(">u2").tobytes() for row in raw]
        elif depth == 8:
            rows = [row.astype(np.uint8).tobytes() for row in raw]
        else:
            shifts = np.arange(depth)[::-1]
            rows = [np.packbits((row[:, None] >> shifts) & 1).tobytes() for row in raw]
        return b"".join(b"\0" + row for row in rows)

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
        passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [pixels[y::dy, x::dx] for x, y, dx, dy in passes]
    data = b"".join(lines(part) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    body = [(b"IHDR", head), *before, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in body)


def few_bits(depth):
    def make():
        values = samples(1) % (1 << depth)
        return png(values, depth, 0), (values * (255 // ((1 << depth) - 1))).astype(np.uint8)

    return make


def deep_png(channels, interlaced=False, before=()):
    def make():
        pixels = samples(channels, np.uint16)
        colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        return png(pixels, 16, colour, before, interlaced), pixels

    return make


def with_key(channels, dtype):
    """Return a maker of a PNG of which one grey or colour is transparent."""

    def make():
        pixels = samples(channels, dtype)
        pixels[2, 3:6] = pixels[0, 0]
        key = struct.pack(f">{channels}H", *np.atleast_1d(pixels[0, 0]).tolist())
        content = png(pixels, 8 * pixels.itemsize, 0 if channels == 1 else 2, [(b"tRNS", key)])
        same = pixels == pixels[0, 0]
        alpha = np.where(same if channels == 1 else same.all(axis=2), 0, np.iinfo(dtype).max)
        return content, np.dstack([pixels, alpha.astype(dtype)])

    return make


def palette_png(alpha):
    def make():
        colours = samples(3, seed=2).reshape(-1, 3)[:16]
        opacity = np.arange(0, 256, 17, dtype=np.uint8)
        indices = samples(1) % 16
        before = [(b"PLTE", colours.tobytes())]
        before += [(b"tRNS", opacity.tobytes())] if alpha else []
        table = np.hstack([colours, opacity[:, None]]) if alpha else colours
        return png(indices, 4, 3, before), table[indices]

    return make


def png_with(before, channels=3):
    def make():
        pixels = samples(channels)
        return png(pixels, 8, {1: 0, 3: 2, 4: 6}[channels], before), pixels

    return make


def texts():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "plain")
    info.add_text("Author", "packed " * 300, zip=True)
    info.add_itxt("Comment", "日本語", "ja", "コメント")
    pixels = samples(3)
    return encoded(pixels, "PNG", pnginfo=info, dpi=(300, 300)), pixels


def turned(form, orientation=6, **options):
    """Return a maker of a picture that lies on its side in the file."""

    def make():
        stored = samples(3, smooth=True)
        block = exif(orientation, thumbnail=True)
        return encoded(stored, form, exif=block, **options), np.rot90(stored, -1)

    return make


def rich_jpeg():
    pixels = samples(3, smooth=True)
    content = encoded(
        *(pixels, "JPEG"),
        **{"quality": 98, "subsampling": 0, "icc_profile": wide_profile(), "dpi": (240, 240)},
        **{"exif": exif(), "xmp": xmp(), "comment": b"a comment"},
    )
    data = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x78\0\x07caption"
    segment = struct.pack(">BBH", 0xFF, 0xED, len(data) + 2) + data
    return content[:20] + segment + content[20:], pixels  # after JFIF's own


def cmyk(form, **options):
    def make():
        rgb = samples(3, smooth=True)
        inks = np.dstack([255 - rgb, np.zeros((HEIGHT, WIDTH), np.uint8)])
        return encoded(
            Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes()), form, **options
        ), rgb

    return make


def moving(form, channels=4, frames=4, **options):
    """Return a maker of an animation; the pixels are those of all frames."""

    def make():
        pixels = [
            binary_alpha(samples(4, seed=k) // 64 * 64)[..., :channels] for k in range(frames)
        ]
        if channels == 4:
            for frame in pixels:
                frame[frame[..., 3] == 0] = 0
        first, *others = (Image.fromarray(np.ascontiguousarray(frame)) for frame in pixels)
        durations = [70, 30, 110, 90][:frames]
        content = encoded(
            *(first, form),
            **{"save_all": True, "append_images": others, "duration": durations, "loop": 3},
            **options,
        )
        return content, np.stack(pixels)

    return make


def gif(transparent):
    def make():
        indices = samples(1) % 16
        colours = samples(3, seed=2).reshape(-1, 3)[:16]
        image = Image.fromarray(indices)
        image.putpalette(colours.tobytes())
        options = {"transparency": 5} if transparent else {}
        pixels = colours[indices]
        if transparent:
            pixels = np.dstack([pixels, np.where(indices == 5, 0, 255).astype(np.uint8)])
            pixels[indices == 5] = 0
        return encoded(image, "GIF", **options), pixels

    return make


def tiff(channels, dtype, **options):
    """Return a maker of a TIFF through tifffile."""

    def make():
        import tifffile

        pixels = samples(channels, dtype)
        photometric = "minisblack" if channels < 3 else "rgb"
        extra = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
        stored = pixels
        if options.get("planarconfig") == "separate":
            stored = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        if options.get("photometric") == "miniswhite":
            stored = np.iinfo(dtype).max - pixels
        file = io.BytesIO()
        settings = {"photometric": photometric, "metadata": None, **extra, **options}
        tifffile.imwrite(file, stored, **settings)
        return file.getvalue(), pixels

    return make


def half_tiff():
    import tifffile

    pixels = samples(3, np.float32).astype(np.float16)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", metadata=None)
    return file.getvalue(), pixels.astype(np.float32)


def premultiplied_tiff():
    import tifffile

    pixels = samples(4, np.uint16)
    pixels[..., 3] = np.array([0, 20000, 65535])[pixels[..., 3] % 3]
    pixels[pixels[..., 3] == 0] = 0
    stored = pixels.copy()
    stored[..., :3] = pixels[..., :3] * (pixels[..., 3:] / 65535) + 0.5
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    return file.getvalue(), pixels


def deep_cmyk_tiff():
    import tifffile

    rgb = samples(3, np.uint16)
    inks = np.dstack([65535 - rgb, np.zeros((HEIGHT, WIDTH), np.uint16)])
    file = io.BytesIO()
    tifffile.imwrite(file, inks, photometric="separated", metadata=None)
    return file.getvalue(), rgb


def pages():
    import tifffile

    file = io.BytesIO()
    both = [samples(3), samples(3, seed=9)]
    with tifffile.TiffWriter(file) as writer:
        for page in both:
            writer.write(page, photometric="rgb", metadata=None)
    return file.getvalue(), both[0]


def lzw_tiff():
    """Return 16-bit RGB packed by LZW with predictor 2, as Photoshop and darktable write it.

    Pillow packs the bytes as a grey picture; the header is then set right by hand.
    """
    pixels = samples(3, np.uint16)
    differences = np.concatenate([pixels[:, :1], np.diff(pixels, axis=1)], axis=1)
    rows = np.ascontiguousarray(differences).view(np.uint8).reshape(HEIGHT, -1)
    with Image.open(io.BytesIO(encoded(rows, "TIFF", compression="tiff_lzw"))) as image:
        offset, count = image.tag_v2[273][0], image.tag_v2[279][0]
        image.fp.seek(offset)
        data = image.fp.read(count)
    return tiff_by_hand(data, bits=16, form=1, compression=5, predictor=2), pixels


def predicted_float_tiff():
    """Return float RGB packed by Deflate with predictor 3, as GIMP and Photoshop write it."""
    pixels = samples(3, np.float32)
    parts = pixels.astype(">f4").view(np.uint8).reshape(HEIGHT, WIDTH * 3, 4)
    by_weight = parts.transpose(0, 2, 1).reshape(HEIGHT, WIDTH * 4, 3)
    differences = np.concatenate([by_weight[:, :1], np.diff(by_weight, axis=1)], axis=1)
    data = zlib.compress(np.ascontiguousarray(differences).tobytes())
    return tiff_by_hand(data, bits=32, form=3, compression=8, predictor=3), pixels


def tiff_by_hand(data, bits, form, compression, predictor):
    """Return a little-endian TIFF of one strip of RGB."""
    fields = {256: WIDTH, 257: HEIGHT, 258: (bits,) * 3, 259: compression, 262: 2, 273: None}
    fields |= {277: 3, 278: HEIGHT, 279: len(data), 317: predictor, 339: (form,) * 3}
    end = 8 + 2 + 12 * len(fields) + 4
    body = extra = b""
    for tag, value in fields.items():
        if isinstance(value, tuple):
            body += struct.pack("<HHII", tag, 3, len(value), end + len(extra))
            extra += struct.pack("<3H", *value)
        else:  # the pixels begin after two triples
            body += struct.pack("<HHII", tag, 4, 1, end + 12 if value is None else value)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + body + bytes(4) + extra + data


def tiff_with_metadata():
    """Return a TIFF that begins with a camera's EXIF, the pixels after it."""
    pixels = samples(3)
    block = Image.Exif()
    block.load(exif())
    content = encoded(pixels, "TIFF", exif=block, icc_profile=wide_profile(), dpi=(300, 300))
    return content, pixels


def bilevel(form, **options):
    def make():
        pixels = np.where(samples(1) > 127, 255, 0).astype(np.uint8)
        return encoded(Image.fromarray(pixels).convert("1"), form, **options), pixels

    return make


def paletted(form):
    def make():
        colours = samples(3, seed=2).reshape(-1, 3)[:16]
        indices = samples(1) % 16
        image = Image.fromarray(indices)
        image.putpalette(colours.tobytes())
        return encoded(image, form), colours[indices]

    return make


def pnm(kind, maximum, channels):
    """Return a maker of a PGM or PPM by hand."""

    def make():
        values = samples(channels, np.uint16).astype(int) % (maximum + 1)
        plain = kind in ("P2", "P3")
        head = f"{kind}\n# by hand\n{WIDTH} {HEIGHT}\n{maximum}\n".encode()
        if plain:
            body = " ".join(map(str, values.ravel())).encode()
        else:
            body = values.astype(">u2" if maximum > 255 else np.uint8).tobytes()
        full = 65535 if maximum > 255 else 255
        pixels = np.floor(values.astype(np.float64) * full / maximum + 0.5)
        return head + body, pixels.astype(np.uint16 if full > 255 else np.uint8)

    return make


def bitmap(plain):
    def make():
        bits = samples(1) > 127
        head = f"{'P1' if plain else 'P4'} {WIDTH} {HEIGHT}\n".encode()
        body = b"".join(np.packbits(row).tobytes() for row in bits)
        if plain:
            body = "\n".join("".join(str(int(bit)) for bit in row) for row in bits).encode()
        return head + body, np.where(bits, 0, 255).astype(np.uint8)

    return make


def mpo():
    pixels = samples(3, smooth=True)
    other = Image.fromarray(samples(3, seed=5, smooth=True))
    content = encoded(
        *(pixels, "MPO"),
        **{"save_all": True, "append_images": [other], "quality": 98, "subsampling": 0},
    )
    return content, pixels


GAMMA = [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *range(1, 9)))]
HDR = [(b"cICP", b"\x09\x10\0\1")]
JPEG_OPTIONS = {"quality": 98, "subsampling": 0}
LOSSLESS = {"lossless": True, "exact": True}
EVERY_WEBP = {**LOSSLESS, "exif": exif(), "xmp": xmp()}

KINDS = (
    Kind("PNG, 1 bit", ".png", few_bits(1)),
    Kind("PNG, 2 bits", ".png", few_bits(2)),
    Kind("PNG, 4 bits", ".png", few_bits(4)),
    Kind("PNG, grey", ".png", simple("PNG", 1)),
    Kind("PNG, grey, 16 bits", ".png", deep_png(1)),
    Kind("PNG, grey, one transparent value", ".png", with_key(1, np.uint8)),
    Kind("PNG, grey, one transparent value, 16 bits", ".png", with_key(1, np.uint16)),
    Kind("PNG, grey and alpha", ".png", simple("PNG", 2)),
    Kind("PNG, grey and alpha, 16 bits", ".png", deep_png(2)),
    Kind("PNG, RGB", ".png", simple("PNG", 3)),
    Kind("PNG, RGB, one transparent colour", ".png", with_key(3, np.uint8)),
    Kind("PNG, RGB, 16 bits", ".png", deep_png(3)),
    Kind("PNG, RGB, one transparent colour, 16 bits", ".png", with_key(3, np.uint16)),
    Kind("PNG, RGB, 16 bits, interlaced", ".png", deep_png(3, interlaced=True)),
    Kind("PNG, RGBA", ".png", simple("PNG", 4)),
    Kind("PNG, RGBA, 16 bits", ".png", deep_png(4)),
    Kind("PNG, RGBA, 16 bits, interlaced", ".png", deep_png(4, interlaced=True)),
    Kind("PNG, palette", ".png", palette_png(alpha=False)),
    Kind("PNG, palette with alpha", ".png", palette_png(alpha=True)),
    Kind("PNG, Display P3", ".png", simple("PNG", icc_profile=wide_profile()), carries=("icc",)),
    Kind("PNG, rotated by 90° in EXIF", ".png", turned("PNG"), carries=("exif",)),
    Kind("PNG, text, 300 dpi", ".png", texts, carries=("text", "dpi")),
    Kind("PNG, gamma and primaries (gAMA, cHRM)", ".png", png_with(GAMMA), carries=("gamma",)),
    Kind("PNG, HDR (cICP)", ".png", png_with(HDR), carries=("cicp",)),
    Kind("PNG, animated (APNG)", ".png", moving("PNG"), frames=4),
    Kind("PNG, animated, without alpha", ".png", moving("PNG", 3), frames=4),
    Kind("JPEG", ".jpg", simple("JPEG", smooth=True, **JPEG_OPTIONS), 4),
    Kind("JPEG, quality 75, 4:2:0", ".jpg", simple("JPEG", smooth=True, quality=75), 14),
    Kind("JPEG, grey", ".jpg", simple("JPEG", 1, smooth=True, quality=98), 4),
    Kind(
        *("JPEG, progressive", ".jpg"),
        simple("JPEG", smooth=True, progressive=True, **JPEG_OPTIONS),
        tolerance=4,
    ),
    Kind("JPEG, CMYK", ".jpg", cmyk("JPEG", quality=98), 6),
    Kind("JPEG, rotated by 90° in EXIF", ".jpg", turned("JPEG", **JPEG_OPTIONS), 4, ("exif",)),
    Kind(
        *("JPEG, Display P3, EXIF, XMP, IPTC, comment, 240 dpi", ".jpg", rich_jpeg, 4),
        carries=("icc", "exif", "xmp", "iptc", "comment", "dpi240"),
    ),
    Kind("JPEG, two pictures (MPO)", ".jpg", mpo, 4),
    Kind("WebP, lossy", ".webp", simple("WEBP", smooth=True, quality=95), 24),
    Kind("WebP, lossless", ".webp", simple("WEBP", 3, **LOSSLESS)),
    Kind("WebP, lossless with alpha", ".webp", simple("WEBP", 4, **LOSSLESS)),
    Kind(
        *("WebP, Display P3, EXIF, XMP", ".webp"),
        simple("WEBP", 3, icc_profile=wide_profile(), **EVERY_WEBP),
        carries=("icc", "exif", "xmp"),
    ),
    Kind("WebP, rotated by 90° in EXIF", ".webp", turned("WEBP", **LOSSLESS), carries=("exif",)),
    Kind("WebP, animated", ".webp", moving("WEBP", **LOSSLESS), frames=4),
    Kind("TIFF, grey", ".tif", simple("TIFF", 1)),
    Kind("TIFF, 1 bit, fax compression", ".tif", bilevel("TIFF", compression="group4")),
    Kind("TIFF, palette", ".tif", paletted("TIFF")),
    Kind("TIFF, RGB", ".tif", simple("TIFF", 3)),
    Kind("TIFF, RGB, LZW", ".tif", simple("TIFF", 3, compression="tiff_lzw")),
    Kind("TIFF, RGB, Deflate", ".tif", simple("TIFF", 3, compression="tiff_adobe_deflate")),
    Kind("TIFF, RGB, PackBits", ".tif", simple("TIFF", 3, compression="packbits")),
    Kind(
        *("TIFF, RGB, JPEG compression", ".tif"),
        simple("TIFF", 3, smooth=True, compression="jpeg", quality=98),
        tolerance=6,
    ),
    Kind("TIFF, RGBA", ".tif", simple("TIFF", 4)),
    Kind("TIFF, CMYK", ".tif", cmyk("TIFF"), 1),
    Kind(
        *("TIFF, Display P3, EXIF, 300 dpi", ".tif", tiff_with_metadata),
        carries=("icc", "exif", "dpi"),
    ),
    Kind("TIFF, grey, 16 bits", ".tif", simple("TIFF", 1, np.uint16)),
    Kind("TIFF, RGB, 16 bits, LZW, predictor", ".tif", lzw_tiff),
    *(
        Kind(f"TIFF, {name}", ".tif", tiff(channels, dtype, **options), needs="tifffile")
        for name, channels, dtype, options in (
            ("grey, 16 bits, white is 0", 1, np.uint16, {"photometric": "miniswhite"}),
            ("grey and alpha, 16 bits", 2, np.uint16, {}),
            ("RGB, 16 bits", 3, np.uint16, {}),
            ("RGB, 16 bits, big-endian", 3, np.uint16, {"byteorder": ">"}),
            ("RGB, 16 bits, planar", 3, np.uint16, {"planarconfig": "separate"}),
            (
                "RGB, 16 bits, tiles, Deflate",
                3,
                np.uint16,
                {"tile": (16, 16), "compression": "zlib"},
            ),
            ("RGB, 16 bits, strips of 2 rows", 3, np.uint16, {"rowsperstrip": 2}),
            ("RGB, 16 bits, BigTIFF", 3, np.uint16, {"bigtiff": True}),
            ("RGBA, 16 bits", 4, np.uint16, {}),
            ("grey, float", 1, np.float32, {}),
            ("RGB, float", 3, np.float32, {}),
            ("RGBA, float", 4, np.float32, {}),
        )
    ),
    Kind("TIFF, RGB, float, Deflate, predictor", ".tif", predicted_float_tiff),
    Kind("TIFF, RGB, half float", ".tif", half_tiff, needs="tifffile"),
    Kind("TIFF, RGBA, 16 bits, premultiplied", ".tif", premultiplied_tiff, 1, needs="tifffile"),
    Kind("TIFF, CMYK, 16 bits", ".tif", deep_cmyk_tiff, needs="tifffile"),
    Kind("TIFF, two pages", ".tif", pages, needs="tifffile"),
    Kind("BMP", ".bmp", simple("BMP", 3)),
    Kind("BMP, grey", ".bmp", simple("BMP", 1)),
    Kind("BMP, palette", ".bmp", paletted("BMP")),
    Kind("BMP, 1 bit", ".bmp", bilevel("BMP")),
    Kind("GIF", ".gif", gif(transparent=False)),
    Kind("GIF, transparent", ".gif", gif(transparent=True)),
    Kind("GIF, animated", ".gif", moving("GIF", 3), frames=4),
    Kind("GIF, animated, transparent", ".gif", moving("GIF", 4, disposal=2), frames=4),
    Kind("PBM", ".pbm", bitmap(plain=False)),
    Kind("PBM, plain text", ".pbm", bitmap(plain=True)),
    Kind("PGM", ".pgm", pnm("P5", 255, 1)),
    Kind("PGM, 16 bits", ".pgm", pnm("P5", 65535, 1)),
    Kind("PGM, 16 bits, plain text", ".pgm", pnm("P2", 65535, 1)),
    Kind("PPM", ".ppm", pnm("P6", 255, 3)),
    Kind("PPM, maximum 100", ".ppm", pnm("P6", 100, 3)),
    Kind("PPM, 10 bits", ".ppm", pnm("P6", 1023, 3)),
    Kind("PPM, 16 bits", ".ppm", pnm("P6", 65535, 3)),
    Kind("PPM, plain text", ".ppm", pnm("P3", 255, 3)),
)
