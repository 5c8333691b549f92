"""An OpenDocument file -> its text: that of a text document (ODT), or the slides of a presentation (ODP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.odf.body import Body, Context
from ragqa.load.odf.package import opened, qn
from ragqa.load.odf.slides import slides
from ragqa.load.odf.styles import Styles
from ragqa.load.pages import BLANK, LaidOut, Line, Page, laid_out
from ragqa.load.titles import real_title
from ragqa.records import Extracted

_FEW_WORDS = 3
"""A header or footer with a page number and fewer words is the page number's label."""
_MARGINS = tuple(
    f"style:{name}" for name in ("header", "header-first", "header-left", "footer", "footer-first", "footer-left")
)


def text_document(data: bytes, limits: Limits) -> Extracted:
    r"""Return the text of an ODT: its paragraphs as they are seen, one to a line.

    - Numbers of headings and list items stand before them; a bullet of any shape is `-`.
    - A table has pipes, and a short merged cell is repeated in each place that it covers. A table inside a cell is text.
    - A superscript or subscript is written as in `10^6` and `x_i`, a formula on one line.
    - A text box stands on lines of its own. A chart is its titles and a table of its values.
    - Footnotes, endnotes, comments, headers and footers come at the end, each once, without page numbers.
    - Tracked changes are read as if they were accepted. Text that is struck out or hidden is left out.

    Metadata: `author`, `subject`, `modified`; `headings`, a list of `[offset, level]`; `not_read`, a mapping of what is
    in the file and not in the text, such as pictures or deleted passages, to how often.

    :raises RejectedError: the file is not ODT, is encrypted, has XML with entities, has no text, or exceeds the limits
        on archives.
    """
    context, content = _opened(data, limits, "ODT", "office:text")
    body = Body(context)
    lines = body.lines(content)
    lines += [BLANK, *context.notes, BLANK, *context.comments, BLANK, *_margins(context)]
    found = laid_out([Page(lines)])
    first = next((line.text for line in lines if line.level is not None), "")
    return _extracted(context, found, (), first)


def presentation(data: bytes, limits: Limits) -> Extracted:
    """Return the text of an ODP; each slide is a page: its title, its other shapes in reading order, notes, comments.

    Metadata: as of a text document, and `places`, a list of `[offset, name]` with names such as `slide 3` and `slide 4
    (hidden)`.

    :raises RejectedError: the file is not ODP, is encrypted, has XML with entities, has no text, or exceeds the limits
        on archives or pages.
    """
    context, content = _opened(data, limits, "ODP", "office:presentation")
    pages = list(content.iterchildren(qn("draw:page")))
    if len(pages) > limits.pages:
        raise RejectedError(f"{len(pages):,} slides; at most {limits.pages:,}")
    read = slides(context, pages, content, context.package.xml("styles.xml"))
    found = laid_out(read)
    titles = ((number, line.text) for number, page in enumerate(read) for line in page.lines if line.level is not None)
    first = next(titles, (1, ""))
    return _extracted(context, found, found.starts, first[1], prefer_first=first[0] == 0)


def _opened(data: bytes, limits: Limits, kind: str, name: str) -> tuple[Context, Any]:
    """Return the context of a file, and the element with its content."""
    package = opened(data, limits, kind)
    root = package.xml("content.xml")
    body = root.find(qn("office:body"))
    content = body.find(qn(name)) if body is not None else None
    if content is None:
        first = next(iter(body), root) if body is not None else root
        raise RejectedError(f"not an {kind} file: its content is {str(first.tag).rpartition('}')[2][:80]}")
    styles = package.xml("styles.xml")
    package.missing.clear()
    return Context(package, Styles(None if styles is root else styles, root)), content


def _extracted(
    context: Context, found: LaidOut, starts: tuple[int, ...], first: str, *, prefer_first: bool = False
) -> Extracted:
    missing = len(context.package.missing - {"styles.xml"})
    not_read = dict(context.not_read.counts) | ({"missing parts": missing} if missing else {})
    if not found.text.strip():
        told = ", ".join(f"{kind} ({count})" for kind, count in not_read.items())
        raise RejectedError(f"no text; not read: {told}" if told else "no text: the file has none")
    fields = context.package.properties()
    own = real_title(fields.pop("title", ""))
    title = (first or own) if prefer_first else (own or first)
    return Extracted(found.text, title, starts, fields | found.metadata | ({"not_read": not_read} if not_read else {}))


def _margins(context: Context) -> Iterator[Line]:
    """Yield the lines of headers and footers, each once, without page numbers and their labels."""
    root = context.package.xml("styles.xml")
    seen: set[str] = set()
    for margin in root.iter(*map(qn, _MARGINS)) if root is not None else ():
        numbered = next(margin.iter(qn("text:page-number")), None) is not None
        for line in (
            Body(context, page_numbers=False).lines(margin) if margin.get(qn("style:display")) != "false" else ()
        ):
            label = numbered and len(line.text.split()) < _FEW_WORDS and not any(map(str.isdigit, line.text))
            if not label and line.text not in seen:
                seen.add(line.text)
                yield Line(line.text)
