"""Draw plots as inline SVG, with text of the same size whatever the width of the page.

Positions along x are in percent and those along y in pixels, so the browser stretches the plot but
not the text. Only polylines need a stretched box of their own (`_polyline`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.evaluation.report.text import escape, gain_text, name_in_page

if TYPE_CHECKING:
    from typing import Any

    from minisr.evaluation.report.contents import Curve

HEIGHT = 260  # pixels
MAX_NAMES = 20  # pictures; more names would overlap on a narrow screen
MARKS = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0",  # circle
    "M-4.5-4.5h9v9h-9z",  # square
    "M0-6L6 4.5H-6z",  # triangle
    "M0-6.5L6.5 0L0 6.5L-6.5 0z",  # diamond
)


@dataclass(frozen=True)
class Axis:
    """The range of an axis, and its ticks.

    Attributes
    ----------
    low, high : float
    ticks : list of (float, str)
    """

    low: float
    high: float
    ticks: list

    def place(self, value: Any) -> Any:
        """Return the position of a value: 0 at ``low``, 1 at ``high``."""
        return (value - self.low) / (self.high - self.low)


def round_axis(low: Any, high: Any, count: int = 5) -> Any:
    """Return an axis between two round numbers, with about ``count`` steps."""
    if not high > low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [
        (n * step, f"{n * step:,.{digits}f}".replace("-", "−")) for n in range(first, last + 1)
    ]
    return Axis(first * step, last * step, ticks)


def log_axis(low: Any, high: Any) -> Any:
    """Return an axis of base-10 logarithms that covers two positive numbers."""
    low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
    high = max(high, low + 1)
    return Axis(low, high, [(n, _power_of_ten(n)) for n in range(low, high + 1)])


def gain_plot(pictures: list[Any], gains: dict[Any, Any] | None) -> str:
    """Plot the gain of each network on each picture.

    Parameters
    ----------
    pictures : list of str
    gains : dict of str to list of float or None
        By network, in dB, one per picture; only finite numbers are drawn.

    Returns
    -------
    str
        HTML; empty if there is nothing to draw.
    """
    drawn = [g for values in gains.values() for g in values if _finite(g)]
    if not drawn:
        return ""
    y = round_axis(min(0, *drawn), max(0, *drawn))
    named = len(pictures) <= MAX_NAMES
    if named:
        x_ticks = [((i + 0.5) / len(pictures), name) for i, name in enumerate(pictures)]
    else:
        round_numbers = [round(n) for n, _ in round_axis(1, len(pictures), 8).ticks]
        numbers = [1] + [n for n in round_numbers if 1 < n <= len(pictures)]
        x_ticks = [((n - 0.5) / len(pictures), str(n)) for n in numbers]
    inside = []
    for k, (network, values) in enumerate(gains.items()):
        beside = (k - (len(gains) - 1) / 2) * min(0.3, 0.8 / len(gains))
        for i, gain in enumerate(values):
            if _finite(gain):
                across = (i + 0.5 + beside) / len(pictures)
                height = (1 - y.place(gain)) * HEIGHT
                if named:
                    inside.append(
                        f'<line class="stem" x1="{across:.4%}" x2="{across:.4%}"'
                        f' y1="{(1 - y.place(0)) * HEIGHT:.1f}" y2="{height:.1f}"/>'
                    )
                title = f"{pictures[i]}: {network} {gain_text(gain)} dB"
                mark = _mark(k, across, height, title)
                # Not reachable by the tab key: a table below has the same links as text.
                inside.append(f'<a href="#picture-{i + 1}" tabindex="-1">{mark}</a>')
    text = f"Gain by picture, from {gain_text(min(drawn))} to {gain_text(max(drawn))} dB."
    legend = "".join(
        f'<span><svg width="16" height="16" aria-hidden="true">{_mark(k, 0.5, 8)}</svg>'
        f" {name_in_page(network)}</span>"
        for k, network in enumerate(gains)
    )
    return f'<p class="legend">{legend}</p>' + _frame(
        x_ticks, y, inside, text, "" if named else "picture, by its number below", "gain, dB", named
    )


def curve_plots(curve: Curve) -> list[Any]:
    """Plot a training curve: PSNR, and loss on a logarithmic axis.

    Parameters
    ----------
    curve : minisr.evaluation.report.Curve

    Returns
    -------
    list of (str, str)
        The title and HTML of each plot; a plot without numbers is left out.
    """
    plots = []
    psnr = [(s, v) for s, v in zip(curve.steps, curve.psnr, strict=True) if _finite(v)]
    loss = [(s, v) for s, v in zip(curve.steps, curve.loss, strict=True) if _finite(v) and v > 0]
    bicubic = curve.bicubic_psnr if _finite(curve.bicubic_psnr) else None
    if psnr:
        values = [v for _, v in psnr] + ([] if bicubic is None else [bicubic])
        # The first points of an untrained network would flatten the rest of the curve.
        lowest = min(values) if bicubic is None else max(min(values), bicubic - 2)
        y = round_axis(lowest, max(values))
        plots.append(("PSNR on held-out pictures", _curve(psnr, y, "dB", bicubic)))
    if loss:
        y = log_axis(min(v for _, v in loss), max(v for _, v in loss))
        logarithms = [(s, math.log10(v)) for s, v in loss]
        plots.append(("Loss", _curve(logarithms, y, "mean squared error")))
    return plots


def _curve(points, y, unit, bicubic=None):
    last = max(step for step, _ in points) or 1
    x = Axis(0, last, [tick for tick in round_axis(0, last, 4).ticks if tick[0] <= last])
    x_ticks = [(x.place(value), text) for value, text in x.ticks]
    inside = [_polyline([(x.place(step), y.place(value)) for step, value in points])]
    if bicubic is not None:
        height = (1 - y.place(bicubic)) * HEIGHT
        inside.append(f'<line class="base" x2="100%" y1="{height:.1f}" y2="{height:.1f}"/>')
        inside.append(
            f'<text class="halo" x="100%" dx="-4" y="{height - 7:.1f}" text-anchor="end">'
            f"bicubic {bicubic:.2f} dB</text>"
        )
    return _frame(x_ticks, y, inside, f"{len(points)} points", "step", unit)


def _frame(x_ticks, y, inside, text, x_label, y_label, named=False):
    """Return a plot: axes with their ticks and labels, and the given content."""
    parts = []
    for value, label in y.ticks:
        height = (1 - y.place(value)) * HEIGHT
        zero = "zero" if abs(value) < 1e-9 else "grid"
        parts.append(f'<line class="{zero}" x2="100%" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text x="-8" y="{height:.1f}" dy=".35em" text-anchor="end">{label}</text>')
    for across, label in x_ticks:
        place = f'x="{across:.4%}" y="{HEIGHT}" overflow="visible"'
        if named:
            short = label if len(label) <= 15 else label[:14] + "…"
            turned = 'transform="rotate(-55)" text-anchor="end" x="-6" y="12"'
            parts.append(f"<svg {place}><text {turned}>{escape(short)}</text></svg>")
        else:
            parts.append(f'<svg {place}><text y="20" text-anchor="middle">{label}</text></svg>')
    parts.append(f'<text x="-44" y="-16">{y_label}</text>')
    if x_label:
        parts.append(f'<text x="100%" y="{HEIGHT + 40}" text-anchor="end">{x_label}</text>')
    return (
        f'<div class="plot{" named" if named else ""}"><svg width="100%" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(text)}">{"".join(parts + inside)}</svg></div>'
    )


def _mark(k, across, height, title=""):
    title = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg x="{across:.4%}" y="{height:.1f}" overflow="visible">'
        f'<path class="mark series-{k % 6}" d="{MARKS[k % len(MARKS)]}">{title}</path></svg>'
    )


def _polyline(points):
    """Return a line through points in [0, 1] x [0, 1], with y pointing up."""
    text = " ".join(f"{1000 * x:.1f},{1000 * (1 - y):.1f}" for x, y in points)
    return (
        f'<svg width="100%" height="{HEIGHT}" viewBox="0 0 1000 1000" preserveAspectRatio="none" '
        f'overflow="hidden"><polyline class="curve" points="{text}"/></svg>'
    )


def _power_of_ten(n):
    return "10" + str(n).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _finite(value):
    return value is not None and math.isfinite(value)
