"""XLSX and XLSM -> sheets. Rows are read one after another, so that a large sheet is never in memory as XML."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.ooxml import Package, qn
from ragqa.load.sheets.book import extracted
from ragqa.load.sheets.number_format import BUILTIN, GENERAL, shown, text_shown
from ragqa.load.sheets.sheet import Budget, Sheet, place_of
from ragqa.load.sheets.xlsx_extras import comments, drawings, properties
from ragqa.records import Extracted

KIND = "XLSX"
NO_VALUE = "formulas without a value"
STRUCK = "struck-out text"
RAISED = {"superscript": "^", "subscript": "_"}
TIMES_ZIP_BYTES = 4
"""How much more than other archives a spreadsheet may inflate to, since its XML is not kept in memory."""
_READ = tuple(f"{{*}}{name}" for name in ("row", "mergeCell", "col", "oddHeader", "oddFooter"))
_HEADER_CODE = re.compile(r'&"[^"]*"|&\d+|&K[0-9A-Fa-f]{6}|&[A-Za-z]')
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_MIDNIGHT = "T00:00:00"
_ON = ("1", "true")


def read(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a workbook.

    :raises RejectedError: it is damaged, has no text, or exceeds the limits on archives.
    """
    package = Package(data, replace(limits, zip_bytes=TIMES_ZIP_BYTES * limits.zip_bytes), KIND)
    part = next(iter(package.related("", "officeDocument")), "")
    if part.endswith(".bin"):
        from ragqa.load.sheets import xlsb

        return xlsb.read(package, part, limits)
    not_read: Counter[str] = Counter()
    book = _Book.of(package, not_read)
    budget = Budget(limits.characters)
    sheets = [sheet for element in book.sheets for sheet in _sheets(book, element, budget, not_read)]
    not_read["macros"] = len(package.related(book.part, "vbaProject"))
    not_read["missing parts"] = len(package.missing)
    return extracted(sheets, limits, properties(package), not_read)


@dataclass(frozen=True, slots=True)
class _Book:
    """What all sheets of a workbook share.

    `formats` has the number format of each style of cells, `struck` those that strike out.
    """

    package: Package
    part: str
    sheets: tuple[Any, ...]
    strings: list[str]
    formats: list[str]
    struck: set[int]
    from_1904: bool

    @classmethod
    def of(cls, package: Package, not_read: Counter[str]) -> _Book:
        part = next(iter(package.related("", "officeDocument")), "")
        root = package.xml(part)
        if root is None:
            raise RejectedError("damaged: the archive has no workbook part, or names one that it lacks")
        if root.tag != qn("x:workbook"):
            raise RejectedError(f"not an {KIND} file: its main part is a {root.tag.rpartition('}')[2][:80]}")
        settings = root.find(qn("x:workbookPr"))
        from_1904 = settings is not None and settings.get("date1904") in _ON
        strings = [
            text for name in package.related(part, "sharedStrings") for text in _strings(package, name, not_read)
        ]
        styles = next((package.xml(name) for name in package.related(part, "styles")), None)
        found = tuple(root.iterfind(qn("x:sheets/x:sheet")))
        return cls(package, part, found, strings, _formats(styles), _struck(styles), from_1904)


def _strings(package: Package, part: str, not_read: Counter[str]) -> Iterator[str]:
    """Yield the shared texts of a workbook."""
    for element in _elements(package, part, ("{*}si",)):
        yield _rich(element, not_read)


def _rich(element: Any, not_read: Counter[str]) -> str:
    """Return a text with or without formatting; the pronunciation of East Asian texts and what is struck out is left out."""
    pieces = []
    for text in element.iter("{*}t"):
        parent = text.getparent()
        look = parent.find("{*}rPr")
        if look is not None and is_on(look.find("{*}strike")):
            not_read[STRUCK] += bool((text.text or "").strip())
        elif not parent.tag.endswith("}rPh"):
            raised = look.find("{*}vertAlign") if look is not None else None
            pieces.append(
                Piece(_unescaped(text.text or ""), "" if raised is None else RAISED.get(raised.get("val", ""), ""))
            )
    return joined(pieces) if len(pieces) > 1 else "".join(piece.text for piece in pieces)


def _unescaped(text: str) -> str:
    """Return a text with the characters that are written by their numbers, such as `_x000D_` (ECMA-376, ST_Xstring)."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def is_on(switch: Any) -> bool:
    """Tell whether a switch such as `strike` is there and on."""
    return switch is not None and switch.get("val", "1") in _ON


def _struck(styles: Any) -> set[int]:
    """Return the places of the styles of cells whose font strikes out."""
    fonts = (
        [is_on(each.find(qn("x:strike"))) for each in styles.iterfind(qn("x:fonts/x:font"))]
        if styles is not None
        else []
    )
    if not any(fonts):
        return set()
    used = (each.get("fontId", "") for each in styles.iterfind(qn("x:cellXfs/x:xf")))
    places = (int(each) if each.isdecimal() and len(each) < 8 else len(fonts) for each in used)
    return {place for place, font in enumerate(places) if font < len(fonts) and fonts[font]}


def _formats(styles: Any) -> list[str]:
    """Return the number format of each style of cells."""
    if styles is None:
        return []
    own = {each.get("numFmtId"): each.get("formatCode", GENERAL) for each in styles.iterfind(qn("x:numFmts/x:numFmt"))}
    numbers = (each.get("numFmtId", "0") for each in styles.iterfind(qn("x:cellXfs/x:xf")))
    return [own.get(number) or BUILTIN.get(int(number) if number.isdecimal() else 0, GENERAL) for number in numbers]


def _elements(package: Package, part: str, tags: tuple[str, ...]) -> Iterator[Any]:
    """Yield the elements of a part with these tags one after another; each is emptied when the next one is read.

    :raises RejectedError: the XML is damaged.
    """
    stream = package.open(part)
    if stream is None:
        return
    try:
        with stream:
            for _, element in etree.iterparse(stream, tag=tags, resolve_entities=False, no_network=True):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except (etree.XMLSyntaxError, zipfile.BadZipFile) as error:
        raise RejectedError(f"damaged: {part}: {error}") from error


def _sheets(book: _Book, element: Any, budget: Budget, not_read: Counter[str]) -> Iterator[Sheet]:
    """Yield the sheet that an element of the workbook names; none where it is a sheet of another kind."""
    package = book.package
    part = package.target(book.part, element.get(qn("r:id")))
    if part in package.related(book.part, "worksheet") or part in package.related(book.part, "chartsheet"):
        sheet = Sheet(element.get("name", ""), budget, hidden=element.get("state", "visible") != "visible")
        _read_rows(book, part, sheet, not_read)
        sheet.comments = list(comments(package, book.part, part))
        sheet.boxes = list(drawings(package, part, not_read))
        not_read["embedded objects"] += len(package.related(part, "oleObject"))
        yield sheet
    else:
        not_read["sheets of other kinds"] += 1


def _read_rows(book: _Book, part: str, sheet: Sheet, not_read: Counter[str]) -> None:
    number = 0
    for element in _elements(book.package, part, _READ):
        tag = element.tag.rpartition("}")[2]
        if tag == "row":
            given = element.get("r", "")
            number = int(given) if given.isdecimal() and len(given) < 8 else number + 1
            sheet.put(number, _cells(book, element, not_read))
            sheet.hidden_rows += number in sheet.rows and element.get("hidden") in _ON
        elif tag == "mergeCell":
            first, _, last = element.get("ref", "").partition(":")
            if (top := place_of(first)) and (bottom := place_of(last)):
                sheet.merged.append((*top, *bottom))
        elif tag == "col":
            ends = element.get("min", ""), element.get("max", "")
            if element.get("hidden") in _ON and all(each.isdecimal() and len(each) < 8 for each in ends):
                sheet.hidden_columns.append((int(ends[0]) - 1, int(ends[1]) - 1))
        elif _HEADER_CODE.sub("", element.text or "").strip():
            not_read["page headers and footers"] += 1


def _cells(book: _Book, row: Any, not_read: Counter[str]) -> Iterator[tuple[int, str]]:
    """Yield column and text of the cells of a row."""
    column = -1
    for element in row:
        reference = element.get("r")
        found = place_of(reference) if reference else None
        column = found[1] if found else column + 1
        text: str | None = None
        has_formula = False
        for child in element:
            tag = child.tag
            if tag.endswith("}v"):
                text = child.text
            elif tag.endswith("}f"):
                has_formula = True
            elif tag.endswith("}is"):
                text = _rich(child, not_read)
        kind = element.get("t", "n")
        if text is not None:
            given = element.get("s", "")
            style = int(given) if given.isdecimal() and len(given) < 8 else 0
            shown_text = _shown(book, kind, text, style)
            if style in book.struck and shown_text.strip():
                not_read[STRUCK] += 1
            else:
                yield column, shown_text
        elif has_formula and kind != "str":
            not_read[NO_VALUE] += 1


def _shown(book: _Book, kind: str, text: str, style: int) -> str:
    """Return the value of a cell as the sheet shows it."""
    code = book.formats[style] if style < len(book.formats) else GENERAL
    if kind == "s":
        place = int(text) if text.isdecimal() and len(text) < 10 else -1
        return text_shown(book.strings[place], code) if 0 <= place < len(book.strings) else ""
    if kind == "n":
        try:
            return shown(float(text), code, from_1904=book.from_1904)
        except ValueError:
            return text
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(text, text)
    if kind == "d":
        return text.removesuffix(_MIDNIGHT)
    return text if kind == "e" else text_shown(text, code)
