"""XLSB, the binary form of XLSX -> sheets. The package and what is drawn on a sheet are as in an XLSX; all else is records."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.ooxml import Package
from ragqa.load.sheets.book import extracted
from ragqa.load.sheets.number_format import BUILTIN, GENERAL, shown, text_shown
from ragqa.load.sheets.sheet import MOST_COLUMNS, MOST_ROWS, Budget, Sheet
from ragqa.load.sheets.xlsx_extras import drawings, properties
from ragqa.records import Extracted

# The types of records, as [MS-XLSB] numbers them.
_ROW, _STRING, _FONT, _FORMAT, _XF, _COLUMNS, _PROPERTIES, _SHEET, _MERGED = 0, 19, 43, 44, 47, 60, 153, 156, 176
_BEGIN_CELL_XFS, _END_CELL_XFS = 617, 618
_CELLS = range(1, 12)
_RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED, _F_TEXT, _F_REAL, _F_BOOL, _F_ERROR = range(2, 12)
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_HIDDEN_ROW, _STRUCK, _FROM_1904 = 0x10, 0x08, 0x01


def read(package: Package, part: str, limits: Limits) -> Extracted:
    """Return the text of a workbook.

    :param part: the main part of the package.
    :raises RejectedError: it is damaged or has no text.
    """
    not_read: Counter[str] = Counter()
    budget = Budget(limits.characters)
    try:
        book = _Book.of(package, part)
        sheets = [sheet for each in book.sheets for sheet in _sheets(book, each, budget, not_read)]
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise RejectedError(f"not an XLSB file, or a damaged one: {error}") from error
    not_read["macros"] = len(package.related(part, "vbaProject"))
    not_read["missing parts"] = len(package.missing)
    return extracted(sheets, limits, properties(package), not_read)


@dataclass(slots=True)
class _Book:
    """What all sheets of a workbook share. `sheets` has name, id of the relationship, and whether it is hidden, of each.

    `formats` has the number format of each style of cells, `struck` those that strike out.
    """

    package: Package
    part: str
    sheets: list[tuple[str, str, bool]] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    struck: set[int] = field(default_factory=set)
    from_1904: bool = False

    @classmethod
    def of(cls, package: Package, part: str) -> _Book:
        book = cls(package, part)
        for kind, content in _records(package, part):
            if kind == _SHEET:
                identifier, at = _text(content, 8)
                book.sheets.append((_text(content, at)[0], identifier, _whole(content, 0) != 0))
            elif kind == _PROPERTIES:
                book.from_1904 = bool(_whole(content, 0) & _FROM_1904)
        for name in package.related(part, "sharedStrings"):
            book.strings += [_text(content, 1)[0] for kind, content in _records(package, name) if kind == _STRING]
        for name in package.related(part, "styles"):
            book._styles(name)
        return book

    def _styles(self, name: str) -> None:
        own: dict[int, str] = {}
        fonts: list[bool] = []
        of_cells = False
        for kind, content in _records(self.package, name):
            if kind == _FORMAT:
                own[struct.unpack_from("<H", content)[0]] = _text(content, 2)[0]
            elif kind == _FONT:
                fonts.append(bool(content[2] & _STRUCK))
            elif kind in (_BEGIN_CELL_XFS, _END_CELL_XFS):
                of_cells = kind == _BEGIN_CELL_XFS
            elif kind == _XF and of_cells:
                _, number, font = struct.unpack_from("<HHH", content)
                if font < len(fonts) and fonts[font]:
                    self.struck.add(len(self.formats))
                self.formats.append(own.get(number) or BUILTIN.get(number, GENERAL))


def _sheets(book: _Book, named: tuple[str, str, bool], budget: Budget, not_read: Counter[str]) -> Iterator[Sheet]:
    """Yield a sheet; none where it is of another kind, such as one of macros."""
    name, identifier, hidden = named
    package = book.package
    part = package.target(book.part, identifier)
    is_chart = part in package.related(book.part, "chartsheet")
    if not is_chart and part not in package.related(book.part, "worksheet"):
        not_read["sheets of other kinds"] += 1
        return
    sheet = Sheet(name, budget, hidden=hidden)
    if not is_chart:
        _read_rows(book, part, sheet, not_read)
    sheet.boxes = list(drawings(package, part, not_read))
    not_read["comments"] += len(package.related(part, "comments"))
    not_read["embedded objects"] += len(package.related(part, "oleObject"))
    yield sheet


def _read_rows(book: _Book, part: str, sheet: Sheet, not_read: Counter[str]) -> None:
    number, hidden = 0, False
    cells: list[tuple[int, str]] = []

    def finish() -> None:
        if cells:
            sheet.put(number, cells)
            sheet.hidden_rows += hidden and number in sheet.rows
            cells.clear()

    for kind, content in _records(book.package, part):
        if kind in _CELLS:
            column = _whole(content, 0)
            if column < MOST_COLUMNS and (text := _cell(book, kind, content, not_read)):
                cells.append((column, text))
        elif kind == _ROW:
            finish()
            number, hidden = _whole(content, 0) + 1, len(content) > 11 and bool(content[11] & _HIDDEN_ROW)
        elif kind == _MERGED:
            top, bottom, left, right = struct.unpack_from("<IIII", content)
            if top <= bottom < MOST_ROWS and left <= right < MOST_COLUMNS:
                sheet.merged.append((top + 1, left, bottom + 1, right))
        elif kind == _COLUMNS:
            first, last = struct.unpack_from("<II", content)
            if struct.unpack_from("<H", content, 16)[0] & 1 and last < MOST_COLUMNS:
                sheet.hidden_columns.append((first, last))
    finish()


def _cell(book: _Book, kind: int, content: bytes, not_read: Counter[str]) -> str:
    """Return the value of a cell as the sheet shows it; what is struck out is counted, and its cell is empty."""
    style = _whole(content, 4) & 0xFFFFFF
    text = _shown(book, kind, content, book.formats[style] if style < len(book.formats) else GENERAL)
    if style in book.struck and text.strip():
        not_read["struck-out text"] += 1
        return ""
    return text


def _shown(book: _Book, kind: int, content: bytes, code: str) -> str:
    if kind in (_TEXT, _F_TEXT):
        return text_shown(_text(content, 8)[0], code)
    if kind == _SHARED:
        place = _whole(content, 8)
        return text_shown(book.strings[place], code) if place < len(book.strings) else ""
    if kind in (_REAL, _F_REAL):
        return shown(struct.unpack_from("<d", content, 8)[0], code, from_1904=book.from_1904)
    if kind == _RK:
        return shown(_compressed(_whole(content, 8)), code, from_1904=book.from_1904)
    if kind in (_BOOL, _F_BOOL):
        return "TRUE" if content[8] else "FALSE"
    return _ERRORS.get(content[8], "#ERROR") if kind in (_ERROR, _F_ERROR) else ""


def _compressed(number: int) -> float:
    """Return the value of a number in 32 bits: a whole number, or the high bits of a float; either may be in hundredths."""
    if number & 2:
        value = float((number - (1 << 32) if number >> 31 else number) >> 2)
    else:
        value = struct.unpack("<d", struct.pack("<Q", (number & ~3) << 32))[0]
    return value / 100 if number & 1 else value


def _records(package: Package, part: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the content of each record of a part."""
    stream = package.open(part)
    if stream is None:
        return
    with stream:
        data = stream.read()
    at = 0
    while at < len(data):
        kind, at = _number(data, at, 2)
        length, at = _number(data, at, 4)
        yield kind, data[at : at + length]
        at += length


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number that has seven bits in each of at most so many bytes, the lowest first, and where it ends."""
    value = 0
    for place in range(most):
        value |= (data[at] & 0x7F) << 7 * place
        at += 1
        if data[at - 1] < 0x80:
            break
    return value, at


def _whole(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", content, at)[0])


def _text(content: bytes, at: int) -> tuple[str, int]:
    """Return a text at a place of a record, and where it ends."""
    end = at + 4 + 2 * _whole(content, at)
    return content[at + 4 : end].decode("utf-16-le", "replace"), end
