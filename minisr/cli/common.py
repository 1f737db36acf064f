"""What several commands share: options, messages, Ctrl-C."""

import argparse
import contextlib
import signal
import sys
import warnings

from tqdm import tqdm

from minisr import engine
from minisr.engine import devices
from minisr.errors import MinisrWarning, PictureError, SettingsError
from minisr.images.sources import ALLOWED_BY
from minisr.system.threads import Threads

INTERRUPTED = 130  # the exit status that shells expect after Ctrl-C


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, like all errors of the program.

    Attributes
    ----------
    intermixes : bool
        Whether options may stand between the files of a command, where people put them. A parser
        with subcommands must leave this to them.
    """

    intermixes = False

    def parse_known_args(self, args=None, namespace=None):
        """Parse words; argparse calls this for each subcommand, too."""
        # argparse forgets a -- between its two passes, and would take what follows for options.
        if not self.intermixes or "--" in args:
            return super().parse_known_args(args, namespace)
        self.intermixes = False  # because either pass calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.intermixes = True

    def error(self, message):
        """End the program with one line and status 2."""
        self.exit(2, f"{self.prog}: error: {printable(message)} (see {self.prog} --help)\n")


def add_command(commands, name, run, summary):
    """Add a subcommand to argparse's ``commands``; ``run(arguments)`` returns its exit status."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    parser.intermixes = True
    return parser


def add_threads(parser):
    """Add ``-j``."""
    parser.add_argument(
        "-j", "--threads", type=int, metavar="N", help="threads to use (default: one per processor)"
    )


def add_device(parser):
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        help="what computes: cpu; cuda, or cuda:N for one of several GPUs, which needs pip install "
        "'minisr[cuda]'; auto, a GPU if one can be used, otherwise the processor; or reference, "
        "slow, in plain NumPy (default: cpu). `minisr info` lists the GPUs",
    )


def add_engine(parser, default=engine.DEFAULT):
    """Add ``--engine``."""
    parser.add_argument(
        "--engine",
        choices=engine.ENGINES,
        default=default,
        help="how a network is run: compiled; or layers, slow, layer by layer as the code reads "
        f"(default: {engine.DEFAULT})",
    )


def _device(text):
    """Check what follows ``--device``; argparse prints the error."""
    try:
        devices.parse(text)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def choose_device(name, quiet=False):
    """Return the device that ``--device`` asks for; report which one "auto" has chosen.

    Parameters
    ----------
    name : str or None
        None is the processor.
    quiet : bool, optional
        Whether to report nothing. Without a terminal on stderr, nothing is reported either.

    Returns
    -------
    minisr.engine.devices.Device
    """
    device = devices.choose(name or "cpu")
    if name == "auto" and not quiet and sys.stderr is not None and sys.stderr.isatty():
        why = "" if device.why_no_gpu is None else f" ({device.why_no_gpu})"
        note(f"computing on {device.title}{why}")
    return device


def scale(text):
    """Turn what follows ``-s`` into an integer; argparse prints the error."""
    if text not in [str(scale) for scale in range(2, 9)]:
        raise argparse.ArgumentTypeError(f"expected an integer from 2 to 8, got {text}")
    return int(text)


def printable(message):
    """Return a message in one line, without the control characters that file names may have."""
    words = " ".join(str(message).split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def note(message):
    """Print a line for the user on stderr, without breaking a progress bar."""
    tqdm.write(f"minisr: {printable(message)}", file=sys.stderr)


@contextlib.contextmanager
def warnings_in_one_line():
    """Print warnings of minisr's as notes, without the line of code that they are from."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *where, **options):
            if issubclass(category, MinisrWarning):
                note(message)
            else:
                others(message, category, *where, **options)

        warnings.showwarning = show
        yield


def add_allow_large(parser):
    """Add ``--allow-large``."""
    parser.add_argument(
        "--allow-large",
        action="store_true",
        help="also read pictures of more than 179 megapixels, which may be decompression bombs",
    )


@contextlib.contextmanager
def allowed_by_option():
    """Let errors about too large pictures name the option, not the argument of the library."""
    try:
        yield
    except PictureError as error:
        text = str(error)
        if not text.endswith(ALLOWED_BY):
            raise
        raise PictureError(text.removesuffix(ALLOWED_BY) + "--allow-large") from error


def threads_within(pool, files):
    """Return the threads within a picture: all for a single one; of several, each has one."""
    return pool if len(files) == 1 else Threads(1)


def no_bar(files):
    """Return tqdm's ``disable``: a single picture needs no bar, nor does a log file."""
    return len(files) < 2 or not sys.stderr.isatty()


class Interruptible:
    """In a ``with`` block, the first Ctrl-C is a request to stop; the second one interrupts.

    Parameters
    ----------
    words : str, optional
        What to print at the first, if the work in progress may take long to end.
    """

    def __init__(self, words=None):
        self.asked, self.words = False, words

    def __call__(self):
        """Return whether a stop was requested."""
        return self.asked

    def __enter__(self):
        self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self.words is not None:
            with contextlib.suppress(RuntimeError):  # a line was just being written
                note(self.words)
