"""Builds the PDF and DOCX documents of this corpus from their sources.

    python corpora/tarnwick/build.py            write documents/reports/*.pdf and documents/office/*.docx
    python corpora/tarnwick/build.py --check    write nothing; exit with 1 where a document is not what would be built

A source is Markdown, of which this much is known: `# title`, `## heading`, `- item`, pipe tables, and `---` for a new
page. Everything else is a paragraph, one a line. The same source gives the same bytes each time.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from docx import Document
from reportlab.lib.colors import lightgrey
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

HERE = Path(__file__).resolve().parent
AUTHOR = "Tarnwick Tidal Cooperative"
DATE = datetime(2024, 12, 31)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
MARKS = {"# ": "title", "## ": "heading", "- ": "item", "| ": "row", "---": "page"}
PDF_STYLES = {"title": "Title", "heading": "Heading2", "item": "Bullet", "text": "BodyText"}
DOCX_STYLES = {"title": "Title", "heading": "Heading 1", "item": "List Bullet", "text": "Normal"}


@dataclass(frozen=True)
class Block:
    """A piece of a source: `kind` is title, heading, text, item, table or page; a table has rows of cells, not text."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def parse(source: str) -> Iterator[Block]:
    """Yield the blocks of a source; lines of a table that follow one another are one block."""
    lines = [_marked(line) for line in source.splitlines() if line.strip()]
    for kind, group in itertools.groupby(lines, key=lambda line: line[0]):
        texts = [text for _, text in group]
        if kind == "row":
            cells = [tuple(cell.strip() for cell in text.strip("| ").split("|")) for text in texts]
            yield Block("table", rows=tuple(row for row in cells if set("".join(row)) != {"-"}))
        else:
            yield from (Block(kind, text) for text in texts)


def _marked(line: str) -> tuple[str, str]:
    mark = next((mark for mark in MARKS if line.startswith(mark)), "")
    return MARKS.get(mark, "text"), line.removeprefix(mark).strip()


def build_pdf(blocks: list[Block]) -> bytes:
    """Return a PDF of A4 pages, each with title and number at its foot; not compressed, so that no zlib matters."""
    title = blocks[0].text
    stream = io.BytesIO()

    def foot(canvas, template):  # type: ignore[no-untyped-def]  # reportlab has no types
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 40, f"{AUTHOR} / {title} / page {canvas.getPageNumber()}")

    template = SimpleDocTemplate(stream, pagesize=A4, title=title, author=AUTHOR, invariant=1, pageCompression=0)
    template.build([_flowable(block) for block in blocks], onFirstPage=foot, onLaterPages=foot)
    return stream.getvalue()


def _flowable(block: Block) -> Flowable:
    if block.kind == "page":
        return PageBreak()
    if block.kind == "table":
        grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, lightgrey), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")])
        return Table(block.rows, style=grid, hAlign="LEFT", spaceBefore=6, spaceAfter=6)
    style = getSampleStyleSheet()[PDF_STYLES[block.kind]]
    return Paragraph(block.text, style, bulletText="-" if block.kind == "item" else None)


def build_docx(blocks: list[Block]) -> bytes:
    """Return a DOCX with real headings and tables."""
    document = Document()
    for block in blocks:
        if block.kind == "page":
            document.add_page_break()
        elif block.kind == "table":
            _add_table(document, block.rows)
        else:
            document.add_paragraph(block.text, style=DOCX_STYLES[block.kind])
    properties = document.core_properties
    properties.title, properties.comments = blocks[0].text, ""
    properties.author = properties.last_modified_by = AUTHOR
    properties.created = properties.modified = DATE
    stream = io.BytesIO()
    document.save(stream)
    return _repacked(stream.getvalue())


def _add_table(document, rows: tuple[tuple[str, ...], ...]) -> None:  # type: ignore[no-untyped-def]
    table = document.add_table(len(rows), len(rows[0]), style="Table Grid")
    for cells, row in zip(rows, table.rows, strict=True):
        for text, cell in zip(cells, row.cells, strict=True):
            cell.text = text


def _repacked(data: bytes) -> bytes:
    """Return a zip file with the same members, all of one fixed date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in _members(data).items():
            packed.writestr(zipfile.ZipInfo(name, ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def built() -> Iterator[tuple[Path, bytes]]:
    """Yield each document's path and bytes."""
    for folder, suffix, build in (("reports", ".pdf", build_pdf), ("office", ".docx", build_docx)):
        for source in sorted((HERE / "sources" / folder).glob("*.md")):
            blocks = list(parse(source.read_text(encoding="utf-8")))
            yield HERE / "documents" / folder / source.with_suffix(suffix).name, build(blocks)


def same(path: Path, data: bytes) -> bool:
    """Say whether a file holds this; of a DOCX the members are compared, since zlibs differ in how they pack them."""
    if not path.is_file():
        return False
    old = path.read_bytes()
    return _members(old) == _members(data) if path.suffix == ".docx" else old == data


def main() -> int:
    """Build, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description="Builds the PDF and DOCX documents of this corpus.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a document is out of date")
    check = parser.parse_args().check
    stale = [(path, data) for path, data in built() if not same(path, data)]
    for path, data in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(HERE)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
