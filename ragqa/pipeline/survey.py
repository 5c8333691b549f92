"""Reading a corpus before it is indexed: what would be lost, misread, cut or indexed twice, and what to do about it.

Nothing is embedded and nothing is written. Of each document only its shingles are kept: 4 bytes a word.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import RejectedError
from ragqa.records import Chunk, Document, SourceFile
from ragqa.stages import Loader, Splitter, TokenCounter

SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.8
"""The Jaccard similarity of two sets of shingles from which their documents are near-duplicates."""

BANDS, ROWS = 24, 5
"""Two documents are compared where one band of their MinHash agrees: of pairs alike by 0.8 all but 1 in 10,000 are,
by 0.5 half, by 0.2 1 in 100 (1 - (1 - s^ROWS)^BANDS)."""
NEIGHBOURS = 4
"""Among how many others of its band, and then with how many in all, a document is compared: keeps the cost linear."""
BLOCK = 1024
"""How many shingles are hashed at once: 0.5 MB, which stays in a processor's cache."""

# One permutation of the 32-bit numbers a column: x -> factor * x + offset, with an odd factor. Raw bits of PCG64 are
# the same in every version of numpy.
_FACTORS, _OFFSETS = np.random.PCG64(1997).random_raw((2, BANDS * ROWS)).astype(np.uint32) | np.uint32(1)
_BAND_FACTORS = np.random.PCG64(2014).random_raw(ROWS) | np.uint64(1)

# Scripts without spaces (Thai, kana, Han) count each character as a word.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")

_ROW = r"[^|\n]*\|[^\n]*(?:\n|\Z)"
_PIPE_TABLE = re.compile(
    rf"^(?P<header>{_ROW})[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*\r?\n(?P<body>(?:{_ROW})+)",
    re.MULTILINE,
)
"""A table of GitHub Flavored Markdown (section 4.10), which is also what trafilatura makes of one in HTML."""
_TAB_TABLE = re.compile(
    r"^(?P<header>(?:[^\t\n]*\t){2}[^\n]*\n)(?P<body>(?:(?:[^\t\n]*\t){2}[^\n]*(?:\n|\Z)){2,})", re.M
)
"""Rows of a DOCX table; two columns are left out, because they are often names and values without a header."""
_CELL_CHARACTERS = 40
_CELL_LINES = 8

_OCR = "run OCR over it, for example with ocrmypdf, and index the result"
_REMEDIES = {
    "scanned": _OCR,
    "encrypted": "save a copy without encryption",
    "encoding": "find out its encoding and convert it to UTF-8, for example with iconv",
    "byte-order mark": "convert it to UTF-8, for example with iconv",
    "too l": "cut it into several files",
    "changed while": "wait until nothing writes to it, and run again",
    "cannot be read": "allow this user to read it",
    "symbolic link": "load the folder that it points to as well, or put a copy in its place",
    "hidden": "rename it without the dot where it should be read",
    "unsupported type": "leave it where it holds no text; else save it as text, Markdown, HTML, CSV, DOCX or PDF",
}
"""What to do by words of the loader's reason; the first that fit."""
_OTHER_REMEDY = "mend it or fetch it again; or leave it out with load.exclude"

Shingles = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before indexing.

    `kind` is a stable word (`rejected`, `skipped`, `encoding`, `pages_without_text`, `undecodable`, `no_main_text`,
    `ragged_rows`, `front_matter`, `duplicate`, `near_duplicate`, `beyond_window`, `table_fragments`), `source` the file;
    `what` and `hint` are one line each: what was found, and what to do.
    """

    kind: str
    source: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a corpus holds. `files` is the sum of usable, rejected and skipped; `documents` counts distinct contents.

    `characters`, `tokens` and `chunks` add up over documents. `encodings` counts text files by encoding.
    `beyond_window` is the share of tokens, 0 to 1, behind the first `window` tokens of their document: what would be
    lost silently if documents were embedded whole. `findings` are sorted by source.
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
    :param window: how many of these one text may have (special tokens and prefix taken off); None where that is unknown.
    :param progress: called after each file with the chunks so far and the chunks expected in all (an estimate by size).
    """
    scan = loader.scan()
    reading = _Reading(loader, splitter, counter, window)
    for entry in scan.others:
        reading.add(entry.status, entry.source, entry.reason, _remedy(entry.reason))
    all_bytes, read_bytes = sum(file.size for file in scan.files), 0
    for file in scan.files:
        reading.take(file)
        read_bytes += file.size
        progress(reading.chunks, max(reading.chunks, round(reading.chunks * all_bytes / max(1, read_bytes))))
    reading.compare()
    return reading.result(len(scan.files) + len(scan.others))


class _Reading:
    """One pass over the files: what adds up, and what was found."""

    def __init__(self, loader: Loader, splitter: Splitter, counter: TokenCounter, window: int | None) -> None:
        self._loader, self._splitter, self._counter, self._window = loader, splitter, counter, window
        self._first: dict[str, tuple[str, str | None]] = {}  # source and encoding by document id
        self._shingles: list[Shingles] = []  # in the same order
        self._encodings: Counter[str] = Counter()
        self._characters = self._tokens = self._beyond = self.chunks = 0
        self._findings: list[Finding] = []

    def add(self, kind: str, source: str, what: str, hint: str) -> None:
        """Keep a finding. What a parser said of a file may have line breaks."""
        self._findings.append(Finding(kind, source, " ".join(what.split()), hint))

    def take(self, file: SourceFile) -> None:
        """Read a file, unless its content is known."""
        if file.document_id in self._first:
            first, encoding = self._first[file.document_id]
            hint = "keep one of them: the content is indexed once, and cited under the first name"
            self.add("duplicate", file.source, f"the same content as {first}", hint)
        else:
            try:
                document = self._loader.read(file)
            except RejectedError as error:
                self.add("rejected", file.source, str(error), _remedy(str(error)))
                return
            encoding = document.encoding
            self._first[file.document_id] = file.source, encoding
            self._examine(document)
        self._encoding(file.source, encoding)

    def _encoding(self, source: str, encoding: str | None) -> None:
        if encoding is None:
            return
        self._encodings[encoding] += 1
        if encoding != "utf-8":
            hint = "check that its letters beyond ASCII read right; converting it to UTF-8 leaves no doubt"
            self.add("encoding", source, f"read as {encoding}, which was marked, declared or guessed", hint)

    def _examine(self, document: Document) -> None:
        self._shingles.append(shingles(document.text))
        chunks = self._splitter.split(document)
        tokens = self._counter.count(document.text)
        self._characters += len(document.text)
        self._tokens += tokens
        self.chunks += len(chunks)
        for finding in _recorded(document):
            self.add(*finding)
        if cut := _fragments(document, chunks):
            hint = "raise split.chunk_size so that the table fits, or save it as CSV, whose chunks carry the header"
            what = f"{cut:,} of {len(chunks):,} chunks hold table rows cut off from the table's header"
            self.add("table_fragments", document.source, what, hint)
        if self._window is not None:
            self._beyond += max(0, tokens - self._window)
            self._check_chunks(document.source, chunks, self._window)

    def _check_chunks(self, source: str, chunks: Sequence[Chunk], window: int) -> None:
        lengths = [self._counter.count(chunk.indexed_text) for chunk in chunks]
        if over := sum(length > window for length in lengths):
            what = f"{over:,} of {len(chunks):,} chunks with their context exceed the embedder's {window:,} tokens"
            hint = "lower split.chunk_size: indexing would stop here with an error"
            self.add("beyond_window", source, f"{what}; the longest has {max(lengths):,}", hint)

    def compare(self) -> None:
        """Find the near-duplicates among the documents read."""
        sources = [source for source, _ in self._first.values()]
        hint = "keep the one that holds: passages of both would compete in every search"
        for earlier, later, similarity in near_duplicates(self._shingles):
            self.add("near_duplicate", sources[later], f"{similarity:.0%} the same as {sources[earlier]}", hint)

    def result(self, files: int) -> Survey:
        kinds = Counter(finding.kind for finding in self._findings)
        rejected, skipped = kinds["rejected"], kinds["skipped"]
        return Survey(
            files, files - rejected - skipped, rejected, skipped, len(self._first),
            self._characters, self._tokens, self.chunks, dict(sorted(self._encodings.items())),
            self._beyond / self._tokens if self._tokens else 0.0,
            tuple(sorted(self._findings, key=lambda finding: finding.source)),
        )  # fmt: skip


def _remedy(reason: str) -> str:
    return next((remedy for words, remedy in _REMEDIES.items() if words in reason), _OTHER_REMEDY)


def _recorded(document: Document) -> Iterator[tuple[str, str, str, str]]:
    """Yield what the loader recorded in the metadata. Those of Markdown are the author's, and may have any name."""
    facts, source = document.metadata, document.source
    if document.media_type == "text/markdown":
        if error := facts.get("front_matter_error"):
            hint = "mend the YAML between the two --- lines; the text is indexed all the same"
            yield "front_matter", source, f"front matter not read, or in part: {error}", hint
        return
    if pages := facts.get("pages_without_text"):
        listed = ", ".join(map(str, pages[:10])) + (", ..." if len(pages) > 10 else "")
        what = f"no text on {len(pages):,} of {len(document.page_starts):,} pages: {listed}"
        yield "pages_without_text", source, what, f"look at these pages; where they are scans, {_OCR}"
    if undecodable := facts.get("undecodable"):
        hint = "save it anew from its origin with fonts that map to text, or run OCR over it"
        yield "undecodable", source, f"{undecodable:,} characters have no text in the file's fonts", hint
    if facts.get("extraction") == "all_text":
        hint = "look at the page: menus and notices may be all it has; save the page as a browser shows it, or leave it out"
        yield "no_main_text", source, "no main text found: everything visible was taken", hint
    if ragged := facts.get("ragged_rows"):
        hint = "mend these rows: a field that holds the delimiter needs quotation marks"
        yield "ragged_rows", source, f"{ragged:,} of {facts['rows']:,} rows have not the columns of the header", hint


def shingles(text: str) -> Shingles:
    """Return uint32[n], sorted: the hashes of all runs of 5 words, case aside; of the whole text where it is shorter."""
    words = _WORD.findall(text.casefold())
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1)) if words else range(0)
    runs = (" ".join(words[i : i + SHINGLE_WORDS]) for i in starts)
    return np.unique(np.fromiter((crc32(run.encode()) for run in runs), dtype=np.uint32, count=len(starts)))
