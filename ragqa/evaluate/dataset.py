"""questions.jsonl -> `Question`, and quotes -> exact spans of the documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragqa.errors import UsageError
from ragqa.evaluate.metrics import Span
from ragqa.records import Document

_KEYS = ("id", "question", "answers", "answerable", "evidence")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that supports an answer; `page` (1-based) or `start` and `end` say which one, where it stands twice."""

    source: str
    text: str
    page: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold answers, any of which is right; none where the documents do not answer it.

    `metadata` holds every other key of the line, `split` among them.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    answerable: bool = True
    evidence: tuple[Evidence, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_questions(path: Path) -> list[Question]:
    """Return the questions of a JSON Lines file, in order; blank lines are passed over.

    A line is `{id, question, answers: [...], answerable, evidence: [{source, text, page?, start?, end?}]}`;
    `answerable` is true and `evidence` is empty unless given.

    :raises UsageError: the file cannot be read, holds no question, or has a bad line (named as `file:line`).
    """
    questions: dict[str, Question] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            question = _question(_object(line))
            if question.id in questions:
                raise UsageError(f"id: {question.id!r} stands on an earlier line too; ids must be unique")
        except UsageError as error:
            raise UsageError(f"{path}:{number}: {error}") from None
        questions[question.id] = question
    if not questions:
        raise UsageError(f"{path}: no questions; write one JSON object a line: {{id, question, answers, evidence}}")
    return list(questions.values())


def select(questions: Sequence[Question], split: str | None = None, limit: int | None = None) -> list[Question]:
    """Return the first `limit` questions of a split, or of all.

    :raises UsageError: no question is of that split.
    """
    chosen = [q for q in questions if split is None or q.metadata.get("split") == split]
    if not chosen:
        splits = sorted({str(q.metadata["split"]) for q in questions if "split" in q.metadata})
        raise UsageError(f"no question has split {split!r}; there are: {', '.join(splits) or 'no splits'}")
    return chosen[:limit]


def resolve(
    questions: Sequence[Question], documents: Mapping[str, Document]
) -> tuple[dict[str, tuple[Span, ...]], list[str]]:
    """Return the gold spans of each answerable question by its id, and notes on quotes that stand more than once.

    White space of any kind and length matches any other, since extraction moves line breaks. A quote that stands more
    than once, and that neither page nor offsets tell apart, is taken to be the first.

    :param documents: by source; every source named in the evidence has to be there.
    :raises UsageError: quotes that do not stand where they should, all of them, one a line.
    """
    spans: dict[str, tuple[Span, ...]] = {}
    problems: list[str] = []
    notes: list[str] = []
    for question in questions:
        own = []
        for evidence in question.evidence if question.answerable else ():
            try:
                own.append(_locate(evidence, documents, f"question {question.id!r}", notes))
            except UsageError as error:
                problems.append(f"question {question.id!r}: {error}")
        spans[question.id] = tuple(dict.fromkeys(own))
    if problems:
        raise UsageError("\n".join(problems))
    return spans, notes


def _locate(evidence: Evidence, documents: Mapping[str, Document], where: str, notes: list[str]) -> Span:
    document = documents.get(evidence.source)
    if document is None:
        raise UsageError(f"source {evidence.source!r} is not in the index; see `ragqa plan` for the files that are")
    found = [match.span() for match in _pattern(evidence.text).finditer(document.text)]
    if evidence.start is not None:
        found = [span for span in found if span == (evidence.start, evidence.end)]
    if evidence.page is not None:
        found = [span for span in found if _is_on_page(document, span, evidence.page)]
    if not found:
        at = f" at {evidence.start}:{evidence.end}" if evidence.start is not None else ""
        at += f" on page {evidence.page}" if evidence.page is not None else ""
        raise UsageError(
            f"quote not found in {evidence.source}{at}: {_short(evidence.text)}; copy it from `ragqa show`"
        )
    if len(found) > 1:
        notes.append(f"{where}: {_short(evidence.text)} stands {len(found)} times in {evidence.source}; took the first")
    return Span(document.id, *found[0])


def _is_on_page(document: Document, span: tuple[int, int], page: int) -> bool:
    first, last = document.page_of(span[0]), document.page_of(span[1] - 1)
    return first is not None and last is not None and first <= page <= last


def _pattern(quote: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, quote.split())))


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 60 else words[:57] + "...")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; name a questions.jsonl file") from None


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}; write one object a line") from None
    if not isinstance(data, dict):
        raise UsageError(f"got {type(data).__name__}; must be an object with id, question, answers")
    return data


def _question(data: dict[str, Any]) -> Question:
    answerable = _typed(data, "answerable", bool, "true or false", default=True)
    answers = _typed(data, "answers", list, "a list of texts")
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise UsageError("answers: must hold texts, none of them empty")
    if answerable != bool(answers):
        wanted = "give at least one answer" if answerable else "leave it empty where answerable is false"
        raise UsageError(f"answers: got {len(answers)}; {wanted}")
    return Question(
        _text(data, "id"),
        _text(data, "question"),
        tuple(answers),
        answerable,
        tuple(map(_evidence, _typed(data, "evidence", list, "a list of objects", default=[]))),
        {key: value for key, value in data.items() if key not in _KEYS},
    )


def _evidence(data: Any) -> Evidence:
    if not isinstance(data, dict):
        raise UsageError(f"evidence: got {type(data).__name__}; must be an object with source and text")
    try:
        page, start, end = (_typed(data, key, int, "a whole number", default=None) for key in ("page", "start", "end"))
        if (start is None) != (end is None):
            raise UsageError("start and end: give both or neither")
        return Evidence(_text(data, "source"), _text(data, "text"), page, start, end)
    except UsageError as error:
        raise UsageError(f"evidence: {error}") from None


def _text(data: Mapping[str, Any], key: str) -> str:
    text: str = _typed(data, key, str, "a text")
    if not text.strip():
        raise UsageError(f"{key}: is empty; must be a text")
    return text


_REQUIRED: Any = object()


def _typed(data: Mapping[str, Any], key: str, kind: type, wanted: str, default: Any = _REQUIRED) -> Any:
    """Return `data[key]`, or the default where the key is missing or null."""
    value = data.get(key)
    if value is None and default is not _REQUIRED:
        return default
    if value is None:
        raise UsageError(f"{key}: is missing; must be {wanted}")
    if type(value) is not kind:  # `is`: a bool is no whole number
        raise UsageError(f"{key}: got {value!r}; must be {wanted}")
    return value
