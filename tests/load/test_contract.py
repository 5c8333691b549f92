"""The loaders and the file formats keep to what every one of them must keep to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import docx
import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa.load import FORMATS, FolderLoader, Limits, MemoryLoader, text_document
from ragqa.load.readers import SandboxedFormat
from ragqa.stages import FileFormat, Loader
from ragqa.testing.format import FileFormatContract
from ragqa.testing.loader import LoaderContract
from tests.load.sheet_files import ods, rows_xlsx, xls
from tests.load.test_own_formats import RestructuredText


class TestFolderLoader(LoaderContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path
        files = {
            "a.md": "# Ferry\n\nIt sails.",
            "b/c.txt": "A lamp.",
            "d.csv": "a,b\n1,2\n",
            "e.bin": "x",
            "f.txt": "\n",
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")

    def make(self) -> Loader:
        return FolderLoader([self.path])


class TestMemoryLoader(LoaderContract):
    def make(self) -> Loader:
        return MemoryLoader([text_document("a", "The ferry sails."), text_document("b", "A lamp.", "Lamps")])


class TestRestructuredText(FileFormatContract):
    def make(self) -> FileFormat:
        return RestructuredText()

    def samples(self) -> Sequence[bytes]:
        return [b"Ferries\n=======\n\nThey sail.\n", "Über alles\n".encode()]


def _pdf() -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for number in range(2):
        canvas.drawString(72, 700, f"Page {number} of the ferry's log.")
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _docx() -> bytes:
    stream = io.BytesIO()
    document = docx.Document()
    document.add_heading("Ferries", 1)
    document.add_paragraph("They sail.")
    document.save(stream)
    return stream.getvalue()


SAMPLES = {
    "text": b"The ferry sails.",
    "markdown": b"---\ntitle: Ferries\n---\n# They sail\n",
    "html": b"<html><head><title>Ferries</title></head><body><p>The ferry sails at noon, every day.</p></body></html>",
    "csv": b"a;b\n1;2\n",
    "tsv": b"a\tb\n1\t2\n",
    "json": b'[{"name": "Tern", "seats": 12}, {"name": "Ismena", "seats": 40}]',
    "jsonl": b'{"text": "The ferry sails."}\n{"text": "A lamp."}\n',
    "docx": _docx(),
    "pdf": _pdf(),
    "xlsx": rows_xlsx(["ferry", "seats"], ["Tern", 12]),
    "xls": xls(lambda sheet: sheet.write(0, 0, "Ferries")),
    "ods": ods(
        '<table:table table:name="Ferries"/><table:table table:name="Log"><table:table-row><table:table-cell>'
        "<text:p>Tern</text:p></table:table-cell></table:table-row></table:table>"
    ),
}


class BuiltIn(FileFormatContract):
    """The contract for one line of the table of formats."""

    name: str

    def make(self) -> FileFormat:
        (record,) = (each for each in FORMATS if each.name == self.name)
        return SandboxedFormat(record, Limits(), {"text_field": None})

    def samples(self) -> Sequence[bytes]:
        return [SAMPLES[self.name]]


class TestPlainText(BuiltIn):
    name = "text"


class TestMarkdown(BuiltIn):
    name = "markdown"


class TestHtml(BuiltIn):
    name = "html"


class TestCsv(BuiltIn):
    name = "csv"


class TestTsv(BuiltIn):
    name = "tsv"


class TestJson(BuiltIn):
    name = "json"


class TestJsonLines(BuiltIn):
    name = "jsonl"


class TestDocx(BuiltIn):
    name = "docx"


class TestPdf(BuiltIn):
    name = "pdf"


class TestXlsx(BuiltIn):
    name = "xlsx"


class TestXls(BuiltIn):
    name = "xls"


class TestOds(BuiltIn):
    name = "ods"


def test_every_line_of_the_table_is_tested() -> None:
    tested = {each.name for each in BuiltIn.__subclasses__()}
    assert tested == SAMPLES.keys() == {each.name for each in FORMATS}
