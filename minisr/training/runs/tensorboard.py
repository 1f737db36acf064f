"""The rows of a run's log for TensorBoard, written by tensorboardX (extra ``tensorboard``)."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from minisr.training.runs.console import Console

SCALARS = ("loss", "learning_rate", "training_psnr", "psnr", "bicubic_psnr")


@contextlib.contextmanager
def also_for_tensorboard(console: Console, folder: Path) -> Iterator[Any]:
    """Yield a console that writes each new row as TensorBoard's events, too.

    Parameters
    ----------
    console : minisr.training.runs.console.Console
    folder : pathlib.Path
        Where the events go; ``tensorboard --logdir`` takes it, or the folder above it.

    Raises
    ------
    SettingsError
        If tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise SettingsError(
            "TensorBoard needs another package: pip install 'minisr[tensorboard]'"
        ) from None

    with SummaryWriter(str(folder)) as writer:

        def on_round(row):
            for name in SCALARS:
                if row[name] is not None:
                    writer.add_scalar(name, row[name], row["step"])
            console.on_round(row)

        yield dataclasses.replace(console, on_round=on_round)
