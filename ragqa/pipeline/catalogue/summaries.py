"""The summary of a document: the spans of its most central sentences, kept in the cache by its content.

The cache holds offsets and no text. A changed file is another document, so that it alone is summarised anew.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ragqa import stopping
from ragqa.models import memo
from ragqa.pipeline.catalogue import centre, sections
from ragqa.records import Document
from ragqa.stages import Embedder, IndexReader

METHOD = 3
"""The version of the method. Summaries of another version are not used."""
KIND = "summaries"
MOST_KEPT = 20_000
"""The most summaries in the cache; each has a few hundred bytes."""
GIST_EMBEDDED = 16
"""About how many sentences of a document are compared by vectors for the one that stands for it in a folder."""

EXAMPLE_ROWS = 2
"""The number of rows of a table that are shown below the names of its columns."""
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Summary:
    """The chosen sentences of a document as spans, in its order, and what of it was read.

    `sections` is the number of its sections, all of which were read, and `word` says what they are called: `sections`
    of a document with headings, `parts` of one without, `rows` of a table. `excerpts` is the number of their sentences,
    list items, rows and lines of code.
    """

    spans: tuple[tuple[int, int], ...]
    sections: int
    word: str
    excerpts: int


@dataclass(frozen=True, slots=True)
class Summarizer:
    """Makes the summaries of documents of one generation.

    :param identity: the identity of the index: the embedder, and how documents are split.
    :param canaries: returns the embedder's vectors of `CANARIES`, which are compared with those of the index.
    """

    reader: IndexReader
    embedder: Embedder
    identity: Mapping[str, str]
    canaries: Callable[[], centre.Vectors]

    def summary(self, document: Document) -> Summary:
        """Return the summary of a document, of up to `centre.MOST_SENTENCES` sentences."""
        return self._kept(document, centre.MOST_SENTENCES, centre.MOST_EMBEDDED)

    def gist(self, document: Document) -> Summary:
        """Return the one sentence that says best what a document is about."""
        return self._kept(document, 1, GIST_EMBEDDED)

    def _kept(self, document: Document, most: int, embedded: int) -> Summary:
        stopping.check()
        key = self._key(document, most)
        if found := _restored(memo.recall(KIND, key), len(document.text)):
            return found
        summary = self._made(document, most, embedded)
        if not self.reader.missing(self.reader.chunks(document.id)):  # else it would be another one later
            memo.keep(KIND, key, asdict(summary))
            memo.keep_newest(KIND, MOST_KEPT)
        return summary

    def _made(self, document: Document, most: int, embedded: int) -> Summary:
        if (rows := document.metadata.get("rows")) and document.metadata.get("header"):
            count = 1 if most == 1 else 1 + EXAMPLE_ROWS
            return Summary(_first_lines(document.text, _header_start(document), count), 1, "rows", int(rows))
        self.reader.check_embedder(self.canaries())
        found = sections.read(document)
        count = min(most, centre.number_of_sentences(found))
        chosen = centre.central(document, found, self.reader, self.embedder, count, embedded)
        spans = tuple((each.start, each.end) for each in chosen)
        return Summary(spans, len(found.spans), found.word, found.read)

    def _key(self, document: Document, most: int) -> str:
        identity = hashlib.sha256(json.dumps(sorted(self.identity.items())).encode()).hexdigest()
        return json.dumps([METHOD, document.id, document.extractor, identity, most])


def _header_start(document: Document) -> int:
    """Return the offset of the header of a document's first table; 0 where that is not known."""
    tables = document.metadata.get("tables")
    return int(tables[0][1]) if tables else 0


def _first_lines(text: str, start: int, count: int) -> tuple[tuple[int, int], ...]:
    """Return the spans of the first lines of a table: the names of its columns, and some rows."""
    lines = (match.span() for match in re.compile(r"[^\s\ufeff][^\r\n]*").finditer(text, start))
    return tuple((start, min(end, start + LONGEST_LINE)) for start, end in itertools.islice(lines, count))


def _restored(value: Any, length: int) -> Summary | None:
    """Return a summary from the cache; None where it is not one of a text of this length."""
    try:
        spans = tuple((int(start), int(end)) for start, end in value["spans"])
        summary = Summary(spans, int(value["sections"]), str(value["word"]), int(value["excerpts"]))
    except (TypeError, ValueError, KeyError):
        return None
    return summary if _are_spans(spans, length) else None


def _are_spans(spans: Sequence[tuple[int, int]], length: int) -> bool:
    return all(0 <= start < end <= length for start, end in spans)
