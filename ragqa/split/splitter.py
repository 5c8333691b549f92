"""The common code of splitters of all kinds: sections, overlap, context and the chunks themselves.

A chunk has two bounds: one in `unit` (the embedder's tokens, or characters), and, for tokens, one in UTF-8 bytes
(6 x chunk_size).
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from importlib.metadata import version

from ragqa.config.slots import BYTES_PER_TOKEN, CONTEXT_TOKENS
from ragqa.config.specs import SizedSplit
from ragqa.errors import RejectedError
from ragqa.markdown import Table
from ragqa.records import Chunk, Document, body_start
from ragqa.records.delimited import delimiter_of, rows, tables_of
from ragqa.split.columns import Columns
from ragqa.split.cutter import WORD_START, Cutter, Separators, prose_separators, text_length
from ragqa.split.pipe_tables import pipe_table_pieces
from ragqa.split.spans import Span
from ragqa.split.tables import RECORDS, Piece, record_pieces, table_pieces
from ragqa.stages import TokenCounter

SPLITTER_VERSION = "4"
CONTEXT_BYTES = 512
"""The most UTF-8 bytes of title and headings, of which `CONTEXT_TOKENS` are indexed with a chunk: a tokenizer may make
one token of a heading of any length."""
SECONDS, SECONDS_PER_CHARACTER = 60.0, 10e-6
"""The seconds that the split of one document may take, and the seconds that are added for each character."""


Section = tuple[Span, tuple[str, ...]]
"""A span whose ends no chunk crosses, and the headings above it."""


class TextSplitter(ABC):
    """Cuts documents by a `split` section. A kind implements `pieces`, and may override `sections`.

    :param counter: counts the embedder's tokens. With the unit `token`, this count bounds the chunks.
    :param separators: the places to cut a text that does not fit; None for those of prose.
    """

    def __init__(self, spec: SizedSplit, counter: TokenCounter, separators: Separators | None = None) -> None:
        self.spec = spec
        self.counter = counter
        measure = text_length(spec.unit, counter.count, spec.chunk_size)
        self.cutter = Cutter(separators or prose_separators(), spec.chunk_size - spec.overlap, measure)

    @property
    def fingerprint(self) -> str:
        """Return the settings that chunks depend on besides their document and the version, as canonical JSON."""
        return json.dumps(self.spec.model_dump(), sort_keys=True)

    @cached_property
    def version(self) -> str:
        """Return the version of this code and of the library that cuts."""
        return f"split/{SPLITTER_VERSION} langchain-text-splitters/{version('langchain-text-splitters')}"

    @abstractmethod
    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield contiguous spans that cover [low, high), each at most chunk_size - overlap long."""

    def sections(self, document: Document) -> Iterable[Section]:
        """Return the spans that no chunk may cross, in order, each with its heading path."""
        return [((0, len(document.text)), ())]

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of a document in order; none for a blank one. Each is at most `chunk_size` long.

        A chunk is on one page where the document has pages, so that its citation names the page of all its text. Front
        matter is in no chunk: it is fields, not text.

        :raises RejectedError: the split takes longer than `SECONDS` and the seconds for the document's length.
        """
        seconds = SECONDS + SECONDS_PER_CHARACTER * len(document.text)
        deadline = time.monotonic() + seconds
        chunks = []
        parts, context = None, ""
        for piece in self._pieces_of(document):
            if parts != (piece.context, piece.names):
                parts = piece.context, piece.names
                context = " > ".join(filter(None, (self._context(document.title, piece.context), piece.names)))
            for start, end in self._overlapped(document.text, piece.floor, [(piece.start, piece.end)]):
                chunks.append(_chunk(document, start, end, context))
                if time.monotonic() > deadline:
                    raise RejectedError(f"splitting took more than {seconds:.0f} s, at character {end:,}")
        return chunks

    def _pieces_of(self, document: Document) -> Iterator[Piece]:
        """Yield the pieces of a document. Rows of a table and records that fit are not cut, by any kind."""
        text, body = document.text, body_start(document.metadata, document.text)
        if delimiter_of(document) and tables_of(document):
            yield from table_pieces(document, self.cutter, lambda context: not self._is_long(context))
        elif document.media_type in RECORDS and "headings" not in document.metadata:
            for low, high in document.cut_at_pages(body, len(text)):
                yield from record_pieces(text, low, high, self.cutter)
        else:
            yield from self._pieces_of_sections(document, body)

    def _pieces_of_sections(self, document: Document, body: int) -> Iterator[Piece]:
        """Yield the pieces of the sections on one page each, with the headings above and the columns' names."""
        text, columns = document.text, Columns(document)
        delimiter = delimiter_of(document)
        fitting = lru_cache(maxsize=4)(self._fitting)
        for (start, end), headings in self.sections(document):
            for low, high in document.cut_at_pages(max(start, body), end):
                for begin, stop, table in self._around_wide_tables(columns, fitting, low, high):
                    if table:
                        for piece in pipe_table_pieces(
                            text, table, self.cutter, lambda names: not self._is_long(names)
                        ):
                            yield replace(piece, context=(*headings, *piece.context))
                        continue
                    spans = self.pieces(text, begin, stop)
                    if delimiter:
                        spans = self.cutter.fill(text, rows(text, delimiter, begin, stop))
                    for first, last in spans:
                        names = columns.at(last - len(text[first:last].lstrip()))
                        yield Piece(first, last, (*headings, fitting(names)), begin)

    def _around_wide_tables(
        self, columns: Columns, fitting: Callable[[tuple[str, ...]], str], low: int, high: int
    ) -> Iterator[tuple[int, int, Table | None]]:
        """Yield the spans between tables with pipes whose names do not all fit a context, and these tables."""
        for table in columns.tables(low, high):
            if fitting(table.names) != " | ".join(table.names).strip():
                if low < table.start:
                    yield low, table.start, None
                yield table.start, table.end, table
                low = table.end
        if low < high:
            yield low, high, None

    def _fitting(self, names: tuple[str, ...]) -> str:
        """Return as many of a table's column names as fit a context."""
        count = bisect_left(range(1, len(names) + 1), True, key=lambda n: self._is_long(" | ".join(names[:n])))
        return " | ".join(names[:count]).strip()

    def _overlapped(self, text: str, floor: int, pieces: Iterable[Span]) -> Iterator[Span]:
        """Trim white space, drop blank pieces, and add the overlap: each piece begins with the last words before it."""
        for start, end in pieces:
            end -= len(text[start:end]) - len(text[start:end].rstrip())
            start += len(text[start:end]) - len(text[start:end].lstrip())
            if start < end:
                yield self._reach_back(text, floor, start, end), end

    def _reach_back(self, text: str, floor: int, start: int, end: int) -> int:
        """Return the earliest start of a word with which the overlap and the whole chunk are within their bounds."""
        # 1. Find a lower limit: the section's start, or the most bytes that the overlap's tokens may have.
        overlap = self.spec.overlap
        floor = max(floor, start - BYTES_PER_TOKEN * overlap)
        if self.spec.unit == "character":
            floor = max(floor, start - overlap)
        elif WORD_START.search(text, floor, start):  # without a start of a word, no token needs to be counted
            tokens = self.counter.offsets(text[floor:start])
            if len(tokens) > overlap:
                floor += tokens[-overlap][0] if overlap else start - floor
        # 2. Find the first word from there with which both bounds hold.
        for word in WORD_START.finditer(text, floor, start):
            low = word.start()
            if (
                self.cutter.measure(text[low:start]) <= overlap
                and self.cutter.measure(text[low:end]) <= self.spec.chunk_size
            ):
                return low
        return start

    def _context(self, title: str, inner: tuple[str, ...]) -> str:
        """Return title, headings and a table's header on one line; outer ones give way to `CONTEXT_TOKENS`."""
        parts = [part for part in (title, *(each for each in inner if each != title)) if part]
        while parts and self._is_long(" > ".join(parts)):
            parts.pop(0)
        return " > ".join(parts)

    def _is_long(self, context: str) -> bool:
        return (
            len(context.encode("utf-8", "surrogatepass")) > CONTEXT_BYTES
            or self.counter.count(context) > CONTEXT_TOKENS
        )


def _chunk(document: Document, start: int, end: int, context: str) -> Chunk:
    identity = hashlib.sha256(f"{document.id}\0{start}\0{end}\0{context}".encode("utf-8", "surrogatepass")).hexdigest()
    text = document.text[start:end]
    return Chunk(identity[:32], document.id, start, end, text, context, document.page_of(start))
