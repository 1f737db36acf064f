"""The page of ``minisr evaluate --html``, from networks and their figures."""

import itertools
import shlex
from pathlib import Path

from minisr.cli.common import note
from minisr.errors import CheckpointError
from minisr.evaluation.report import Curve, Method, write_report
from minisr.evaluation.tables import short_names
from minisr.layers import Conv2d, PixelShuffle
from minisr.training import runs
from minisr.version import __version__


def write_page(arguments, figures, methods, sections, notes):
    """Write the page.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of the command that is running.
    figures : minisr.evaluation.tables.Evaluation
        The page shows those of the first protocol.
    methods : dict of str to Network or None
        None is bicubic.
    sections : list of minisr.evaluation.report.Section
        One per picture.
    notes : list of str
        What was skipped, and why.
    """
    protocol, means = figures.protocols[0], next(iter(figures.means.values()))
    names = short_names(figures.methods)
    about = [
        ("Scale", f"x{figures.scale}"),
        ("Pictures", str(len(sections))),
        ("Protocol", f"{protocol.name}: {protocol.description}"),
        ("Mean", "of the pictures' values" if protocol.mean == "psnr" else "PSNR of the mean MSE"),
        ("Made by", f"minisr {__version__}"),
    ]
    made = "antialiased when it shrank the pictures"
    if arguments.low is not None:
        made = f"of the low-resolution pictures in {arguments.low}"
    elif not (protocol.crops and protocol.shrink.startswith("matlab")):
        notes = [
            f"The figures are by protocol {protocol.name}, which shrinks pictures in its own way; "
            "those shown here were shrunk by MATLAB's imresize.",
            *notes,
        ]
    write_report(
        arguments.html,
        title=f"{' and '.join(names[1:] or names)} at x{figures.scale}",
        methods=[
            _method(label, name, model, means[name], f"MATLAB's, {made}")
            for label, (name, model) in zip(names, methods.items(), strict=True)
        ],
        sections=sections,
        command=shlex.join(["minisr", *arguments.words]),
        about=about,
        notes=notes,
    )


def _method(label, name, model, score, bicubic):
    figures = {"psnr": score.psnr, "ssim": score.ssim, "seconds": score.seconds}
    if model is None:
        return Method(label, bicubic, **figures)
    layers = list(model.leaves())
    convolutions = [layer for layer in layers if isinstance(layer, Conv2d)]
    shuffled = [
        (layer, following.upscale_factor)
        for layer, following in itertools.pairwise(layers)
        if isinstance(layer, Conv2d) and isinstance(following, PixelShuffle)
    ]
    last, factor = shuffled[-1] if shuffled else (None, 1)
    return Method(
        label,
        f"{model}, {model.parameter_count:,} parameters",
        **figures,
        first_layer=convolutions[0].weight.value if convolutions else None,
        last_layer=last and last.weight.value,
        upscale_factor=factor,
        curve=_curve(Path(name)),
    )


def _curve(weights):
    """Return the curve of the run that made a file of weights; None if it has none."""
    if not (weights.is_file() and weights.name == runs.MODEL):
        return None
    try:
        rows = runs.read_log(weights.parent)
    except CheckpointError as error:  # another program's log.csv; the figures are worth more
        note(f"no curve: {error}")
        return None
    if not rows:
        return None
    steps, loss, psnr = ([row[name] for row in rows] for name in ("step", "loss", "psnr"))
    return Curve(steps=steps, psnr=psnr, loss=loss, bicubic_psnr=rows[0]["bicubic_psnr"])
