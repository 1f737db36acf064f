"""``minisr data``: public datasets of pictures."""

import sys
from pathlib import Path

from minisr import datasets
from minisr.cli.common import Parser, add_command, add_threads, note

NEAREST = 10  # rows to print even if nothing is found


def list_command(arguments):
    """List the datasets."""
    row = "{:<19}{:>8}{:>9}  {:<10}{}"
    print(row.format("dataset", "pictures", "MB", "for", "checked by"))
    for dataset in datasets.DATASETS.values():
        size = "unknown" if dataset.megabytes is None else f"{dataset.megabytes:.1f}"
        count = len(dataset.files)
        print(row.format(dataset.name, count, size, dataset.purpose, _hashes(dataset)))
    print()
    for dataset in datasets.DATASETS.values():
        print(f"{dataset.name}: {dataset.terms}")
        for source in dataset.sources:
            print(f"    {source}")
    print()
    print("BSDS500 has only its train and test folders: its val folder is BSD100, a test set.")
    print("BSD100 and Urban100 are for x2 and x4; BSD100-x3 is for x3.")
    return 0


def _hashes(dataset):
    """Say which hashes of a dataset are pinned."""
    pinned = dataset.pinned.values()
    content = ["SHA-256"] * any(expected.content for expected in pinned)
    pixels = ["SHA-256 of pixels"] * any(expected.pixels for expected in pinned)
    return " or ".join(content + pixels) or "the first download"


def get_command(arguments):
    """Fetch datasets."""
    chosen = datasets.select(arguments.names)
    for dataset in chosen:
        print(f"{dataset.name}, for {dataset.purpose}; terms: {dataset.terms}", flush=True)
    progress = sys.stderr.isatty()
    for dataset in chosen:  # one by one, so that each result is printed before the next may fail
        name = [dataset.name]
        [done] = datasets.get(name, arguments.output, arguments.origin, note, progress)
        print(f"{done.folder}: {done.fetched} pictures fetched, {done.present} already there")
    return 0


def verify_command(arguments):
    """Verify the pictures in a folder."""
    reports = datasets.verify(arguments.folder)
    for report in reports:
        for problem in report.problems:
            print(problem)
    print("; ".join(str(report) for report in reports))
    return 1 if any(report.problems for report in reports) else 0


def overlap_command(arguments):
    """Look for pictures of test sets among training pictures."""
    result = datasets.overlap(
        arguments.learn, arguments.test, arguments.threads, sys.stderr.isatty()
    )
    found = result.found
    print("correlation  found  training picture, and the nearest test picture")
    for match in result.nearest[: max(NEAREST, len(found))]:
        verdict = "same" if match.same else "near" if match.is_found else ""
        mirrored = ", mirrored" if match.mirrored else ""
        print(f"{match.correlation:11.3f}  {verdict:5}  {match.learn}  {match.test}{mirrored}")
    for path in result.bsd100:
        print(f"{path}: has the name of a picture in BSD100, a test set")
    count = len({*result.bsd100} | {match.learn for match in found})
    print(f"{count} of {len(result.nearest)} pictures must not be used for training")
    return 1 if count else 0


def add_parser(commands):
    """Describe the command to argparse."""
    summary = "Fetch and verify public datasets of pictures."
    parser = commands.add_parser("data", help=summary, description=summary)
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    add_command(actions, "list", list_command, "List the datasets, their sources and their terms.")
    sub = add_command(actions, "get", get_command, "Fetch datasets; run it again to resume.")
    sub.add_argument(
        "names", nargs="+", metavar="NAME", help="a name from `minisr data list`, or all"
    )
    sub.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="write pictures to DIR/NAME"
    )
    sub.add_argument(
        "--from",
        dest="origin",
        metavar="FOLDER_OR_URL",
        help="a folder with the pictures, or a mirror with NAME/FILE (default: the sources)",
    )
    sub = add_command(
        actions, "verify", verify_command, "Show which pictures are missing, different or unknown."
    )
    sub.add_argument("folder", type=Path, metavar="DIR", help="a dataset, or a folder of datasets")
    summary = "Show which training pictures are also in a test set, exactly or nearly."
    sub = add_command(actions, "overlap", overlap_command, summary)
    add_threads(sub)
    sub.add_argument("learn", nargs="+", type=Path, metavar="LEARN", help="pictures and folders")
    sub.add_argument(
        "--test", nargs="+", type=Path, required=True, metavar="TEST", help="pictures and folders"
    )
