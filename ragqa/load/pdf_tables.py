"""Tables of a PDF: where they are on the pages, and their text with pipes.

The text of a table takes the place of the first text that is drawn in it. A table that goes on over several pages has
its header on each of them: where a page has none, that of the page before is repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, ContentStream, NameObject

from ragqa.load.pdf_columns import aligned_tables
from ragqa.load.pdf_doubles import repeated
from ragqa.load.pdf_grid import ruled_tables
from ragqa.load.pdf_lines import Line, Table, line_text, lines_of_pieces
from ragqa.load.pdf_order import column_lines
from ragqa.load.pdf_painted import page_box
from ragqa.load.pdf_places import Piece, Placed, placed
from ragqa.load.pdf_recorder import SHOWING, Recorder
from ragqa.load.pdf_unseen import Unseen

Visitor = Callable[[bytes, list[Any], list[float], list[float]], None]

_MOST_PIECES = 20_000
_MARGIN_LINES = 4
"""The most lines of a page's header or footer, above and below a table that goes on over pages."""
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
"""These characters are in no text. A number between them is the place of a table."""
_MARK = re.compile(rf"\s*{_OPEN}(\d+){_CLOSE}\s*")


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, with marks in place of its tables; `plain` is the text with the tables as they are drawn.

    :param unseen: how often text of each kind is left out that is struck out or not seen.
    """

    plain: str
    marked: str
    tables: Sequence[Table] = field(default=())
    unseen: Mapping[str, int] = field(default_factory=dict)


def page_text(page: PageObject) -> PageText:
    """Return the text of a page with marks for its tables. Text that is drawn twice to look bold is taken once."""
    with _parsed_once(page):
        return _page_text(page)


@contextmanager
def _parsed_once(page: PageObject) -> Iterator[None]:
    """Let pypdf parse the operators of a page only once, however often its text is extracted."""
    contents = page.get("/Contents")
    try:
        page[NameObject("/Contents")] = ContentStream(page["/Contents"], page.pdf, "bytes")
    except (AttributeError, KeyError):  # pypdf takes such a page to be empty
        yield
        return
    try:
        yield
    finally:
        page[NameObject("/Contents")] = contents


def _page_text(page: PageObject) -> PageText:
    recorder = Recorder(page_box(page))
    text = page.extract_text(visitor_operand_before=recorder.before, visitor_operand_after=recorder.after)
    doubles, unseen = repeated(page, text), Unseen(page, recorder)
    found = _placed(page, recorder, doubles, unseen) if _OPEN not in text else None
    if unseen.is_doubtful:
        unseen = Unseen(page, recorder, looks=False)
        found = _placed(page, recorder, doubles, unseen)
    plain = text
    if doubles or unseen.kept:
        plain = page.extract_text(visitor_operand_before=_without(doubles, [], unseen.kept))
    if found is None:
        return PageText(plain, plain, unseen=unseen.counts)
    return replace(_with_columns(page, found, plain, doubles, unseen), unseen=unseen.counts)


def _with_columns(page: PageObject, found: Placed, plain: str, doubles: Set[int], unseen: Unseen) -> PageText:
    tables: list[Table] = []
    _take(tables, ruled_tables(found), found)
    if in_columns := _column_page(found, tables, plain):
        return in_columns
    _take(tables, aligned_tables(_outside(found.pieces, tables), found), found)
    if not tables:
        return PageText(plain, plain)
    tables.sort(key=lambda table: min(table.shown))
    marked = page.extract_text(visitor_operand_before=_without(doubles, tables, unseen.kept))
    if sorted(map(int, _MARK.findall(marked))) != list(range(len(tables))):
        return PageText(plain, plain)
    return PageText(plain, marked, tables)


def _placed(page: PageObject, recorder: Recorder, skipped: Set[int], unseen: Unseen) -> Placed | None:
    """Return what a page draws; None where places do not matter, or its operators cannot be interpreted.

    :param skipped: the numbers of operators that show text which is not read.
    """
    if not recorder.may_have_columns and not unseen:
        return None
    try:
        found = placed(page, recorder, skipped, unseen)
        return found if len(found.pieces) <= _MOST_PIECES else None
    except (MemoryError, RecursionError):
        raise
    except Exception:  # operands of wrong types, fonts without widths: the text is read as it is drawn
        return None


def _take(tables: list[Table], others: Iterable[Table], found: Placed) -> None:
    """Add to the tables of a page others that have no text in common with them."""
    taken = {shown for table in tables for shown in table.shown}
    for table in others:
        if taken.isdisjoint(table.shown) and _has_all_of(table, found):
            table.lines_above = len(lines_of_pieces(piece for piece in found.pieces if piece.y > table.top))
            table.lines_below = len(lines_of_pieces(piece for piece in found.pieces if piece.y < table.bottom))
            tables.append(table)
            taken |= table.shown


def _outside(pieces: Sequence[Piece], tables: Sequence[Table]) -> list[Piece]:
    """Return the pieces that are in no table."""
    taken = {shown for table in tables for shown in table.shown}
    return [piece for piece in pieces if piece.shown not in taken]


def _column_page(found: Placed, ruled: Sequence[Table], plain: str) -> PageText | None:
    """Return the text of a page whose columns are drawn line by line; None where it has no such columns.

    :param ruled: its tables with rules, which stay whole.
    :param plain: the page as it is drawn, none of whose characters may be lost.
    """
    whole = [
        Piece(_mark(number), table.spans[0][0], table.spans[-1][1], table.top, 1.0, "", -1)
        for number, table in enumerate(ruled)
    ]
    lines = column_lines([*_outside(found.pieces, ruled), *whole], found.across)
    if lines is None:
        return None
    tables = list(ruled)
    _take(tables, aligned_tables([piece for line in lines for piece in line.pieces if piece.shown >= 0], found), found)
    for turned in sorted({piece.turned for piece in found.aside}):
        lines += lines_of_pieces(piece for piece in _outside(found.aside, tables) if piece.turned == turned)
    marked = "\n".join(_marked_lines(lines, tables, len(ruled)))
    in_tables = "".join(piece.text for table in tables for piece in (*found.pieces, *found.aside) if piece.shown in table.shown)  # fmt: skip
    if _characters(_MARK.sub("", marked) + in_tables) != _characters(plain):
        return None
    order, numbers = [int(number) for number in _MARK.findall(marked)], count()
    marked = _MARK.sub(lambda _: f" {_mark(next(numbers))} ", marked)
    return PageText(plain, marked, [tables[number] for number in order])


def _marked_lines(lines: Sequence[Line], tables: Sequence[Table], begun: int) -> Iterator[str]:
    """Yield the texts of lines, with marks for tables.

    :param begun: the number of tables whose marks are in the lines.
    """
    numbers = {shown: number for number, table in enumerate(tables) for shown in table.shown}
    seen = set(range(begun))
    for line in lines:
        shown = []
        for piece in line.pieces:
            number = numbers.get(piece.shown)
            if number is None:
                shown.append(piece)
            elif number not in seen:
                seen.add(number)
                shown.append(replace(piece, text=_mark(number)))
        if shown:
            yield line_text(shown)


def _characters(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


def _mark(number: int) -> str:
    """Return the mark that is in a text in place of a table."""
    return f"{_OPEN}{number}{_CLOSE}"


def _has_all_of(table: Table, found: Placed) -> bool:
    """Tell whether the operators that show a table's text show nothing that is outside of it."""
    inside = sum(len(piece.text) for piece in (*found.pieces, *found.aside) if piece.shown in table.shown)
    return inside <= table.characters


def _without(numbers: Set[int], tables: Sequence[Table], kept: Mapping[int, Sequence[Any]]) -> Visitor:
    """Return a visitor for pypdf that empties operators that show text, and puts marks in place of tables.

    :param numbers: of the operators that are emptied besides those of the tables.
    :param kept: by its number what is left of each operator that shows text which is not all read.
    """
    counter = count()
    marks = {min(table.shown): f" {_mark(number)} " for number, table in enumerate(tables)}
    emptied = frozenset(numbers).union(*(table.shown for table in tables))

    def visit(operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        if operator not in SHOWING or not operands:
            next(counter) if operator in SHOWING else None
            return
        number = next(counter)
        if number in emptied:
            text = marks.get(number, "")
            operands[-1] = ArrayObject([text] if text else []) if operator == b"TJ" else text
        elif number in kept:
            parts = kept[number]
            texts = (part for part in parts if isinstance(part, bytes | str))
            operands[-1] = ArrayObject(parts) if operator == b"TJ" else b"".join(_bytes(text) for text in texts)

    return visit


def with_tables(pages: Iterable[PageText]) -> Iterator[str]:
    """Yield the texts of pages with their tables. Those that go on from the page before get its header."""
    before: Table | None = None
    for page in pages:
        if page.tables and before is not None and _goes_on(page.tables[0], before):
            page.tables[0].rows.insert(0, list(before.rows[0]))
            page.tables[0].fonts.insert(0, before.fonts[0])
        before = max(page.tables, key=lambda table: -table.bottom, default=None)
        yield _filled(page)


def _filled(page: PageText) -> str:
    """Return the text of a page with its tables in place of their marks.

    Before and after each one is a line break, at the page's edge too, since a form feed ends no line.
    """
    if not page.tables:
        return page.marked
    parts = _MARK.split(page.marked)
    blocks = [_written(page.tables[int(part)]) if number % 2 else part for number, part in enumerate(parts)]
    text = "\n\n".join(block for block in blocks if block)
    return ("" if blocks[0] else "\n") + text + ("" if blocks[-1] else "\n")


def _goes_on(table: Table, before: Table) -> bool:
    """Tell whether a table at the top of a page has the columns of the one before, and no header."""
    if len(table.spans) != len(before.spans) or table.rows[0] == before.rows[0]:
        return False
    if table.lines_above > _MARGIN_LINES or before.lines_below > _MARGIN_LINES:
        return False
    if not all(_overlap(own, other) for own, other in zip(table.spans, before.spans, strict=True)):
        return False
    return not table.has_own_header or table.fonts[0] in before.fonts[1:]


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> bool:
    """Tell whether most of the narrower one of two columns is within the other."""
    common = min(first[1], second[1]) - max(first[0], second[0])
    return common > 0.5 * min(first[1] - first[0], second[1] - second[0])


def _written(table: Table) -> str:
    """Return a table with pipes. The line breaks in cells stay `\\v` until broken words are joined.

    Where a row has one cell alone, and the header stands again below it, another table with this title begins.
    """
    header, blocks = table.rows[0], [[*table.titles, *([""] if table.titles else [])]]
    for number, row in enumerate(table.rows):
        if row[0] and not any(row[1:]) and table.rows[number + 1 : number + 2] == [header]:
            blocks.append(["", row[0], ""])
        else:
            blocks[-1].append(_line(row))
            if number == 0 or (row == header and blocks[-1][-2] == ""):
                blocks[-1].append("|" + "---|" * len(header))
    return "\n".join(line for block in blocks for line in block)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")
