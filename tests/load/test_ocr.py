"""Scans: what is said of them without the extra `ocr`, and what is read with it."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ragqa import Pipeline
from ragqa.errors import RejectedError
from ragqa.load import FolderLoader, Limits
from ragqa.load.formats import IMAGE
from ragqa.load.ocr import images
from ragqa.load.ocr.bounds import OcrLimits
from ragqa.load.ocr.completing import Ocr, _Page, is_installed, merged
from ragqa.records import Document, Extracted, unread
from tests import fakes
from tests.torture.pictures import tiff_of_pages

LINES = ("The ferry sails at noon.", "It carries twelve cars", "and forty passengers.")
OFF = Ocr("off")


@pytest.fixture(scope="module")
def ocr() -> Iterator[Ocr]:
    """Return an engine, where one is installed."""
    pytest.importorskip("pypdfium2")
    found = Ocr()
    if not found.engine:
        pytest.skip(f"no engine for OCR: {found.advice}")
    yield found
    found.close()


def picture(*lines: str, size: tuple[int, int] = (700, 260)) -> Image.Image:
    image = Image.new("L", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((30, 30 + 60 * number), line, fill="black", font=ImageFont.load_default(40))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def scan(*pages: Image.Image | str | None) -> bytes:
    """Return a PDF: of each page its picture, its text, or nothing."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(350, 350))
    for page in pages:
        if isinstance(page, str):
            canvas.drawString(30, 300, page)
        elif page is not None:
            canvas.drawImage(ImageReader(page), 0, 0, page.width / 2, page.height / 2)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def read(folder: Path, name: str, data: bytes, ocr: Ocr) -> Document:
    (folder / name).write_bytes(data)
    loader = FolderLoader([folder], ocr=ocr)
    (file,) = loader.scan().files
    return loader.read(file)


def words(text: str) -> list[str]:
    return text.lower().replace(".", "").split()


WORDS = words(" ".join(LINES))


def facts(document: Document) -> list[str]:
    return [*unread(document.media_type, document.metadata, len(document.page_starts))]


def test_without_ocr_a_page_without_text_is_told_with_what_reads_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a.pdf", scan("Ferries", picture(*LINES), None), OFF)
    assert facts(document) == ["no text on 2 of 3 pages (2, 3); `load.ocr: auto` reads scans"]
    assert document.text == "Ferries\f\f" and document.place_of(0) == "page 1" and "ocr" not in document.extractor


def test_without_ocr_a_scan_is_rejected_and_a_picture_is_skipped_with_what_reads_them(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=r"no text on 1 of 1 pages \(scanned\?\); `load.ocr: auto` reads scans$"):
        read(tmp_path, "a.pdf", scan(picture(*LINES)), OFF)
    (tmp_path / "B.PNG").write_bytes(encoded(picture(*LINES)))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("d.jpeg", encoded(picture(*LINES), "JPEG"))
    others = FolderLoader([tmp_path], ocr=OFF).scan().others
    assert [(each.source, each.status, each.reason) for each in others] == [
        ("B.PNG", "skipped", "unsupported type .PNG; `load.ocr: auto` reads scans"),
        ("c.zip/d.jpeg", "skipped", "unsupported type .jpeg; `load.ocr: auto` reads scans"),
    ]


@pytest.mark.skipif(is_installed(), reason="the extra is installed")
def test_where_the_extra_is_not_installed_it_is_named(tmp_path: Path) -> None:
    document = read(tmp_path, "a.pdf", scan("Ferries", picture(*LINES)), Ocr())
    assert facts(document) == ["no text on 1 of 2 pages (2); `pip install 'ragqa[ocr]'` reads scans"]


def test_pages_that_were_read_take_their_places_before_the_lines_of_their_fields() -> None:
    before = Extracted("One\f\fname: Tern\f", page_starts=(0, 4, 5, 16), metadata={"pages_without_text": [2, 3, 4]})
    pages = {2: _Page("Two\fand", 0.95), 3: _Page("Three", 0.4), 4: _Page(fault="more than 60 s")}
    after = merged(before, pages, "engine/1", left=7)
    assert after.text == "One\fTwo\nand\fThree\nname: Tern\f"
    assert [after.text[start : start + 3] for start in after.page_starts] == ["One", "Two", "Thr", ""]
    document = Document(
        "", "a.pdf", "", "", "application/pdf", None, after.text, "", "", after.page_starts, after.metadata
    )
    assert [document.place_of(start) for start in after.page_starts] == [
        "page 1",
        "page 2 (OCR, confidence 0.95)",
        "page 3 (OCR, confidence 0.40)",
        "page 4",
    ]
    assert facts(document) == [
        "no text on 1 of 4 pages (4)",
        "read by OCR with low confidence: 1 of 2 pages (3: 0.40)",
        "OCR failed on 1 pages (page 4: more than 60 s)",
        "not read by OCR: 7 further pages of the file",
    ]


def test_a_document_of_which_nothing_could_be_read_is_rejected_with_the_reason() -> None:
    empty = Extracted("\f", page_starts=(0, 1), metadata={"pages_without_text": [1, 2]})
    with pytest.raises(RejectedError, match=r"no text on 2 of 2 pages, by OCR \(engine/1\) neither"):
        merged(empty, {1: _Page(" "), 2: _Page("")}, "engine/1", left=0)
    with pytest.raises(RejectedError, match=r"OCR failed on 1 of them \(page 2: it crashed"):
        merged(empty, {1: _Page(), 2: _Page(fault="it crashed")}, "engine/1", left=0)


def test_metadata_of_another_form_are_no_confidences() -> None:
    for ocr in ("yes", {"pages": [1]}, {"pages": {"1": "high"}}, {"pages": {"1": True}}):
        document = Document("", "a.pdf", "", "", "application/pdf", None, "x", "", "", (0,), {"ocr": ocr})
        assert document.place_of(0) == "page 1" and facts(document) == []


def test_only_the_pages_without_text_of_a_pdf_are_read(tmp_path: Path, ocr: Ocr) -> None:
    document = read(tmp_path, "a.pdf", scan("Ferries", picture(*LINES), None), ocr)
    first, second, third = document.text.split("\f")
    assert (first, words(second), third) == ("Ferries", WORDS, "")
    assert document.metadata["ocr"]["pages"].keys() == {"2"} and document.metadata["pages_without_text"] == [3]
    assert document.place_of(0) == "page 1" and document.place_of(9).startswith("page 2 (OCR, confidence 0.9")
    assert document.extractor.endswith(f" ocr={ocr.engine}")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_picture_is_read(tmp_path: Path, ocr: Ocr, kind: str) -> None:
    document = read(tmp_path, f"a.{kind.lower()}", encoded(picture(*LINES), kind), ocr)
    assert words(document.text) == WORDS and document.media_type == IMAGE


def test_every_page_of_a_tiff_is_read_in_an_archive_too(tmp_path: Path, ocr: Ocr) -> None:
    pages = encoded(picture(LINES[0]).convert("1"), "TIFF", save_all=True, append_images=[picture(LINES[1])])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("b.tif", pages)
    document = read(tmp_path, "a.zip", stream.getvalue(), ocr)
    assert [words(page) for page in document.text.split("\f")] == [words(line) for line in LINES[:2]]


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_page_that_lies_or_stands_on_its_head_is_turned(tmp_path: Path, ocr: Ocr, angle: int) -> None:
    turned = picture(*LINES).rotate(angle, expand=True)
    assert words(read(tmp_path, "a.png", encoded(turned), ocr).text) == WORDS


def test_black_on_transparent_is_read_and_further_frames_are_counted(tmp_path: Path, ocr: Ocr) -> None:
    ink = picture(*LINES).point(lambda value: 255 - value)
    clear = Image.merge("RGBA", [Image.new("L", ink.size)] * 3 + [ink])
    frames = encoded(clear, "WEBP", lossless=True, save_all=True, append_images=[picture("Two").convert("RGBA")])
    document = read(tmp_path, "a.webp", frames, ocr)
    assert words(document.text) == WORDS
    assert facts(document) == ["not in the text: frames of a moving picture (1)"]


def test_a_picture_that_is_too_large_or_blank_is_rejected_with_the_reason(tmp_path: Path, ocr: Ocr) -> None:
    strict = Ocr(limits=OcrLimits(file_pixels=100_000))
    with pytest.raises(RejectedError, match="page 1: 182,000 pixels; at most 100,000: a bomb"):
        read(tmp_path, "a.png", encoded(picture(*LINES)), strict)
    strict.close()
    with pytest.raises(RejectedError, match=r"no text on 1 of 1 pages, by OCR .* neither"):
        read(tmp_path, "a.png", encoded(picture()), ocr)


def test_a_page_that_takes_too_long_is_told_and_further_pages_are_counted(tmp_path: Path, ocr: Ocr) -> None:
    hasty = Ocr(limits=OcrLimits(page_seconds=0.001))
    with pytest.raises(RejectedError, match=r"no text on 1 of 1 pages: OCR failed on 1 of them \(page 1: more than"):
        read(tmp_path, "a.png", encoded(picture(*LINES * 2, size=(700, 400))), hasty)
    (tmp_path / "a.png").unlink()
    few = Ocr(limits=OcrLimits(pages=1))
    document = read(tmp_path, "a.pdf", scan(picture(LINES[0]), picture(LINES[1])), few)
    assert "not read by OCR: 1 further pages of the file" in facts(document) and words(document.text) == words(LINES[0])
    hasty.close()
    few.close()


def test_a_call_that_fails_costs_the_page_that_made_it_fail(tmp_path: Path, ocr: Ocr) -> None:
    narrow = Ocr(limits=OcrLimits(memory_bytes=1))
    found = narrow._read(scan(picture(LINES[0]), picture(LINES[1])), "application/pdf", [1, 2])
    assert found.keys() == {1, 2} and all("memory" in page.fault for page in found.values())
    narrow.close()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_an_encrypted_scan_is_read_with_its_password(tmp_path: Path, ocr: Ocr, algorithm: str) -> None:
    writer, stream = PdfWriter(io.BytesIO(scan("Ferries", picture(*LINES)))), io.BytesIO()
    writer.encrypt(user_password="Pfänder-7", owner_password="owner", algorithm=algorithm)
    writer.write(stream)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.pdf").write_bytes(stream.getvalue())
    (tmp_path / "passwords").write_text("another\nPfänder-7\n", encoding="utf-8")
    loader = FolderLoader([tmp_path / "documents"], ocr=ocr, passwords=tmp_path / "passwords")
    (file,) = loader.scan().files
    assert words(loader.read(file).text.split("\f")[1]) == WORDS


def test_a_photo_without_words_is_read_once(tmp_path: Path, ocr: Ocr, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The ferry sails at noon.", encoding="utf-8")
    (tmp_path / "documents" / "photo.png").write_bytes(encoded(picture()))
    (tmp_path / "pipeline.yaml").write_text(fakes.PIPELINE, encoding="utf-8")
    tried: list[str] = []
    completed = Ocr.completed

    def counted(self: Ocr, extracted: Extracted, media_type: str, *rest: Any) -> Extracted:
        tried.append(media_type)
        return completed(self, extracted, media_type, *rest)

    monkeypatch.setattr(Ocr, "completed", counted)
    for _ in range(3):
        report = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[fakes.WORDS, fakes.ECHO]).index()
        (status,) = (each for each in report.statuses if each.status == "rejected")
        assert (status.source, status.reason.startswith("no text on 1 of 1 pages, by OCR")) == ("photo.png", True)
    assert tried == [IMAGE]
    (tmp_path / "documents" / "photo.png").write_bytes(encoded(picture(*LINES)))
    report = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[fakes.WORDS, fakes.ECHO]).index()
    assert (report.count("indexed"), report.count("rejected")) == (1, 0)


def test_a_picture_of_too_many_pages_is_refused_before_they_are_counted() -> None:
    assert images.extract(tiff_of_pages(300), Limits(pages=300), ocr="engine/1").page_starts == tuple(range(300))
    begun = time.monotonic()
    with pytest.raises(RejectedError, match="too long: more than 300 pages"):
        images.extract(tiff_of_pages(100_000), Limits(pages=300), ocr="engine/1")
    assert time.monotonic() - begun < 5, "to count them takes half a minute"


def test_damaged_pictures_are_read_or_rejected(tmp_path: Path, ocr: Ocr) -> None:
    random_ = random.Random(5)
    whole = [encoded(picture("Tern", size=(120, 80)), kind) for kind in ("PNG", "JPEG", "TIFF", "GIF")]
    began = time.monotonic()
    for trial in range(24):
        data = bytearray(whole[trial % len(whole)])
        for _ in range(random_.randint(1, 6)):
            at = random_.randrange(len(data))
            data[at : at + random_.randint(0, 3)] = random_.randbytes(random_.randint(0, 3))
        name = f"{trial}.png"
        folder = tmp_path / str(trial)
        folder.mkdir()
        try:
            assert read(folder, name, bytes(data), ocr).text.strip()
        except RejectedError as error:
            assert str(error)
    assert time.monotonic() - began < 60


def test_languages_without_data_are_named_or_left_to_an_engine_that_needs_none(ocr: Ocr) -> None:
    strange = Ocr(languages=["xyz"])
    assert strange.engine.startswith("rapidocr/") or "xyz" in strange.advice
    strange.close()
