"""The sample corpus: its size and formats, its questions with their evidence, and that its sources build it."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest

from ragqa.load import FolderLoader
from ragqa.records import Document

CORPUS = Path(__file__).parent.parent / "corpora" / "tarnwick"
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (CORPUS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def documents() -> Mapping[str, Document]:
    loader = FolderLoader([CORPUS / "documents"])
    try:
        scan = loader.scan()
        assert scan.others == ()
        return {file.source: loader.read(file) for file in scan.files}
    finally:
        loader.close()


def test_it_has_forty_documents_and_120_kb_in_every_format(documents: Mapping[str, Document]) -> None:
    suffixes = Counter(PurePath(source).suffix for source in documents)
    assert sum(suffixes.values()) >= 40
    assert all(suffixes[suffix] >= 4 for suffix in (".md", ".html", ".pdf", ".docx", ".csv"))
    assert sum(len(document.text.encode()) for document in documents.values()) >= 120_000


def test_its_pdfs_have_several_pages(documents: Mapping[str, Document]) -> None:
    assert all(len(d.page_starts) >= 3 for d in documents.values() if d.media_type == "application/pdf")


def test_it_has_questions_of_every_kind() -> None:
    assert len({question["id"] for question in QUESTIONS}) == len({q["question"] for q in QUESTIONS}) == len(QUESTIONS)
    assert len(QUESTIONS) >= 120
    assert sum(not question["answerable"] for question in QUESTIONS) >= 25
    assert sum(len({evidence["source"] for evidence in question["evidence"]}) > 1 for question in QUESTIONS) >= 25
    assert {question["split"] for question in QUESTIONS} == {"dev", "test"}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_evidence_stands_in_its_document(question: dict[str, Any], documents: Mapping[str, Document]) -> None:
    assert question["answerable"] == bool(question["answers"]) == bool(question["evidence"])
    for evidence in question["evidence"]:
        document = documents[evidence["source"]]
        if "start" in evidence:
            assert document.text[evidence["start"] : evidence["end"]] == evidence["text"]
        else:
            assert document.text.count(evidence["text"]) == 1
        start = evidence.get("start", document.text.find(evidence["text"]))
        assert evidence.get("page") == document.page_of(start)


def test_pdf_and_docx_are_built_from_their_sources(tmp_path: Path, documents: Mapping[str, Document]) -> None:
    spec = importlib.util.spec_from_file_location("build", CORPUS / "build.py")
    assert spec and spec.loader
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    for folder, suffix, make in (("reports", "pdf", build.pdf), ("office", "docx", build.word)):
        for source in (CORPUS / "sources" / suffix).glob("*.md"):
            data = make(source)
            assert data == make(source)  # no time or path of the building in it
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{source.stem}.{suffix}").write_bytes(data)
    loader = FolderLoader([tmp_path])
    built = {file.source: loader.read(file) for file in loader.scan().files}
    loader.close()
    assert {source for source in documents if source.startswith(("reports/", "office/"))} == set(built)
    assert all(document.text == documents[source].text for source, document in built.items())
