"""The tables of figures, and the plot of the gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.evaluation.report.charts import gain_plot
from minisr.evaluation.report.text import (
    escape,
    gain_over,
    gain_text,
    name_in_page,
    psnr_text,
    seconds_text,
    ssim_text,
)

if TYPE_CHECKING:
    from typing import Any


def summary_part(methods: Any) -> Any:
    """Return the table of the methods, with the columns for which any of them has a figure."""
    first = methods[0].psnr if methods else None
    columns = [
        ("PSNR, dB", [m.psnr for m in methods], psnr_text, max),
        ("SSIM", [m.ssim for m in methods], ssim_text, max),
        ("Gain, dB", [None] + [gain_over(first, m.psnr) for m in methods[1:]], gain_text, max),
        ("Seconds", [m.seconds for m in methods], seconds_text, min),
    ]
    columns = [column for column in columns if any(value is not None for value in column[1])]
    rows = []
    for k, method in enumerate(methods):
        described = f"<small>{escape(method.description)}</small>" if method.description else ""
        row = [name_in_page(method.name) + described]
        for _, values, text, best in columns:
            known = [value for value in values if value is not None]
            cell = text(values[k])
            good = len(known) > 1 and values[k] == best(known)
            row.append(f'<span class="best">{cell}</span>' if good else cell)
        rows.append(row)
    measured = any(m.psnr is not None for m in methods)
    heading = "Mean of all pictures" if measured else "Methods"
    table = _table(["Method", *(label for label, *_ in columns)], rows)
    return f'<section class="summary" id="summary"><h2>{heading}</h2>{table}</section>'


def gains_part(methods: Any, sections: Any) -> Any:
    """Return the plot of the gains and the table of all figures; empty if there are none."""
    if not any(figures for section in sections for figures in section.figures.values()):
        return ""
    pictures = [section.name for section in sections]
    gains = {m.name: [_gain(methods, m, section) for section in sections] for m in methods[1:]}
    plot = gain_plot(pictures, gains)
    if plot:
        plot = f"<h2>Gain over {name_in_page(methods[0].name)} by picture</h2>{plot}"
    rows = []
    for number, section in enumerate(sections, 1):
        row = [f'<a href="#picture-{number}">{number}&ensp;{name_in_page(section.name)}</a>']
        for k, method in enumerate(methods):
            psnr, ssim = section.figures.get(method.name) or (None, None)
            row += [f"{psnr_text(psnr)}<small>{ssim_text(ssim)}</small>"]
            row += [gain_text(_gain(methods, method, section))] if k else []
        rows.append(row)
    head = ["Picture"]
    for k, method in enumerate(methods):
        head += [name_in_page(method.name)] + (["Gain"] if k else [])
    table = _table(head, rows, "PSNR in dB, with SSIM below it; gain in dB")
    return (
        f'<section id="gains">{plot}<details><summary>Figures of every picture</summary>'
        f"{table}</details></section>"
    )


def figures_table(methods: Any, section: Any) -> Any:
    """Return the table of one picture's figures; empty if there are none."""
    if not any(section.figures.values()):
        return ""
    rows, columns = [], 4 if len(methods) > 1 else 3
    for k, method in enumerate(methods):
        psnr, ssim = section.figures.get(method.name) or (None, None)
        gain = gain_text(_gain(methods, method, section) if k else None)
        row = [name_in_page(method.name), psnr_text(psnr), ssim_text(ssim), gain]
        rows.append(row[:columns])
    return _table(["", "PSNR, dB", "SSIM", "Gain"][:columns], rows)


def _gain(methods, method, section):
    first = section.figures.get(methods[0].name) or (None, None)
    own = section.figures.get(method.name) or (None, None)
    return gain_over(first[0], own[0])


def _table(head, rows, caption=""):
    """Return a table; the first cell of each row names it."""
    caption = f"<caption>{caption}</caption>" if caption else ""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
