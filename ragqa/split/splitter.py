"""The common code of splitters of all kinds: sections, overlap, context and the chunks themselves.

A chunk has two bounds: one in `unit` (the embedder's tokens, or characters), and, for tokens, one in UTF-8 bytes
(6 x chunk_size).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from ragqa.config.slots import BYTES_PER_TOKEN, CONTEXT_TOKENS
from ragqa.config.specs import SizedSplit
from ragqa.errors import RejectedError
from ragqa.records import Chunk, Document, body_start
from ragqa.split.cutter import WORD_START, Cutter, Separators, prose_separators, text_length
from ragqa.split.spans import Span, match_ends, row_spans
from ragqa.stages import TokenCounter

SPLITTER_VERSION = "2"
CONTEXT_BYTES = 512
"""The most UTF-8 bytes of title and headings, of which `CONTEXT_TOKENS` are indexed with a chunk: a tokenizer may make
one token of a heading of any length."""
SECONDS, SECONDS_PER_CHARACTER = 60.0, 10e-6
"""The seconds that the split of one document may take, and the seconds that are added for each character."""

_TABLES = ("text/csv", "text/tab-separated-values")
_RECORDS = "application/jsonl"
_BLANK_LINE = re.compile(r"\n{2,}")

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
        """Return the settings that chunks depend on besides their document, as canonical JSON."""
        library = version("langchain-text-splitters")
        return json.dumps(self.spec.model_dump() | {"version": SPLITTER_VERSION, "library": library}, sort_keys=True)

    @abstractmethod
    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield contiguous spans that cover [low, high), each at most chunk_size - overlap long."""

    def sections(self, document: Document) -> Iterable[Section]:
        """Return the spans that no chunk may cross, in order, each with its heading path."""
        return [((0, len(document.text)), ())]

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of a document in order; none for a blank one. Each is at most `chunk_size` long.

        Front matter is in no chunk: it is fields, not text.

        :raises RejectedError: the split takes longer than `SECONDS` and the seconds for the document's length.
        """
        seconds = SECONDS + SECONDS_PER_CHARACTER * len(document.text)
        deadline = time.monotonic() + seconds
        chunks = []
        body = body_start(document.metadata, document.text)
        for (start, high), headings in self.sections(document):
            low = max(start, body)
            context = self._context(document, headings)
            for start, end in self._overlapped(document.text, low, self._pieces_of(document, low, high)):
                chunks.append(_chunk(document, start, end, context))
                if time.monotonic() > deadline:
                    raise RejectedError(f"splitting took more than {seconds:.0f} s, at character {end:,}")
        return chunks

    def _pieces_of(self, document: Document, low: int, high: int) -> Iterator[Span]:
        """Yield the pieces of a section. Rows of a table and records that fit are not cut, by any kind."""
        text = document.text
        if document.media_type in _TABLES:
            return self.cutter.fill(text, row_spans(text, low, high))
        if document.media_type == _RECORDS:
            return self.cutter.fill(text, match_ends(_BLANK_LINE, text, low, high))
        return self.pieces(text, low, high)

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

    def _context(self, document: Document, headings: tuple[str, ...]) -> str:
        """Return title and heading path on one line, with a table's header below; at most `CONTEXT_TOKENS`."""
        parts = [title for title in (document.title, *(h for h in headings if h != document.title)) if title]
        header = document.metadata.get("header")
        if header:
            parts.append(" | ".join(map(str, header)) if isinstance(header, list | tuple) else str(header))
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
