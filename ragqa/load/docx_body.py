"""Paragraphs, tables and text boxes of a part of a DOCX -> blocks of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ragqa.load.docx_fields import Fields
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.docx_special import CHECKBOX, HANDLERS, UNREAD, Context, Item, checkbox_state, first_form
from ragqa.load.docx_styles import Look, ParagraphProperties, paragraph_properties
from ragqa.load.docx_tables import Block, rows
from ragqa.load.omml import linear
from ragqa.load.ooxml import qn
from ragqa.load.symbols import shown

_BLOCK_PARENTS = {qn(name) for name in ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml")}
_EQUATIONS = {qn("m:oMath"), qn("m:oMathPara")}
_BREAKS = {qn("w:tab"): "\t", qn("w:ptab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_SKIPPED = {qn(name) for name in ("w:pPr", "w:rPr", "w:sdtPr", "w:sdtEndPr", "w:delText", "w:delInstrText")}
"""Elements without text of the document."""


class PartReader:
    """Reads the paragraphs and tables of one part, such as `word/document.xml`, in order.

    :param page_numbers: whether page numbers are text; in headers and footers they are not.
    """

    def __init__(self, context: Context, part: str, page_numbers: bool = True) -> None:
        self.context = context
        self.part = part
        self.fields = Fields(page_numbers)
        self._begun: list[Piece] = []

    def blocks(self, parent: Any) -> Iterator[Block]:
        """Yield the paragraphs and the rows of tables within an element, those inside content controls too."""
        for child in parent.iterchildren():
            if child.tag == qn("w:p"):
                yield from self.paragraph(child)
            elif child.tag == qn("w:tbl"):
                yield from self._alone()
                yield from rows(child, self.blocks)
            elif child.tag == qn("w:sdt") and (box := child.find(CHECKBOX)) is not None:
                yield Block(checkbox_state(box))
            elif child.tag in _BLOCK_PARENTS:
                yield from self.blocks(child)
            elif child.tag == qn("mc:AlternateContent"):
                chosen = first_form(child)
                yield from self.blocks(chosen) if chosen is not None else ()
            elif child.tag in _EQUATIONS:
                yield Block(linear(child).strip())
            elif child.tag in UNREAD:
                self.context.not_read.add(UNREAD[child.tag])
        yield from self._alone()

    def _alone(self) -> Iterator[Block]:
        """Yield a paragraph whose mark was deleted, where no paragraph follows to which it could belong."""
        text, self._begun = joined(self._begun), []
        if text.strip():
            yield Block(text)

    def paragraph(self, paragraph: Any) -> Iterator[Block]:
        """Yield a paragraph, and its text boxes before or after it, so that these do not cut its sentences.

        A paragraph whose mark was deleted in a tracked change is the beginning of the next one.
        """
        pieces, self._begun = self._begun, []
        before: list[Block] = []
        after: list[Block] = []
        properties = paragraph_properties(paragraph)
        for item in self.pieces(paragraph, Look(), properties.style):
            if isinstance(item, Piece):
                pieces.append(item)
            elif any(piece.text.strip() for piece in pieces):
                after += item
            else:
                before += item
        self.fields.end_paragraph()
        text = joined(pieces).strip("\n")
        yield from before
        if properties.is_joined and text.strip():
            self._begun = pieces
            yield from after
            return
        if text.strip() or not (before or after):
            yield self._labelled(properties, text)
        yield from after

    def _labelled(self, paragraph: ParagraphProperties, text: str) -> Block:
        """Return the block of a paragraph, with its number. An empty paragraph is counted, and shows no number."""
        gone = paragraph.has_no_mark and not text.strip()
        label = "" if gone else self.context.numbering.label(paragraph)
        level = self.context.styles.level(paragraph)
        return Block(f"{label} {text.lstrip()}" if label and text.strip() else text, level, text)

    def pieces(self, element: Any, look: Look, style: str | None) -> Iterator[Item]:
        """Yield the characters within an element in order, and each text box as a list of blocks.

        :param look: of the run that the element is in.
        :param style: of the paragraph.
        """
        for child in element.iterchildren():
            tag = child.tag
            if tag == qn("w:t"):
                if self.fields.shows_text():
                    yield Piece(shown(child.text or "", look.font).replace("\xad", ""), look.raised)
            elif tag in _BREAKS:
                yield Piece(_BREAKS[tag])
            elif tag == qn("w:r"):
                yield from self._run(child, style)
            elif tag in HANDLERS:
                yield from HANDLERS[tag](self, child, look, style)
            elif tag not in _SKIPPED:
                yield from self.pieces(child, look, style)

    def _run(self, run: Any, style: str | None) -> Iterator[Item]:
        """Yield what is in a run. Text that is struck out or hidden is left out and counted."""
        look = self.context.styles.look(run, style)
        left_out = False
        for item in self.pieces(run, look, style):
            if not (look.struck or look.hidden):
                yield item
            elif not isinstance(item, Piece) or item.text.strip():
                left_out = True
        if left_out:
            self.context.not_read.add("struck-out text" if look.struck else "hidden passages")
