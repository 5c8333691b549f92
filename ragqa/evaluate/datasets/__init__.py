"""Public datasets in their official files -> `Dataset`; one module for each family.

What is left out or altered is counted in `Dataset.note`. A fault in a file is an error with its position.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.config import did_you_mean
from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets import beir, jsonl, multihop, pages, pubmedqa, squad
from ragqa.evaluate.datasets.jsonl import read_questions
from ragqa.evaluate.datasets.notes import sentence
from ragqa.evaluate.metrics import normalize

__all__ = ["KINDS", "Kind", "read_dataset", "read_questions"]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of dataset is read, from a path and with a name, and what has to be at the path."""

    read: Callable[[Path, str], Dataset]
    layout: str


KINDS = {
    "jsonl": Kind(
        jsonl.read, "a file with one object a line: {question, answers, evidence}, or {question, answerable: false}"
    ),
    "squad": Kind(squad.read, "an official JSON file of SQuAD 1.1 or 2.0: {data: [{title, paragraphs}]}"),
    "beir": Kind(beir.read, "a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv"),
    "hotpotqa": Kind(multihop.hotpotqa, "a JSON list of {_id, question, answer, supporting_facts, context}"),
    "musique": Kind(multihop.musique, "a JSON list or JSON lines of {id, question, answer, paragraphs}"),
    "pubmedqa": Kind(pubmedqa.read, "ori_pqal.json or its folder, with test_ground_truth.json for the splits"),
    "pages": Kind(pages.read, "a folder of PDFs with ground_truth.jsonl or questions.jsonl that cite pages"),
}


def read_dataset(name: AnyPath) -> Dataset:
    """Read a dataset by its name, `KIND:PATH`; the kinds and what each has to find at its path are in `KINDS`.

    :raises UsageError: an unknown kind, no such path, a file that is not of the kind, no questions, an id or a source
        that stands for two.
    """
    given = os.fspath(name) if isinstance(name, os.PathLike) else name
    kind, colon, place = arguments.text(
        given, "dataset", "a string KIND:PATH such as 'jsonl:questions.jsonl'"
    ).partition(":")
    if kind not in KINDS:
        hint = (
            f"; a path needs its kind before it, such as jsonl:{name}"
            if Path(os.path.expanduser(name)).exists()
            else ""
        )
        raise UsageError(f"dataset {name!r}: unknown kind {kind!r}{hint}; {did_you_mean(kind, list(KINDS))}")
    layout = f"{kind} reads {KINDS[kind].layout}"
    if not colon or not place:
        raise UsageError(f"dataset {name!r}: no path; write {kind}:PATH, where {layout}")
    path = arguments.path(place, "dataset")
    if not os.path.exists(path):
        raise UsageError(f"dataset {name!r}: path not found: {path}; {layout}")
    try:
        dataset = KINDS[kind].read(path, f"{kind}:{path.resolve().name}")
        _check_unique(path, "question ids", [question.id for question in dataset.questions])
        _check_unique(path, "sources of documents", [document.source for document in dataset.documents])
        if not dataset.questions:
            raise UsageError(f"{path}: no questions")
    except UsageError as error:
        raise UsageError(f"{error}; {layout}") from None
    return replace(dataset, note="; ".join(filter(None, [dataset.note, _note_on_answers(dataset.questions)])))


def _note_on_answers(questions: Sequence[Question]) -> str:
    """Return how many questions have answers that exact match and F1 take for none, as the script of SQuAD does."""
    blank = sum(bool(one.answers) and not any(map(normalize, one.answers)) for one in questions)
    what = "questions whose answers are articles or punctuation alone, which exact match and F1 take for no answer"
    return sentence({what: blank})


def _check_unique(path: Path, what: str, names: Sequence[str]) -> None:
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        first = [number for number, name in enumerate(names, start=1) if name == twice[0]]
        raise UsageError(
            f"{path}: {len(twice):,} {what} stand more than once, the first as numbers {first[0]} and {first[1]}; "
            "make them unique"
        )
