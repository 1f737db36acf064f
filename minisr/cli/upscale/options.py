"""The options of ``minisr upscale``. The work is in `batch` and `pipe`."""

import argparse
import math

from minisr import models
from minisr.cli.common import (
    add_allow_large,
    add_command,
    add_device,
    add_engine,
    add_threads,
    choose_device,
)
from minisr.cli.extensions import add_import
from minisr.cli.reports import page
from minisr.cli.upscale.batch import upscale_files
from minisr.cli.upscale.pipe import is_piped, upscale_pipe
from minisr.cli.upscale.video import WRITABLE, add_video_options
from minisr.errors import SettingsError
from minisr.images.formats import WRITE_SUFFIXES
from minisr.upscaling.enlarger import COLOURS, LARGEST, Enlarger
from minisr.version import __version__


def upscale_command(arguments):
    """Enlarge pictures and videos."""
    if arguments.suffix is not None and any(letter in arguments.suffix for letter in "/\\\0"):
        raise SettingsError(f"--suffix must be part of a name, got {arguments.suffix!r}")
    if arguments.output == "":  # as from a shell variable that is not set
        raise SettingsError("-o must be a file, a folder or -, got ''")
    size = (arguments.height, arguments.width)
    if size != (None, None) and arguments.scale is not None:
        raise SettingsError("expected a scale (-s) or a size (-W, -H), got both; leave one out")
    enlarger = Enlarger(
        arguments.model,
        arguments.scale,
        None if size == (None, None) else size,
        choose_device(arguments.device, quiet=arguments.dry_run),
        colour=arguments.colour,
        engine=arguments.engine,
    )
    stamp = (
        {} if arguments.no_stamp else {"Software": f"minisr {__version__}, {enlarger.description}"}
    )
    return (upscale_pipe if is_piped(arguments) else upscale_files)(arguments, enlarger, stamp)


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(commands, "upscale", upscale_command, "Enlarge pictures and videos.")
    sub.add_argument(
        "pictures",
        nargs="+",
        metavar="IN",
        help="files, folders, patterns such as 'shots/*.png', or - for standard input",
    )
    sub.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file, a folder, or - for standard output (default: NAME_xS.EXT beside each file, "
        "which never replaces another file). A folder remembers what its results were made from: "
        "the same command, given again, makes only those that are missing or whose source has "
        "changed",
    )
    sub.add_argument("-r", "--recursive", action="store_true", help="enter subfolders, too")
    _add_size(sub.add_argument_group("size of the result"))
    _add_network(sub.add_argument_group("network"))
    _add_files(sub.add_argument_group("files"))
    add_video_options(sub)
    sub.set_defaults(video_extension=None)


def _add_size(group):
    group.add_argument(
        "-s",
        "--scale",
        type=any_scale,
        metavar="S",
        help=f"scale factor, any number above 1 and up to {LARGEST} (default: 3, or that of the "
        "file of weights)",
    )
    group.add_argument(
        "-W",
        "--width",
        type=side,
        metavar="N",
        help="width in pixels, instead of -s; the height follows unless it is given, too",
    )
    group.add_argument(
        "-H",
        "--height",
        type=side,
        metavar="N",
        help="height in pixels, instead of -s; the width follows unless it is given, too",
    )


def _add_network(group):
    group.add_argument(
        "-m",
        "--model",
        default=models.DEFAULT,
        help="a bundled network (`minisr info` lists them), or a file of weights "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--colour",
        "--color",
        choices=COLOURS,
        default="luma",
        help="what goes through the network: luma; or red, green and blue, each by itself, which "
        "takes three times as long (default: luma)",
    )
    add_threads(group)
    add_device(group)
    add_engine(group)
    add_import(group)


def _add_files(group):
    group.add_argument(
        "--suffix",
        metavar="TEXT",
        help="end of the results' names; {scale} stands for the scale (default: _x{scale})",
    )
    group.add_argument(
        "--ext",
        "-f",
        "--format",
        action=Extension,
        type=extension,
        metavar="EXT",
        help="format of the results: png, say, or mkv for videos; may be given once for each "
        "(default: that of OUT, or of the source; if that is not written, jpg for HEIC, else png)",
    )
    group.add_argument(
        "--quality",
        type=quality,
        metavar="Q",
        help="quality of JPEG, WebP and AVIF, 1 to 100 (default: that of the source, or 95; 90 for "
        "AVIF)",
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="make finished results again, and replace existing files",
    )
    group.add_argument(
        "--no-stamp",
        action="store_true",
        help="do not write minisr's version, network and scale into the metadata",
    )
    add_allow_large(group)
    group.add_argument(
        "--html",
        type=page,
        metavar="FILE",
        help="also write a page that compares the network with bicubic",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="print what would be done, but do nothing"
    )


def any_scale(text):
    """Turn what follows ``-s`` into a number; argparse prints the error."""
    try:
        value = float(text.removeprefix("x"))
    except ValueError:
        value = math.nan
    if not 1 < value <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"expected a number above 1, at most {LARGEST}, got {text}"
        )
    return value


def side(text):
    """Turn a width or height into an integer."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number of pixels, got {text}")
    return int(text)


def quality(text):
    """Turn what follows ``--quality`` into an integer."""
    if text not in map(str, range(1, 101)):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100, got {text}")
    return int(text)


def extension(text):
    """Turn what follows ``--ext`` into the suffix of a format that can be written."""
    suffix = f".{text.lower().removeprefix('.')}"
    if suffix not in (*WRITE_SUFFIXES, *WRITABLE):
        raise argparse.ArgumentTypeError(
            f"cannot write pictures of kind '{text}': use {' '.join(WRITE_SUFFIXES)}, or "
            f"{' '.join(WRITABLE)} for videos"
        )
    return suffix


class Extension(argparse.Action):
    """Stores what follows ``--ext`` as the suffix of pictures or that of videos."""

    def __init__(self, option_strings, dest, **options):
        super().__init__(option_strings, "extension", **options)

    def __call__(self, parser, namespace, value, option_string=None):
        """Store a suffix."""
        setattr(namespace, "video_extension" if value in WRITABLE else "extension", value)
