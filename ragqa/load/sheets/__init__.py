"""Spreadsheets -> text. It runs in the sandbox.

xlsx, xlsb, xls, ods  bytes -> the sheets of a file
sheet                 a sheet of any format: its rows as they are shown, its merged cells, its comments
number_format         a number -> the text that its number format shows; date_format: the same of dates
book                  sheets -> lines with tabs, and the metadata that say where tables, columns' names and rows are
"""

from __future__ import annotations

from collections.abc import Sequence

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.locked import unlocked
from ragqa.records import Extracted

_ZIP = b"PK\x03\x04"


def workbook(data: bytes, limits: Limits, passwords: Sequence[str] = ()) -> Extracted:
    """Return the text of an XLSX, XLSM, XLSB or XLS, one line for each row, with tabs between cells (see `book`).

    The beginning of the file decides, since files of one of these formats often have the suffix of another.

    :param passwords: tried on an encrypted file.
    :raises RejectedError: the file is none of these, is encrypted with another password or damaged, has no text, or exceeds the limits.
    """
    from ragqa.load.sheets import xls, xlsx

    data = unlocked(data, passwords)
    if data.lstrip()[:1] == b"<":
        raise RejectedError("not a spreadsheet file but a page of HTML or XML; save it as XLSX, or as HTML")
    return xlsx.read(data, limits) if data.startswith(_ZIP) else xls.read(data, limits, passwords)


def opendocument(data: bytes, limits: Limits) -> Extracted:
    """Return the text of an ODS, as `workbook` does.

    :raises RejectedError: the file is no ODS, is encrypted or damaged, has no text, or exceeds the limits.
    """
    from ragqa.load.sheets import ods

    return ods.read(data, limits)
