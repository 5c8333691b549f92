"""A paragraph of an OpenDocument file -> its characters, and what stands apart from them, such as a text box."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ragqa.load.docx_runs import Piece
from ragqa.load.not_read import NotRead
from ragqa.load.odf.package import qn
from ragqa.load.odf.styles import Look, Styles, whole
from ragqa.load.pages import Line

_WHITE = re.compile(r"[ \t\r\n]+")
_MOST_SPACES = 100
_HIDDEN = {qn(name) for name in ("text:hidden-text", "text:hidden-paragraph")}
_PAGE_NUMBERS = {qn(name) for name in ("text:page-number", "text:page-count", "text:page-continuation")}
_SKIPPED = {qn(name) for name in ("text:note-citation", "office:annotation-end", "office:event-listeners",
                                  "text:alphabetical-index-mark", "text:toc-mark", "text:tracked-changes")}  # fmt: skip
_DRAWING = f"{{{qn('draw:frame')[1:].partition('}')[0]}}}"

Item: TypeAlias = Piece | list[Line]
"""A part of a paragraph: some characters, or lines that stand apart from its text."""


class Inline:
    """Reads what is within paragraphs.

    :param shape: returns a formula as text, or the lines of another shape.
    :param note: takes a footnote or an endnote.
    :param comment: takes a comment.
    :param page_numbers: whether page numbers are text; in headers and footers they are not.
    """

    def __init__(
        self,
        styles: Styles,
        not_read: NotRead,
        *,
        shape: Callable[[Any], str | list[Line]],
        note: Callable[[Any], None],
        comment: Callable[[Any], None],
        page_numbers: bool = True,
    ) -> None:
        self._styles = styles
        self._not_read = not_read
        self._shape = shape
        self._apart = {qn("text:note"): note, qn("office:annotation"): comment}
        self._skipped = _SKIPPED if page_numbers else _SKIPPED | _PAGE_NUMBERS

    def items(self, paragraph: Any) -> Iterator[Item]:
        """Yield the characters of a paragraph in order, and the lines of each shape anchored in it."""
        look = self._styles.look("paragraph", paragraph.get(qn("text:style-name")), Look())
        yield from self._of(paragraph, look)

    def _of(self, element: Any, look: Look) -> Iterator[Item]:
        yield from self._text(element.text, look)
        for child in element.iterchildren():
            yield from self._child(child, look)
            yield from self._text(child.tail, look)

    def _child(self, child: Any, look: Look) -> Iterator[Item]:
        tag = child.tag
        if tag in self._apart:
            self._apart[tag](child)
        elif tag == qn("text:span"):
            yield from self._of(child, self._styles.look("text", child.get(qn("text:style-name")), look))
        elif tag == qn("text:s"):
            yield Piece(" " * min(_MOST_SPACES, whole(child.get(qn("text:c")), 1)))
        elif tag == qn("text:tab"):
            yield Piece("\t")
        elif tag == qn("text:line-break"):
            yield Piece("\n")
        elif tag == qn("text:ruby-text"):
            reading = "".join(child.itertext()).strip()
            yield Piece(f"({reading})" if reading else "")
        elif tag in _HIDDEN:
            self._not_read.add("hidden passages")
        elif tag.startswith(_DRAWING) and tag != qn("draw:a"):
            shown = self._shape(child)
            yield Piece(shown, look.raised) if isinstance(shown, str) else shown
        elif tag not in self._skipped:
            yield from self._of(child, look)

    def _text(self, text: str | None, look: Look) -> Iterator[Piece]:
        if not text:
            return
        if look.struck or look.hidden:
            if text.strip():
                self._not_read.add("struck-out text" if look.struck else "hidden passages")
        else:
            yield Piece(_WHITE.sub(" ", text).replace("\xad", ""), look.raised)
