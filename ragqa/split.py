"""Document -> Chunks with exact character spans: `document.text[chunk.start:chunk.end] == chunk.text`, always.

langchain-text-splitters makes the `recursive` and `code` pieces (this is its only importer): told to keep separators
and white space it returns pieces that join to the text again, so that their offsets are sums of their lengths. The
other kinds work on offsets directly. A chunk is bounded twice: in `unit` (the embedder's tokens, or characters) and,
for tokens, in UTF-8 bytes (6 x chunk_size), because a tokenizer may make one token of a word of any length. What has
more bytes than that is not given to the tokenizer.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise

from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

from ragqa.config.slots import BYTES_PER_TOKEN
from ragqa.config.specs import CodeSplit, MarkdownSplit, RecursiveSplit, SentenceSplit, TokenSplit
from ragqa.errors import RejectedError, UsageError
from ragqa.records import Chunk, Document
from ragqa.stages import TokenCounter

SPLITTER_VERSION = "1"
CONTEXT_TOKENS = 32
"""Most tokens of title and headings that are indexed with a chunk; outer headings give way first."""
CONTEXT_BYTES = 512
"""Most UTF-8 bytes of the same: a tokenizer may make one token of a heading of any length."""
SECONDS, SECONDS_PER_CHARACTER = 60.0, 10e-6
"""How long one document may take to split, and how much longer for each of its characters."""

SEPARATORS = ["\n\n", "\f", "\r\n", "\n", ". ", "? ", "! ", "; ", ", ", " "]
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_WORD_START = re.compile(r"(?<!\S)\S")
_BLANK_LINE = re.compile(r"\n{2,}")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+|\n{2,}|(?:\r\n){2,}")

Span = tuple[int, int]
SplitSpec = RecursiveSplit | TokenSplit | MarkdownSplit | SentenceSplit | CodeSplit


class TextSplitter:
    """Cuts documents as a `split` section says.

    :param counter: counts in the embedder's tokens; its `count` bounds the chunks where `unit` is `token`.
    :raises UsageError: an unknown programming language.
    """

    def __init__(self, spec: SplitSpec, counter: TokenCounter) -> None:
        self.spec = spec
        self._counter = counter
        length = _token_length(counter.count, spec.chunk_size) if spec.unit == "token" else len
        self._measure = lru_cache(maxsize=65536)(length)
        self._stride = spec.chunk_size - spec.overlap
        separators, self._is_code = _separators(spec), isinstance(spec, CodeSplit)
        self._separator = re.compile("|".join(separators if self._is_code else map(re.escape, separators)))
        self._recursive = RecursiveCharacterTextSplitter(
            separators=separators,
            is_separator_regex=self._is_code,
            keep_separator="start" if self._is_code else "end",
            strip_whitespace=False,
            chunk_size=self._stride,
            chunk_overlap=0,
            length_function=self._measure,
        )

    @property
    def fingerprint(self) -> str:
        """Return what chunks depend on besides their document, as canonical JSON."""
        library = version("langchain-text-splitters")
        return json.dumps(self.spec.model_dump() | {"version": SPLITTER_VERSION, "library": library}, sort_keys=True)

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of a document in order; none for a blank one. Each is at most `chunk_size` long.

        :raises RejectedError: it takes longer than `SECONDS`, and what its length adds to that.
        """
        seconds = SECONDS + SECONDS_PER_CHARACTER * len(document.text)
        deadline = time.monotonic() + seconds
        chunks = []
        for (low, high), headings in self._sections(document):
            context = self._context(document, headings)
            for start, end in self._overlapped(document.text, low, self._pieces(document, low, high)):
                chunks.append(_chunk(document, start, end, context))
                if time.monotonic() > deadline:
                    raise RejectedError(f"splitting took more than {seconds:.0f} s, at character {end:,}")
        return chunks

    def _sections(self, document: Document) -> Iterable[tuple[Span, tuple[str, ...]]]:
        """Return the spans that no chunk may cross, each with its heading path."""
        if isinstance(self.spec, MarkdownSplit):
            return _markdown_sections(document)
        return [((0, len(document.text)), ())]

    def _pieces(self, document: Document, low: int, high: int) -> Iterator[Span]:
        """Yield contiguous spans that cover [low, high), each at most chunk_size - overlap long."""
        text = document.text
        if document.media_type in ("text/csv", "text/tab-separated-values"):
            return self._fill(text, _row_spans(text, low, high))
        if document.media_type == "application/jsonl":
            return self._fill(text, _cut(low, high, (m.end() for m in _BLANK_LINE.finditer(text, low, high))))
        if isinstance(self.spec, SentenceSplit):
            return self._fill(text, _cut(low, high, (m.end() for m in _SENTENCE_END.finditer(text, low, high))))
        if isinstance(self.spec, TokenSplit):
            return self._token_windows(text, low, high)
        return self._recurse(text, low, high)

    def _recurse(self, text: str, low: int, high: int) -> Iterator[Span]:
        if not self._separator.search(text, low, high):
            yield from self._by_characters(text, low, high)
            return
        start = low
        for piece in self._recursive.split_text(text[low:high]):
            end = start + len(piece)
            if text[start:end] != piece:  # the library rewrote the text: never trust offsets that do not hold
                raise AssertionError(f"langchain-text-splitters changed the text at offset {start}")
            yield from self._cut(text, start, end)
            start = end
        if start != high:
            yield from self._cut(text, start, high)

    def _cut(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield a piece of the library within the bound: by characters where it found no separator in it."""
        inner = (
            (start + 1, end) if self._is_code else (start, end - 1)
        )  # pieces begin with a separator, or end with one
        if self._measure(text[start:end]) >= self._stride and not self._separator.search(text, *inner):
            yield from self._by_characters(text, start, end)
        else:
            yield from self._bounded(text, start, end)

    def _by_characters(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield spans of characters whose lengths add up to the bound, as the library does with the separator ""."""
        total = 0
        for at in range(start, end):
            length = self._measure(text[at])
            if total and total + length > self._stride:
                yield from self._bounded(text, start, at)
                start, total = at, 0
            total += length
        yield from self._bounded(text, start, end)

    def _bounded(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Halve what is still too long: the length of a whole can exceed the sum over its parts."""
        if end - start <= 1 or self._measure(text[start:end]) <= self._stride:
            yield start, end
            return
        middle = (start + end) // 2
        yield from self._bounded(text, start, middle)
        yield from self._bounded(text, middle, end)

    def _fill(self, text: str, spans: Iterable[Span]) -> Iterator[Span]:
        """Join neighbouring spans while they fit; cut a span that does not fit alone."""
        start = end = None
        for low, high in spans:
            if start is not None and self._measure(text[start:high]) <= self._stride:
                end = high
                continue
            if start is not None and end is not None:
                yield start, end
            start = end = None
            if self._measure(text[low:high]) <= self._stride:
                start, end = low, high
            else:
                yield from self._recurse(text, low, high)
        if start is not None and end is not None:
            yield start, end

    def _token_windows(self, text: str, low: int, high: int) -> Iterator[Span]:
        if self.spec.unit == "character":
            starts = list(range(low, high, self._stride))
        else:
            tokens = [low + span[0] for span in self._counter.offsets(text[low:high])]
            starts = sorted({low, *tokens[:: self._stride]})
        for start, end in pairwise([*starts, high]):
            yield from self._bounded(text, start, end)

    def _overlapped(self, text: str, floor: int, pieces: Iterable[Span]) -> Iterator[Span]:
        """Trim white space, drop blank pieces, and let each piece begin with the last words before it."""
        for start, end in pieces:
            end -= len(text[start:end]) - len(text[start:end].rstrip())
            start += len(text[start:end]) - len(text[start:end].lstrip())
            if start < end:
                yield self._reach_back(text, floor, start, end), end

    def _reach_back(self, text: str, floor: int, start: int, end: int) -> int:
        """Return the earliest word start such that the overlap and the whole chunk stay within their bounds."""
        overlap = self.spec.overlap
        floor = max(floor, start - BYTES_PER_TOKEN * overlap)
        if self.spec.unit == "character":
            floor = max(floor, start - overlap)
        elif _WORD_START.search(text, floor, start):  # else no token needs to be counted
            tokens = self._counter.offsets(text[floor:start])
            if len(tokens) > overlap:
                floor += tokens[-overlap][0] if overlap else start - floor
        for word in _WORD_START.finditer(text, floor, start):
            low = word.start()
            if self._measure(text[low:start]) <= overlap and self._measure(text[low:end]) <= self.spec.chunk_size:
                return low
        return start

    def _context(self, document: Document, headings: tuple[str, ...]) -> str:
        """Return title and heading path on one line, a table's header below; bounded by `CONTEXT_TOKENS`."""
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
            or self._counter.count(context) > CONTEXT_TOKENS
        )


def _token_length(count: Callable[[str], int], most: int) -> Callable[[str], int]:
    """Return the length of a text in tokens or sixths of a byte; what is over `most` in bytes alone is not counted."""

    def length(text: str) -> int:
        in_bytes = -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
        return in_bytes if in_bytes > most else max(count(text), in_bytes)

    return length


def _separators(spec: SplitSpec) -> list[str]:
    if not isinstance(spec, CodeSplit):
        return SEPARATORS
    try:
        language = Language(spec.language)
    except ValueError as error:
        known = ", ".join(sorted(member.value for member in Language))
        raise UsageError(f"split.language: unknown {spec.language!r}; valid: {known}") from error
    return [each for each in RecursiveCharacterTextSplitter.get_separators_for_language(language) if each]


def _chunk(document: Document, start: int, end: int, context: str) -> Chunk:
    identity = hashlib.sha256(f"{document.id}\0{start}\0{end}\0{context}".encode("utf-8", "surrogatepass")).hexdigest()
    text = document.text[start:end]
    return Chunk(identity[:32], document.id, start, end, text, context, document.page_of(start))


def _cut(low: int, high: int, ends: Iterable[int]) -> Iterator[Span]:
    """Yield [low, high) cut at `ends` (ascending)."""
    start = low
    for end in ends:
        if start < end < high:
            yield start, end
            start = end
    if start < high:
        yield start, high


def _row_spans(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield rows; a line break inside a quoted field does not end one."""
    ends = []
    quoted = False
    for match in re.compile(r'"|\r\n|\n|\r').finditer(text, low, high):
        if match.group() == '"':
            quoted = not quoted
        elif not quoted:
            ends.append(match.end())
    return _cut(low, high, ends)


def _markdown_sections(document: Document) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Yield the spans between headings, each with the titles above it; a `#` inside a code fence is no heading."""
    path: list[tuple[int, str]] = []
    start = offset = 0
    fence = ""
    for line in document.text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and fence in ("", mark.group(1)):
            fence = "" if fence else mark.group(1)
        heading = None if fence else _HEADING.match(line.rstrip("\r\n"))
        if heading:
            if offset > start:
                yield (start, offset), tuple(title for _, title in path)
            level = len(heading.group(1))
            path = [(depth, title) for depth, title in path if depth < level] + [(level, heading.group(2))]
            start = offset
        offset += len(line)
    if offset > start:
        yield (start, offset), tuple(title for _, title in path)
