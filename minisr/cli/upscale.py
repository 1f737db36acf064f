"""``minisr upscale``."""

from pathlib import Path

from tqdm import tqdm

from minisr import models
from minisr.cli.common import (
    add_command,
    add_device,
    add_threads,
    load_model,
    make_folder,
    no_bar,
    note,
    scale,
    threads_within,
)
from minisr.errors import PictureError, SettingsError
from minisr.images import find_pictures, read_picture, write_picture
from minisr.images.files import WRITE_SUFFIXES
from minisr.threads import Threads
from minisr.upscale import upscale


def upscale_command(arguments):
    """Enlarge pictures."""
    files = find_pictures(arguments.pictures)
    model = load_model(arguments.model, arguments.scale, arguments.device)
    outputs = _outputs(files, arguments.output, model.upscale_factor)

    def enlarge(job):
        source, target = job
        try:
            picture = read_picture(source)
            large = upscale(picture.pixels, model=model, threads=within)
            write_picture(target, large, picture.metadata)
        except PictureError as error:
            named = str(error) if str(source) in str(error) else f"{source}: {error}"
            return PictureError(named)
        return None

    with Threads(arguments.threads) as pool:
        within = threads_within(pool, files)
        done = pool.imap(enlarge, zip(files, outputs, strict=True))
        faults = [fault for fault in tqdm(done, total=len(files), disable=no_bar(files)) if fault]
    if len(files) == 1 and faults:
        raise faults[0]
    for fault in faults:
        note(f"error: {fault}")
    if faults:
        note(f"{len(faults)} of {len(files)} pictures failed")
        return 2 if len(faults) == len(files) else 1
    return 0


def _outputs(files, output, scale):
    """Return where each result goes; make the folder where one is meant."""
    folder = None if output is None else Path(output)
    names_a_file = (
        folder is not None and folder.suffix and not folder.is_dir() and output[-1] not in "/\\"
    )
    if names_a_file and len(files) == 1:
        targets = [folder]
    elif names_a_file and folder.suffix.lower() in WRITE_SUFFIXES:
        raise SettingsError(f"{folder} is one picture, but {len(files)} are given; name a folder")
    else:
        targets = [
            (folder or file.parent) / f"{file.stem}_x{scale}{_suffix_for(file)}" for file in files
        ]
        make_folder(folder)
    sources = {file.resolve(): file for file in files}
    taken = {}
    for source, target in zip(files, targets, strict=True):
        if target.suffix.lower() not in WRITE_SUFFIXES:
            raise PictureError(
                f"{target}: cannot write pictures of kind '{target.suffix}': "
                f"use {' '.join(WRITE_SUFFIXES)}"
            )
        if not target.parent.is_dir():
            raise SettingsError(f"{target}: cannot be written: no folder {target.parent}")
        if target.resolve() in sources:
            replaced = sources[target.resolve()]
            raise SettingsError(
                f"the result of {source} would replace the picture {replaced}; choose another -o"
            )
        if target in taken:
            raise SettingsError(f"{taken[target]} and {source} would both become {target}")
        taken[target] = source
    return targets


def _suffix_for(file):
    return file.suffix if file.suffix.lower() in WRITE_SUFFIXES else ".png"


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(commands, "upscale", upscale_command, "Enlarge pictures.")
    add_threads(sub)
    sub.add_argument("pictures", nargs="+", type=Path, metavar="IN", help="pictures and folders")
    sub.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file, or a folder for NAME_xS.EXT (default: beside each picture)",
    )
    sub.add_argument(
        "-s", "--scale", type=scale, metavar="S", help="default: 3, or that of the file of weights"
    )
    sub.add_argument(
        "-m",
        "--model",
        default=models.DEFAULT,
        help="a network that comes along, or a file of weights (default: %(default)s)",
    )
    add_device(sub)
