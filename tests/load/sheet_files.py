"""Spreadsheets made for tests."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl
import xlwt

_ODS = "urn:oasis:names:tc:opendocument:xmlns"
ODS_NAMES = "".join(
    f' xmlns:{prefix}="{_ODS}:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"), ("draw", "drawing"),
        ("svg", "svg-compatible"), ("chart", "chart"),
    )
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'  # fmt: skip


def xlsx(fill: Callable[[Any], object]) -> bytes:
    """Return a workbook with one sheet "Prices"; `fill` gets the workbook."""
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    fill(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def rows_xlsx(*rows: list[Any]) -> bytes:
    """Return a workbook whose one sheet has these rows."""

    def fill(book: Any) -> None:
        for row in rows:
            book.active.append(row)

    return xlsx(fill)


def xls(fill: Callable[[Any], object]) -> bytes:
    """Return a workbook of the old format; `fill` gets its sheet "Prices"."""
    book = xlwt.Workbook()
    fill(book.add_sheet("Prices"))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def xlsb(*rows: list[str | float | bool], hidden: bool = False) -> bytes:
    """Return a binary workbook whose one sheet "Prices" has these rows.

    Floats are in euros. Its first cells of the second and third row are merged, and its second column is hidden.
    """

    def record(kind: int, content: bytes = b"") -> bytes:
        number = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
        length = (
            bytes([len(content)]) if len(content) < 0x80 else bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
        )
        return number + length + content

    def wide(text: str) -> bytes:
        return struct.pack("<I", len(text)) + text.encode("utf-16-le")

    def cell(column: int, value: str | float | bool) -> bytes:
        head = struct.pack("<II", column, 1 if isinstance(value, float) else 0)
        if isinstance(value, str):
            strings.append(value)
            return record(7, head + struct.pack("<I", len(strings) - 1))
        if isinstance(value, int) and not isinstance(value, bool):
            return record(2, head + struct.pack("<i", value << 2 | 2))
        return (
            record(4, head + bytes([value])) if isinstance(value, bool) else record(5, head + struct.pack("<d", value))
        )

    strings: list[str] = []
    one = struct.pack("<I", 1)
    lines = b"".join(
        record(0, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0))
        + b"".join(cell(column, value) for column, value in enumerate(row))
        for number, row in enumerate(rows)
    )
    size = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
    merged = record(176, struct.pack("<IIII", 1, 2, 0, 0))
    column = record(60, struct.pack("<IIIIH", 1, 1, 0, 0, 1))
    sheet = record(129) + record(148, size) + column + record(145) + lines + record(146) + merged + record(130)
    named = record(156, struct.pack("<II", int(hidden), 1) + wide("rId1") + wide("Prices"))

    def relationships(**parts: tuple[str, str]) -> str:
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        made = (
            f'<Relationship Id="{name}" Type="{office}/{kind}" Target="{target}"/>'
            for name, (kind, target) in parts.items()
        )
        return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(made)}</Relationships>'

    parts = {
        "rId1": ("worksheet", "worksheets/sheet1.bin"),
        "rId2": ("sharedStrings", "sharedStrings.bin"),
        "rId3": ("styles", "styles.bin"),
    }
    formats = record(615, one) + record(44, struct.pack("<H", 164) + wide("0.00 €")) + record(616)
    fonts = b"".join(record(43, struct.pack("<HH", 220, look) + bytes(20)) for look in (0, 8))
    looks = b"".join(record(47, struct.pack("<HHH", 0, *each) + bytes(10)) for each in ((0, 0), (164, 0), (0, 1)))
    styles = formats + record(611, one) + fonts + record(612) + record(617, struct.pack("<I", 3)) + looks + record(618)
    shared = b"".join(record(19, b"\0" + wide(each)) for each in strings)
    counts = struct.pack("<II", len(strings), len(strings))
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relationships(rId1=("officeDocument", "xl/workbook.bin")),
            "xl/workbook.bin": record(131) + record(143) + named + record(144) + record(132),
            "xl/_rels/workbook.bin.rels": relationships(**parts),
            "xl/sharedStrings.bin": record(159, counts) + shared + record(160),
            "xl/styles.bin": record(278) + styles + record(279),
            "xl/worksheets/sheet1.bin": sheet,
        }
    )


def ods(sheets: str, styles: str = "", parts: Mapping[str, str] | None = None) -> bytes:
    """Return an ODS with these sheets as XML."""
    content = (
        f"<office:document-content{ODS_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body></office:document-content>"
    )
    return zipped({"content.xml": content, **(parts or {})})


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def with_parts(data: bytes, changed: Mapping[str, Callable[[str], str]]) -> bytes:
    """Return an archive, with the text of some parts changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changed.items():
        old = parts.get(name, "")
        parts[name] = change(old.decode() if isinstance(old, bytes) else old)
    return zipped(parts)
