"""Combine the parts of the page, make it small enough, and write it."""

from __future__ import annotations

import base64
import bisect
import hashlib
import string
from importlib import resources
from typing import TYPE_CHECKING

from minisr.evaluation.report.encode import encode_lossy
from minisr.evaluation.report.networks import network_part
from minisr.evaluation.report.pictures import pictures_part
from minisr.evaluation.report.tables import gains_part, summary_part
from minisr.evaluation.report.text import escape
from minisr.system.atomic import atomic_path
from minisr.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from minisr.types import PathLike

# Tried in turn until the page is small enough: the quality of JPEG, and whether to keep the error
# maps, which stay exact and soon outweigh the rest.
STEPS = ((None, True), (98, True), (95, True), (90, True), (80, True), (80, False), (60, False))
LONG = 40  # characters; longer facts get a line of their own


def write_report(
    path: PathLike,
    *,
    title: str,
    methods: list[Any],
    sections: list[Any],
    command: str | None = None,
    about: Iterable[Any] = (),
    notes: Iterable[Any] = (),
    limit: int = 20_000_000,
) -> None:
    """Write an evaluation as one self-contained HTML file.

    Parameters
    ----------
    path : path-like
        Replaced atomically.
    title : str
    methods : list of Method
        The first is the baseline for the others.
    sections : list of Section
        The pictures, from :func:`minisr.evaluation.report.make_section`.
    command : str, optional
        The command line that makes this report.
    about : iterable of (str, str), optional
        Facts as label and text: scale, protocol, versions.
    notes : iterable of str, optional
        Anything else the reader must know, such as which pictures were skipped.
    limit : int, optional
        Maximum size of the file, in bytes. To stay below it, pictures are encoded with ever more
        loss, then error maps are left out, then the last pictures. The page says so.

    Raises
    ------
    OSError
        The file cannot be written.

    Notes
    -----
    The same contents give the same bytes. Figures and error maps are always those of the exact
    pictures, even if the pictures on the page are lossy.
    """
    methods, sections, about, notes = list(methods), list(sections), list(about), list(notes)
    parts = _parts(title, methods, sections, command, about)

    def page(shown, step_notes):
        parts["pictures"] = pictures_part(methods, sections, shown)
        parts["about"] = _about(about, notes + step_notes)
        return string.Template(_file("page.html")).substitute(parts).encode("utf-8")

    content = _fitting(page, sections, limit)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _fitting(page, sections, limit):
    """Return the page of at most ``limit`` bytes that loses the least.

    ``page(shown, notes)`` makes a page that shows the given pictures of each section.
    """
    for quality, with_maps in STEPS:
        shown = [_at_quality(section.pictures, quality, with_maps) for section in sections]
        losses = _losses(quality, with_maps, limit)
        if _encoded_size(shown) <= limit and len(content := page(shown, losses)) <= limit:
            return content
    smallest, notes = shown, losses

    def first(kept):
        note = f"Only the first {kept} of {len(sections)} pictures are shown."
        return page(smallest[:kept] + [()] * (len(sections) - kept), [*notes, note])

    def is_too_large(kept):
        return _encoded_size(smallest[:kept]) > limit or len(first(kept)) > limit

    # If not even the first one fits, show none: this page cannot get any smaller.
    return first(bisect.bisect_left(range(1, len(sections)), True, key=is_too_large))


def _at_quality(pictures, quality, with_maps):
    return [
        picture if quality is None or picture.kind == "error" else encode_lossy(picture, quality)
        for picture in pictures
        if with_maps or picture.kind != "error"
    ]


def _encoded_size(shown):
    """Return the pictures' size on the page in bytes: base64 turns three bytes into four."""
    return sum(len(picture.data) for pictures in shown for picture in pictures) * 4 // 3


def _losses(quality, with_maps, limit):
    """Return notes on what was lost to keep the page below its limit."""
    if quality is None:
        return []
    lines = [
        f"Pictures on this page are not exact: they are JPEG of quality {quality} (WebP if there is"
        f" transparency), to keep the file below {limit / 1e6:g} MB. The figures"
        f"{' and error maps' if with_maps else ''} are those of the exact pictures."
    ]
    return lines if with_maps else [*lines, "Error maps are left out for the same reason."]


def _parts(title, methods, sections, command, about):
    """Return the parts that do not depend on how the pictures are encoded."""
    style, script = (_file(name) for name in ("style.css", "script.js"))
    return {
        "title": escape(title),
        "version": __version__,
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "summary": summary_part(methods),
        "gains": gains_part(methods, sections),
        "networks": "".join(map(network_part, methods)),
        "command": _command(command),
    }


def _file(name):
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style, script):
    """Return a policy that allows this style, this script, embedded pictures and nothing else.

    The script is identified by its hash, so even injected markup could not run anything.
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


def _command(command):
    if command is None:
        return ""
    return (
        '<section id="command"><h2>Reproduce this report</h2><div class="command">'
        f'<pre tabindex="0"><code>{escape(command)}</code></pre>'
        '<button type="button" class="copy" hidden>Copy</button></div>'
        '<p class="said" role="status"></p></section>'
    )
