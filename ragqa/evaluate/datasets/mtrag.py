"""MT-RAG: conversations up to their last turns, which are asked; the passages of all of them are the documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ragqa.evaluate.dataset import ANSWERABILITIES, Answerability, Dataset, Question, Turn
from ragqa.evaluate.datasets.notes import sentence
from ragqa.evaluate.datasets.rows import Row, read_lines
from ragqa.load import text_document
from ragqa.records import Document

_EQUAL = "passages with the text of another one, taken for that one"
_ANSWERED = ("answerable", "partial")
_SPEAKERS = ("user", "agent")


class _Pool:
    """The gold passages of all lines: one document for each text, whose source is the passage's id."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._by_text: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def add(self, passage: Row, notes: Counter[str]) -> str:
        """Add a passage unless the pool has its text; return the source of its document."""
        id, text = passage.text("document_id"), passage.text("text")
        if self._ids.setdefault(id, text) != text:
            raise passage.fault("document_id", "is that of a passage with another text; ids must be unique")
        source = self._by_text.setdefault(text, id)
        if source not in self.documents:
            self.documents[source] = text_document(source, text, passage.string("title", default=""))
        notes[_EQUAL] += source != id
        return source


def read(path: Path, name: str) -> Dataset:
    """Return the last turns of a file of conversations (Katsis et al. 2025, https://arxiv.org/abs/2501.03468).

    The turns before are the `history`. The gold passages of the line are relevant, and the documents are those of all
    lines. The reference answer of an unanswerable or underspecified question is a refusal, so that it has no gold
    answer; its passages, if any, are what it is about. Odd lines, counted from 1, have the split `tune`, even ones
    `report`.
    """
    pool, notes = _Pool(), Counter[str]()
    questions = [_question(row, number, pool, notes) for number, row in enumerate(read_lines(path), start=1)]
    return Dataset(name, tuple(questions), tuple(pool.documents.values()), unit="document", note=sentence(notes))


def _question(row: Row, number: int, pool: _Pool, notes: Counter[str]) -> Question:
    history, question = _turns(row)
    answerability = _answerability(row)
    answers = [target.text("text") for target in row.rows("targets")] if answerability in _ANSWERED else []
    sources = [pool.add(passage, notes) for passage in row.rows("contexts")]
    if answerability in _ANSWERED and not (answers and sources):
        key = "contexts" if answers else "targets"
        raise row.fault(key, f"is empty; give at least one where the question is {answerability}")
    split = "tune" if number % 2 else "report"
    labels = {"turn": "Multi-Turn", "collection": "Collection"}
    return Question(
        row.text("task_id"),
        question,
        tuple(dict.fromkeys(answer.strip() for answer in answers)),
        answerability in _ANSWERED,
        relevant=dict.fromkeys(sources, 1),
        group=row.text("conversation_id", default=""),
        metadata={"split": split, **{key: row.values[label] for key, label in labels.items() if label in row.values}},
        history=history,
        types=row.strings("Question Type", default=()),
        answerability=answerability,
    )


def _turns(row: Row) -> tuple[tuple[Turn, ...], str]:
    """Return the pairs of question and answer before the last turn, and the question of the last turn."""
    turns: Sequence[Row] = row.rows("input")
    for place, turn in enumerate(turns):
        if (speaker := turn.text("speaker")) != (wanted := _SPEAKERS[place % 2]):
            raise turn.fault("speaker", f"got {speaker!r}; must be {wanted!r}: user and agent speak in turn")
    if len(turns) % 2 == 0:
        raise row.fault("input", f"has {len(turns)} turns; it must end with one of the user")
    texts = [turn.text("text").strip() for turn in turns]
    return tuple(zip(texts[:-1:2], texts[1::2], strict=True)), texts[-1]


def _answerability(row: Row) -> Answerability:
    named = [label.lower() for label in row.strings("answerability")]
    found = next((label for label in ANSWERABILITIES if named == [label]), None)
    if found is None:
        raise row.fault("answerability", f"must be a list with one of {', '.join(map(str.upper, ANSWERABILITIES))}")
    return found
