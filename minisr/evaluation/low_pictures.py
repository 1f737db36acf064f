"""Match given low-resolution pictures with their originals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.images.formats import READ_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def match_low_pictures(files: list[Any], folder: Path, scale: int) -> dict[Any, Any]:
    """Find the low-resolution picture of each original by its name.

    Parameters
    ----------
    files : list of pathlib.Path
        The originals.
    folder : pathlib.Path
        The folder of the low-resolution pictures, or one with a subfolder ``LRbicxS`` of them, as
        super-resolution sets have.
    scale : int

    Returns
    -------
    dict of pathlib.Path to (pathlib.Path or PictureError)
        By original; an error, where none was found, lists the names that were tried.

    Raises
    ------
    PictureError
        ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise PictureError(f"--low {folder}: expected a folder of low-resolution pictures")
    inner = folder / f"LRbicx{scale}"
    folder = inner if inner.is_dir() else folder
    found = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in READ_SUFFIXES}
    lows = {}
    for file in files:
        names = low_names(file.stem, scale)
        low: Any = next((found[name] for name in names if name in found), None)
        if low is None or low.resolve() == file.resolve():
            low = PictureError(
                f"{file}: no low-resolution picture in {folder}; looked for {', '.join(names)}"
            )
        lows[file] = low
    return lows


def low_names(stem: Any, scale: Any) -> Any:
    """Return the possible names of an original's low-resolution picture, without the suffix.

    Examples: Set5/img_001.png, DIV2K's 0801x3.png, and img_001_SRF_3_LR.png beside ..._HR.png.
    """
    return stem, f"{stem}x{scale}", stem.removesuffix("_HR") + "_LR"
