"""The visible elements of a page -> lines of text, as a browser lays them out.

Blocks begin a new line, and those with a margin have a blank line around them. List items have their bullets or numbers,
rows of tables have pipes. The walk over the elements is a loop, so that any depth is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

import lxml.etree
from lxml.html import HtmlElement as Element

from ragqa.load.docx_numbering import written
from ragqa.load.html.fields import UNCHECKED, is_picture, shown_before
from ragqa.load.html.grid import Cell, Row, is_data, table_lines
from ragqa.load.html.lines import BLANK_LINE, NEW_LINE, Line, Piece, item, laid_out, one_line, preformatted
from ragqa.load.html.mathml import linear
from ragqa.load.html.scripts import subscript, superscript
from ragqa.load.html.visible import is_formula, is_hidden

_SPACED_TAGS = """address article aside blockquote center details dialog dl fieldset figure footer form h1 h2 h3 h4 h5 h6
header hgroup hr main nav ol p pre search section table ul"""
_SPACED = frozenset(_SPACED_TAGS.split())
"""Blocks with a margin, so that a blank line is around them."""
_OTHER_BLOCKS = """body caption dd dir div dt figcaption html legend li listing menu optgroup option plaintext summary
tbody td tfoot th thead tr xmp"""
_BLOCKS = _SPACED | frozenset(_OTHER_BLOCKS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PREFORMATTED = ("pre", "listing", "xmp", "plaintext")
_CODE = re.compile(
    r"(?:^|[\s_-])(?:code|highlight|source|src|lang(?:uage)?|shell|console|terminal|prettyprint|hljs)(?=$|[\s_-])"
)
"""Names of classes of blocks of code."""
_BOXES = ("button", "textarea")
_CAPTURED = frozenset(("sup", "sub", "rt", "li", "td", "th", "table", "caption", *_HEADINGS, *_PREFORMATTED))
"""Elements whose text is written to a place of its own first, and changed when they end."""
_NUMBERS = {
    "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman", "lower-alpha": "lowerLetter",
    "lower-latin": "lowerLetter", "upper-alpha": "upperLetter", "upper-latin": "upperLetter", "lower-roman": "lowerRoman",
    "upper-roman": "upperRoman", "decimal-leading-zero": "decimalZero", "cjk-ideographic": "chineseCounting",
}  # fmt: skip
"""The formats of numbers of lists, by the attribute `type` and by their names in CSS."""
_LIST_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*([\w-]+)", re.IGNORECASE)
_UNSHOWN = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Characters that are not shown: where a word may be broken, and where it may not."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text, the offset and level of each heading in it, and the number of the pictures among its words."""

    text: str
    headings: tuple[tuple[int, int], ...]
    pictures: int = 0


def render(root: Element) -> Rendered:
    """Return the text of the visible elements in a tree."""
    writer = _Writer()
    walk = lxml.etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            if not writer.begin(element):
                walk.skip_subtree()
        else:
            writer.end(element, tail=element is not root)
    text: list[str] = []
    headings, offset = [], 0
    for line in laid_out(writer.pieces):
        is_repeated = not line.text and not any(text[-1:])
        if line.text == UNCHECKED or is_repeated:  # a box without a label, by which menus are opened
            continue
        if line.level:
            headings.append((offset, line.level))
        text.append(line.text)
        offset += len(line.text) + 1
    return Rendered("\n".join(text), tuple(headings), writer.pictures)


@dataclass(slots=True)
class _List:
    """A list that is open: the number of its next item, the step to the one after it, and how numbers are written."""

    number: int | None
    step: int = 1
    style: str = "decimal"


@dataclass(slots=True)
class _Table:
    """A table that is open: its rows, and for a table that arranges a page the lines of its cells."""

    rows: list[Row] = field(default_factory=list)
    blocks: list[list[Line]] = field(default_factory=list)
    caption: str = ""
    nested: bool = False


@dataclass(slots=True)
class _Writer:
    """Takes the beginnings and ends of elements, and keeps the pieces of text."""

    pieces: list[Piece] = field(default_factory=list)
    pictures: int = 0
    _outer: list[list[Piece]] = field(default_factory=list)
    _lists: list[_List] = field(default_factory=list)
    _tables: list[_Table] = field(default_factory=list)
    _preformatted: int = 0

    def begin(self, element: Element) -> bool:
        """Take the beginning of an element. Return False where nothing inside it is read."""
        tag = element.tag
        if is_hidden(element):
            return False
        if tag == "math" or is_formula(element):
            self._write(linear(element) if tag == "math" else element.text or "")
            return False
        if tag == "svg":
            labels = (" ".join(each.text_content().split()) for each in element.iter("text"))
            self.pieces += [piece for label in labels for piece in (NEW_LINE, label, NEW_LINE)]
            return False
        self.pictures += is_picture(element)
        self._break_around(tag)
        self._open(element)
        if tag in _CAPTURED:
            self._outer.append(self.pieces)
            self.pieces = []
        self._write(shown_before(element))
        self._write(" " if tag in _BOXES else "")
        self._write(element.text or "")
        if tag == "textarea":
            self._write(" ")
        return tag not in ("select", "textarea")

    def end(self, element: Element, *, tail: bool) -> None:
        """Take the end of an element, and the text after it."""
        tag = element.tag
        if not (is_hidden(element) or tag in ("math", "svg") or is_formula(element)):
            if tag == "q" or tag == "button":
                self._write("”" if tag == "q" else " ")
            if tag in _CAPTURED:
                inner, self.pieces = self.pieces, self._outer.pop()
                self._close(element, inner)
            elif tag in ("ul", "ol", "menu", "dir"):
                self._lists.pop()
            self._break_around(tag)
        if tail:
            self._write(element.tail or "")

    def _write(self, text: str) -> None:
        if text:
            text = _UNSHOWN.sub("", text)
            self.pieces.append(text if not self._preformatted else text.replace("\r\n", "\n"))

    def _break_around(self, tag: str) -> None:
        if tag in _BLOCKS and tag not in ("td", "th", "li"):
            nested = bool(self._lists) and tag in ("ul", "ol", "menu", "dir")
            self.pieces.append(BLANK_LINE if tag in _SPACED and not nested else NEW_LINE)
        elif tag == "br":
            self.pieces.append("\n" if self._preformatted else NEW_LINE)

    def _open(self, element: Element) -> None:
        """Open a list, a table, a row or a preformatted block."""
        tag = element.tag
        if tag in ("ul", "menu", "dir"):
            self._lists.append(_List(None))
        elif tag == "ol":
            items = sum(1 for item in element if item.tag == "li") if "reversed" in element.attrib else 1
            step = -1 if "reversed" in element.attrib else 1
            self._lists.append(_List(_number(element.get("start"), items), step, _numbers_of(element)))
        elif tag == "table":
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            parent = element.getparent()
            self._tables[-1].rows.append(Row(head=parent is not None and parent.tag == "thead"))
        elif tag in _PREFORMATTED:
            self._preformatted += 1

    def _close(self, element: Element, inner: list[Piece]) -> None:
        """Change the text of a captured element, and add it to the text around it."""
        tag = element.tag
        if tag in _PREFORMATTED:
            self._preformatted -= 1
            self.pieces += preformatted(inner, code=_is_code(element))
        elif tag in _HEADINGS:
            self.pieces.append(Line(one_line(inner), _HEADINGS[tag]))
        elif tag == "li":
            self.pieces += [NEW_LINE, *item(self._marker(element), laid_out(inner))]
        elif tag in ("td", "th"):
            self._close_cell(element, inner)
        elif tag == "caption" and self._tables:
            self._tables[-1].caption = one_line(inner)
        elif tag == "table":
            self._close_table(inner)
        elif tag in ("sup", "sub", "rt"):
            self._close_inline(element, inner)
        else:
            self.pieces += [NEW_LINE, *laid_out(inner), NEW_LINE]

    def _close_inline(self, element: Element, inner: list[Piece]) -> None:
        tag, text = element.tag, one_line(inner)
        if tag == "rt":
            parent = element.getparent()
            marked = parent is not None and parent.find("rp") is not None
            self.pieces.append(text if marked or not text else f"({text})")
        elif text:
            before = self._character_before()
            self.pieces.append(superscript(element, text, before) if tag == "sup" else subscript(text, before))

    def _character_before(self) -> str:
        """Return the last visible character of the present line; empty at its beginning."""
        for piece in reversed(self.pieces):
            if not isinstance(piece, str):
                return ""
            if shown := piece.rstrip():
                return shown[-1]
        return ""

    def _marker(self, element: Element) -> str:
        if not self._lists or self._lists[-1].number is None:
            return "-"
        number = _number(element.get("value"), self._lists[-1].number)
        self._lists[-1].number = number + self._lists[-1].step
        return f"{_counted(number, self._lists[-1].style)}."

    def _close_cell(self, element: Element, inner: list[Piece]) -> None:
        if not self._tables:
            self.pieces += [NEW_LINE, *laid_out(inner), NEW_LINE]
            return
        table = self._tables[-1]
        if not table.rows:
            table.rows.append(Row())
        columns, rows = (_number(element.get(name), 1) for name in ("colspan", "rowspan"))
        rows = rows if rows > 0 else 1 << 16  # 0: to the last row
        block = laid_out(inner)
        heading = any(line.level for line in block)
        table.rows[-1].cells.append(Cell(one_line(inner), element.tag == "th", max(1, columns), rows, heading))
        table.blocks.append(block)

    def _close_table(self, inner: list[Piece]) -> None:
        table = self._tables.pop()
        if self._tables:
            self._tables[-1].nested = True
        self.pieces += [*([Line(table.caption)] if table.caption else []), *laid_out(inner)]
        if is_data(table.rows, nested=table.nested):
            self.pieces += [Line(text, flat=flat) for text, flat in table_lines(table.rows)]
            return
        for block in table.blocks:
            self.pieces += [*block, BLANK_LINE]


def _is_code(element: Element) -> bool:
    """Tell whether a preformatted block is code, by an element in it or by the name of a class of it or around it."""
    if next(element.iter("code", "kbd", "samp"), None) is not None:
        return True
    around = [element, *islice(element.iterancestors("div"), 2)]
    return any(_CODE.search(each.get("class") or "") for each in around)


def _number(value: str | None, default: int) -> int:
    """Return an attribute as a number of at most six digits; the default for anything else."""
    digits = (value or "").strip()
    return int(digits) if re.fullmatch(r"-?[0-9]{1,6}", digits) else default


def _numbers_of(numbered: Element) -> str:
    """Return how a numbered list writes its numbers: by its style in CSS, else by its type."""
    css = _LIST_STYLE.search(numbered.get("style") or "")
    return _NUMBERS.get(css[1].lower() if css else numbered.get("type") or "", "decimal")


def _counted(number: int, style: str) -> str:
    """Return the number of an item as its list writes it, such as `d` or `iv`."""
    return str(number) if style.endswith("Letter") and number > 26 else written(number, style)
