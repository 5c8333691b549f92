"""What the stages hand to one another: frozen, slotted dataclasses, and nothing else.

Offsets are 0-based positions in Unicode code points into `Document.text`, end exclusive; pages are 1-based.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was found: `source` is its path relative to the loaded folder, with `/` between parts."""

    source: str
    path: str
    sha256: str
    size: int
    media_type: str

    @property
    def document_id(self) -> str:
        """Return the id of the document in these bytes: the same bytes read as the same type are one document."""
        return hashlib.sha256(f"{self.sha256}\0{self.media_type}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What became of one file: `indexed`, `unchanged`, `rejected` or `skipped`, and why."""

    source: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds, each part sorted by source: files that may be read, and what was rejected or skipped."""

    files: tuple[SourceFile, ...]
    others: tuple[FileStatus, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file; for a text file it is the decoded file itself, byte-order mark included.

    `page_starts[i]` is the offset at which page i + 1 begins; empty where the format has no pages.
    """

    id: str
    source: str
    path: str
    sha256: str
    media_type: str
    encoding: str | None
    text: str
    title: str
    extractor: str
    page_starts: tuple[int, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def page_of(self, offset: int) -> int | None:
        """Return the 1-based page on which `offset` lies, None where the document has no pages."""
        return max(1, bisect_right(self.page_starts, offset)) if self.page_starts else None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document: `document.text[start:end] == text`.

    `context` (title, heading path, table header) is embedded and indexed with the text but is not part of it.
    """

    id: str
    document_id: str
    start: int
    end: int
    text: str
    context: str = ""
    page: int | None = None

    @property
    def indexed_text(self) -> str:
        """Return what is embedded and searched: the context, a newline and the text."""
        return indexed_text(self.context, self.text)


def indexed_text(context: str, text: str) -> str:
    """Return what is embedded and searched of a chunk."""
    return f"{context}\n{text}" if context else text


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage: `score` ranks it, `scores` says what each retriever gave it."""

    chunk: Chunk
    source: str
    path: str
    score: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that was left out of a prompt, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The exact text given to the generator, and where its tokens went.

    `tokens` counts the generator's tokens by part; `passages` are the hits that went in, in their order in the text
    (number n is `passages[n - 1]`); `stripped` counts the invisible control characters taken out of passages.
    `question` is the span of `text` that is the question asked; the first `shared` characters of `text` are the same
    whatever is asked, so that a generator may read them once. `examples` are the ids of the in-context examples, in
    their order in the text. `verdict` is the span of `text` that says "yes", the question can be answered, which a
    generator may doubt; None where the template has no such slot. `places` are the spans of `text` that hold the
    passages, in their order.
    """

    text: str
    tokens: Mapping[str, int]
    passages: tuple[Hit, ...]
    dropped: tuple[Dropped, ...] = ()
    stripped: int = 0
    question: tuple[int, int] = (0, 0)
    shared: int = 0
    examples: tuple[str, ...] = ()
    verdict: tuple[int, int] | None = None
    places: tuple[tuple[int, int], ...] = ()

    @property
    def n_tokens(self) -> int:
        """Return the length of the prompt in the generator's tokens."""
        return sum(self.tokens.values())


@dataclass(frozen=True, slots=True)
class Generation:
    """What a generator wrote. `finish` is `stop`, `length` or `deadline` (then `text` is partial).

    `logprobs[i]` is the natural log-probability of the i-th generated token; None unless they were asked for.
    `confidence`, in [0, 1], is how sure the generator is of the text; None where it does not say.
    """

    text: str
    n_tokens: int
    finish: str
    logprobs: tuple[float, ...] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of a document that supports an answer; it was verified to stand there."""

    source: str
    path: str
    page: int | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, what it rests on, and what it cost. `ledger` holds tokens and milliseconds by stage.

    `confidence` is the generator's, None where it does not say.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    prompt: Prompt | None
    ledger: Mapping[str, float]
    generation: int
    abstained: bool = False
    reason: str = ""
    finish: str = ""
    confidence: float | None = None
