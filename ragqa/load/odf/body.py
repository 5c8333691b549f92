"""Paragraphs, lists, tables and shapes of an OpenDocument file -> lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ragqa.load.alternative import picture
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.not_read import NotRead
from ragqa.load.odf.controls import controls
from ragqa.load.odf.lists import Counter
from ragqa.load.odf.objects import embedded
from ragqa.load.odf.package import Flat, Package, qn
from ragqa.load.odf.styles import Styles, whole
from ragqa.load.odf.tables import rows
from ragqa.load.odf.text import Inline
from ragqa.load.pages import BLANK, Line
from ragqa.load.pipes import table_lines

_WRAPPERS = {qn(f"text:{name}") for name in (
    "section", "table-of-content", "illustration-index", "table-index", "object-index", "user-index",
    "alphabetical-index", "bibliography", "index-body", "index-title", "numbered-paragraph")}  # fmt: skip
_SHAPES = {qn(f"draw:{name}") for name in (
    "frame", "g", "custom-shape", "rect", "ellipse", "circle", "line", "polyline", "polygon", "regular-polygon", "path",
    "connector", "caption", "measure", "a", "control")}  # fmt: skip
_MOST_INDENT = 10


@dataclass(slots=True)
class Context:
    """What all parts of a document share. `notes` and `comments` are lines for its end."""

    package: Package | Flat
    styles: Styles
    not_read: NotRead = field(default_factory=NotRead)
    notes: list[Line] = field(default_factory=list)
    comments: list[Line] = field(default_factory=list)
    controls: dict[str, str] | None = None
    """What the fields of forms show, by their ids; None where none was asked for yet."""


class Body:
    """Reads the lines of a document, a slide, a header or a footer.

    :param page_numbers: whether page numbers are text.
    """

    def __init__(self, context: Context, *, page_numbers: bool = True) -> None:
        self._context = context
        self._counter = Counter(context.styles)
        self._cells = 0
        self._inline = Inline(
            context.styles, context.not_read, shape=self.shape, note=self._note, comment=self.comment,
            page_numbers=page_numbers,
        )  # fmt: skip

    def lines(self, parent: Any) -> list[Line]:
        """Return the lines of all that is within an element."""
        return [line for child in parent.iterchildren() for line in self._block(child)]

    def _block(self, child: Any) -> list[Line]:
        tag = child.tag
        if tag in (qn("text:p"), qn("text:h")):
            return self._paragraph(child)
        if tag == qn("text:list"):
            return list(self._list(child, "", 0, {}))
        if tag == qn("table:table"):
            return self._table(child)
        if tag == qn("text:tracked-changes"):
            for deletion in child.iter(qn("text:deletion")):
                if any(text.strip() for each in deletion.iter(qn("text:p"), qn("text:h")) for text in each.itertext()):
                    self._context.not_read.add("deleted passages")
        elif child.get(qn("text:display")) == "none":
            self._context.not_read.add("hidden passages")
        elif tag in _WRAPPERS:
            return self.lines(child)
        elif tag in _SHAPES:
            shown = self.shape(child)
            return [Line(shown)] if isinstance(shown, str) else shown
        return []

    def _paragraph(self, paragraph: Any, label: str | None = None) -> list[Line]:
        """Return a paragraph, and its text boxes before or after it, so that these do not cut its sentences.

        :param label: that of its list; None where it is in none.
        """
        pieces: list[Piece] = []
        before: list[Line] = []
        after: list[Line] = []
        for item in self._inline.items(paragraph):
            if isinstance(item, Piece):
                pieces.append(item)
            elif any(piece.text.strip() for piece in pieces):
                after += item
            else:
                before += item
        texts = [text.strip() for text in joined(pieces).split("\n") if text.strip()]
        level = self._level(paragraph)
        if level is not None:
            texts = [" ".join(texts)] if texts else []
            label = (
                self._counter.heading(paragraph, level) if label is None and paragraph.tag == qn("text:h") else label
            )
        if texts and label:
            texts[0] = f"{label} {texts[0]}"
        return [*before, *(Line(text, level) for text in texts), *after]

    def _level(self, paragraph: Any) -> int | None:
        if paragraph.tag == qn("text:h"):
            return max(1, whole(paragraph.get(qn("text:outline-level")), 1))
        return 1 if self._context.styles.is_title(paragraph.get(qn("text:style-name"))) else None

    def _list(self, element: Any, style: str, depth: int, counts: dict[int, int]) -> Iterator[Line]:
        """Yield the items of a list, with their labels and indented by their depth.

        :param style: of the list around it. :param depth: the number of lists around it. :param counts: of their items.
        """
        style = element.get(qn("text:style-name")) or style or self._style_of_first(element)
        depth += 1
        counts = self._counter.begin(element, style) if depth == 1 else counts
        for item in element.iterchildren(qn("text:list-item"), qn("text:list-header")):
            texts = any(child.tag in (qn("text:p"), qn("text:h")) for child in item.iterchildren())
            labelled = texts and item.tag == qn("text:list-item")
            label = self._counter.label(item, style, depth, counts) if labelled else ""
            indent = "  " * min(depth - 1, _MOST_INDENT) if label else ""
            for child in item.iterchildren():
                if child.tag == qn("text:list"):
                    yield from self._list(child, style, depth, counts)
                    continue
                is_text = child.tag in (qn("text:p"), qn("text:h"))
                for line in self._paragraph(child, label) if is_text else self._block(child):
                    begins = label and line.text.startswith(label)
                    if begins or not label or line.level is not None:
                        yield Line(line.text if line.level is not None else indent + line.text, line.level)
                    else:
                        yield Line(f"{indent}  {line.text}")
                if is_text:
                    label = ""

    def _style_of_first(self, element: Any) -> str:
        first = next(element.iter(qn("text:p"), qn("text:h")), None)
        name = None if first is None else first.get(qn("text:style-name"))
        return self._context.styles.list_of_paragraph(name) or ""

    def _table(self, table: Any) -> list[Line]:
        """Return a table with pipes; the lines of its cells where it has one row or column; text inside another table."""
        self._cells += 1
        grid = rows(table, self.lines)
        self._cells -= 1
        texts = [[cell.text for cell in row] for row in grid]
        if self._cells:
            return [Line("; ".join(", ".join(filter(None, row)) for row in texts if any(row)))]
        if len([row for row in texts if any(row)]) < 2 or max(map(len, texts), default=0) < 2:
            return [line for row in grid for cell in row for line in cell.lines]
        return [BLANK, *map(Line, table_lines(texts)), BLANK]

    def shape(self, shape: Any) -> str | list[Line]:
        """Return a formula or an alternative text, or the lines of another shape, such as a text box or a chart."""
        if shape.tag == qn("draw:frame"):
            return self._frame(shape)
        if shape.tag in (qn("draw:g"), qn("draw:a")):
            found = [self.shape(each) for each in shape.iterchildren() if each.tag in _SHAPES]
            return [line for each in found for line in ([Line(each)] if isinstance(each, str) else each)]
        if shape.tag == qn("draw:control"):
            return self._control(shape)
        return self.lines(shape) if shape.tag in _SHAPES else []

    def _control(self, control: Any) -> str | list[Line]:
        """Return what a field of a form shows; count one that is not known."""
        context = self._context
        if context.controls is None:
            context.controls = controls(control.getroottree())
        shown = context.controls.get(control.get(qn("draw:control"), ""))
        if shown is None:
            context.not_read.add("controls")
        return f" {shown} " if shown else []

    def _frame(self, frame: Any) -> str | list[Line]:
        """Return the first form of a frame's content that is read; others are pictures of it."""
        for child in frame.iterchildren():
            if child.tag == qn("draw:text-box"):
                return self.lines(child)
            if child.tag == qn("table:table"):
                return self._table(child)
            if child.tag == qn("draw:object"):
                found = embedded(self._context.package, child)
                if found is None:
                    self._context.not_read.add("embedded objects")
                    return []
                return found.lines[0] if found.is_formula else [Line(each) for each in found.lines]
            if child.tag in _UNREAD:
                self._context.not_read.add(_UNREAD[child.tag])
                text = alternative(frame) if child.tag == qn("draw:image") else ""
                return f" {text} " if text else []
        return []

    def _note(self, note: Any) -> None:
        kind = "Endnote" if note.get(qn("text:note-class")) == "endnote" else "Footnote"
        sign = " ".join((note.findtext(qn("text:note-citation")) or "").split())
        body = note.find(qn("text:note-body"))
        text = " ".join(line.text.strip() for line in self.lines(body)) if body is not None else ""
        if text:
            self._context.notes.append(Line(f"{kind}{f' {sign}' if sign else ''}: {text}"))

    def comment(self, comment: Any) -> None:
        """Take a comment for the end."""
        text = " ".join(line.text.strip() for line in self.lines(comment))
        author = " ".join((comment.findtext(qn("dc:creator")) or "").split())
        day = (comment.findtext(qn("dc:date")) or "").strip()[: len("2024-05-01")]
        if text:
            by = f"{f' by {author}' if author else ''}{f' ({day})' if day else ''}"
            self._context.comments.append(Line(f"Comment{by}: {text}"))


def alternative(frame: Any) -> str:
    """Return the alternative text of a picture: its title and its description."""
    texts = (" ".join((frame.findtext(qn(f"svg:{name}")) or "").split()) for name in ("title", "desc"))
    return picture(": ".join(dict.fromkeys(filter(None, texts))))


_UNREAD = {
    qn("draw:image"): "pictures",
    qn("draw:object-ole"): "embedded objects",
    qn("draw:plugin"): "videos",
    qn("draw:floating-frame"): "embedded documents",
    qn("draw:applet"): "embedded objects",
}
"""What a frame shows and the text has not, and what it is called for the user."""
