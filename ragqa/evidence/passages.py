"""Hits -> the excerpts that they contain, as spans of their documents.

Chunks overlap, and a chunk may begin or end within a sentence. So hits of one document that touch are joined, and the
joined span is widened to whole sentences. Each excerpt then occurs once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ragqa.evidence.excerpts import Excerpt, excerpts
from ragqa.markdown import Table, open_fence, tables
from ragqa.records import Document, Hit

TABLES = ("text/csv", "text/tab-separated-values")
"""The types of documents whose lines are rows."""
MARKDOWN = "text/markdown"
"""The type of documents that mark blocks of code."""
MARGIN = 400
"""The most characters that are read before and after a hit to find whole sentences."""
HEADER_CHARACTERS = 20_000
"""The characters at the beginning of a file of rows in which its header is looked for."""
GAP = 2
"""The most characters between two hits that are joined."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An excerpt of a hit: a span of the hit's document.

    `hit` is the best hit that overlaps it, and `rank` that hit's place, from 0. `heading` is the last heading before it
    in its passage, and `before` is the excerpt before it in the same block, such as the sentence that introduces a list.
    `block` is the offset at which its block begins in the document. For a row of a table, `before` is the header of the
    table, and `header` the offset of that; the header may stand far above the passage.
    """

    hit: Hit
    rank: int
    start: int
    end: int
    text: str
    excerpt: Excerpt
    heading: str = ""
    before: str = ""
    block: int = 0
    header: int | None = None

    @property
    def kind(self) -> str:
        """Return the kind of the excerpt."""
        return self.excerpt.kind


def candidates(hits: Sequence[Hit], document_of: Callable[[str], Document]) -> list[Candidate]:
    """Return the excerpts of hits, by document in the order of the best hit of each, and by place in a document.

    :param document_of: returns the document with an id.
    """
    found: list[Candidate] = []
    for id_ in dict.fromkeys(hit.chunk.document_id for hit in hits):
        ranked = [(rank, hit) for rank, hit in enumerate(hits) if hit.chunk.document_id == id_]
        document = document_of(id_)
        headers = _Headers(document)
        for part in _joined(ranked):
            found += _of_passage(part, document, headers)
    return found


def _joined(ranked: Sequence[tuple[int, Hit]]) -> list[list[tuple[int, Hit]]]:
    """Return groups of hits that overlap or touch, by their place in the document."""
    groups: list[list[tuple[int, Hit]]] = []
    end = -1
    for rank, hit in sorted(ranked, key=lambda pair: pair[1].chunk.start):
        if groups and hit.chunk.start <= end + GAP:
            groups[-1].append((rank, hit))
        else:
            groups.append([(rank, hit)])
        end = max(end, hit.chunk.end)
    return groups


class _Headers:
    """The headers of the tables of a document. They are looked for when a row asks for its own."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def above(self, row: int) -> tuple[str, int] | None:
        """Return the header of the table in which the row at an offset stands, and its offset; None without one."""
        if self._document.media_type in TABLES:
            return self._of_file
        number = bisect_right(self._starts, row) - 1
        if number < 0 or row >= self._tables[number].end:
            return None
        start = self._tables[number].start
        line = self._document.text[start : self._document.text.find("\n", start)]
        return line.strip(), start + len(line) - len(line.lstrip())

    @cached_property
    def _tables(self) -> list[Table]:
        return list(tables(self._document.text))

    @cached_property
    def _starts(self) -> list[int]:
        return [table.start for table in self._tables]

    @cached_property
    def _of_file(self) -> tuple[str, int] | None:
        header = self._document.metadata.get("header")
        at = self._document.text.find(header, 0, HEADER_CHARACTERS) if header and isinstance(header, str) else -1
        return (str(header), at) if at >= 0 else None


def _of_passage(ranked: Sequence[tuple[int, Hit]], document: Document, headers: _Headers) -> list[Candidate]:
    text, media_type = document.text, document.media_type
    start, end = ranked[0][1].chunk.start, max(hit.chunk.end for _, hit in ranked)
    low, high = max(0, start - MARGIN), min(len(text), end + MARGIN)
    found: list[Candidate] = []
    heading, before, block, begin = "", "", -1, 0
    fence = open_fence(text[:low]) if media_type == MARKDOWN else ""
    parts = excerpts(text[low:high], table=media_type in TABLES, fence=fence)
    for excerpt in parts:
        first, last = low + excerpt.start, low + excerpt.end
        begin = begin if block == excerpt.block else first
        cut = (first == low and low > 0) or (last == high and high < len(text))
        inside = min(last, end) - max(first, start)
        if excerpt.kind == "heading":
            heading, before = text[first:last], ""
        elif 2 * inside > last - first and not cut:
            rank, hit = min(
                (pair for pair in ranked if pair[1].chunk.start < last and pair[1].chunk.end > first),
                key=lambda pair: pair[0],
            )
            lead = before if block == excerpt.block else ""
            candidate = Candidate(hit, rank, first, last, text[first:last], excerpt, heading, lead, begin)
            found.append(_under_header(candidate, headers) if excerpt.kind == "row" else candidate)
        if excerpt.block != block or excerpt.kind == "sentence":
            before, block = "" if excerpt.kind == "row" else text[first:last], excerpt.block
    if not found and any(part.kind != "heading" for part in parts):
        return [_whole(*ranked[0])]
    return found


def _under_header(row: Candidate, headers: _Headers) -> Candidate:
    """Return a row with the header of its table, or as a header where it is that itself."""
    header = headers.above(row.start)
    if header is None:
        return row
    if row.start <= header[1]:
        return replace(row, excerpt=replace(row.excerpt, kind="header"), before="")
    return replace(row, before=header[0], header=header[1])


def _whole(rank: int, hit: Hit) -> Candidate:
    """Return a whole hit as one candidate, for a text whose sentences have no end within the margin."""
    chunk = hit.chunk
    return Candidate(hit, rank, chunk.start, chunk.end, chunk.text, Excerpt(chunk.start, chunk.end, "sentence", 0))
