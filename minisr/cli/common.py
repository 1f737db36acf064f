"""What several commands share: options, messages, Ctrl-C."""

import argparse
import contextlib
import signal
import sys

from tqdm import tqdm

from minisr import engine
from minisr.engine import devices
from minisr.errors import PictureError, SettingsError
from minisr.images.sources import ALLOWED_BY
from minisr.system.threads import Threads

INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error here.

    Attributes
    ----------
    intermixes : bool
        Whether options may stand between the files of a command, as people write them. What has
        subcommands must leave that to those.
    """

    intermixes = False

    def parse_known_args(self, args=None, namespace=None):
        """Parse words; which they are, argparse passes on to each subcommand."""
        # argparse forgets a -- between its two passes, and what follows would become options.
        if not self.intermixes or "--" in args:
            return super().parse_known_args(args, namespace)
        self.intermixes = False  # for this is what either pass calls
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
        "-j", "--threads", type=int, metavar="N", help="threads (default: one a processor)"
    )


def add_device(parser):
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        help="what computes: cpu; cuda, or cuda:N for one of several GPUs, by pip install "
        "'minisr[cuda]'; auto, a GPU if there is one that can be used, else the processor; or "
        "reference, plain NumPy, slow (default: cpu). `minisr info` lists the GPUs",
    )


def add_engine(parser, default=engine.DEFAULT):
    """Add ``--engine``."""
    parser.add_argument(
        "--engine",
        choices=engine.ENGINES,
        default=default,
        help="how a network is run: compiled, or layers, one after another as the code reads, slow "
        f"(default: {engine.DEFAULT})",
    )


def _device(text):
    """See that what follows ``--device`` is one; argparse prints the error."""
    try:
        devices.parse(text)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def choose_device(name, quiet=False):
    """Return the device that ``--device`` asks for; say which one "auto" has chosen.

    Parameters
    ----------
    name : str or None
        None is the processor.
    quiet : bool, optional
        Whether to say nothing. Nothing is said either where no bar would be drawn.

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
    """Turn what follows ``-s`` into a whole number; argparse prints the error."""
    if text not in [str(scale) for scale in range(2, 9)]:
        raise argparse.ArgumentTypeError(f"expected an integer from 2 to 8, got {text}")
    return int(text)


def printable(message):
    """Return a message without what breaks its line or commands a terminal, as names may."""
    words = " ".join(str(message).split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def note(message):
    """Print a line about something worth knowing, without breaking a progress bar."""
    tqdm.write(f"minisr: {printable(message)}", file=sys.stderr)


def add_allow_large(parser):
    """Add ``--allow-large``."""
    parser.add_argument(
        "--allow-large",
        action="store_true",
        help="read pictures of more than 179 megapixels, which may be traps",
    )


@contextlib.contextmanager
def allowed_by_option():
    """Let messages about pictures that are too large name the option, not the library's."""
    try:
        yield
    except PictureError as error:
        text = str(error)
        if not text.endswith(ALLOWED_BY):
            raise
        raise PictureError(text.removesuffix(ALLOWED_BY) + "--allow-large") from error


def threads_within(pool, files):
    """Let threads share one picture; of several, let each thread have its own."""
    return pool if len(files) == 1 else Threads(1)


def no_bar(files):
    """Return tqdm's ``disable``: one picture needs no bar, and a log file none at all."""
    return len(files) < 2 or not sys.stderr.isatty()


class Interruptible:
    """While a ``with`` block runs, the first Ctrl-C only asks to stop; the second one does.

    Parameters
    ----------
    words : str, optional
        What to say to the first, where it may be long until the end of what has begun.
    """

    def __init__(self, words=None):
        self.asked, self.words = False, words

    def __call__(self):
        """Return whether it was asked to stop."""
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
            with contextlib.suppress(RuntimeError):  # in the middle of a line that is being written
                note(self.words)
