"""questions.jsonl: questions about the pipeline's own documents, in ragqa's own form."""

from __future__ import annotations

from pathlib import Path

from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Evidence, Question
from ragqa.evaluate.datasets.rows import Row, read_lines

_KEYS = ("id", "question", "answers", "answerable", "evidence", "group")


def read(path: Path, name: str) -> Dataset:
    """Return the questions of a file, over the documents of the pipeline that is evaluated."""
    return Dataset(name, tuple(read_questions(path)))


def read_questions(path: Path, *, quotes: bool = True) -> list[Question]:
    """Return the questions of a JSON Lines file, in order; blank lines are passed over.

    A line is `{id, question, answers: [...], answerable, evidence: [{source, text, page?, start?, end?}], group?}`;
    `answerable` is true and `evidence` is empty unless given.

    :param quotes: evidence must have a `text`; otherwise it is empty where it is not given.
    :raises UsageError: the file cannot be read, holds no question, or has a bad line (named as `file:line`).
    """
    questions: dict[str, Question] = {}
    for row in read_lines(path):
        question = _question(row, quotes)
        if question.id in questions:
            raise row.fault("id", "stands on an earlier line too; ids must be unique")
        questions[question.id] = question
    if not questions:
        raise UsageError(f"{path}: no questions; write one JSON object a line: {{id, question, answers, evidence}}")
    return list(questions.values())


def _question(row: Row, quotes: bool) -> Question:
    answerable = row.flag("answerable", default=True)
    answers = row.strings("answers")
    if not all(answer.strip() for answer in answers):
        raise row.fault("answers", "must hold texts, none of them empty")
    if answerable != bool(answers):
        wanted = "give at least one answer" if answerable else "leave it empty where answerable is false"
        raise row.fault("answers", f"got {len(answers)}; {wanted}")
    return Question(
        row.text("id"),
        row.text("question"),
        answers,
        answerable,
        tuple(_evidence(evidence, quotes) for evidence in row.rows("evidence", default=[])),
        group=row.text("group", default=""),
        metadata={key: value for key, value in row.values.items() if key not in _KEYS},
    )


def _evidence(row: Row, quotes: bool) -> Evidence:
    page, start, end = (row.number(key, default=None) for key in ("page", "start", "end"))
    if (start is None) != (end is None):
        raise row.fault("start", "give both or neither of start and end")
    text = row.text("text") if quotes else row.text("text", default="")
    return Evidence(row.text("source"), text, page, start, end)
