"""Spreadsheets made for tests."""

from __future__ import annotations

import io
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
