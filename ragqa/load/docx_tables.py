"""Tables of a DOCX -> rows of text, with a cell for each column, so that every value is below its column's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ragqa.load.docx_styles import attribute, whole
from ragqa.load.ooxml import qn

_MOST_COLUMNS = 63
"""The most columns of a table in Word."""

_REPEATED_CHARACTERS = 200
"""A merged cell with a longer text is read once; a shorter one in each column and row that it covers."""

_WRAPPERS = {qn(name) for name in ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml")}
_REMOVED = ("w:trPr/w:del", "w:tcPr/w:cellDel")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a row of a table with tabs between its cells, or some lines.

    :param level: the level of a heading; None for others.
    :param title: the text of a heading without its number.
    """

    text: str
    level: int | None = None
    title: str = ""
    is_row: bool = False


def rows(table: Any, blocks: Callable[[Any], Iterator[Block]]) -> Iterator[Block]:
    """Yield the rows of a table.

    A row with a single cell yields the paragraphs and tables of this cell: such cells are used for layout. A table in a
    cell of another row becomes text of this cell, with `|` between cells and `;` between rows.

    :param blocks: yields what is within a cell.
    """
    above: dict[int, str] = {}
    for row in _children(table, "w:tr"):
        cells = list(_children(row, "w:tc"))
        before = whole(attribute(row, "w:trPr/w:gridBefore"), 0, _MOST_COLUMNS)
        if len(cells) == 1 and not before and not _merge(cells[0]):
            above.clear()
            yield from blocks(cells[0])
        else:
            yield Block("\t".join([""] * before + _texts(cells, before, above, blocks)), is_row=True)


def _texts(cells: list[Any], column: int, above: dict[int, str], blocks: Callable[[Any], Iterator[Block]]) -> list[str]:
    """Return the text of each column of a row.

    :param above: the cells by column that are merged with those below them. They are brought up to date.
    """
    texts: list[str] = []
    for cell in cells:
        merge = _merge(cell)
        text = above.get(column, "") if merge == "continue" else _cell_text(blocks(cell))
        repeated = text if len(text) <= _REPEATED_CHARACTERS else ""
        if merge:
            above[column] = repeated
        else:
            above.pop(column, None)
        span = max(1, whole(attribute(cell, "w:tcPr/w:gridSpan"), 1, _MOST_COLUMNS))
        texts += [text] + [repeated] * (span - 1)
        column += span
    return texts


def _children(parent: Any, name: str) -> Iterator[Any]:
    """Yield the rows of a table or the cells of a row, those in content controls too, without those removed."""
    for child in parent.iterchildren():
        if child.tag == qn(name):
            if all(child.find(qn(path)) is None for path in _REMOVED):
                yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, name)


def _merge(cell: Any) -> str:
    """Return "restart" for the first of the cells that are merged downwards, "continue" for others, "" for none."""
    found = cell.find(qn("w:tcPr/w:vMerge"))
    return "" if found is None else str(found.get(qn("w:val"), "continue"))


def _cell_text(blocks: Iterator[Block]) -> str:
    text, after_row = "", False
    for block in blocks:
        cells = block.text.split("\t") if block.is_row else [block.text]
        own = " | ".join(" ".join(cell.split()) for cell in cells)
        if own:
            text += ("" if not text else "; " if after_row and block.is_row else " ") + own
            after_row = block.is_row
    return text
