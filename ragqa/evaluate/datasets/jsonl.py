"""questions.jsonl: questions about the pipeline's own documents, in ragqa's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.evaluate.dataset import ANSWERABILITIES, Answerability, Dataset, Evidence, Question, Turn
from ragqa.evaluate.datasets.rows import Row, read_lines

_KEYS = ("id", "question", "answers", "answerable", "evidence", "group", "history", "type", "answerability")


def read(path: Path, name: str) -> Dataset:
    """Return the questions of a file, over the documents of the pipeline that is evaluated."""
    return Dataset(name, tuple(read_questions(path)))


def read_questions(path: AnyPath, *, pages: bool = False) -> list[Question]:
    """Return the questions of a JSON Lines file, in order; blank lines are skipped.

    A line is `{question, answers: [...], id?, evidence?: [{source, text, page?, start?, end?}], group?, type?,
    history?: [[question, answer], ...], answerability?}`, or `{question, answerable: false}` where the documents do not
    answer it. The default id is the question's text. `type` is a text or a list of them.

    :param pages: evidence must have a `page` from 1; the default of its `text` is empty.
    :raises UsageError: the file cannot be read, has no question, or has a faulty line (reported as `file:line`).
    """
    questions: dict[str, Question] = {}
    places: dict[str, str] = {}
    for row in read_lines(arguments.path(path)):
        question = _question(row, pages)
        if question.id in questions:
            key, what = ("id", "is the id") if "id" in row.values else ("question", "is the question, or the id,")
            raise row.fault(key, f"{what} of {places[question.id]} too; ids must be unique")
        questions[question.id], places[question.id] = question, row.file
    if not questions:
        raise UsageError(f"{path}: no questions; write one JSON object a line: {{question, answers, evidence}}")
    return list(questions.values())


def _question(row: Row, pages: bool) -> Question:
    text, answerable = row.text("question"), row.flag("answerable", default=True)
    return Question(
        row.text("id", default=text),
        text,
        _answers(row, answerable),
        answerable,
        tuple(_evidence(evidence, pages) for evidence in row.rows("evidence", default=[])),
        group=row.text("group", default=""),
        metadata={key: value for key, value in row.values.items() if key not in _KEYS},
        history=_history(row),
        types=(row.text("type"),) if isinstance(row.values.get("type"), str) else row.strings("type", default=()),
        answerability=_answerability(row, answerable),
    )


def _history(row: Row) -> tuple[Turn, ...]:
    if row.values.get("history") is None:
        return ()
    turns = row.pairs("history", str, "[question, answer]")
    if not all(text.strip() for turn in turns for text in turn):
        raise row.fault("history", "must hold texts, none of them empty")
    return tuple(turns)


def _answerability(row: Row, answerable: bool) -> Answerability | Literal[""]:
    """Return the label of a line; empty where it has none, so that it follows from `answerable`."""
    if row.values.get("answerability") is None:
        return ""
    of_kind = ANSWERABILITIES[:2] if answerable else ANSWERABILITIES[2:]
    found = next((label for label in of_kind if label == row.text("answerability")), None)
    if found is None:
        raise row.fault(
            "answerability", f"must be {' or '.join(of_kind)} where answerable is {str(answerable).lower()}"
        )
    return found


def _answers(row: Row, answerable: bool) -> tuple[str, ...]:
    answers = row.strings("answers", default=())
    if not all(answer.strip() for answer in answers):
        raise row.fault("answers", "must hold texts, none of them empty")
    if answerable and not answers:
        fault = "is empty" if row.values.get("answers") is not None else "is missing"
        advice = 'or "answerable": false where the documents do not answer the question'
        raise row.fault("answers", f"{fault}; give at least one answer in a list, {advice}")
    if answers and not answerable:
        raise row.fault("answers", f"got {len(answers)}; leave them out where answerable is false")
    return answers


def _evidence(row: Row, pages: bool) -> Evidence:
    page, start, end = (row.number(key, default=None) for key in ("page", "start", "end"))
    if (start is None) != (end is None):
        raise row.fault("start", "give both or neither of start and end")
    if pages and (page is None or page < 1):
        raise row.fault("page", f"{'is missing' if page is None else f'got {page}'}; must be a whole number from 1")
    text = row.text("text", default="") if pages else row.text("text")
    return Evidence(row.text("source"), text, page, start, end)
