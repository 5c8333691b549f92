"""PDF, DOCX and HTML: the text that is read, and the files that are rejected."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import docx
import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ragqa.errors import RejectedError
from ragqa.load import FolderLoader
from ragqa.load.bounds import Limits
from ragqa.load.formats import DOCX, HTML, PDF
from ragqa.records import Extracted
from ragqa.sandbox import Sandbox
from tests.limits import no_hang


class Parser:
    """Reads bytes as the loader does: in a sandbox."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sandbox = Sandbox(
            seconds=limits.seconds, memory_bytes=limits.memory_bytes, reply_bytes=4 * limits.characters
        )

    def extract(self, media_type: str, data: bytes) -> Extracted:
        found = self._sandbox.call(
            "ragqa.load.extract:extract", data, media_type=media_type, limits=asdict(self._limits)
        )
        return Extracted(**{**found, "page_starts": tuple(found["page_starts"])})

    def close(self) -> None:
        self._sandbox.close()


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(Limits(seconds=20))
    yield parser
    parser.close()


def pdf(*pages: list[str], title: str = "") -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    if title:
        canvas.setTitle(title)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(72, 780 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def docx_bytes(document: object) -> bytes:
    stream = io.BytesIO()
    document.save(stream)  # type: ignore[attr-defined]
    return stream.getvalue()


def repacked(data: bytes, changes: dict[str, bytes]) -> bytes:
    """Return a DOCX with some of its parts replaced or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            new.writestr(name, content)
    return stream.getvalue()


def reason(parser: Parser, media_type: str, data: bytes) -> str:
    with pytest.raises(RejectedError) as caught:
        parser.extract(media_type, data)
    return str(caught.value)


def test_a_pdf_keeps_its_pages_title_and_table_rows(parser: Parser) -> None:
    found = parser.extract(PDF, pdf(["Annual report", "Turbine   MWh"], ["Second page"], title="Report 2024"))
    assert found.title == "Report 2024"
    first, second = found.text.split("\f")
    assert first.startswith("Annual report") and second.startswith("Second page")
    assert [found.text[start : start + 6] for start in found.page_starts] == ["Annual", "Second"]


def test_a_pdf_page_without_text_is_named_and_one_without_any_is_rejected(parser: Parser) -> None:
    assert parser.extract(PDF, pdf(["One"], [], ["Three"])).metadata["pages_without_text"] == [2]
    assert reason(parser, PDF, pdf([], [], [])) == "no text on 3 of 3 pages (scanned?)"


def test_a_truncated_pdf_is_rejected(parser: Parser) -> None:
    whole = pdf(["Some text"] * 20)
    for part in (len(whole) // 2, 20):
        assert reason(parser, PDF, whole[:part]).startswith("damaged: ")


def test_an_encrypted_pdf_is_rejected_unless_the_password_is_empty(parser: Parser) -> None:
    for password, algorithm in (("secret", "RC4-128"), ("", "RC4-128")):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["The hidden text"]))))
        writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
        stream = io.BytesIO()
        writer.write(stream)
        if password:
            assert reason(parser, PDF, stream.getvalue()).startswith("encrypted: a password is needed")
        else:
            assert "The hidden text" in parser.extract(PDF, stream.getvalue()).text


def test_an_aes_encrypted_pdf_is_rejected_with_that_reason(parser: Parser) -> None:
    encrypt = b"/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -4/O<%s>/U<%s>/OE<%s>/UE<%s>/Perms<%s>" % (
        b"00" * 48, b"11" * 48, b"22" * 32, b"33" * 32, b"44" * 16,
    )  # fmt: skip
    encrypt += b"/CF<</StdCF<</CFM/AESV3/Length 32/AuthEvent/DocOpen>>>>/StmF/StdCF/StrF/StdCF>>"
    data = pdf(["Text"]).replace(b"trailer\n<<", b"trailer\n<<" + encrypt)
    assert b"/Encrypt" in data
    assert reason(parser, PDF, data).startswith("encrypted")


def test_a_pdf_whose_tables_of_objects_form_a_circle_ends_within_its_limit() -> None:
    data = pdf(["Text"])
    start = int(data.rsplit(b"startxref", 1)[1].split()[0])
    data = data.replace(b"trailer\n<<", b"trailer\n<</Prev %d" % start)
    with_limit = Parser(Limits(seconds=3))
    try:
        with no_hang():
            text = with_limit.extract(PDF, data).text
    except RejectedError as error:
        text = str(error)
    finally:
        with_limit.close()
    assert "Text" in text or "timeout" in text or "damaged" in text


def test_too_many_pages_are_rejected() -> None:
    parser = Parser(Limits(pages=2))
    try:
        assert reason(parser, PDF, pdf(["a"], ["b"], ["c"])) == "too long: 3 pages; at most 2"
    finally:
        parser.close()


def sample_docx() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Minutes"
    document.core_properties.author = "Ada"
    document.add_heading("Present", 1)
    document.add_paragraph("Ilse and\tBram.")
    table = document.add_table(rows=3, cols=2)
    for row, texts in zip(table.rows, [("Item", "Cost"), ("Rope", "12"), ("Rope", "15")], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Rope"
    document.add_heading("Decisions", 2)
    document.add_paragraph("None.")
    return docx_bytes(document)


def test_a_docx_keeps_headings_and_the_cells_of_its_tables(parser: Parser) -> None:
    found = parser.extract(DOCX, sample_docx())
    assert (
        found.text
        == "Present\nIlse and\tBram.\n| Item | Cost |\n|---|---|\n| Rope | 12 |\n| Rope | 15 |\n\nDecisions\nNone."
    )
    assert (found.title, found.metadata["author"]) == ("Minutes", "Ada")
    headings = found.metadata["headings"]
    assert [(found.text[offset:].split("\n")[0], level) for offset, level in headings] == [
        ("Present", 1),
        ("Decisions", 2),
    ]


def test_content_controls_insertions_and_text_boxes_of_a_docx_are_read_and_deletions_are_not(parser: Parser) -> None:
    document = docx.Document()
    body = (
        b"<w:p><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        b"<w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
        b"<w:sdt><w:sdtContent><w:p><w:r><w:t>Control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    data = docx_bytes(document)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read("word/document.xml").replace(b"<w:sectPr", body + b"<w:sectPr", 1)
    assert parser.extract(DOCX, repacked(data, {"word/document.xml": xml})).text == "Kept new\nControl"


def test_a_docx_of_very_many_paragraphs_is_read_in_seconds() -> None:
    data = sample_docx()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read("word/document.xml").replace(b"<w:body>", b"<w:body>" + b"<w:p/>" * 30_000)
    with_limit = Parser(Limits(seconds=10))
    try:
        assert with_limit.extract(DOCX, repacked(data, {"word/document.xml": xml})).text.endswith("None.")
    finally:
        with_limit.close()


def test_a_reason_is_one_line_that_a_terminal_can_show_whatever_it_quotes(parser: Parser) -> None:
    data = repacked(sample_docx(), {"word/\x1b[31m\nred\x85.xml": b"<w:document"})
    assert reason(parser, DOCX, data).startswith(r"damaged: word/\x1b[31m red .xml: ")


def test_zip_bombs_are_refused_by_their_declared_size(parser: Parser) -> None:
    bomb = repacked(sample_docx(), {"word/bomb.xml": b"<a>" + b" " * (100 << 20) + b"</a>"})
    assert len(bomb) < 200_000
    assert reason(parser, DOCX, bomb).startswith("declared 101 MiB > 64 MiB")


def test_a_zip_bomb_that_declares_less_than_it_holds_is_refused(parser: Parser) -> None:
    size = 60 << 20
    bomb = bytearray(repacked(sample_docx(), {"word/bomb.xml": b"<a>" + b" " * size + b"</a>"}))
    true, false = (size + 7).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert bomb.count(true) == 2
    assert "not a DOCX file, or a damaged one" in reason(parser, DOCX, bytes(bomb.replace(true, false)))


def test_a_bomb_below_the_size_limit_is_refused_by_its_ratio(parser: Parser) -> None:
    bomb = repacked(sample_docx(), {"word/bomb.xml": b"<a>" + b" " * (40 << 20) + b"</a>"})
    assert "times its size; at most 100" in reason(parser, DOCX, bomb)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_a_docx_are_refused(parser: Parser, encoding: str) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    data = repacked(sample_docx(), {"word/document.xml": xml.encode(encoding)})
    assert reason(parser, DOCX, data) == "XML entity declarations are not allowed"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"just text", "not a DOCX file, or a damaged one"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, "the old .doc format"),
        (repacked(sample_docx(), {"word/document.xml": b"<w:document"}), "damaged: word/document.xml"),
    ],
)
def test_what_is_no_docx_is_rejected_with_the_reason(parser: Parser, data: bytes, message: str) -> None:
    assert message in reason(parser, DOCX, data)


def test_html_deeper_than_any_browser_shows_does_not_end_the_run(parser: Parser) -> None:
    assert reason(parser, HTML, b"<div>" * 100_000 + b"deep")
    assert "fine" in parser.extract(HTML, b"<html><body><p>All is fine here.</p></body></html>").text


def test_the_loader_reads_a_pdf_with_pages_and_a_docx(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf(["First"], ["Second"]))
    (tmp_path / "minutes.docx").write_bytes(sample_docx())
    loader = FolderLoader([tmp_path])
    try:
        minutes, report = [loader.read(file) for file in loader.scan().files]
    finally:
        loader.close()
    assert minutes.title == "Minutes" and "| Rope | 12 |" in minutes.text
    assert report.page_of(report.text.index("Second")) == 2
    assert report.encoding is None
