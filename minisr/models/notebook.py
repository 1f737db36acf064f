"""How a network looks in a notebook: a table of its layers, and the filters of the first."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from minisr.layers import Conv2d, Sequential

if TYPE_CHECKING:
    from minisr.models.network import Network

TAP, GAP, COLUMNS = 6, 3, 16  # pixels of a tap, pixels between filters, filters in a row
MOST_FILTERS = 64


def network_html(network: Network) -> str:
    """Return a network as HTML.

    Parameters
    ----------
    network : Network

    Returns
    -------
    str
    """
    rows = []
    for name, layer in network.layers.items():
        inner = " of several layers" if isinstance(layer, Sequential) else ""
        shapes = ", ".join(f"{n} {p.value.shape}" for n, p in layer.named_parameters())
        cells = name, f"{layer}{inner}", "" if inner else shapes, f"{layer.parameter_count:,}"
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    heading = "".join(f"<th>{word}</th>" for word in ("name", "layer", "arrays", "parameters"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    convolutions = [layer for layer in network.leaves() if isinstance(layer, Conv2d)]
    picture = filters_svg(convolutions[0].weight.value) if convolutions else ""
    return (
        f"<p><b>{html.escape(str(network))}</b>: {network.parameter_count:,} parameters</p>"
        f"<table><tr>{heading}</tr>{body}</table>{picture}"
    )


def filters_svg(weight: np.ndarray) -> str:
    """Draw filters as an SVG: grey is zero, white large, black its negative.

    Parameters
    ----------
    weight : ndarray, shape (F, C, K, K)
        Of more than one channel, the mean is drawn; of more than 64 filters, the first 64.

    Returns
    -------
    str
    """
    taps = np.asarray(weight, np.float64).mean(axis=1)[:MOST_FILTERS]
    largest = np.quantile(np.abs(taps), 0.99) or 1  # one outlier must not make the rest grey
    shades = np.rint(127.5 * (1 + (taps / largest).clip(-1, 1))).astype(int)
    step = TAP * taps.shape[1] + GAP
    squares = [
        f'<rect x="{number % COLUMNS * step + TAP * column}" '
        f'y="{number // COLUMNS * step + TAP * row}" '
        f'width="{TAP}" height="{TAP}" fill="#{3 * f"{shades[number, row, column]:02x}"}"/>'
        for number, row, column in np.ndindex(shades.shape)
    ]
    width, height = min(len(taps), COLUMNS) * step, -(-len(taps) // COLUMNS) * step
    return (
        f'<svg role="img" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>filters of the first convolution</title>{''.join(squares)}</svg>"
    )
