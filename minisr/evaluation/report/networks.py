"""The inside of a network: its first and last layer's weights, and how it was trained."""

from minisr.evaluation.report.charts import curve_plots
from minisr.evaluation.report.encode import data_url, encode
from minisr.evaluation.report.filters import first_layer_tiles, last_layer_tiles
from minisr.evaluation.report.text import escape, name_in_page

NEARLY_FLAT = 0.01  # of the largest variance


def network_part(method):
    """Return a method's filters and curves; empty where it has none."""
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
    flat = int((variances < NEARLY_FLAT * variances[0]).sum())
    colour = " in the colours that they answer to" if C == 3 else ""
    return (
        f'<h3>First layer</h3><div class="tiles">{"".join(map(_image, tiles))}</div>'
        f'<p class="seen">Its {F} filters of {K} × {K}{colour}, as the weights are; the most varied'
        f" come first. {_shades(largest)} {flat or 'None'} of them {'has' if flat < 2 else 'have'}"
        " less than a hundredth of the first one's variance.</p>"
    )


def _last_layer(weight, upscale_factor):
    pairs, largest = last_layer_tiles(weight, upscale_factor)
    R, (_, F, K, _) = upscale_factor, weight.shape
    images = "".join(f"<div>{_image(before)}{_image(after)}</div>" for before, after in pairs)
    return (
        f'<h3>Last layer</h3><div class="pairs">{images}</div>'
        f'<p class="seen">A pair for each of {F} features. Left, the weights before the shuffle:'
        f" {R} × {R} kernels of {K} × {K}; the one in row i and column j makes the pixel in row i"
        f" and column j of every {R} × {R}. Right, the same weights after it, their taps turned"
        f" around and interleaved to {R * K} × {R * K}: the kernel of the one transposed"
        " convolution that equals convolution and shuffle, which is what one unit of the feature"
        f" adds to the large picture. {_shades(largest)}</p>"
    )


def _shades(largest):
    return (
        f"Grey is 0, white {largest:.3g} and more, black −{largest:.3g} and less; one scale for"
        " the layer."
    )


def _image(pixels):
    return f'<img src="{data_url(encode(pixels))}" alt="">'
