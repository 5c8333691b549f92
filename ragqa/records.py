"""The records that the stages exchange: frozen, slotted dataclasses, and nothing else.

Offsets are 0-based positions in Unicode code points into `Document.text`, end exclusive; pages are 1-based.
A `repr` is one short line for a debugger: long texts are cut. `to_dict` returns plain data for JSON.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ragqa import wire

_OF_EXTRACTION = frozenset(
    [
        "front_matter",
        "front_matter_error",
        "metadata_error",
        "headings",
        "header",
        "columns",
        "rows",
        "ragged_rows",
        "text_field",
        "pages_without_text",
        "undecodable",
        "extraction",
    ]
)
"""The keys of metadata that describe how a file was read. The other keys are fields that the file itself has."""

_SHOWN = 60
"""The most characters of a text in a `repr`."""


def _cut(text: str) -> str:
    """Return the beginning of a text as a quoted literal on one line."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return repr(line if len(line) <= _SHOWN and len(text) <= 4 * _SHOWN else f"{line[:_SHOWN]}…")


def _place(source: str, start: int, end: int) -> str:
    """Return `SOURCE:START-END` on one line, for any name of the source."""
    return f"{repr(source)[1:-1]}:{start}-{end}"


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
        """Return the id of the document. Files with the same bytes and media type are one document."""
        return hashlib.sha256(f"{self.sha256}\0{self.media_type}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The outcome for one file: `indexed`, `unchanged`, `rejected` or `skipped`, and the reason."""

    source: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """The content of a folder: the files that may be read, and those rejected or skipped, each sorted by source."""

    files: tuple[SourceFile, ...]
    others: tuple[FileStatus, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The text of one file; for a text file it is the decoded file itself, byte-order mark included.

    `page_starts[i]` is the offset at which page i + 1 begins; it is empty if the format has no pages.
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

    def __repr__(self) -> str:
        return f"Document({self.source!r}, {len(self.text):,} characters, {_cut(self.text)})"

    def page_of(self, offset: int) -> int | None:
        """Return the 1-based page of an offset, None if the document has no pages."""
        return max(1, bisect_right(self.page_starts, offset)) if self.page_starts else None


def fields_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a file says about itself, such as its author or date, without facts of the extraction."""
    return {key: value for key, value in metadata.items() if key not in _OF_EXTRACTION}


def body_start(metadata: Mapping[str, Any], text: str) -> int:
    """Return the offset at which the text of a document begins, after its front matter; 0 where it has none."""
    end = metadata.get("front_matter")
    return end if isinstance(end, int) and 0 < end <= len(text) else 0


def about(metadata: Mapping[str, Any], text: str) -> list[str]:
    """Return what a document says about itself besides its title: its front matter, else the values of its fields."""
    if end := body_start(metadata, text):
        return [text[:end]]
    values = (each if isinstance(each, list) else [each] for each in fields_of(metadata).values())
    return [str(value) for each in values for value in each]


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """A span of a document: `document.text[start:end] == text`.

    `context` (title, heading path, table header) is embedded and indexed with the text, but is not part of the text.
    """

    id: str
    document_id: str
    start: int
    end: int
    text: str
    context: str = ""
    page: int | None = None

    def __repr__(self) -> str:
        return f"Chunk({self.start}-{self.end}, {_cut(self.text)})"

    @property
    def indexed_text(self) -> str:
        """Return the text for embedding and search: the context, a newline and the text."""
        return indexed_text(self.context, self.text)


def indexed_text(context: str, text: str) -> str:
    """Return the text of a chunk for embedding and search."""
    return f"{context}\n{text}" if context else text


@dataclass(frozen=True, slots=True, repr=False)
class Hit:
    """A retrieved passage: `score` ranks it; `scores` are the scores of the single searches, by name.

    `fields` are what the document says about itself, such as its author and the fields of its front matter. `versions`
    are the sources of other versions of the document, each with `newer`, `older`, or `other` where nothing tells.
    """

    chunk: Chunk
    source: str
    path: str
    score: float
    scores: Mapping[str, float]
    fields: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        place = _place(self.source, self.chunk.start, self.chunk.end)
        return f"Hit({place}, score={self.score:.3f}, {_cut(self.chunk.text)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of the hit and its chunk, as `ragqa search --json` prints them."""
        return wire.hit(self)

    def with_span(self, document: Document, start: int, end: int) -> Hit:
        """Return this hit with another span of its document as its text; its scores stay."""
        text, page = document.text[start:end], document.page_of(start)
        return replace(self, chunk=replace(self.chunk, start=start, end=end, text=text, page=page))


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part that was left out of a prompt, and the reason."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """The exact text for the generator, and its number of tokens by part.

    `tokens` counts the generator's tokens by part. `passages` are the included hits, in their order in the text (number
    n is `passages[n - 1]`). `stripped` is the number of removed invisible control characters of passages. `question` is
    the span of the question in `text`. The first `shared` characters of `text` are the same for every question, so that
    a generator may read them once. `examples` are the ids of the in-context examples, in their order in the text.
    `verdict` is the span of `text` with the word that says that the question can be answered, whose probability a
    generator may compute; None if the template has no such slot. `places` are the spans of the passages in `text`, in
    their order.
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

    def __repr__(self) -> str:
        asked = self.text[slice(*self.question)] or self.text
        return f"Prompt({_cut(asked)}, {self.n_tokens:,} tokens, {len(self.passages)} passages)"

    @property
    def n_tokens(self) -> int:
        """Return the length of the prompt in the generator's tokens."""
        return sum(self.tokens.values())


@dataclass(frozen=True, slots=True, repr=False)
class Generation:
    """The output of a generator. `finish` is `stop`, `length` or `deadline` (then `text` is partial).

    `logprobs[i]` is the natural log-probability of the i-th generated token; None if they were not asked for.
    `confidence` is that of the generator in the text, in [0, 1]; None if it computes none.
    """

    text: str
    n_tokens: int
    finish: str
    logprobs: tuple[float, ...] | None = None
    confidence: float | None = None

    def __repr__(self) -> str:
        return f"Generation({_cut(self.text)}, {self.n_tokens:,} tokens, finish={self.finish!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Citation:
    """A span of a document that supports an answer; a check has verified that it is in the indexed text.

    `stale` is True if the file was changed or removed after it was indexed, so that it may not contain the span any
    more.
    """

    source: str
    path: str
    page: int | None
    start: int
    end: int
    text: str
    stale: bool = False

    def __repr__(self) -> str:
        return f"Citation({_cited(self)}, {_cut(self.text)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return wire.citation(self)


def _cited(citation: Citation) -> str:
    place = _place(citation.source, citation.start, citation.end)
    return f"{place} (stale)" if citation.stale else place


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A part of an answer that is cited for itself: a sentence, a list item, a row, or a short answer.

    `support` says how far the citations support it, between 0 and 1: the share of its words that stand in them. It is 1
    for what is quoted. A sentence that was written without passages has no citations and no support; one that code has
    counted has no citations and the support 1.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    support: float = 0.0


@dataclass(frozen=True, slots=True)
class Passages:
    """The places in the documents that are nearest to a question, best first, known before anything is written."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An answer with its citations, hits and prompt. `usage` is the number of tokens and the milliseconds by stage.

    `kind` is `span` (a short answer copied from a passage), `quote` (sentences copied from passages), `write` (the
    generator's own sentences), `summary` (sentences copied from all over a document or folder) or `catalogue` (counted
    by code); `read` says what of the documents was read for the last two. `sentences` are the parts of `text`, each with its citations. `confidence` is the
    calibrated probability that the answer is right. Where there is no answer, `reason` says why, `nearest` has the
    passages that come nearest, and `advice` what can be changed. `index_version` is the number of the index's commit
    from which the answer was made.
    `searched` is the text that passages were searched for: the question, with words of the turn before where it does
    not stand alone; empty if the passages were given.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    prompt: Prompt | None
    usage: Mapping[str, float]
    index_version: int
    abstained: bool = False
    reason: str = ""
    finish: str = ""
    confidence: float | None = None
    kind: str = ""
    sentences: tuple[AnswerSentence, ...] = ()
    nearest: tuple[Citation, ...] = ()
    advice: str = ""
    searched: str = ""
    read: str = ""

    def __repr__(self) -> str:
        if self.abstained:
            return f"Answer(abstained={self.reason!r}, question={_cut(self.question)})"
        return f"Answer({_cut(self.text)}, citations=[{', '.join(map(_cited, self.citations))}])"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data, with the prompt's text and its dropped parts, as `ask --json` prints it."""
        return wire.answer(self)

    def to_json(self) -> str:
        """Return `to_dict` as JSON on one line. It can always be encoded as UTF-8."""
        return wire.line(self.to_dict()).decode()


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of one file. `page_starts[i]` is the offset of page i + 1; it is empty if the format has no pages.

    `metadata` has plain JSON values. Its key `headings` lists `[offset, level]` of each heading, if the format marks
    headings. `encoding` is that of a text file, None for others.
    """

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class SearchTexts:
    """Further texts of the search for a question.

    `questions` are paraphrases: each is searched separately, and its scores are averaged with those of the question.
    `passages` are similar to an answer: their vectors are added to the question's vector.
    """

    questions: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
