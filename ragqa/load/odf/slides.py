"""The pages of a presentation -> slides with their notes, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ragqa.load.odf.body import Body, Context
from ragqa.load.odf.package import qn
from ragqa.load.pages import BLANK, Line, Page
from ragqa.load.reading_order import Box, in_reading_order

_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)(cm|mm|in|pt|pc|px)")
_MICRONS = {"cm": 10_000, "mm": 1_000, "in": 25_400, "pt": 353, "pc": 4_233, "px": 265}
_PASSED = ("title", "notes", "page", "header", "footer", "date-time", "page-number", "handout")
"""The classes of shapes that are read apart, or whose content is that of a page's margins."""
_DECLARED = (
    ("presentation:footer-decl", "presentation:use-footer-name"),
    ("presentation:header-decl", "presentation:use-header-name"),
)


def slides(context: Context, pages: Sequence[Any], content: Any, styles: Any) -> list[Page]:
    """Return the slides.

    :param content: the element with the pages, where footers are declared.
    :param styles: the root of `styles.xml`, with the master pages; None where there is none.
    """
    reader = _Reader(context, content, styles)
    return [reader.page(number, page) for number, page in enumerate(pages, 1)]


class _Reader:
    """Reads one slide after another; a text that all slides show is read on the first of them."""

    def __init__(self, context: Context, content: Any, styles: Any) -> None:
        self._context = context
        self._seen: set[str] = set()
        masters = styles.iter(qn("style:master-page")) if styles is not None else ()
        self._masters = {each.get(qn("style:name")): each for each in masters}
        self._declared = {
            (use, each.get(qn("presentation:name"))): " ".join("".join(each.itertext()).split())
            for name, use in _DECLARED
            for each in content.iterchildren(qn(name))
        }

    def page(self, number: int, page: Any) -> Page:
        """Return the lines of a slide."""
        hidden = " (hidden)" if self._context.styles.page_is_hidden(page.get(qn("draw:style-name"))) else ""
        return Page(list(self._lines(page)), f"slide {number}{hidden}")

    def _lines(self, page: Any) -> Iterator[Line]:
        body = Body(self._context)
        opening = any(_class(each) == "subtitle" for each in page.iterchildren())
        for each in page.iterchildren():
            if _class(each) == "title" and each.get(qn("presentation:placeholder")) != "true":
                yield Line(" ".join(line.text.strip() for line in _shown(body, each)), 1 if opening else 2)
                yield BLANK
        yield from _shapes(body, page)
        yield from self._margins(page)
        yield from self._notes(page)
        for each in page.iterchildren(qn("office:annotation")):
            body.comment(each)
        yield from self._context.notes
        yield from self._context.comments
        self._context.notes.clear()
        self._context.comments.clear()

    def _margins(self, page: Any) -> Iterator[Line]:
        """Yield the footer and the texts of the master page that no slide before has shown."""
        for _, use in _DECLARED:
            yield from self._new([Line(self._declared.get((use, page.get(qn(use))), ""))])
        master = self._masters.get(page.get(qn("draw:master-page-name")))
        if master is not None:
            yield from self._new(list(_shapes(Body(self._context, page_numbers=False), master, classes=False)))
            self._masters.pop(page.get(qn("draw:master-page-name")))

    def _new(self, lines: list[Line]) -> Iterator[Line]:
        text = "\n".join(line.text for line in lines).strip()
        if text and text not in self._seen:
            self._seen.add(text)
            yield from lines
            yield BLANK

    def _notes(self, page: Any) -> Iterator[Line]:
        notes = page.find(qn("presentation:notes"))
        body = Body(self._context)
        lines = [
            line
            for each in (notes.iterchildren() if notes is not None else ())
            if _class(each) == "notes" and each.get(qn("presentation:placeholder")) != "true"
            for line in _shown(body, each)
        ]
        if any(line.text.strip() for line in lines):
            yield Line("Notes:")
            yield from lines
            yield BLANK


def _shapes(body: Body, page: Any, *, classes: bool = True) -> Iterator[Line]:
    """Yield the lines of the shapes of a page in reading order, with a blank line after each.

    :param classes: whether shapes that fill a place of the layout are read; on a master page they are examples.
    """
    items = [
        (each, _box(each))
        for each in page.iterchildren()
        if _class(each) not in _PASSED
        and (classes or not _class(each))
        and each.get(qn("presentation:placeholder")) != "true"
    ]
    for each in in_reading_order(items):
        yield from _shown(body, each)
        yield BLANK


def _shown(body: Body, shape: Any) -> list[Line]:
    shown = body.shape(shape)
    return [Line(shown)] if isinstance(shown, str) else [Line(line.text) for line in shown]


def _class(shape: Any) -> str:
    return str(shape.get(qn("presentation:class"), ""))


def _box(shape: Any) -> Box | None:
    """Return the place of a shape; that of the first shape of a group; None where none is given."""
    if shape.tag == qn("draw:g"):
        boxes = [box for each in shape.iterchildren() if (box := _box(each))]
        if not boxes:
            return None
        left, top = min(box.left for box in boxes), min(box.top for box in boxes)
        right = max(box.left + box.width for box in boxes)
        return Box(left, top, right - left, max(box.top + box.height for box in boxes) - top)
    x, y, width, height = (_length(shape.get(qn(f"svg:{name}"))) for name in ("x", "y", "width", "height"))
    return Box(x, y, width or 0, height or 0) if x is not None and y is not None else None


def _length(value: str | None) -> int | None:
    parts = _LENGTH.fullmatch(value or "")
    return round(float(parts[1]) * _MICRONS[parts[2]]) if parts else None
