"""``minisr upscale`` from a pipe, into a pipe, or both."""

import sys
from pathlib import Path

from minisr.cli.common import note
from minisr.cli.upscale.picture import upscale_picture
from minisr.errors import PictureError, SettingsError
from minisr.system.threads import Threads
from minisr.upscaling.batch.targets import check_extension

PIPE = "-"


def is_piped(arguments):
    """Return whether a picture comes from standard input or goes to standard output."""
    return PIPE in (*arguments.pictures, arguments.output)


def upscale_pipe(arguments, enlarger, stamp):
    """Enlarge one picture from or to a pipe; return the exit status.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    """
    source, target = _ends(arguments)
    if arguments.dry_run:
        print(f"{source} -> {target or 'standard output'}")
        return 0
    if target is None and _is_terminal(sys.stdout):
        raise SettingsError("a picture is no text for a terminal: send it to a file, or name -o")
    if isinstance(source, Path):
        content = source
    else:
        if _is_terminal(sys.stdin):
            raise SettingsError("- means a picture from standard input, and nothing is sent there")
        content = sys.stdin.buffer.read()
    with Threads(arguments.threads) as pool:
        try:
            done = upscale_picture(arguments, content, target, enlarger, stamp, pool)
        except PictureError as error:
            raise PictureError(str(error).replace("the picture:", f"{source}:")) from error
    if target is None:
        _write_out(done.content)
    for line in done.notes:
        note(f"{source}: {line}")
    return 0


def _ends(arguments):
    """Return where the picture comes from, a Path or words, and where it goes, a Path or None."""
    if len(arguments.pictures) != 1 or arguments.recursive:
        raise SettingsError("- is one picture, and goes with no other; give it alone")
    if arguments.video_extension is not None:
        raise SettingsError(
            f"--ext {arguments.video_extension[1:]} is a video's, and - is one picture"
        )
    if arguments.html is not None:
        raise SettingsError("--html shows files; it does not go with -")
    name = arguments.pictures[0]
    source = "standard input" if name == PIPE else Path(name)
    if isinstance(source, Path) and source.is_dir():
        raise SettingsError(f"{source} is a folder, and -o - takes one picture")
    if arguments.output in (None, PIPE):
        return source, None
    target = Path(arguments.output)
    if target.is_dir():
        raise SettingsError(f"{target} is a folder: - has no name there; name a file, or -o -")
    check_extension(target, arguments.extension)
    if not target.parent.is_dir():
        raise SettingsError(f"{target}: cannot be written: no folder {target.parent}")
    if target.exists() and not arguments.overwrite:
        raise PictureError(f"{target}: exists already; --overwrite replaces it")
    return source, target


def _write_out(content):
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        raise
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(f"standard output: cannot be written: {reason}") from None


def _is_terminal(stream):
    return stream is None or stream.isatty()
