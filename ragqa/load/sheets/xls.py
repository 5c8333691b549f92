"""XLS, the format of spreadsheets before 2007 -> sheets, by xlrd."""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.locked import unlocked_workbook
from ragqa.load.sheets.book import extracted
from ragqa.load.sheets.number_format import GENERAL, shown, text_shown
from ragqa.load.sheets.sheet import Budget, Comment, Sheet
from ragqa.records import Extracted

_BOUND_SHEET, _OBJECT = 0x85, 0x5D
_CHART_SHEET = 2
_ESCAPEMENTS = {1: "^", 2: "_"}
"""The marks of superscripts and subscripts, by the numbers that fonts have for them."""
_OBJECTS = {5: "charts", 6: "text boxes", 8: "pictures"}
"""What is counted of the objects on sheets, by the type that their record says."""


def read(data: bytes, limits: Limits, passwords: Sequence[str] = (), *, is_unlocked: bool = False) -> Extracted:
    """Return the text of a workbook.

    :param passwords: tried on an encrypted one. :param is_unlocked: one of them has opened it.
    :raises RejectedError: it is encrypted with another password or damaged, or has no text.
    """
    import xlrd

    log = io.StringIO()
    try:
        book = xlrd.open_workbook(
            file_contents=data, formatting_info=True, ragged_rows=True, on_demand=True, logfile=log
        )
        budget = Budget(limits.characters)
        struck: Counter[str] = Counter()
        sheets = [_sheet(book, sheet, budget, struck) for sheet in book.sheets()]
        not_read = struck + _not_read(bytes(book.mem[book.base : book.base + book.stream_len]))
    except RejectedError:
        raise
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # xlrd raises what its code meets in damaged bytes, such as IndexError or AssertionError
        if "encrypted" in str(error) and not is_unlocked:
            return read(unlocked_workbook(data, passwords), limits, is_unlocked=True)
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise RejectedError(f"not an XLS file, or a damaged one: {what}") from error
    author = " ".join(str(book.user_name or "").split())
    return extracted(sheets, limits, {"author": author} if author else {}, not_read)


def _sheet(book: Any, sheet: Any, budget: Budget, not_read: Counter[str]) -> Sheet:
    own = Sheet(sheet.name, budget, hidden=sheet.visibility != 0)
    for number in range(sheet.nrows):
        own.put(number + 1, enumerate(_cells(book, sheet, number, not_read)))
        info = sheet.rowinfo_map.get(number)
        own.hidden_rows += bool(info and info.hidden and number + 1 in own.rows)
    own.merged = [(top + 1, first, bottom, last - 1) for top, bottom, first, last in sheet.merged_cells]
    own.hidden_columns = [(column, column) for column, info in sheet.colinfo_map.items() if info.hidden]
    own.comments = [
        Comment(row + 1, column, note.author or "", (note.text or "").removeprefix(f"{note.author}:"))
        for (row, column), note in sorted(sheet.cell_note_map.items())
    ]
    return own


def _cells(book: Any, sheet: Any, row: int, not_read: Counter[str]) -> Iterator[str]:
    """Yield the cells of a row as the sheet shows them; what is struck out is counted, and its cell is empty."""
    import xlrd

    cells = zip(sheet.row_types(row), sheet.row_values(row), sheet._cell_xf_indexes[row], strict=True)
    for column, (kind, value, style) in enumerate(cells):
        if kind not in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) and _is_struck(book, style):
            not_read["struck-out text"] += 1
            yield ""
        elif kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
            yield shown(float(value), _code(book, style), from_1904=book.datemode == 1)
        elif kind == xlrd.XL_CELL_TEXT:
            runs = sheet.rich_text_runlist_map.get((row, column))
            text = _rich(book.font_list, value, runs, not_read) if runs else value
            yield text_shown(text, _code(book, style)) if text else ""
        elif kind == xlrd.XL_CELL_BOOLEAN:
            yield "TRUE" if value else "FALSE"
        elif kind == xlrd.XL_CELL_ERROR:
            yield xlrd.error_text_from_code.get(value, "#ERROR")
        else:
            yield ""


def _rich(fonts: Any, text: str, runs: list[tuple[int, int]], not_read: Counter[str]) -> str:
    """Return a text whose parts have fonts of their own, without those that are struck out.

    :param runs: where each part begins, and the place of its font.
    """
    pieces = [Piece(text[: runs[0][0]])]
    for place, (begin, number) in enumerate(runs):
        part = text[begin : runs[place + 1][0] if place + 1 < len(runs) else None]
        font = fonts[number] if 0 <= number < len(fonts) else None
        if font is not None and font.struck_out:
            not_read["struck-out text"] += bool(part.strip())
        else:
            pieces.append(Piece(part, _ESCAPEMENTS.get(font.escapement, "") if font is not None else ""))
    return joined(pieces)


def _is_struck(book: Any, style: int) -> bool:
    fonts, styles = book.font_list, book.xf_list
    font = styles[style].font_index if 0 <= style < len(styles) else -1
    return 0 <= font < len(fonts) and bool(fonts[font].struck_out)


def _code(book: Any, style: int) -> str:
    """Return the number format of a style of cells."""
    styles = book.xf_list
    record = book.format_map.get(styles[style].format_key) if 0 <= style < len(styles) else None
    return record.format_str if record else GENERAL


def _not_read(stream: bytes) -> Counter[str]:
    """Count charts, pictures and text boxes by the records of a workbook."""
    found: Counter[str] = Counter()
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind == _OBJECT and length >= 6:
            found[_OBJECTS.get(struct.unpack_from("<H", stream, at + 8)[0] if at + 10 <= len(stream) else 0, "")] += 1
        elif kind == _BOUND_SHEET and length >= 6 and stream[at + 9 : at + 10] == bytes([_CHART_SHEET]):
            found["chart sheets"] += 1
        at += 4 + length
    found.pop("", None)
    return found
