"""The records of a dataset: questions with gold answers and evidence, and the documents they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ragqa.records import Document


@dataclass(frozen=True, slots=True)
class Span:
    """The place of gold evidence: offsets in code points of the document's text, end exclusive, never empty."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that supports an answer. Where it occurs twice, `page` (1-based) or `start` and `end` select one."""

    source: str
    text: str
    page: int | None = None
    start: int | None = None
    end: int | None = None


Answerability = Literal["answerable", "partial", "unanswerable", "underspecified"]
"""Whether documents answer a question: wholly; in part; not at all; or not before it is asked more precisely."""
ANSWERABILITIES: tuple[Answerability, ...] = get_args(Answerability)

Turn = tuple[str, str]
"""An earlier question of a conversation, and the answer to it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold answers, any of which is correct; it has none where the documents do not answer it.

    `relevant` has a grade above 0 for each unit that retrieval should find: a document by its source, or a page as
    `source#page=N` (N from 1). Where it is empty, retrieval is judged by the evidence. For an unanswerable question it
    has the units that the question is about, and retrieval is not judged. An answerable question without answers
    measures retrieval only. Questions of one `group` are about the same document, so they are not statistically
    independent. The default group is the source of the first evidence, else the question's id. `metadata` has other
    facts, such as `split`.

    `history` has the turns before the question, for one that is part of a conversation. Figures are also given by each
    of `types` and by `answerability`, whose default follows from `answerable`; a partial answer is one.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    answerable: bool = True
    evidence: tuple[Evidence, ...] = ()
    relevant: Mapping[str, int] = field(default_factory=dict)
    group: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Turn, ...] = ()
    types: tuple[str, ...] = ()
    answerability: Answerability | Literal[""] = ""

    def __post_init__(self) -> None:
        if not self.answerability:
            object.__setattr__(self, "answerability", "answerable" if self.answerable else "unanswerable")
        if not self.group:
            object.__setattr__(self, "group", self.evidence[0].source if self.evidence else self.id)

    @property
    def split(self) -> str | None:
        """Return the name of the split; as JSON where it is not a string, None where there is none."""
        name = self.metadata.get("split")
        return name if name is None or isinstance(name, str) else json.dumps(name)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions with unique ids, and their documents: documents in memory, or the files of a folder.

    Without either, the questions are about the documents of the evaluated pipeline. `include` has the globs of the
    files in `folder`. `unit` is the unit of each question's `relevant`, or `span` where evidence is quoted instead.
    `note` counts the items that were left out or altered; empty for none.
    """

    name: str
    questions: tuple[Question, ...]
    documents: tuple[Document, ...] = ()
    folder: Path | None = None
    include: tuple[str, ...] = ()
    unit: Literal["span", "document", "page"] = "span"
    note: str = ""
