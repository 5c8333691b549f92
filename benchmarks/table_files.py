"""Tables as files of six formats."""

from __future__ import annotations

import csv
import html as escaping
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

_NUMBER = re.compile(r"[1-9]\d{0,2}(?:,\d{3})*(?:\.\d+)?|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it is shown; `groups` are the cells above the header, each merged over the columns that repeat it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    heading: str = ""
    groups: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names of the columns on one line, for formats without merged cells."""
        groups = self.groups or [""] * len(self.header)
        return [f"{group} {name}".strip() for group, name in zip(groups, self.header, strict=True)]

    def merged(self) -> list[tuple[str, int, int]]:
        """Return the cells above the header, with their first column and their number of columns."""
        places = enumerate(self.groups)
        runs = [list(run) for _, run in groupby(places, key=lambda place: place[1] or place[0])]
        return [(run[0][1], run[0][0], len(run)) for run in runs]


def markdown(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a page with tables with pipes."""
    lines = [f"# {title}", ""]
    for sheet in sheets:
        lines += [f"## {sheet.heading}", ""] if sheet.heading else []
        every = [sheet.names, ["---"] * len(sheet.header), *sheet.rows]
        lines += [*(f"| {' | '.join(line)} |" for line in every), ""]
    return "\n".join(lines).encode()


def html(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a page with tables."""

    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escaping.escape(cell)}</{tag}>' for cell in cells)}</tr>\n"

    def table(sheet: Sheet) -> str:
        above = "".join(f'<th colspan="{span}">{name}</th>' for name, _, span in sheet.merged())
        head = (f"<tr>{above}</tr>\n" if above else "") + line(sheet.header, "th")
        body = "".join(line(row, "td") for row in sheet.rows)
        heading = f"<h2>{sheet.heading}</h2>\n" if sheet.heading else ""
        return f"{heading}<table>\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n"

    tables = "".join(map(table, sheets))
    return f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>\n{tables}</body></html>".encode()


def comma_separated(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a CSV file; several tables have their headings above them, and blank lines between them."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    for number, sheet in enumerate(sheets):
        above = [[], [sheet.heading]] if number else [[sheet.heading]]
        writer.writerows([*(above if sheet.heading else []), sheet.names, *sheet.rows])
    return stream.getvalue().encode()


def xlsx(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a workbook with a sheet for each table; numbers are numbers with a format."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.heading or title[:31])
        for name, first, span in sheet.merged():
            page.cell(1, first + 1, name or None)
            if span > 1:
                page.merge_cells(start_row=1, end_row=1, start_column=first + 1, end_column=first + span)
        top = 2 if sheet.groups else 1
        for n, row in enumerate([sheet.header, *sheet.rows], start=top):
            for column, text in enumerate(row, start=1):
                cell = page.cell(n, column, text)
                if n > top and _NUMBER.fullmatch(text):
                    _, point, digits = text.partition(".")
                    cell.value = float(text.replace(",", "")) if point else int(text.replace(",", ""))
                    form = "#,##0" if "," in text else "0"
                    cell.number_format = f"{form}.{'0' * len(digits)}" if point else form
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def pdf(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a document whose tables have no rules, and their header on every page."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate

    styles, stream = getSampleStyleSheet(), io.BytesIO()
    story = [Paragraph(title, styles["Title"])]
    for sheet in sheets:
        if sheet.heading:
            story.append(Paragraph(sheet.heading, styles["Heading2"]))
        spans = [("SPAN", (first, 0), (first + span - 1, 0)) for _, first, span in sheet.merged() if span > 1]
        above = [list(sheet.groups)] if sheet.groups else []
        lines = [*above, list(sheet.header), *map(list, sheet.rows)]
        story.append(LongTable(lines, repeatRows=1 + len(above), style=spans))
    SimpleDocTemplate(stream, pagesize=A4, title=title).build(story)
    return stream.getvalue()


def docx(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a Word file."""
    import docx as library

    document = library.Document()
    document.add_heading(title, 1)
    for sheet in sheets:
        if sheet.heading:
            document.add_heading(sheet.heading, 2)
        merged = sheet.merged()
        lines = [sheet.header, *sheet.rows]
        table = document.add_table(len(lines) + bool(merged), len(sheet.header))
        for name, first, span in merged:
            table.cell(0, first).merge(table.cell(0, first + span - 1)).text = name
        for row, line in zip(table._tbl.tr_lst[bool(merged) :], lines, strict=True):
            for cell, text in zip(row.tc_lst, line, strict=True):  # `table.cell` looks at all cells each time
                cell.p_lst[0].add_r().text = text
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


WRITERS: Mapping[str, Callable[[str, Sequence[Sheet]], bytes]] = {
    "md": markdown, "html": html, "csv": comma_separated, "xlsx": xlsx, "pdf": pdf, "docx": docx,
}  # fmt: skip
"""What writes tables, by the suffix of the file."""
