"""The pictures of a run: those to learn from and those held out."""

from pathlib import Path

from tqdm import tqdm

from minisr.data import read_pairs
from minisr.errors import PictureError
from minisr.images import find_pictures


def read(pictures, validation, config, pool, show_progress, say):
    """Return the pairs to learn from and those held out."""

    def pairs_of(paths, what):
        def progress(items):
            return tqdm(items, desc=what, leave=False, disable=hidden(show_progress))

        files = find_pictures(paths)
        return read_pairs(
            files, config.upscale_factor, config.in_channels, pool, progress, config.luma_range
        )

    pairs = pairs_of(pictures, "reading pictures")
    need = config.patch_size * config.upscale_factor
    fitting = [pair for pair in pairs if min(pair.low.shape[1:]) >= config.patch_size]
    small = [Path(pair.name).name for pair in pairs if pair not in fitting]
    if not fitting:
        raise PictureError(
            f"all pictures are smaller than a patch: patches of {config.patch_size} at "
            f"x{config.upscale_factor} need {need} x {need} pixels; "
            "use larger pictures or a smaller --patch-size"
        )
    if small:
        more = f" and {len(small) - 3} more" if len(small) > 3 else ""
        say(
            f"left out, smaller than a patch of {need} x {need} pixels: "
            f"{', '.join(small[:3])}{more}"
        )
    if validation:
        return fitting, pairs_of(validation, "reading validation pictures")
    held_out = _spread(fitting, min(8, -(-len(fitting) // 10)) if len(fitting) > 1 else 0)
    return [pair for pair in fitting if pair not in held_out], held_out


def _spread(items, count):
    """Return ``count`` items, evenly spread over the list."""
    return [items[k * len(items) // count] for k in range(count)]


def hidden(show_progress):
    """Return tqdm's ``disable``: None leaves it to whether stderr is a terminal."""
    return None if show_progress else True
