"""Files are read again only where another reading may give something else."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa import Pipeline
from ragqa.errors import NoTextError
from ragqa.load.formats import PDF
from ragqa.pipeline.ingest.provenance import Refusal
from ragqa.records import Document, Scan, SourceFile
from tests.fakes import ECHO, PIPELINE, WORDS


class Engine:
    """A `Loader` of a folder whose reader of PDF files has an engine for OCR, which finds no text in photos."""

    def __init__(self, loader: Any, engine: str) -> None:
        self._loader, self._engine = loader, engine
        self.read_files: list[str] = []

    def scan(self) -> Scan:
        scan: Scan = self._loader.scan()
        return scan

    def extractor(self, media_type: str) -> str:
        plain = str(self._loader.extractor(media_type))
        return f"{plain} ocr={self._engine}" if self._engine and media_type == PDF else plain

    def read(self, file: SourceFile) -> Document:
        self.read_files.append(file.source)
        if "photo" in file.source:
            raise NoTextError("no text on 1 of 1 pages")
        document: Document = self._loader.read(file)
        return replace(document, extractor=self.extractor(file.media_type))


def pdf(*pages: str) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for page in pages:
        canvas.drawString(72, 700, page)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "notes.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    (documents / "whole.pdf").write_bytes(pdf("The ferry carries forty passengers.", "It has twelve cars."))
    (documents / "mixed.pdf").write_bytes(pdf("The crane is new.", ""))
    (documents / "photo.pdf").write_bytes(pdf("What the engine does not see."))
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def run(folder: Path, engine: str) -> tuple[list[str], dict[str, str]]:
    """Index a folder; return the files that were read, and the reasons of those that were rejected."""
    pipe = Pipeline.from_file(folder / "pipeline.yaml", ["load.ocr=off"], kinds=[WORDS, ECHO])
    loader = Engine(pipe.components.loader, engine)
    pipe.components.replace(loader=loader)
    report = pipe.index()
    return sorted(loader.read_files), {each.source: each.reason for each in report.statuses if each.reason}


def test_a_file_without_text_is_read_again_when_its_bytes_or_its_reader_change_and_is_told_in_every_run(
    folder: Path,
) -> None:
    told = {"photo.pdf": "no text on 1 of 1 pages"}
    assert run(folder, "engine/1") == (["mixed.pdf", "notes.txt", "photo.pdf", "whole.pdf"], told)
    assert run(folder, "engine/1") == ([], told)
    (folder / "documents" / "notes.txt").write_text("The ferry leaves at one.", encoding="utf-8")
    assert run(folder, "engine/1") == (["notes.txt"], told)
    (folder / "documents" / "photo.pdf").write_bytes(pdf("Another photo."))
    assert run(folder, "engine/1") == (["photo.pdf"], told)
    assert run(folder, "engine/2")[0] == ["mixed.pdf", "photo.pdf"]
    (folder / "documents" / "photo.pdf").unlink()
    assert run(folder, "engine/2") == ([], {})


def test_a_file_without_text_is_a_change_once_another_engine_reads_it(folder: Path) -> None:
    run(folder, "engine/1")
    pipe = Pipeline.from_file(folder / "pipeline.yaml", ["load.ocr=off"], kinds=[WORDS, ECHO])
    pipe.components.replace(loader=Engine(pipe.components.loader, "engine/2"))
    changed = {planned.file.source: planned.reason for planned in pipe.changes().changed}
    assert changed.keys() == {"mixed.pdf", "photo.pdf"}
    assert "engine/1, is now read by pdf" in changed["photo.pdf"]


def test_a_preview_tells_of_a_file_without_text_and_does_not_read_it(folder: Path) -> None:
    run(folder, "")
    pipe = Pipeline.from_file(folder / "pipeline.yaml", ["load.ocr=off"], kinds=[WORDS, ECHO])
    loader = Engine(pipe.components.loader, "")
    pipe.components.replace(loader=loader)
    preview = pipe.plan()
    assert [entry.source for entry in preview.rejected] == ["photo.pdf"] and not loader.read_files


def test_ocr_that_is_switched_on_or_off_reads_only_files_with_pages_that_lack_text(folder: Path) -> None:
    run(folder, "")
    assert run(folder, "engine/1")[0] == ["mixed.pdf", "photo.pdf"]
    assert run(folder, "engine/1")[0] == []
    assert run(folder, "")[0] == ["mixed.pdf", "photo.pdf"]


def test_what_an_older_version_noted_of_a_file_is_understood() -> None:
    assert Refusal.from_noted(("abc", "damaged")) == Refusal("abc", "", "damaged")
    for final in (True, False):
        known = Refusal("abc", "pdf/3 pypdf/6 ocr=engine/1", "no text", final)
        assert Refusal.from_noted(known.noted()) == known
