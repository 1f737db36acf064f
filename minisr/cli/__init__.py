"""The command line: one file a subcommand; every error is one line."""

import logging
import sys
import warnings

from minisr.cli import convert, data, demo, evaluate, info, train
from minisr.cli.common import INTERRUPTED, Parser, printable, warnings_in_one_line
from minisr.cli.upscale import options as upscale_options
from minisr.errors import MinisrError
from minisr.version import __version__

COMMANDS = (upscale_options, train, evaluate, convert, data, demo, info)  # in the order of --help


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 some files failed, 2 nothing done, 130 interrupted.
    """
    if argv is None and sys.stdout is not None:  # a console may lack characters of file names
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:  # about damaged metadata; one line of ours says what is lost by it
        warnings.filterwarnings("ignore", module=r"PIL\.")
        logging.getLogger("PIL").addHandler(logging.NullHandler())  # otherwise it prints, too
    arguments = _parser().parse_args(argv)
    arguments.words = sys.argv[1:] if argv is None else argv  # pages show how they were made
    try:
        with warnings_in_one_line():
            return arguments.run(arguments)
    except MinisrError as error:
        return _fail(error)
    except BrokenPipeError:  # the reader of our output has closed it
        sys.stdout = None
        return 0
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return _fail("not enough memory; try fewer threads or smaller pictures")
    except KeyboardInterrupt:
        print("minisr: interrupted", file=sys.stderr)
        return INTERRUPTED


def _fail(message):
    print(f"minisr: error: {printable(message)}", file=sys.stderr)
    return 2


def _parser():
    parser = Parser(
        prog="minisr",
        description="Enlarge pictures and videos with ESPCN and other small networks, written by "
        "hand in NumPy and Numba.",
    )
    parser.add_argument("--version", action="version", version=f"minisr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
