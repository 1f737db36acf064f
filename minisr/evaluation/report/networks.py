"""Show the inside of a network: weights of its first and last layer, and training curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.evaluation.report.charts import curve_plots
from minisr.evaluation.report.encode import data_url, encode
from minisr.evaluation.report.filters import first_layer_tiles, last_layer_tiles
from minisr.evaluation.report.text import escape, name_in_page

if TYPE_CHECKING:
    from typing import Any

NEARLY_CONSTANT = 0.01  # of the largest variance


def network_part(method: Any) -> Any:
    """Return a method's filters and curves; empty if it has none."""
    parts = []
    if method.first_layer is not None:
        parts.append(_first_layer(method.first_layer))
    if method.last_layer is not None:
        parts.append(_last_layer(method.last_layer, method.upscale_factor))
    plots = [] if method.curve is None else curve_plots(method.curve)
    if plots:
        figures = "".join(
            f"<figure><figcaption>{name}</figcaption>{plot}</figure>" for name, plot in plots
        )
        parts.append(f'<h3>Training</h3><div class="curves">{figures}</div>')
    if not parts:
        return ""
    described = (
        f' <small class="about">{escape(method.description)}</small>' if method.description else ""
    )
    return (
        f'<section class="network"><h2>Inside {name_in_page(method.name)}{described}</h2>'
        f"{''.join(parts)}</section>"
    )


def _first_layer(weight):
    tiles, variances, largest = first_layer_tiles(weight)
    F, C, K, _ = weight.shape
    constant = int((variances < NEARLY_CONSTANT * variances[0]).sum())
    colour = " in the colours that they respond to" if C == 3 else ""
    return (
        f'<h3>First layer</h3><div class="tiles">{"".join(map(_image, tiles))}</div>'
        f'<p class="seen">The weights of its {F} filters of {K} × {K}{colour}, in descending'
        f" variance. {_shades(largest)} {constant or 'None'} of them"
        f" {'has' if constant < 2 else 'have'} less than a hundredth of the first one's"
        " variance.</p>"
    )


def _last_layer(weight, upscale_factor):
    pairs, largest = last_layer_tiles(weight, upscale_factor)
    R, (_, F, K, _) = upscale_factor, weight.shape
    images = "".join(f"<div>{_image(before)}{_image(after)}</div>" for before, after in pairs)
    return (
        f'<h3>Last layer</h3><div class="pairs">{images}</div>'
        f'<p class="seen">A pair for each of {F} features. Left: the weights before the shuffle,'
        f" {R} × {R} kernels of {K} × {K}. The kernel in row i and column j computes the pixel in"
        f" row i and column j of each {R} × {R} cell. Right: the same weights with their taps"
        f" flipped and interleaved to {R * K} × {R * K}. This is the kernel of the transposed"
        " convolution equal to the convolution and the shuffle: what one unit of the feature adds"
        f" to the large picture. {_shades(largest)}</p>"
    )


def _shades(largest):
    return (
        f"Grey is 0, white is {largest:.3g} and above, black −{largest:.3g} and below, on one scale"
        " for the whole layer."
    )


def _image(pixels):
    return f'<img src="{data_url(encode(pixels))}" alt="">'
