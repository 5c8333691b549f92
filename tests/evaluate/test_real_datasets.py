"""The public datasets as they are distributed, read whole: their numbers are known."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from ragqa.evaluate import Dataset, read_dataset, select
from ragqa.evaluate.metrics.support import support
from tests import ROOT

DATA = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
real = pytest.mark.skipif(not (DATA / "squad").is_dir(), reason="RAGQA_DATA names no folder with the public datasets")


@real
@pytest.mark.parametrize(
    ("name", "questions", "answerable", "documents", "splits", "groups"),
    [
        ("squad:squad/dev-v1.1.json", 10565, 10565, 2067, {"tune": 4805, "report": 5760}, 48),
        ("squad:squad/dev-v2.0-half.json", 6078, 2910, 646, {"tune": 3017, "report": 3061}, 16),
        ("beir:scifact", 1109, 1109, 5183, {"test": 300, "train": 809}, 585),
        ("hotpotqa:multihop/hotpotqa_train.json", 100, 100, 994, {"tune": 50, "report": 50}, 100),
        ("musique:multihop/musique_train.json", 100, 100, 1890, {"tune": 50, "report": 50}, 100),
        ("pubmedqa:pubmedqa", 1000, 1000, 1000, {"test": 500, "train": 500}, 1000),
        ("mtrag:mtrag_un/reference.jsonl", 299, 188, 747, {"tune": 150, "report": 149}, 299),
        ("pages:benefits_pdf", 50, 50, 0, {}, 2),
    ],
)
def test_the_real_files_hold_what_is_known_of_them(
    name: str, questions: int, answerable: int, documents: int, splits: dict[str, int], groups: int
) -> None:
    kind, _, path = name.partition(":")
    dataset = read_dataset(f"{kind}:{DATA / path}")
    assert (len(dataset.questions), sum(q.answerable for q in dataset.questions)) == (questions, answerable)
    assert (len(dataset.documents), len({q.group for q in dataset.questions})) == (documents, groups)
    assert Counter(q.split for q in dataset.questions if q.split is not None) == splits
    sources = {document.source for document in dataset.documents}
    assert dataset.folder or all(q.relevant.keys() <= sources for q in dataset.questions)
    assert all(q.relevant or not q.answerable for q in dataset.questions)
    quotes(dataset)
    moved = "15 answers that stand one character beside their offset, moved there"
    notes = [
        each
        for each in dataset.note.split("; ")
        if each and "lose a sign" not in each and "exact_match_strict" not in each
    ]
    assert notes == ([moved] if path.endswith("v1.1.json") else [])


def quotes(dataset: Dataset) -> None:
    """Check that every piece of evidence equals the text at its offsets."""
    texts = {document.source: document.text for document in dataset.documents}
    for question in dataset.questions:
        for evidence in question.evidence:
            assert texts[evidence.source][evidence.start : evidence.end] == evidence.text


@real
def test_reference_answers_are_supported_by_their_own_passages_and_not_by_those_of_other_questions() -> None:
    dataset = read_dataset(f"mtrag:{DATA / 'mtrag_un/reference.jsonl'}")
    texts = {document.source: document.text for document in dataset.documents}
    asked = [one for one in select(dataset.questions, "tune") if one.answerability == "answerable"]
    passages = [[texts[source] for source in one.relevant] for one in asked]
    own = [support(one.answers[0], given) for one, given in zip(asked, passages, strict=True)]
    others = [support(one.answers[0], given) for one, given in zip(asked, passages[1:] + passages[:1], strict=True)]
    assert (len(own), round(mean(own), 2), round(mean(others), 2)) == (74, 0.88, 0.0)
