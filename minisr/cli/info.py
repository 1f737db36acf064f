"""``minisr info``."""

import json

from minisr import machine
from minisr.cli.common import add_command, one_line


def info_command(arguments):
    """Say what this machine is and what is installed."""
    facts = machine.facts()
    if arguments.json:
        print(json.dumps({fact.name: fact.value for fact in facts}, indent=1))
        return 0
    width = max(len(fact.name) for fact in facts) + 2
    for fact in facts:
        name = fact.name
        for line in (fact.text or "").splitlines():
            print(f"{name:<{width}}{one_line(line)}")
            name = ""
    return 0


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands, "info", info_command, "Show processor, GPUs, versions, cache and weights."
    )
    sub.add_argument(
        "--json",
        action="store_true",
        help="print an object for machines instead, its keys named as the lines; sizes in bytes",
    )
