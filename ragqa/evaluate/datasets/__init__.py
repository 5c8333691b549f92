"""Public datasets in their official files -> `Dataset`; one module for each family.

A kind of dataset is a function `read(path, name)`, and a sentence that describes the files at the path. `KINDS` has the
built-in kinds. `checked` checks the datasets of all kinds, also of your own. `Dataset.note` counts the items that were
left out or altered. A fault in a file is an error with its position.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.config import did_you_mean
from ragqa.errors import UsageError
from ragqa.records.shown import cut

if TYPE_CHECKING:
    from ragqa.evaluate.dataset import Dataset, Question

NAMED = 3
"""The number of questions that a note names."""

__all__ = ["KINDS", "DatasetKind", "checked", "read_dataset", "read_kind"]


@dataclass(frozen=True, slots=True)
class DatasetKind:
    """A kind of dataset: the function that reads it, as `module:function` of this package, and a description of its files.

    The function is named, not imported, so that a module is loaded when a dataset of its kind is read.
    """

    function: str
    layout: str

    def read(self, path: Path, name: str) -> Dataset:
        """Return the dataset at a path.

        :raises UsageError: a file is missing, or is not of this kind.
        """
        module, _, function = self.function.partition(":")
        read: Callable[[Path, str], Dataset] = getattr(import_module(f"{__name__}.{module}"), function)
        return read(path, name)


KINDS = {
    "jsonl": DatasetKind(
        "jsonl:read",
        "a file with one object a line: {question, answers, evidence}, or {question, answerable: false}",
    ),
    "squad": DatasetKind("squad:read", "an official JSON file of SQuAD 1.1 or 2.0: {data: [{title, paragraphs}]}"),
    "beir": DatasetKind("beir:read", "a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv"),
    "hotpotqa": DatasetKind(
        "multihop:read_hotpotqa", "a JSON list of {_id, question, answer, supporting_facts, context}"
    ),
    "musique": DatasetKind("multihop:read_musique", "a JSON list or JSON lines of {id, question, answer, paragraphs}"),
    "pubmedqa": DatasetKind("pubmedqa:read", "ori_pqal.json or its folder, with test_ground_truth.json for the splits"),
    "mtrag": DatasetKind(
        "mtrag:read", "MT-RAG's JSON lines of {task_id, input, contexts, targets, answerability}, each a conversation"
    ),
    "pages": DatasetKind("pages:read", "a folder of PDFs with ground_truth.jsonl or questions.jsonl that cite pages"),
}
"""The built-in kinds by their names."""


def read_dataset(name: AnyPath) -> Dataset:
    """Read a dataset by its name, `KIND:PATH`; `KINDS` has the kinds and describes the files of each.

    :raises UsageError: the kind is unknown, there is no path, or an error of `read_kind`.
    """
    return read_kind(*parse_name(name, list(KINDS)))


def parse_name(name: AnyPath, kinds: Sequence[str]) -> tuple[str, str]:
    """Return kind and path of a name `KIND:PATH`.

    :param kinds: the names of all kinds.
    :raises UsageError: the kind is unknown, or there is no path.
    """
    given = os.fspath(name) if isinstance(name, os.PathLike) else name
    kind, colon, place = arguments.text(
        given, "dataset", "a string KIND:PATH such as 'jsonl:questions.jsonl'"
    ).partition(":")
    if kind not in kinds:
        hint = (
            f"; a path needs its kind before it, such as jsonl:{name}"
            if Path(os.path.expanduser(name)).exists()
            else ""
        )
        raise UsageError(f"dataset {name!r}: unknown kind {kind!r}{hint}; {did_you_mean(kind, kinds)}")
    if not colon or not place:
        layout = f", where {kind} reads {KINDS[kind].layout}" if kind in KINDS else ""
        raise UsageError(f"dataset {name!r}: no path; write {kind}:PATH{layout}")
    return kind, place


def read_kind(kind: str, path: AnyPath) -> Dataset:
    """Read the dataset of a kind of `KINDS` at a path, and check it by `checked`.

    :raises UsageError: there is no such path, a file is not of the kind, or an error of `checked`.
    """
    place, reader = arguments.path(path, "dataset"), KINDS[kind]
    layout = f"{kind} reads {reader.layout}"
    if not os.path.exists(place):
        raise UsageError(f"dataset {f'{kind}:{path}'!r}: path not found: {place}; {layout}")
    try:
        dataset = reader.read(place, f"{kind}:{place.resolve().name}")
    except UsageError as error:
        raise UsageError(f"{error}; {layout}") from None
    return checked(dataset, place, layout)


def checked(dataset: Dataset, path: Path, layout: str = "") -> Dataset:
    """Check the rules for datasets of all kinds; return the dataset with a note on answers that lose their meaning.

    :param path: the path that it was read from, for errors.
    :param layout: a description of a file of this kind, for errors.
    :raises UsageError: there are no questions, or an id or a source is not unique.
    """
    try:
        _check_unique(path, "question ids", [question.id for question in dataset.questions])
        _check_unique(path, "sources of documents", [document.source for document in dataset.documents])
        if not dataset.questions:
            raise UsageError(f"{path}: no questions")
    except UsageError as error:
        raise UsageError(f"{error}; {layout}" if layout else str(error)) from None
    note = _note_on_answers(dataset.questions)
    notes = [dataset.note] if note in dataset.note else [dataset.note, note]
    return replace(dataset, note="; ".join(filter(None, notes)))


def _note_on_answers(questions: Sequence[Question]) -> str:
    """Return a note with the number of questions whose answers lose something in SQuAD's normalisation, and the first."""
    from ragqa.evaluate.datasets.notes import sentence
    from ragqa.evaluate.metrics import loses_meaning

    lossy = [question.id for question in questions if any(map(loses_meaning, question.answers))]
    named = ", ".join(map(cut, lossy[:NAMED]))
    what = (
        "questions whose answers lose a sign, a point, another mark or the name A in SQuAD's normalisation, which "
        f"exact_match and f1 use; see exact_match_strict and f1_strict (first: {named})"
    )
    return sentence({what: len(lossy)})


def _check_unique(path: Path, what: str, names: Sequence[str]) -> None:
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        first = [number for number, name in enumerate(names, start=1) if name == twice[0]]
        raise UsageError(
            f"{path}: {len(twice):,} {what} stand more than once, the first as numbers {first[0]} and {first[1]}; "
            "make them unique"
        )
