"""Builds the PDF and DOCX files of the corpus from `sources/`: `python corpora/tarnwick/build.py`.

A source is a title (`# `), headings (`## `), paragraphs, table rows (`| a | b |`) and, for PDF, page breaks.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

HERE = Path(__file__).parent
AUTHOR = "Tarnwick Tidal Cooperative"
MADE = datetime.datetime(2024, 12, 1, tzinfo=datetime.UTC)


def blocks(source: Path) -> Iterator[tuple[str, Any]]:
    """Yield (kind, content): `title`, `heading`, `text`, `break`, or `table` with its rows."""
    rows: list[list[str]] = []
    for line in [*source.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            yield "table", rows
            rows = []
        if line.startswith("# "):
            yield "title", line[2:]
        elif line.startswith("## "):
            yield "heading", line[3:]
        elif line == "\\newpage":
            yield "break", None
        elif line:
            yield "text", line


def pdf(source: Path) -> bytes:
    """Return the source as a PDF."""
    styles = getSampleStyleSheet()
    names = {"title": "Title", "heading": "Heading2", "text": "BodyText"}
    story: list[Any] = []
    title = ""
    for kind, content in blocks(source):
        if kind == "title":
            title = content
        if kind == "break":
            story.append(PageBreak())
        elif kind == "table":
            grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey)]
            story += [Spacer(0, 8), Table(content, style=grid), Spacer(0, 8)]
        else:
            story.append(Paragraph(content, styles[names[kind]]))
    stream = io.BytesIO()
    SimpleDocTemplate(stream, title=title, author=AUTHOR, invariant=1).build(story)
    return stream.getvalue()


def word(source: Path) -> bytes:
    """Return the source as a DOCX; its archive carries no time of building."""
    document = docx.Document()
    document.core_properties.author = AUTHOR
    document.core_properties.created = document.core_properties.modified = MADE
    for kind, content in blocks(source):
        if kind == "title":
            document.core_properties.title = content
            document.add_heading(content, 0)
        elif kind == "heading":
            document.add_heading(content, 1)
        elif kind == "table":
            table = document.add_table(rows=0, cols=len(content[0]), style="Table Grid")
            for row in content:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        elif kind == "text":
            document.add_paragraph(content)
    stream = io.BytesIO()
    document.save(stream)
    packed = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def main() -> None:
    """Write every file below `documents/reports` and `documents/office`."""
    for folder, suffix, build in (("reports", "pdf", pdf), ("office", "docx", word)):
        target = HERE / "documents" / folder
        target.mkdir(parents=True, exist_ok=True)
        for source in sorted((HERE / "sources" / suffix).glob("*.md")):
            (target / f"{source.stem}.{suffix}").write_bytes(build(source))


if __name__ == "__main__":
    main()
