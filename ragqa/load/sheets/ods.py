"""ODS, the spreadsheets of OpenDocument -> sheets. A cell has the text that it shows, so no number format is needed."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

from lxml import etree

from ragqa.errors import RejectedError
from ragqa.load.archive import Parts, examined
from ragqa.load.bounds import Limits
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.odf.body import alternative
from ragqa.load.odf.objects import embedded
from ragqa.load.odf.package import ENCRYPTED, Flat, is_flat, without_pictures
from ragqa.load.odf.styles import raised
from ragqa.load.sheets.book import extracted
from ragqa.load.sheets.sheet import MOST_COLUMNS, MOST_ROWS, Budget, Comment, Sheet
from ragqa.load.sheets.xlsx import NO_VALUE, STRUCK, TIMES_ZIP_BYTES
from ragqa.load.sheets.xlsx_extras import of_chart
from ragqa.records import Extracted

KIND = "ODS"
_URN = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE, _TABLE, _TEXT, _DRAW = (f"{{{_URN}{name}:1.0}}" for name in ("office", "table", "text", "drawing"))
_STYLE = f"{{{_URN}style:1.0}}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_HIDDEN = ("collapse", "filter")
_PROPERTIES = {"title": f"{_DC}title", "author": f"{_DC}creator", "subject": f"{_DC}subject"}
_SPACES = 1_000


def read(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a spreadsheet.

    :raises RejectedError: it is encrypted or damaged, has no text, or exceeds the limits on archives.
    """
    try:
        parts, content, properties = _opened(data, limits)
        reader = _Reader(Budget(limits.characters), parts)
        with content as stream:
            reader.read(stream)
    except (etree.XMLSyntaxError, zipfile.BadZipFile) as error:
        raise RejectedError(f"damaged: {error}") from error
    return extracted(reader.sheets, limits, properties, reader.not_read)


def _opened(data: bytes, limits: Limits) -> tuple[Parts | Flat, IO[bytes], dict[str, str]]:
    """Return the parts of a file of either form, its content as a stream, and what it says about itself."""
    if is_flat(data):
        flat = Flat(data)
        properties = {name: value for name, value in flat.properties().items() if name != "modified"}
        return flat, io.BytesIO(without_pictures(data)), properties
    archive = examined(data, replace(limits, zip_bytes=TIMES_ZIP_BYTES * limits.zip_bytes), KIND)
    parts = Parts(archive)
    if b"encryption-data" in (parts.data("META-INF/manifest.xml") or b""):
        raise RejectedError(ENCRYPTED)
    if "content.xml" not in parts.names:
        raise RejectedError(f"not an {KIND} file: the archive has no content.xml")
    meta = parts.data("meta.xml")
    parts.missing.clear()
    return parts, archive.open("content.xml"), _properties(meta) if meta else {}


def _properties(data: bytes) -> dict[str, str]:
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    found = {ours: next(root.iter(theirs), None) for ours, theirs in _PROPERTIES.items()}
    return {
        ours: element.text for ours, element in found.items() if element is not None and (element.text or "").strip()
    }


@dataclass(slots=True)
class _Reader:
    """Reads the sheets of a file one row after another."""

    budget: Budget
    parts: Parts | Flat
    sheets: list[Sheet] = field(default_factory=list)
    not_read: Counter[str] = field(default_factory=Counter)
    number: int = 0
    column: int = 0
    hidden_styles: set[str] = field(default_factory=set)
    struck_styles: set[str] = field(default_factory=set)
    raised_styles: dict[str, str] = field(default_factory=dict)

    def read(self, stream: IO[bytes]) -> None:
        """Read the XML of a file; what was read is emptied."""
        names = ("table", "table-row", "table-column", "shapes")
        tags = (*(_TABLE + name for name in names), f"{_STYLE}style", f"{_OFFICE}spreadsheet")
        found = etree.iterparse(stream, events=("start", "end"), tag=tags, resolve_entities=False, no_network=True)
        is_spreadsheet = False
        depth = 0  # of tables: one within a cell or a text box is a part of that
        for event, element in found:
            name = element.tag
            if name == f"{_OFFICE}spreadsheet":
                is_spreadsheet = True
            elif name == f"{_TABLE}table":
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    self._begin(element)
            elif event == "end" and name == f"{_STYLE}style":
                self._style(element)
            elif event == "end" and depth == 1:
                if name == f"{_TABLE}table-row":
                    self._row(element)
                elif name == f"{_TABLE}table-column":
                    self._column(element)
                else:
                    self.sheets[-1].boxes += self._drawn(element)
                _empty(element)
        if not is_spreadsheet:
            raise RejectedError(f"not an {KIND} file: it is no spreadsheet")

    def _begin(self, table: Any) -> None:
        hidden = table.get(f"{_TABLE}style-name") in self.hidden_styles
        self.sheets.append(Sheet(table.get(f"{_TABLE}name", ""), self.budget, hidden))
        self.number, self.column = 1, 0

    def _style(self, style: Any) -> None:
        for properties in style.iterchildren(f"{_STYLE}table-properties"):
            if properties.get(f"{_TABLE}display") == "false":
                self.hidden_styles.add(style.get(f"{_STYLE}name", ""))
        for properties in style.iterchildren(f"{_STYLE}text-properties"):
            lines = (properties.get(f"{_STYLE}text-line-through-{each}", "none") for each in ("style", "type"))
            if any(each != "none" for each in lines):
                self.struck_styles.add(style.get(f"{_STYLE}name", ""))
            if mark := raised(properties.get(f"{_STYLE}text-position")):
                self.raised_styles[style.get(f"{_STYLE}name", "")] = mark

    def _column(self, column: Any) -> None:
        count = _repeated(column, "number-columns-repeated", MOST_COLUMNS)
        if column.get(f"{_TABLE}visibility") in _HIDDEN:
            self.sheets[-1].hidden_columns.append((self.column, self.column + count - 1))
        self.column += count

    def _row(self, row: Any) -> None:
        """Read a row, as often as it is repeated."""
        sheet = self.sheets[-1]
        count = _repeated(row, "number-rows-repeated", MOST_ROWS)
        cells = list(self._cells(row))
        for number in range(self.number, self.number + count) if any(text for _, text in cells) else ():
            sheet.put(number, cells)
            sheet.hidden_rows += row.get(f"{_TABLE}visibility") in _HIDDEN
        self.number += count
        if self.number > MOST_ROWS + 1:
            raise RejectedError(f"damaged: more than {MOST_ROWS:,} rows")

    def _cells(self, row: Any) -> Iterator[tuple[int, str]]:
        """Yield column and text of the cells of a row; put down merged cells and comments."""
        column = 0
        for cell in row:
            count = _repeated(cell, "number-columns-repeated", MOST_COLUMNS)
            if column + count > MOST_COLUMNS:
                count = MOST_COLUMNS - column
            if cell.tag == f"{_TABLE}table-cell" and (len(cell) or cell.get(f"{_TABLE}formula")):
                text = self._text(cell)
                if cell.get(f"{_TABLE}formula") and not text and not cell.get(f"{_OFFICE}value-type"):
                    self.not_read[NO_VALUE] += count
                yield from ((column + n, text) for n in range(count if text else 0))
                self._beside(cell, column)
            column += count

    def _text(self, cell: Any) -> str:
        """Return the text of a cell, without what is struck out, which is counted."""
        struck = cell.get(f"{_TABLE}style-name") in self.struck_styles
        parts = [cell] if struck else [each for each in cell.iter(f"{_TEXT}span") if self._is_struck(each)]
        for each in parts:
            text = " ".join(_flat(part) for part in each.iterchildren(f"{_TEXT}p")) if struck else _flat(each)
            self.not_read[STRUCK] += bool(text.strip())
        if struck:
            return ""
        return " ".join(_flat(part, self._is_struck, self._raised) for part in cell.iterchildren(f"{_TEXT}p"))

    def _raised(self, element: Any) -> str:
        return self.raised_styles.get(element.get(f"{_TEXT}style-name"), "")

    def _is_struck(self, element: Any) -> bool:
        return element.get(f"{_TEXT}style-name") in self.struck_styles

    def _beside(self, cell: Any, column: int) -> None:
        """Put down the span of a cell, its comment, and what is drawn on it."""
        sheet = self.sheets[-1]
        over = _repeated(cell, "number-columns-spanned", MOST_COLUMNS)
        down = _repeated(cell, "number-rows-spanned", MOST_ROWS)
        if over > 1 or down > 1:
            sheet.merged.append((self.number, column, self.number + down - 1, column + over - 1))
        for note in cell.iterchildren(f"{_OFFICE}annotation"):
            author = note.findtext(f"{_DC}creator") or ""
            text = " ".join(_flat(part) for part in note.iter(f"{_TEXT}p"))
            sheet.comments.append(Comment(self.number, column, author, text))
        if any(child.tag.startswith(_DRAW) for child in cell):
            sheet.boxes += self._drawn(cell)

    def _drawn(self, element: Any) -> Iterator[str]:
        """Yield the texts of charts, text boxes and shapes, and alternative texts; count pictures and other objects."""
        for frame in element.iter(f"{_DRAW}frame"):
            kinds = {child.tag: child for child in frame}
            if f"{_DRAW}object" in kinds:
                found = embedded(self.parts, kinds[f"{_DRAW}object"])
                self.not_read["charts or embedded objects"] += found is None
                lines = [] if found is None else found.lines
                yield from lines if found is None or found.is_formula else of_chart(lines)
            elif f"{_DRAW}image" in kinds:
                self.not_read["pictures"] += 1
                yield alternative(frame)
        for shape in element.iter(f"{_DRAW}text-box", f"{_DRAW}custom-shape", f"{_DRAW}rect", f"{_DRAW}ellipse"):
            if text := " ".join(_flat(part) for part in shape.iter(f"{_TEXT}p")).strip():
                yield text


def _repeated(element: Any, name: str, most: int) -> int:
    """Return the number of times that an element says, at least 1."""
    given = element.get(_TABLE + name, "1")
    return min(most, max(1, int(given))) if given.isdecimal() and len(given) < 9 else 1


def _flat(
    element: Any, left_out: Callable[[Any], bool] = lambda _: False, raised: Callable[[Any], str] = lambda _: ""
) -> str:
    """Return the text of a paragraph; comments and drawings within it are left out.

    :param left_out: tells which parts of it are left out besides.
    :param raised: returns the mark of a part that is a superscript or a subscript.
    """
    parts = list(_parts(element, left_out, raised))
    return joined(Piece(*part) for part in parts) if any(mark for _, mark in parts) else "".join(t for t, _ in parts)


def _parts(
    element: Any, left_out: Callable[[Any], bool], raised: Callable[[Any], str], mark: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the texts of a paragraph in order, each with its mark."""
    yield element.text or "", mark
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c", "1")
            yield " " * (min(_SPACES, int(count)) if count.isdecimal() and len(count) < 9 else 1), mark
        elif child.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            yield " ", mark
        elif isinstance(child.tag, str) and child.tag.startswith(_TEXT) and not left_out(child):
            yield from _parts(child, left_out, raised, raised(child) or mark)
        yield child.tail or "", mark


def _empty(element: Any) -> None:
    """Drop an element that was read, and those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
