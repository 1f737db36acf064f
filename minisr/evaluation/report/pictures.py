"""The pictures, which the script turns into viewers; without scripts they are shown plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.evaluation.comparison import WHITE
from minisr.evaluation.report.encode import ERROR_COLOURS, ERROR_PALETTE, data_url
from minisr.evaluation.report.tables import figures_table
from minisr.evaluation.report.text import escape, name_in_page, psnr_text

if TYPE_CHECKING:
    from typing import Any


def pictures_part(methods: Any, sections: Any, shown: Any) -> Any:
    """Return the section of pictures; ``shown`` has the encoded pictures of each section."""
    articles = "".join(
        _picture(methods, number, section, pictures)
        for number, (section, pictures) in enumerate(zip(sections, shown, strict=True), 1)
    )
    maps = any(picture.kind == "error" for pictures in shown for picture in pictures)
    how = (
        '<p class="how">Drag the handle to wipe. Zoom with the buttons or by pinching, then drag'
        ' the picture. From 2× on, every pixel is shown as a square.<span class="keys"> Keyboard:'
        " the arrow keys move the handle or the picture, whichever has the focus; <kbd>+</kbd>"
        " <kbd>−</kbd> <kbd>0</kbd> zoom, as does <kbd>Ctrl</kbd> with the wheel.</span></p>"
    )
    return (
        f'<section id="pictures"><h2>Pictures</h2>{how if articles else ""}'
        f"{_legend() if maps else ''}{articles}</section>"
    )


def _legend():
    """Return the scale that all error maps share."""
    bars = "".join(
        f'<rect x="{100 * k / ERROR_COLOURS:.3f}%" width="{100 / ERROR_COLOURS + 0.2:.3f}%"'
        f' height="14" fill="rgb({red},{green},{blue})"/>'
        for k, (red, green, blue) in enumerate(ERROR_PALETTE.tolist())
    )
    return (
        '<div class="scale"><p>Error maps: mean absolute difference from the original over the'
        f" channels, in levels of 255, in {ERROR_COLOURS} steps, on one scale for all.</p>"
        f'<svg width="100%" height="14" role="img" aria-label="Black is 0, white is {WHITE} and'
        f' above">{bars}</svg><p class="ends"><span>0</span><span>{WHITE // 3}</span>'
        f"<span>{2 * WHITE // 3}</span><span>{WHITE} and above</span></p></div>"
    )


def _picture(methods, number, section, pictures):
    figures = figures_table(methods, section)
    named = {m.name: section.figures.get(m.name) for m in methods}
    files = "".join(_file_of(picture, named.get(picture.label)) for picture in pictures)
    beside = figures or any(picture.kind == "error" for picture in pictures)
    return (
        f'<article class="picture{"" if beside else " alone"}" id="picture-{number}"'
        f' data-width="{section.width}" data-height="{section.height}">'
        f'<h3><span class="number">{number}</span> '
        f"{name_in_page(section.name)} <small>{section.width} × {section.height}</small></h3>"
        f'<div class="viewer"></div><aside>{figures}<div class="maps"></div></aside>'
        f'<div class="plain">{files}</div></article>'
    )


def _file_of(picture, figures):
    """Return a picture that is on the page only once, whether scripts run or not.

    With scripts, a browser treats the content of <noscript> as text: nothing is decoded until the
    script asks for it. Without them, it is a picture with a caption.
    """
    name = f"{'error of ' if picture.kind == 'error' else ''}{picture.label}"
    figure = f"{psnr_text(figures[0])} dB" if figures and picture.kind == "version" else ""
    return (
        f'<noscript data-name="{escape(name)}" data-kind="{picture.kind}" data-figure="{figure}"'
        f' data-type="{picture.mime}"{" data-transparent" if picture.transparent else ""}>'
        f'<figure><img src="{data_url(picture)}" alt="{escape(name)}">'
        f"<figcaption>{escape(name)}</figcaption></figure></noscript>"
    )
