"""The curves of a training run, drawn by matplotlib (extra ``demo``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike


def plot_curves(rows: list[Any], path: PathLike, title: str) -> bool:
    """Draw loss and validation PSNR against steps.

    Parameters
    ----------
    rows : list of dict
        Rows of a run's log, of which "step", "loss", "psnr" and "bicubic_psnr" are used.
    path : path-like
        A PNG; it appears, or is replaced, once it is complete.
    title : str

    Returns
    -------
    bool
        False if matplotlib is not installed; nothing is written then.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(9, 4), layout="constrained")
    figure.suptitle(title)
    steps = [row["step"] for row in rows]
    left, right = figure.subplots(1, 2)
    left.semilogy(steps, [row["loss"] for row in rows], color="tab:blue")
    left.set(xlabel="step", ylabel="loss, mean since the last point")
    if rows and rows[0]["psnr"] is not None:
        right.plot(steps, [row["psnr"] for row in rows], color="tab:red", label="network")
        bicubic = rows[0]["bicubic_psnr"]
        right.axhline(bicubic, color="grey", linestyle="--", label=f"bicubic {bicubic:.2f} dB")
        # The first points, of a network that has hardly learnt anything, would flatten the rest.
        right.set_ylim(bottom=bicubic - 2)
        right.set(xlabel="step", ylabel="PSNR on held-out pictures, dB")
        right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return True
