"""The loaders and the file formats keep to what every one of them must keep to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import docx
import pptx
import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa.load import FORMATS, FolderLoader, Limits, MemoryLoader, text_document
from ragqa.load.formats import IMAGE
from ragqa.load.readers import SandboxedFormat
from ragqa.stages import FileFormat, Loader
from ragqa.testing.format import FileFormatContract
from ragqa.testing.loader import LoaderContract
from tests.load.mail_files import eml, msg
from tests.load.odf_files import box, frame, odp, odt, p
from tests.load.sheet_files import ods, rows_xlsx, xls
from tests.load.test_epub import book, page
from tests.load.test_own_formats import RestructuredText
from tests.load.word_files import packed


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


def _pptx() -> bytes:
    stream = io.BytesIO()
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Ferries"
    deck.save(stream)
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
    "pptx": _pptx(),
    "epub": packed(book({"a.xhtml": page("<p>Ferries sail.</p>")})),
    "odt": odt(p("Ferries sail.")),
    "odp": odp(frame(box("Ferries sail."))),
    "pdf": _pdf(),
    "rtf": rb"{\rtf1\ansi{\b Ferries}\par They sail.}",
    "rst": b"Ferries\n=======\n\nThey sail.\n",
    "org": b"#+TITLE: Ferries\n* They sail\n",
    "asciidoc": b"= Ferries\n\nThey sail.\n",
    "latex": rb"\documentclass{article}\begin{document}\section{Ferries} They sail.\end{document}",
    "notebook": b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["# Ferries"]}]}',
    "xml": b"<ferries><ferry><name>Tern</name></ferry><ferry><name>Ismena</name></ferry></ferries>",
    "yaml": b"ferries:\n- name: Tern\n- name: Ismena\n",
    "toml": b'[ferry]\nname = "Tern"\n',
    "subtitles": b"WEBVTT\n\n00:01.000 --> 00:02.000\nThe ferry sails.\n",
    "ini": b"[ferry]\nname = Tern\n",
    "log": b"12:00 The ferry sails.\n",
    "code": b"def sail():\n    # at noon\n    return True\n",
    "eml": eml(),
    "msg": msg({0x0037: "Ferry times", 0x1000: "The ferry sails at noon."}),
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


class TestPptx(BuiltIn):
    name = "pptx"


class TestOdt(BuiltIn):
    name = "odt"


class TestOdp(BuiltIn):
    name = "odp"


class TestEpub(BuiltIn):
    name = "epub"


class TestPdf(BuiltIn):
    name = "pdf"


class TestRtfFiles(BuiltIn):
    name = "rtf"


class TestRstFiles(BuiltIn):
    name = "rst"


class TestOrgFiles(BuiltIn):
    name = "org"


class TestAsciidocFiles(BuiltIn):
    name = "asciidoc"


class TestLatexFiles(BuiltIn):
    name = "latex"


class TestNotebookFiles(BuiltIn):
    name = "notebook"


class TestXmlFiles(BuiltIn):
    name = "xml"


class TestYamlFiles(BuiltIn):
    name = "yaml"


class TestTomlFiles(BuiltIn):
    name = "toml"


class TestSubtitlesFiles(BuiltIn):
    name = "subtitles"


class TestIniFiles(BuiltIn):
    name = "ini"


class TestLogFiles(BuiltIn):
    name = "log"


class TestCodeFiles(BuiltIn):
    name = "code"


class TestEml(BuiltIn):
    name = "eml"


class TestMsg(BuiltIn):
    name = "msg"


class TestXlsx(BuiltIn):
    name = "xlsx"


class TestXls(BuiltIn):
    name = "xls"


class TestOds(BuiltIn):
    name = "ods"


def test_every_line_of_the_table_is_tested() -> None:
    tested = {each.name for each in BuiltIn.__subclasses__()}
    with_text = {each.name for each in FORMATS if each.media_type != IMAGE}  # pictures need the extra `ocr`
    assert tested == SAMPLES.keys() == with_text
