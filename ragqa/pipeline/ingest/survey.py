"""Surveys a corpus before it is indexed: finds files that would be lost, misread, cut or indexed twice, with advice.

Nothing is embedded and nothing is written. Of each document only its shingles are kept, 4 bytes a word.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ragqa.config.slots import SPECIAL_TOKENS
from ragqa.errors import RejectedError
from ragqa.load.formats import CSV, DOCX, PDF, TSV
from ragqa.markdown import tables
from ragqa.pipeline.ingest.reading import Estimate, read_and_split
from ragqa.pipeline.ingest.unknown import unknown_share
from ragqa.records import Chunk, Document, SourceFile, unread
from ragqa.stages import Loader, Splitter, TokenCounter

_HINTS = {
    "encoding": "check that its letters beyond ASCII read right; converting it to UTF-8 leaves no doubt",
    "pages_without_text": "look at these pages; where they are scans, OCR reads them: `pip install 'ragqa[ocr]'`",
    **dict.fromkeys(
        ("ocr_confidence", "ocr_faults", "ocr_left"),
        "look at these pages, and scan them anew, or set load.ocr_languages to theirs",
    ),
    "read_as_text": "mend the line that is named, unless the file is a template",
    "annotations_not_read": "open the file in a viewer and print it to a new PDF file",
    "undecodable": "save it anew from its origin with fonts that map to text, or run OCR over it",
    "not_read": "where these hold something that will be asked, put it into the text: pictures by OCR, objects as tables",
    "no_main_text": "look at the page: save it as a browser shows it, or leave it out with load.exclude",
    "left_out": "look whether the page has content in nav, header or footer; to read all of it, save it as text",
    "unnamed_columns": "cut the table into several, each with fewer columns",
    "fields_left_out": "unset load.text_field where they matter: all fields are read then",
    "ragged_rows": "mend these rows: a field that holds the delimiter needs quotation marks",
    "front_matter": "mend the fields between the two --- or +++ lines; the text is indexed all the same",
    "duplicate": "keep one of them: the content is indexed once, and cited under the first name",
    "near_duplicate": "keep the one that holds: passages of both would compete in every search",
    "beyond_window": "lower split.chunk_size: indexing would stop here with an error",
    "unknown_words": "choose a model of its language as embed.model: until then its words are found as they are written alone",
    "table_fragments": "raise split.chunk_size, or save the table as CSV, where every chunk carries its column names",
}
_REMEDIES = {
    "scanned": "let OCR read it: `pip install 'ragqa[ocr]'`, or ocrmypdf",
    "ragqa[ocr]": "install the extra where the pictures hold text; else leave them out with load.exclude",
    "by OCR": "leave it out with load.exclude, unless it has text: then scan it anew, or set load.ocr_languages",
    "OCR failed": "scan it anew, or leave it out with load.exclude",
    "not a PDF": "fetch it again, or give it the suffix of what it is",
    "map to text": "save it anew from its origin with fonts that map to text, or run OCR over it",
    "encrypted": "save a copy without encryption",
    "encoding": "find out its encoding and convert it to UTF-8 (with iconv, for example)",
    "too l": "cut it into several files",
    "changed while": "wait until nothing writes to it, and run again",
    "unsupported type": "leave it where it holds no text; read text of any kind by load.as_text: ['GLOB']; else save it "
    "as text, Markdown, HTML, CSV, DOCX or PDF",
    "load.include": "leave it, unless questions are asked about it",
    "symbolic link": "load the folder that it points to as well, or put a copy in its place",
    "": "mend it or fetch it again; or leave it out with load.exclude",
}
"""Advice on files that cannot be used, by words in the loader's reason; the first match counts."""

LEFT_OUT_WORDS, LEFT_OUT_SHARE = 50, 0.25
"""The words that were left out of a page, and their share of those that were read, from which on that is told."""
SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.8
"""The least Jaccard similarity of the sets of shingles of near-duplicates."""
BANDS, ROWS = 24, 5
"""The bands and rows of MinHash. Two documents of similarity s agree in at least one band with probability
1 - (1 - s^ROWS)^BANDS: 0.9999 for s = 0.8, 0.01 for s = 0.2."""

# Each column is a permutation of the 32-bit numbers, x -> factor * x + offset. PCG64's raw bits are the same in all
# versions of numpy.
_FACTORS, _OFFSETS = np.random.PCG64(1997).random_raw((2, BANDS * ROWS)).astype(np.uint32) | np.uint32(1)
_MIX = np.random.PCG64(2014).random_raw((BANDS, ROWS))
_BLOCK = 1024  # shingles hashed at once: 0.5 MB, which stays in a processor's cache
# Where a script has no spaces (Thai, kana, Han), each character counts as a word.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")

# Rows of a table in a DOCX, with three columns or more: two columns are often names and values, which need no header.
_TAB_TABLE = re.compile(r"^((?:[^\t\n]*\t){2}[^\n]*\n)((?:(?:[^\t\n]*\t){2}[^\n]*(?:\n|\Z)){2,})", re.MULTILINE)
# A table in a PDF, where each row or each cell is a line: eight or more lines, each far shorter than a line of prose.
_CELLS = re.compile(r"(?<![^\n\f])(?:[^\n\f]{1,60}(?:[\n\f]|\Z)){8,}")

Shingles = NDArray[np.uint32]
TablePlace = tuple[int, int, int, str]
"""The start of the header, the start and end of the rows, and the header as it would appear in a chunk's context."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a file before it is indexed. `what` is the fact, `hint` is advice: one line each.

    `kind` is a stable word: `rejected`, `skipped`, or one of those in `_HINTS`.
    """

    kind: str
    source: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The figures of a corpus. `files` is the sum of usable, rejected and skipped; `documents` counts contents once.

    `characters`, `tokens` and `chunks` are sums over documents; `encodings` counts text files. `beyond_window` is the
    share of tokens, 0 to 1, after the first `window` tokens of their document; they are lost where whole documents are
    embedded. `findings` are sorted by source.
    """

    files: int
    usable: int
    rejected: int
    skipped: int
    documents: int
    characters: int
    tokens: int
    chunks: int
    encodings: Mapping[str, int]
    beyond_window: float
    findings: tuple[Finding, ...]


def survey(
    loader: Loader,
    splitter: Splitter,
    counter: TokenCounter,
    window: int | None,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> Survey:
    """Read and split every file, and report what is worth mending; an empty folder gives zeros.

    :param counter: counts in the embedder's tokens.
    :param window: how many of these the embedder reads at most, special tokens included; None where that is unknown.
    :param progress: called after each file with the chunks so far and the chunks expected in all, an estimate by type
        and size.
    """
    scan = loader.scan()
    reading = _Reading(loader, splitter, counter, window)
    for entry in scan.others:
        reading.add(entry.status, entry.source, entry.reason)
    estimate = Estimate(scan.files)
    for file in scan.files:
        before = reading.chunks
        reading.take(file)
        estimate.learn(file, reading.chunks - before)
        progress(reading.chunks, estimate.chunks)
    return reading.result(len(scan.files) + len(scan.others))


class _Reading:
    """One pass over the files: its sums and its findings."""

    def __init__(self, loader: Loader, splitter: Splitter, counter: TokenCounter, window: int | None) -> None:
        self._loader, self._splitter, self._counter = loader, splitter, counter
        self._room = None if window is None else window - SPECIAL_TOKENS
        self._first: dict[str, tuple[str, str | None]] = {}  # source and encoding by document id
        self._shingles: list[Shingles] = []  # in the same order
        self._encodings: Counter[str] = Counter()
        self._characters = self._tokens = self._beyond = self.chunks = 0
        self._findings: list[Finding] = []

    def add(self, kind: str, source: str, what: str) -> None:
        """Add a finding with its advice; line breaks in `what` become spaces."""
        hint = _HINTS.get(kind) or next(remedy for words, remedy in _REMEDIES.items() if words in what)
        path = PurePosixPath(source)
        glob = f"**/*{path.suffix}" if path.suffix else f"**/{path.name}"
        self._findings.append(Finding(kind, source, " ".join(what.split()), hint.replace("GLOB", glob)))

    def take(self, file: SourceFile) -> None:
        """Read a file and add its figures and findings; equal contents are read once."""
        if file.document_id in self._first:
            self.add("duplicate", file.source, f"the same content as {self._first[file.document_id][0]}")
        else:
            try:
                document, chunks = read_and_split(self._loader, self._splitter, file)
            except RejectedError as error:
                self.add("rejected", file.source, str(error))
                return
            self._first[file.document_id] = file.source, document.encoding
            self._examine(document, chunks)
        if encoding := self._first[file.document_id][1]:
            self._encodings[encoding] += 1
            if encoding != "utf-8":
                self.add("encoding", file.source, f"read as {encoding}, which was marked, declared or guessed")

    def _examine(self, document: Document, chunks: Sequence[Chunk]) -> None:
        source = document.source
        tokens = self._counter.count(document.text)
        self._shingles.append(shingles(document.text))
        self._characters += len(document.text)
        self._tokens += tokens
        self.chunks += len(chunks)
        for kind, what in _recorded(document):
            self.add(kind, source, what)
        if share := unknown_share(self._counter, chunks):
            self.add(
                "unknown_words", source, f"{share:.0%} of its letters are in words that the embedder does not know"
            )
        if cut := _fragments(document, chunks):
            self.add("table_fragments", source, f"{cut:,} of {len(chunks):,} chunks hold rows without a table's header")
        if self._room is not None:
            self._beyond += max(0, tokens - self._room)
            lengths = [self._counter.count(chunk.indexed_text) for chunk in chunks]
            if over := sum(length > self._room for length in lengths):
                what = f"{over:,} of {len(chunks):,} chunks with context exceed the embedder's {self._room:,} tokens"
                self.add("beyond_window", source, f"{what}; the longest has {max(lengths):,}")

    def result(self, files: int) -> Survey:
        """Compare the documents, and return the sums and the findings."""
        sources = [source for source, _ in self._first.values()]
        for earlier, later, similarity in near_duplicates(self._shingles):
            self.add("near_duplicate", sources[later], f"{similarity:.0%} the same as {sources[earlier]}")
        kinds = Counter(finding.kind for finding in self._findings)
        return Survey(
            files, files - kinds["rejected"] - kinds["skipped"], kinds["rejected"], kinds["skipped"],
            len(sources), self._characters, self._tokens, self.chunks, dict(sorted(self._encodings.items())),
            self._beyond / max(1, self._tokens), tuple(sorted(self._findings, key=lambda finding: finding.source)),
        )  # fmt: skip


def _recorded(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the findings of the loader in the metadata. Those of Markdown are the author's, except an error."""
    facts = document.metadata
    found = unread(document.media_type, facts, len(document.page_starts))
    yield from ((each.kind, str(each)) for each in found)
    if document.media_type == "text/markdown":
        return
    left_out = facts.get("left_out_words", 0)
    if left_out >= LEFT_OUT_WORDS and left_out >= LEFT_OUT_SHARE * len(document.text.split()):
        yield "left_out", f"{left_out:,} words of menus, page headers and footers left out"
    if facts.get("extraction") == "all_text":
        yield "no_main_text", "no main text found: everything visible was taken, menus and notices too"
    if ragged := facts.get("ragged_rows"):
        yield "ragged_rows", f"{ragged:,} of {facts['rows']:,} rows have more or fewer columns than the header"
    if unnamed := facts.get("unnamed_columns"):
        yield "unnamed_columns", f"the names of {unnamed:,} columns are with no part of a row"
    if fields := facts.get("fields_left_out"):
        yield "fields_left_out", f"load.text_field leaves out the fields {', '.join(fields)[:500]}"


def shingles(text: str) -> Shingles:
    """Return the shingles of a text, uint32[n], sorted: the hashes of all runs of 5 words, without case.

    A text of fewer words has one shingle; a text without words has none.
    """
    words = _WORD.findall(text.casefold())
    starts = range(max(min(1, len(words)), len(words) - SHINGLE_WORDS + 1))
    runs = (" ".join(words[start : start + SHINGLE_WORDS]) for start in starts)
    return np.unique(np.fromiter((crc32(run.encode()) for run in runs), dtype=np.uint32, count=len(starts)))


def near_duplicates(documents: Sequence[Shingles]) -> list[tuple[int, int, float]]:
    """Return (earlier, later, Jaccard similarity) by position, once for each near-duplicate of an earlier document.

    MinHash (Broder, "On the resemblance and containment of documents", 1997) with banding (Leskovec, Rajaraman and
    Ullman, "Mining of Massive Datasets", section 3.4) proposes pairs; the sets of shingles decide.
    """
    found: dict[int, tuple[int, int, float]] = {}
    for earlier, later in _candidates(documents) if documents else ():
        if later not in found:
            shared = np.intersect1d(documents[earlier], documents[later], assume_unique=True).size
            similarity = shared / max(1, documents[earlier].size + documents[later].size - shared)
            if similarity >= NEAR_DUPLICATE:
                found[later] = earlier, later, similarity
    return list(found.values())


def _candidates(documents: Sequence[Shingles]) -> Iterator[tuple[int, int]]:
    """Yield, in order, each document's pairs with the last one before it that shares a band: 24 at most."""
    # 1. Hash each band of each document to one number.
    signatures = np.stack([_signature(own) for own in documents]).reshape(-1, BANDS, ROWS)
    keys = (signatures * _MIX).sum(axis=2).ravel()  # uint64[documents * BANDS]
    # 2. Sort: equal bands become neighbours, in the order of their documents.
    order = np.argsort(keys, kind="stable")
    same = keys[order[:-1]] == keys[order[1:]]
    # 3. Each two neighbours with equal bands are a pair.
    earlier, later = order[:-1][same] // BANDS, order[1:][same] // BANDS
    yield from np.unique(np.stack([earlier, later], axis=1), axis=0).tolist()


def _signature(own: Shingles) -> Shingles:
    """Return the MinHash uint32[BANDS * ROWS]: the least value of the set under each permutation modulo 2^32."""
    blocks = np.array_split(own, len(own) // _BLOCK + 1)
    smallest = [(block[:, None] * _FACTORS + _OFFSETS).min(axis=0, initial=0xFFFFFFFF) for block in blocks]
    return np.min(smallest, axis=0)  # type: ignore[no-any-return]


def _fragments(document: Document, chunks: Sequence[Chunk]) -> int:
    """Return the number of chunks with rows of a table that no chunk has together with the table's header."""
    starts = [chunk.start for chunk in chunks]
    cut: set[str] = set()
    for start, rows, end, header in _tables(document):
        first = bisect_right(starts, start)  # the chunk before it is the last one that can have the header
        whole = max(rows, chunks[first - 1].end if first else 0)
        inside = chunks[first : bisect_left(starts, end)]
        cut |= {c.id for c in inside if min(c.end, end) > whole and not (header and header in c.context)}
    return len(cut)


def _tables(document: Document) -> Iterator[TablePlace]:
    """Yield the tables that the rules of this module find, without surrounding white space, which chunks lack too."""
    text, kind = document.text, document.media_type
    if kind in (CSV, TSV):  # every chunk has the names of its columns
        return
    if kind == PDF:
        yield from _tables_of_cells(text)
    elif kind == DOCX:
        for match in _TAB_TABLE.finditer(text):
            start = match.start() + len(match[1]) - len(match[1].lstrip())
            yield start, match.start(2), match.start() + len(match[0].rstrip()), match[1].strip()
    else:
        for table in tables(text):
            start = table.rows - len(text[table.start : table.rows].lstrip())
            yield start, table.rows, table.start + len(text[table.start : table.end].rstrip()), " | ".join(table.names)


def _tables_of_cells(text: str) -> Iterator[TablePlace]:
    """Yield runs of short lines of which at least half are numbers; the line before the first number is the header."""
    for run in _CELLS.finditer(text):
        lines = run[0].splitlines(keepends=True)
        numbers = [i for i, line in enumerate(lines) if _is_number(line)]
        if 2 * len(numbers) >= len(lines):
            above = max(0, numbers[0] - 1)
            header, rows = (run.start() + len("".join(lines[:i])) for i in (above, numbers[0]))
            header += len(lines[above]) - len(lines[above].lstrip())
            yield header, rows, run.start() + len(run[0].rstrip()), ""


def _is_number(line: str) -> bool:
    """Tell whether at least half of the words have a digit: `3.4`, `cr 180`, `North 3.1 3.5`."""
    words = [word for word in line.split() if any(map(str.isalnum, word))]
    return 0 < len(words) <= 2 * sum(any(map(str.isdigit, word)) for word in words)
