"""The records of files, documents and what is found in them."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from ragqa import wire
from ragqa.records.places import place_of
from ragqa.records.shown import cut, place
from ragqa.records.unread import Unread

_OF_EXTRACTION = frozenset({
    "front_matter", "front_matter_error", "metadata_error", "headings", "header", "columns", "rows", "ragged_rows",
    "delimiter", "tables", "unnamed_columns", "text_field", "fields_left_out", "pages_without_text", "undecodable",
    "page_labels", "places", "read_as_text", "annotations_not_read", "extraction", "not_read", "left_out_words",
    "hidden", "ocr",
})  # fmt: skip
"""The keys of metadata that describe how a file was read. The other keys are fields that the file itself has."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was found: `source` is its path relative to the loaded folder, with `/` between parts.

    `member` is empty for a file on disk. For a file inside another one, such as an archive, it is the path there, and
    `path` is that of the outermost file. `sha256` and `size` are of the file inside.
    """

    source: str
    path: str
    sha256: str
    size: int
    media_type: str
    member: str = ""

    @property
    def document_id(self) -> str:
        """Return the id of the document. Files with the same bytes and media type are one document."""
        return hashlib.sha256(f"{self.sha256}\0{self.media_type}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The outcome for one file: `indexed`, `unchanged`, `rejected` or `skipped`, and the reason.

    `unread` has a phrase for each part of an indexed file that was not read, such as pages without text.
    """

    source: str
    status: str
    reason: str = ""
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """The content of a folder: the files that may be read, and those rejected or skipped, each sorted by source.

    `suffixes` are those of the files that the loader reads; empty where documents do not come from files.
    """

    files: tuple[SourceFile, ...]
    others: tuple[FileStatus, ...]
    suffixes: tuple[str, ...] = ()


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
        return f"Document({self.source!r}, {len(self.text):,} characters, {cut(self.text)})"

    def page_of(self, offset: int) -> int | None:
        """Return the 1-based page of an offset, None if the document has no pages."""
        return max(1, bisect_right(self.page_starts, offset)) if self.page_starts else None

    def place_of(self, offset: int) -> str:
        """Return the name of the place of an offset for people, such as `slide 3`; empty where there is none."""
        return place_of(self.metadata, self.page_of(offset), offset, lambda low, high: self.text.count("\n", low, high))

    def page_span(self, offset: int) -> tuple[int, int]:
        """Return the span of the page of an offset; that of the whole text where there are no pages."""
        edges = (0, *self.page_starts[1:], len(self.text))
        page = min(max(1, bisect_right(self.page_starts, offset)), len(edges) - 1)
        return edges[page - 1], edges[page]

    def cut_at_pages(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of the span [low, high) that are on one page each; the span itself where there are no pages."""
        starts = self.page_starts
        inner = starts[bisect_right(starts, low) : bisect_left(starts, high)]
        return ((first, last) for first, last in pairwise((low, *inner, high)) if first < last)


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
        return f"Chunk({self.start}-{self.end}, {cut(self.text)})"

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
    `place` names where the passage begins, such as `page 3` or `slide 3`.
    """

    chunk: Chunk
    source: str
    path: str
    score: float
    scores: Mapping[str, float]
    fields: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    place: str = ""

    def __repr__(self) -> str:
        where = place(self.source, self.chunk.start, self.chunk.end)
        return f"Hit({where}, score={self.score:.3f}, {cut(self.chunk.text)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of the hit and its chunk, as `ragqa search --json` prints them."""
        return wire.hit(self)

    def with_span(self, document: Document, start: int, end: int) -> Hit:
        """Return this hit with another span of its document as its text; its scores stay."""
        text, page = document.text[start:end], document.page_of(start)
        chunk = replace(self.chunk, start=start, end=end, text=text, page=page)
        return replace(self, chunk=chunk, place=document.place_of(start))


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of one file. `page_starts[i]` is the offset of page i + 1; it is empty if the format has no pages.

    `metadata` has plain JSON values. Its key `headings` lists `[offset, level]` of each heading, if the format marks
    headings, or `[offset, level, title]` where the line is not the title alone. `places` lists `[offset, place]`, such as
    `[0, "cell 3"]`. `encoding` is that of a text file, None for others.
    """

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None
