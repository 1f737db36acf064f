"""``minisr upscale`` from a pipe, into a pipe, or both."""

import sys
from pathlib import Path

from minisr.cli.common import note
from minisr.cli.upscale.picture import upscale_picture
from minisr.errors import PictureError, SettingsError
from minisr.system.threads import Threads
from minisr.upscaling.batch.targets import check_extension

PIPE = "-"
STDIN, STDOUT = ("/dev/stdin", "/dev/fd/0"), ("/dev/stdout", "/dev/fd/1")


def is_piped(arguments):
    """Return whether a picture comes from standard input or goes to standard output.

    The names that systems have for these become ``-`` in ``arguments``.
    """
    arguments.pictures = [PIPE if str(p) in STDIN else p for p in arguments.pictures]
    if arguments.output in STDOUT:
        arguments.output = PIPE
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
        raise SettingsError(
            "a picture would go to the terminal: redirect it to a file, or name one with -o"
        )
    if isinstance(source, Path):
        content = source
    else:
        if _is_terminal(sys.stdin):
            raise SettingsError(
                "expected a picture on standard input, got a terminal: pipe one in, or name a file"
            )
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
    """Return source and target; a pipe is "standard input" as source and None as target."""
    if len(arguments.pictures) != 1 or arguments.recursive:
        raise SettingsError("- stands for one picture; give it alone, without -r")
    if arguments.video_extension is not None:
        raise SettingsError(
            f"--ext {arguments.video_extension[1:]} is a video's format, but - stands for a "
            "picture; choose another"
        )
    if arguments.html is not None:
        raise SettingsError("--html shows pictures in files, got -; name files, or leave it out")
    name = arguments.pictures[0]
    source = "standard input" if name == PIPE else Path(name)
    if isinstance(source, Path) and source.is_dir():
        raise SettingsError(f"{source} is a folder, but -o - takes one picture; name a file")
    if arguments.output in (None, PIPE):
        return source, None
    target = Path(arguments.output)
    if target.is_dir():
        raise SettingsError(
            f"{target} is a folder, but a picture from - has no name; name a file, or -o -"
        )
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
    except BrokenPipeError:  # the reader has closed it
        raise
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(f"standard output: cannot be written: {reason}") from None


def _is_terminal(stream):
    return stream is None or stream.isatty()
