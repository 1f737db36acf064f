"""The pictures of a run: those to learn from and those held out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from minisr.datasets.overlap import small_copy
from minisr.datasets.pairs import fingerprint, read_pairs
from minisr.errors import PictureError
from minisr.images import find_pictures

if TYPE_CHECKING:
    from minisr.system.threads import Threads
    from minisr.training.config import TrainConfig
    from minisr.training.runs.console import Console
    from minisr.training.runs.plan import Sources

# Above this correlation of small copies two pictures are the same, perhaps compressed or reduced;
# see `minisr.datasets.overlap`, which has measured it.
SAME = 0.985
MOST_NAMED = 5  # pictures that cannot be used; the rest are only counted


class Pictures(NamedTuple):
    """Pictures in memory.

    Attributes
    ----------
    learn, held_out : list of minisr.datasets.pairs.Pair
        One for each picture, perhaps with several variants.
    sets : list of dict
        For each folder to learn from: its name, how many pictures were taken, their fingerprint,
        and how they were made smaller.
    """

    learn: list
    held_out: list
    sets: list


def read(sources: Sources, config: TrainConfig, pool: Threads, console: Console) -> Pictures:
    """Read the pictures that a run needs.

    Parameters
    ----------
    sources : minisr.training.runs.plan.Sources
    config : minisr.training.TrainConfig
    pool : minisr.system.threads.Threads
    console : minisr.training.runs.console.Console

    Returns
    -------
    Pictures
    """
    measured = _owners(sources.validation)
    owners = _without(_owners(sources.pictures), (*measured, *_owners(sources.exclude)))
    if not owners:
        raise PictureError(
            "no picture is left to learn from: all of them are held out or excluded; name more"
        )
    by_pair = _pairs(owners, "reading pictures", config, pool, console)
    fitting = _fitting(list(by_pair), config, console.say)
    if sources.validation:
        learn = fitting
        held_out = list(_pairs(measured, "reading validation pictures", config, pool, console))
    else:
        count = min(8, -(-len(fitting) // 10)) if len(fitting) > 1 else 0
        held_out = _spread(fitting, count)
        learn = [pair for pair in fitting if pair not in held_out]
    _report_copies(learn, held_out, pool, console.say)
    folders = [owner for owner in sources.pictures if Path(owner.path).is_dir()]
    return Pictures(learn, held_out, [_described(owner, learn, by_pair) for owner in folders])


def _owners(sets):
    """List the pictures of sets, each file once, as a dict from its path to its set."""
    owners = {}
    for owner in sets:
        for path in find_pictures(owner.path):
            owners.setdefault(path, owner)
    return owners


def _without(owners, unwanted):
    """Return the pictures that are not among unwanted ones; links are followed."""
    there = {os.path.realpath(path) for path in unwanted}
    return {path: owner for path, owner in owners.items() if os.path.realpath(path) not in there}


def _pairs(owners, what, config, pool, console):
    """Read pictures, with a progress bar that says what it is for; return each one's set.

    What cannot be used is reported and left out, so that one bad file of thousands ends nothing.
    """

    def progress(items):
        return tqdm(items, desc=what, leave=False, disable=console.hides_bars)

    read = read_pairs(
        owners,
        pool,
        progress,
        lambda path, pixels: owners[path].smaller(pixels),
        scale=config.upscale_factor,
        in_channels=config.in_channels,
        luma_range=config.luma_range,
        degrade=config.degradations,
        variants=config.variants,
        seed=config.seed,
    )
    faults = [str(each) for each in read if isinstance(each, PictureError)]
    if len(faults) == len(read):
        raise PictureError(f"none of the pictures can be used: {faults[0]}")
    for fault in faults[:MOST_NAMED]:
        console.say(f"left out: {fault}")
    if faults:
        more = f" ({len(faults) - MOST_NAMED} more not named)" if len(faults) > MOST_NAMED else ""
        console.say(f"{len(faults)} of {len(read)} pictures left out{more}")
    pairs = zip(read, owners.values(), strict=True)
    return {pair: owner for pair, owner in pairs if not isinstance(pair, PictureError)}


def _report_copies(learn, held_out, pool, say):
    """Report held-out pictures that are also learnt from: they measure memory, not learning."""
    if not held_out:
        return
    copies = np.stack(pool.map(lambda pair: small_copy(pair.high[0]).ravel(), learn))
    for pair in held_out:
        alike = copies @ small_copy(pair.high[0]).ravel()
        nearest = int(alike.argmax())
        if alike[nearest] > SAME:
            say(
                f"{Path(pair.name).name} is held out, but {Path(learn[nearest].name).name}, which "
                "is learnt from, shows the same: leave out one of them, or PSNR will be too high"
            )


def _fitting(pairs, config, say):
    """Return the pairs that are large enough for a patch, and report the others."""
    need = config.patch_size * config.upscale_factor
    fitting = [pair for pair in pairs if min(pair.low.shape[1:]) >= config.patch_size]
    if not fitting:
        raise PictureError(
            f"all pictures are smaller than a patch: patches of {config.patch_size} at "
            f"x{config.upscale_factor} need {need} x {need} pixels; "
            "use larger pictures or a smaller --patch-size"
        )
    small = [Path(pair.name).name for pair in pairs if pair not in fitting]
    if small:
        more = f" and {len(small) - 3} more" if len(small) > 3 else ""
        say(
            f"left out, smaller than a patch of {need} x {need} pixels: "
            f"{', '.join(small[:3])}{more}"
        )
    return fitting


def _described(owner, learn, by_pair):
    """Return what a file of weights says about a set."""
    taken = [pair for pair in learn if by_pair[pair] is owner]
    smaller = {"shrink": owner.shrink, "above": owner.above} if owner.shrink > 1 else {}
    return {
        "name": owner.name,
        "pictures": len(taken),
        "fingerprint": fingerprint(taken),
        **smaller,
    }


def _spread(items, count):
    """Return ``count`` items, evenly spread over the list."""
    return [items[k * len(items) // count] for k in range(count)]
