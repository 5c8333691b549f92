"""The records of a dataset: questions with gold answers and evidence, and the documents they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ragqa.records import Document


@dataclass(frozen=True, slots=True)
class Span:
    """The place of gold evidence: offsets in code points of the document's text, end exclusive, never empty."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that supports an answer; `page` (1-based) or `start` and `end` say which one, where the document has it twice."""

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
