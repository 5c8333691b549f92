"""A dataset: questions, the documents they are about, and quotes -> exact spans of these documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ragqa import text_analysis
from ragqa.errors import MistakesError, UsageError
from ragqa.evaluate.metrics import Span
from ragqa.records import Document


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

    `relevant` holds a grade above 0 for each unit that retrieval should find: a document by its source, a page as
    `source#page=N` (N from 1); where it is empty, retrieval is judged by the evidence. For a question that cannot be
    answered it says what the question is about, and retrieval is not judged. A question that is answerable
    and has no answers is there for its `relevant` alone. Questions of one `group` are about one thing and so not
    independent: it is the source of the first evidence unless given, else the question's own id. `metadata` holds
    what else is known, `split` among it.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    answerable: bool = True
    evidence: tuple[Evidence, ...] = ()
    relevant: Mapping[str, int] = field(default_factory=dict)
    group: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.evidence[0].source if self.evidence else self.id)

    @property
    def split(self) -> str | None:
        """Return the name of the split, as JSON where it is no text; None where there is none."""
        name = self.metadata.get("split")
        return name if name is None or isinstance(name, str) else json.dumps(name)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions with unique ids, and what they are asked of: documents in memory, or the files of a folder.

    With neither of them, the questions are about the documents of the pipeline that is evaluated. `include` holds the
    globs of the files in `folder`. `unit` is what a question's `relevant` names; `span` where evidence is quoted
    instead. `note` says what was left out or altered, with its number; empty where nothing was.
    """

    name: str
    questions: tuple[Question, ...]
    documents: tuple[Document, ...] = ()
    folder: Path | None = None
    include: tuple[str, ...] = ()
    unit: Literal["span", "document", "page"] = "span"
    note: str = ""

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits, sorted; `select` takes one."""
        return tuple(sorted({question.split for question in self.questions if question.split is not None}))


def resolve(
    questions: Sequence[Question], documents: Mapping[str, Document]
) -> tuple[dict[str, tuple[Span, ...]], list[str]]:
    """Return the gold spans of each answerable question by its id, and notes on what was decided for them.

    White space of any kind and length matches any other, since extraction moves line breaks. A quote stands where its
    words and numbers are whole (see `text_analysis.occurrences`); where offsets are given, they decide. A quote that stands more
    than once, and that neither page nor offsets tell apart, is taken to be the first. The span of a source that is not
    among the documents is one that nothing can find.

    :param documents: by source.
    :raises MistakesError: quotes that do not stand where they should, all of them.
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
        raise MistakesError(problems)
    return spans, notes


def _locate(evidence: Evidence, documents: Mapping[str, Document], where: str, notes: list[str]) -> Span:
    document = documents.get(evidence.source)
    if document is None:
        notes.append(
            f"{where}: source {evidence.source!r} is not in the index; see `ragqa plan` for the files that are"
        )
        return Span(f"not indexed: {evidence.source}", 0, max(1, len(evidence.text)))
    if evidence.start is None or evidence.end is None:
        found = list(text_analysis.occurrences(evidence.text, document.text))
    else:
        there = _pattern(evidence.text).fullmatch(document.text, evidence.start, evidence.end)
        found = [there.span()] if there and there.span() == (evidence.start, evidence.end) else []
    if evidence.page is not None:
        found = [span for span in found if _is_on_page(document, span, evidence.page)]
    if not found:
        at = f" at {evidence.start}:{evidence.end}" if evidence.start is not None else ""
        at += f" on page {evidence.page}" if evidence.page is not None else ""
        raise UsageError(
            f"quote not found in {evidence.source}{at}: {_short(evidence.text)}; {_advice(evidence, document)}"
        )
    if len(found) > 1:
        notes.append(f"{where}: {_short(evidence.text)} stands {len(found)} times in {evidence.source}; took the first")
    return Span(document.id, *found[0])


def _is_on_page(document: Document, span: tuple[int, int], page: int) -> bool:
    first, last = document.page_of(span[0]), document.page_of(span[1] - 1)
    return first is not None and last is not None and first <= page <= last


def _advice(evidence: Evidence, document: Document) -> str:
    if evidence.start is None and _pattern(evidence.text).search(document.text):
        return "it stands there within longer words or numbers only: quote whole ones, or give start and end"
    return "copy it from `ragqa show`"


def _pattern(quote: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, quote.split())))


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 60 else words[:57] + "...")
