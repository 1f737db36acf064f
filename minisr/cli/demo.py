"""``minisr demo``."""

from pathlib import Path

from minisr import demo
from minisr.cli.common import INTERRUPTED, Interruptible, add_command, add_threads, note


def demo_command(arguments):
    """Train for a short while on real pictures and compare with bicubic."""
    with Interruptible() as interrupted:
        finished = demo.run(arguments.output, arguments.seconds, arguments.threads, interrupted)
    if not finished:
        note("interrupted; run the demo again to continue")
        return INTERRUPTED
    return 0


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands,
        "demo",
        demo_command,
        "Train for 90 seconds on real pictures and compare with bicubic.",
    )
    add_threads(sub)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="folder for the run and the pictures (default: demo-output)",
    )
    sub.add_argument(
        "--seconds", type=float, default=90, metavar="T", help="how long to train (default: 90)"
    )
