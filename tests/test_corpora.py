"""The sample corpus: its size and formats, its two files of questions, and that its sources build it."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest

from ragqa.evaluate.datasets.jsonl import read_questions
from ragqa.load import FolderLoader
from ragqa.records import Document

CORPUS = Path(__file__).parent.parent / "corpora" / "tarnwick"
KINDS = {
    "how": 25,
    "why": 15,
    "list": 20,
    "compare": 15,
    "yes_no": 20,
    "summary": 15,
    "follow_up": 15,
    "fact": 10,
    "absent": 15,
}
"""How many questions of each kind people.jsonl has."""


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


QUESTIONS = _rows("questions.jsonl")
PEOPLE = _rows("people.jsonl")


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


def test_what_people_ask_has_the_stated_kinds_in_both_splits() -> None:
    """The counts are those of the corpus's README."""
    assert Counter(question["type"] for question in PEOPLE) == KINDS
    for kind, number in KINDS.items():
        dev = sum(question["split"] == "dev" for question in PEOPLE if question["type"] == kind)
        test = sum(question["split"] == "test" for question in PEOPLE if question["type"] == kind)
        assert (dev + test, abs(dev - test) <= 1) == (number, True)


def test_what_people_ask_has_ids_and_questions_of_its_own() -> None:
    ids = [question["id"] for question in QUESTIONS + PEOPLE]
    assert len(set(ids)) == len(ids)
    asked = [json.dumps([question["question"].lower(), question.get("history")]) for question in QUESTIONS + PEOPLE]
    assert len(set(asked)) == len(asked)


def test_what_people_ask_is_read_by_the_reader_of_datasets() -> None:
    assert [question.id for question in read_questions(CORPUS / "people.jsonl")] == [row["id"] for row in PEOPLE]


@pytest.mark.parametrize("question", PEOPLE, ids=lambda question: question["id"])
def test_only_a_follow_up_has_a_history_and_only_an_absent_one_no_evidence(question: dict[str, Any]) -> None:
    assert ("history" in question) == (question["type"] == "follow_up")
    assert all(len(turn) == 2 and all(turn) for turn in question.get("history", []))
    assert question["answerable"] == bool(question["evidence"]) == (question["type"] != "absent")
    if question["type"] == "yes_no":
        assert question["answers"][0].startswith(("Yes", "No"))


def test_what_people_ask_in_dev_is_not_asked_in_test(documents: Mapping[str, Document]) -> None:
    """No evidence of a question of dev overlaps that of one of test, in either file."""
    dev = [_span(e, documents) for question in PEOPLE if question["split"] == "dev" for e in question["evidence"]]
    test = [
        _span(e, documents)
        for question in PEOPLE + QUESTIONS
        if question["split"] == "test"
        for e in question["evidence"]
    ]
    assert len(dev) >= 100 and len(test) >= 100
    assert not [(a, b) for a in dev for b in test if a[0] == b[0] and a[1] < b[2] and b[1] < a[2]]


def test_what_people_ask_needs_every_document(documents: Mapping[str, Document]) -> None:
    assert {evidence["source"] for question in PEOPLE for evidence in question["evidence"]} == set(documents)


def _span(evidence: dict[str, Any], documents: Mapping[str, Document]) -> tuple[str, int, int]:
    start = evidence.get("start", documents[evidence["source"]].text.find(evidence["text"]))
    return evidence["source"], start, start + len(evidence["text"])


@pytest.mark.parametrize("question", QUESTIONS + PEOPLE, ids=lambda question: question["id"])
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
