"""Tables of a DOCX -> lines with pipes, with a cell for each column, so that every value is below its column's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ragqa.load.docx_styles import attribute, whole
from ragqa.load.html.grid import Cell, Row, is_data, table_lines
from ragqa.load.ooxml import qn
from ragqa.load.pipes import REPEATED_CHARACTERS

_MOST_COLUMNS = 63
"""The most columns of a table in Word."""

_AMOUNT = re.compile(r"(?!(?:19|20)\d\d$)[^\w\s]{0,3}\s?\d[\d.,:/\s-]*\s?[^\w\s]?")
"""A cell that is no name of a column; a year may be one."""
_BITS = re.compile("[0-9A-Fa-f]{1,8}")
_FIRST_ROW = 0x20
"""The bit of `w:tblLook` that tells whether the first row is formatted as one of names."""

_WRAPPERS = {qn(name) for name in ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml")}
_REMOVED = ("w:trPr/w:del", "w:tcPr/w:cellDel")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a row of a table with pipes, or some lines.

    :param level: the level of a heading; None for others.
    :param title: the text of a heading without its number.
    :param flat: the text of a row as part of a cell of another table; None for what is no row.
    """

    text: str
    level: int | None = None
    title: str = ""
    flat: str | None = None


def rows(table: Any, blocks: Callable[[Any], Iterator[Block]]) -> Iterator[Block]:
    """Yield the rows of a table as lines with pipes: the names of its columns, a line of dashes, and the other rows.

    A row with a single cell yields the paragraphs and tables of this cell: such cells are used for layout, and so are
    those of a table with long prose in a cell, which become lines. A table in a cell of another row becomes text of this
    cell, with `;` between its rows.

    :param blocks: yields what is within a cell.
    """
    found: list[Row] = []
    above: dict[int, Cell] = {}
    for row in _children(table, "w:tr"):
        cells = list(_children(row, "w:tc"))
        before = whole(attribute(row, "w:trPr/w:gridBefore"), 0, _MOST_COLUMNS)
        if len(cells) == 1 and not before and not _merge(cells[0]):
            yield from _lines(found, table)
            found, above = [], {}
            yield from blocks(cells[0])
        elif cells:
            read = [Cell("") for _ in range(before)] + _cells(cells, before, above, blocks)
            found.append(Row(read, row.find(qn("w:trPr/w:tblHeader")) is not None))
    yield from _lines(found, table)


def _lines(found: list[Row], table: Any) -> Iterator[Block]:
    """Yield rows that follow one another."""
    if not is_data(found, nested=False):
        yield from (Block(cell.text) for row in found for cell in row.cells if cell.text)
        return
    if not any(row.head for row in found) and _names_columns(found[0], table):
        merged = any(cell.columns > 1 for cell in found[0].cells)
        for row in found[: max([1 + merged, *(cell.rows for cell in found[0].cells)])]:
            row.head = not any(_AMOUNT.fullmatch(cell.text) for cell in row.cells[1:])
    for text, flat in table_lines(found):
        yield Block(text, flat=flat)
    yield Block("")


def _names_columns(first: Row, table: Any) -> bool:
    """Tell whether the first row of a table has the names of its columns, as Word formats a table unless told otherwise."""
    look = table.find(qn("w:tblPr/w:tblLook"))
    own = None if look is None else look.get(qn("w:firstRow"))
    bits = "" if look is None else look.get(qn("w:val")) or ""
    off = own in ("0", "false", "off")
    if own is None and _BITS.fullmatch(bits):
        off = not int(bits, 16) & _FIRST_ROW
    texts = [cell.text for cell in first.cells]
    return (
        not off
        and len(texts) > 1
        and all(texts[1:])
        and not texts[0].endswith(":")
        and not any(map(_AMOUNT.fullmatch, texts[1:]))
    )


def _cells(
    cells: list[Any], column: int, above: dict[int, Cell], blocks: Callable[[Any], Iterator[Block]]
) -> list[Cell]:
    """Return the cells that begin in a row.

    :param above: the cells by column that are merged with those below them. They are brought up to date.
    """
    found: list[Cell] = []
    for cell in cells:
        merge = _merge(cell)
        span = max(1, whole(attribute(cell, "w:tcPr/w:gridSpan"), 1, _MOST_COLUMNS))
        if merge == "continue" and column in above:
            above[column].rows += 1
        else:
            text = "" if merge == "continue" else _cell_text(blocks(cell))
            is_long = len(text) > REPEATED_CHARACTERS
            found.append(Cell(text, columns=1 if is_long else span))
            found += [Cell("") for _ in range(span - 1 if is_long else 0)]
            above.pop(column, None)
            if merge and not is_long:
                above[column] = found[-1]
        column += span
    return found


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
        own = " ".join((block.text if block.flat is None else block.flat).split())
        if own:
            is_row = block.flat is not None
            text += ("" if not text else "; " if after_row and is_row else " ") + own
            after_row = is_row
    return text
