"""What is within a paragraph of a DOCX beside its runs: fields, symbols, check boxes, equations, drawings, objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeAlias

from ragqa.load.alternative import picture
from ragqa.load.docx_fields import Fields, checkbox
from ragqa.load.docx_numbering import Numbering
from ragqa.load.docx_runs import Piece
from ragqa.load.docx_styles import Look, Styles, is_on
from ragqa.load.docx_tables import Block, rows
from ragqa.load.drawing import chart, diagram, paragraph_text
from ragqa.load.not_read import NotRead
from ragqa.load.omml import linear
from ragqa.load.ooxml import Package, qn
from ragqa.load.symbols import shown

CHECKBOX = qn("w:sdtPr/w14:checkbox")
UNREAD = {
    qn("a:blip"): "pictures",
    qn("v:imagedata"): "pictures",
    qn("w:contentPart"): "drawings in ink",
    qn("w:control"): "controls",
    qn("w:altChunk"): "embedded documents",
    qn("w:subDoc"): "linked documents",
}
"""Elements that are not read, and what they are called for the user."""

_HEX = re.compile("[0-9a-fA-F]{1,4}")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PROG_ID_CHARACTERS = 40

Item: TypeAlias = Piece | list[Block]
"""A part of a paragraph: some characters, or what stands apart from its text, such as a text box."""


@dataclass(frozen=True, slots=True)
class Context:
    """What all parts of a document share."""

    package: Package
    styles: Styles
    numbering: Numbering
    not_read: NotRead


class Reader(Protocol):
    """Reads what is within an element of one part."""

    context: Context
    part: str
    fields: Fields

    def blocks(self, parent: Any) -> Iterator[Block]:
        """Yield the paragraphs and the rows of tables within an element."""
        ...

    def paragraph(self, paragraph: Any) -> Iterator[Block]:
        """Yield a paragraph and its text boxes."""
        ...

    def pieces(self, element: Any, look: Look, style: str | None) -> Iterator[Item]:
        """Yield what is within a paragraph or a part of it, in order."""
        ...


def _field_mark(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    yield Piece(reader.fields.mark(element), look.raised)


def _field_code(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    reader.fields.code(element.text or "")
    yield from ()


def _simple_field(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    if reader.fields.shows_simple(element.get(qn("w:instr"), "")):
        yield from reader.pieces(element, look, style)


def _symbol(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    code = element.get(qn("w:char"), "")
    sign = shown(chr(int(code, 16)), element.get(qn("w:font"), "")) if _HEX.fullmatch(code) else "\ufffd"
    if _PRIVATE.fullmatch(sign):
        sign = "\ufffd"
    if sign == "\ufffd":
        reader.context.not_read.add("symbols")
    yield Piece(sign, look.raised)


def _control(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    box = element.find(CHECKBOX)
    if box is not None:
        yield Piece(checkbox_state(box))
    else:
        yield from reader.pieces(element, look, style)


def _ruby(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield the base, and then its reading in brackets."""
    for name, before, after in (("w:rubyBase", "", ""), ("w:rt", "(", ")")):
        for child in element.iterchildren(qn(name)):
            yield Piece(before)
            yield from reader.pieces(child, look, style)
            yield Piece(after)


def _equation(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    follows = element.getprevious() is not None and element.getprevious().tag == element.tag
    yield Piece((" " if follows else "") + linear(element))


def _equations(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield the equations that stand apart from the text, each on a line of its own."""
    yield Piece("\n" + "\n".join(linear(each).strip() for each in element.iterchildren(qn("m:oMath"))) + "\n")


def _alternatives(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield the first of several forms of the same content."""
    chosen = first_form(element)
    if chosen is not None:
        yield from reader.pieces(chosen, look, style)


def _box(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    yield list(reader.blocks(element))


def _nested(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield a paragraph or a table within a paragraph, where no program of an office puts one."""
    yield list(reader.paragraph(element)) if element.tag == qn("w:p") else list(rows(element, reader.blocks))


def _drawn_text(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    yield [Block(element.get("string", "") if element.tag == qn("v:textpath") else paragraph_text(element))]


def _drawing(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield a chart or a diagram, which is in a part of its own."""
    is_chart = element.tag != qn("dgm:relIds")
    part = reader.context.package.target(reader.part, element.get(qn("r:id" if is_chart else "r:dm")))
    root = reader.context.package.xml(part)
    lines = [] if root is None else chart(root) if is_chart else diagram(root)
    if not lines:
        reader.context.not_read.add("charts" if is_chart else "diagrams")
    yield [Block(line) for line in lines]


def _object(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Count an embedded object; its picture is not counted."""
    embedded = next(element.iter(qn("o:OLEObject")), None)
    if embedded is None:
        yield from reader.pieces(element, look, style)
    else:
        reader.context.not_read.add(f"embedded objects ({embedded.get('ProgID', '')[:_PROG_ID_CHARACTERS]})")


def _picture(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    """Yield the alternative text of a picture: its own, else that of the drawing in which it is the first one."""
    own = element.find(qn("pic:nvPicPr/pic:cNvPr"))
    drawing = next(element.iterancestors(qn("wp:inline"), qn("wp:anchor")), None)
    described = [own]
    if drawing is not None and next(drawing.iter(element.tag)) is element:
        described.append(drawing.find(qn("wp:docPr")))
    texts = (picture(each.get("descr")) for each in described if each is not None)
    yield from (Piece(text, "[") for text in islice(filter(None, texts), 1))
    yield from reader.pieces(element, look, style)


def _unread(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    reader.context.not_read.add(UNREAD[element.tag])
    if element.tag == qn("v:imagedata"):
        yield from (Piece(text, "[") for text in [picture(element.getparent().get("alt"))] if text)


def _removed(reader: Reader, element: Any, look: Look, style: str | None) -> Iterator[Item]:
    if any((text.text or "").strip() for text in element.iter(qn("w:t"), qn("w:delText"))):
        reader.context.not_read.add("deleted passages")
    yield from ()


def checkbox_state(box: Any) -> str:
    return checkbox(is_on(box.find(qn("w14:checked")), "w14:val"))


def first_form(element: Any) -> Any:
    choice = element.find(qn("mc:Choice"))
    return choice if choice is not None else element.find(qn("mc:Fallback"))


_NAMED = (
    (_field_mark, ("w:fldChar",)),
    (_field_code, ("w:instrText",)),
    (_simple_field, ("w:fldSimple",)),
    (_symbol, ("w:sym",)),
    (_control, ("w:sdt",)),
    (_ruby, ("w:ruby",)),
    (_equation, ("m:oMath",)),
    (_equations, ("m:oMathPara",)),
    (_alternatives, ("mc:AlternateContent",)),
    (_box, ("w:txbxContent",)),
    (_nested, ("w:p", "w:tbl")),
    (_drawn_text, ("v:textpath", "a:p")),
    (_drawing, ("c:chart", "cx:chart", "dgm:relIds")),
    (_picture, ("pic:pic",)),
    (_object, ("w:object",)),
    (_removed, ("w:del", "w:moveFrom")),
)
HANDLERS = {qn(name): handler for handler, names in _NAMED for name in names} | dict.fromkeys(UNREAD, _unread)
"""The function for each element that is not a run, a text or a break."""
