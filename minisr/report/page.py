"""The page: its parts as HTML, and the one file that they make."""

import base64
import hashlib
import string
from importlib import resources

from minisr.atomic import atomic_path
from minisr.comparison import WHITE
from minisr.report.charts import curve_plots, gain_plot
from minisr.report.encode import ERROR_COLOURS, ERROR_PALETTE, data_url, encode, encode_lossy
from minisr.report.filters import first_layer_tiles, last_layer_tiles
from minisr.report.text import (
    escape,
    gain_over,
    gain_text,
    name_in_page,
    psnr_text,
    seconds_text,
    ssim_text,
)
from minisr.version import __version__

# What is tried in turn until the page is small enough: JPEG's quality, and whether the error maps,
# which stay exact and soon outweigh the rest, are still there.
STEPS = ((None, True), (98, True), (95, True), (90, True), (80, True), (80, False), (60, False))
LONG = 40  # letters; a longer fact has a line of its own
NEARLY_FLAT = 0.01  # of the largest variance


def write_report(
    path, *, title, methods, sections, command=None, about=(), notes=(), limit=20_000_000
):
    """Write an evaluation as one HTML file that needs nothing else.

    Parameters
    ----------
    path : path-like
        Replaced at once when all is written.
    title : str
    methods : list of Method
        The first is what the others are compared with.
    sections : list of Section
        The pictures, of :func:`minisr.report.make_section`.
    command : str, optional
        The shell line that makes this report.
    about : iterable of (str, str), optional
        Facts as label and text: scale, protocol, versions.
    notes : iterable of str, optional
        What the reader must know besides, such as pictures that were skipped.
    limit : int, optional
        Bytes that the file may have. Above it, pictures are encoded with loss, more and more; then
        error maps are left out; then the last pictures. The page says which.

    Raises
    ------
    OSError
        The file cannot be written.

    Notes
    -----
    The same contents make the same bytes. Figures and error maps are of the exact pictures,
    whatever the pictures on the page have lost.
    """
    methods, sections, about, notes = list(methods), list(sections), list(about), list(notes)
    parts = _parts(title, methods, sections, command, about)

    def page(shown, step_notes):
        parts["pictures"] = _pictures(methods, sections, shown)
        parts["about"] = _about(about, notes + step_notes)
        return _template("page.html").substitute(parts).encode("utf-8")

    for quality, with_maps in STEPS:
        shown = [_at_quality(section.pictures, quality, with_maps) for section in sections]
        step_notes = _losses(quality, with_maps, limit)
        content = page(shown, step_notes)
        if len(content) <= limit:
            break
    kept = len(shown)
    while len(content) > limit and kept:  # what an empty page has, no step can save
        kept -= 1
        left_out = f"Pictures are shown of the first {kept} of {len(sections)} alone."
        content = page(shown[:kept] + [()] * (len(shown) - kept), [*step_notes, left_out])
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _at_quality(pictures, quality, with_maps):
    return [
        picture if quality is None or picture.kind == "error" else encode_lossy(picture, quality)
        for picture in pictures
        if with_maps or picture.kind != "error"
    ]


def _losses(quality, with_maps, limit):
    """Say what was done to keep the page below its limit."""
    if quality is None:
        return []
    lines = [
        f"Pictures on this page are not exact: they are JPEG of quality {quality} (WebP where there"
        f" is transparency), so that the file stays below {limit / 1e6:g} MB. The figures"
        f"{' and error maps' if with_maps else ''} are of the exact pictures."
    ]
    return lines if with_maps else [*lines, "Error maps are left out for the same reason."]


def _parts(title, methods, sections, command, about):
    """Return what does not depend on how the pictures are encoded."""
    style, script = (_file(name) for name in ("style.css", "script.js"))
    return {
        "title": escape(title),
        "version": __version__,
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "summary": _summary(methods),
        "gains": _gains(methods, sections),
        "networks": "".join(map(_network, methods)),
        "command": _command(command),
    }


def _file(name):
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _template(name):
    return string.Template(_file(name))


def _policy(style, script):
    """Allow this style, this script and pictures inside the page, and nothing else at all.

    The script is named by its hash: even markup that slipped through could run nothing.
    """

    def source(text):
        digest = hashlib.sha256(text.encode("utf-8")).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

    return (
        f"default-src 'none'; img-src data: blob:; style-src {source(style)}; "
        f"script-src {source(script)}; base-uri 'none'; form-action 'none'"
    )


def _about(about, notes):
    facts = ""
    for label, text in sorted(about, key=lambda fact: len(str(fact[1])) > LONG):  # long ones last
        wide = ' class="long"' if len(str(text)) > LONG else ""
        facts += f"<div{wide}><dt>{escape(label)}</dt><dd>{escape(text)}</dd></div>"
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (f'<dl class="facts">{facts}</dl>' if facts else "") + (
        f'<ul class="notes">{lines}</ul>' if lines else ""
    )


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


def _summary(methods):
    """Return the table of the methods: the columns that any of them has a figure for."""
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


def _gains(methods, sections):
    """Return the plot of the gains and the table of all figures; empty where there are none."""
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
    table = _table(head, rows, "PSNR in dB, below it SSIM; gain in dB")
    return (
        f'<section id="gains">{plot}<details><summary>Figures of every picture</summary>'
        f"{table}</details></section>"
    )


def _gain(methods, method, section):
    first = section.figures.get(methods[0].name) or (None, None)
    own = section.figures.get(method.name) or (None, None)
    return gain_over(first[0], own[0])


def _pictures(methods, sections, shown):
    articles = "".join(
        _picture(methods, number, section, pictures)
        for number, (section, pictures) in enumerate(zip(sections, shown, strict=True), 1)
    )
    maps = any(picture.kind == "error" for pictures in shown for picture in pictures)
    how = (
        '<p class="how">Drag the handle to wipe. Zoom by the buttons or by pinching, then drag the'
        ' picture. From 2× on, every pixel is a square.<span class="keys"> With keys: arrows move'
        " the handle, or the picture, whichever has the focus; <kbd>+</kbd> <kbd>−</kbd>"
        " <kbd>0</kbd> zoom, as do <kbd>Ctrl</kbd> and the wheel.</span></p>"
    )
    return (
        f'<section id="pictures"><h2>Pictures</h2>{how if articles else ""}'
        f"{_legend() if maps else ''}{articles}</section>"
    )


def _legend():
    """Return the one scale of all error maps."""
    bars = "".join(
        f'<rect x="{100 * k / ERROR_COLOURS:.3f}%" width="{100 / ERROR_COLOURS + 0.2:.3f}%"'
        f' height="14" fill="rgb({red},{green},{blue})"/>'
        for k, (red, green, blue) in enumerate(ERROR_PALETTE.tolist())
    )
    return (
        '<div class="scale"><p>Error maps: mean absolute difference from the original over the'
        f" channels, in levels of 255, in {ERROR_COLOURS} steps; one scale for all.</p>"
        f'<svg width="100%" height="14" role="img" aria-label="Black is 0, white is {WHITE} and'
        f' more">{bars}</svg><p class="ends"><span>0</span><span>{WHITE // 3}</span>'
        f"<span>{2 * WHITE // 3}</span><span>{WHITE} and more</span></p></div>"
    )


def _picture(methods, number, section, pictures):
    figures = ""
    if any(section.figures.values()):
        rows, columns = [], 4 if len(methods) > 1 else 3
        for k, method in enumerate(methods):
            psnr, ssim = section.figures.get(method.name) or (None, None)
            gain = gain_text(_gain(methods, method, section)) if k else ""
            row = [name_in_page(method.name), psnr_text(psnr), ssim_text(ssim), gain]
            rows.append(row[:columns])
        figures = _table(["", "PSNR, dB", "SSIM", "Gain"][:columns], rows)
    said = {m.name: section.figures.get(m.name) for m in methods}
    files = "".join(_file_of(picture, said.get(picture.label)) for picture in pictures)
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
    """Return a picture that is on the page once, whether scripts run or not.

    Where they run, a browser takes what is in <noscript> for text: nothing is decoded until the
    script asks for it. Where they do not, it is a picture with a line below.
    """
    said = f"{'error of ' if picture.kind == 'error' else ''}{picture.label}"
    figure = f"{psnr_text(figures[0])} dB" if figures and picture.kind == "version" else ""
    return (
        f'<noscript data-name="{escape(said)}" data-kind="{picture.kind}" data-figure="{figure}"'
        f' data-type="{picture.mime}"{" data-transparent" if picture.transparent else ""}>'
        f'<figure><img src="{data_url(picture)}" alt="{escape(said)}">'
        f"<figcaption>{escape(said)}</figcaption></figure></noscript>"
    )


def _network(method):
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


def _command(command):
    if command is None:
        return ""
    return (
        '<section id="command"><h2>Make this report again</h2><div class="command">'
        f'<pre tabindex="0"><code>{escape(command)}</code></pre>'
        '<button type="button" class="copy" hidden>Copy</button></div>'
        '<p class="said" role="status"></p></section>'
    )
