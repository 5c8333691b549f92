"""The tables of the documents in which the rows that were found stand: their columns, and all their rows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragqa import table_rows, text_analysis
from ragqa.evidence.headers import Headers
from ragqa.evidence.passages import Candidate
from ragqa.records import Document
from ragqa.records.delimited import Span, delimiter_of, tables_of

MOST_ROWS = 30_000
"""The most rows of a table that are compared."""
MOST_TABLES = 50
"""The most tables with one header in which a row is looked for."""
EXAMPLES = 200
"""The first rows are read whatever a question says: they show of what the columns are."""
YEAR = re.compile(r"(?:1\d|20)\d\d")
_ABOVE = 300
"""The characters above a table that may tell what it is about."""
_BETWEEN_PAGES = 400
"""The most characters between the parts of a table on two pages: the footer of one, and the header of the next."""
_ROW_MARK = re.compile(r"[|\t]")
_RULE = re.compile(r"[\s|:=+-]*")


@dataclass(frozen=True)
class Table:
    """A table: the document and the spans in which it stands, its header ("" for none), and what is written above it."""

    document: Document
    spans: Sequence[Span]
    header: str
    above: str

    @cached_property
    def names(self) -> list[list[str]]:
        """The terms of the names of its columns."""
        return table_rows.name_terms(self.header) if self.header else []

    @cached_property
    def rows(self) -> list[Span]:
        """The spans of its lines in the document, without its rules, up to `MOST_ROWS`."""
        found: list[Span] = []
        for low, high in self.spans:
            for line in self.document.text[low:high].split("\n"):
                if len(found) < MOST_ROWS and not _RULE.fullmatch(line):
                    found.append((low, low + len(line)))
                low += len(line) + 1
        return found

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, without its rules, up to `MOST_ROWS`."""
        return [self.document.text[low:high] for low, high in self.rows]

    @cached_property
    def _plain(self) -> tuple[str, list[int]]:
        """Its lines as words are compared, and the offset at which each begins."""
        lines = [line.lower() if line.isascii() else text_analysis.without_accents(line.lower()) for line in self.lines]
        starts, at = [], 0
        for line in lines:
            starts.append(at)
            at += len(line) + 1
        return "\n".join(lines), starts

    @cached_property
    def words(self) -> set[str]:
        """All its words."""
        return set(text_analysis.WORD.findall(self._plain[0]))

    def having(self, terms: Iterable[str]) -> dict[str, set[int]]:
        """Return for each term the numbers of the lines that have it."""
        text, starts = self._plain
        found: dict[str, set[int]] = {term: set() for term in terms}
        forms = {word: text_analysis.term(word) for word in self.words if text_analysis.term(word) in found}
        if forms:
            longest_first = sorted(forms, key=len, reverse=True)
            for match in re.finditer(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", text):
                found[forms[match.group()]].add(bisect_right(starts, match.start()) - 1)
        return found

    def has(self, offset: int) -> bool:
        """Tell whether a place in its document is in it."""
        return any(low <= offset < high for low, high in self.spans)


class Tables:
    """The tables of some documents. Each is read when a row of it first asks for it.

    :param document_of: returns the document with an id.
    """

    def __init__(self, document_of: Callable[[str], Document]) -> None:
        self._document_of = document_of
        self._found: dict[str, list[Table]] = {}
        self._headers: dict[str, Headers] = {}

    def of(self, row: Candidate) -> Table:
        """Return the table in which a row stands."""
        header = "" if row.header is None else row.before
        return self._at(row.hit.chunk.document_id, row.start, header, row.header)

    def like(self, row: Candidate) -> list[Table]:
        """Return the tables of the row's document that have the same header as its own, that one first."""
        id_, own = row.hit.chunk.document_id, self.of(row)
        if not own.header:
            return [own]
        headers = self._headers.setdefault(id_, Headers(self._document_of(id_)))
        places = headers.of(own.header)[:MOST_TABLES]
        return list(
            {
                id(table): table for table in (own, *(self._at(id_, place, own.header, place) for place in places))
            }.values()
        )

    def _at(self, id_: str, offset: int, header: str, header_at: int | None) -> Table:
        known = self._found.setdefault(id_, [])
        table = next((each for each in known if each.has(offset)), None)
        if table is None:
            document = self._document_of(id_)
            spans = _spans(document, offset)
            above = _above(document, spans[0][0], spans[0][0] if header_at is None else header_at)
            table = Table(document, spans, header, above)
            known.append(table)
        return table


def _above(document: Document, start: int, header: int) -> str:
    """Return the lines above the header of a table, back to another table: those within its own part of delimited text."""
    if delimiter_of(document):
        return document.text[max(start, header - _ABOVE) : header]
    lines = document.text[max(0, header - _ABOVE, document.page_span(header)[0]) : header].split("\n")
    last = max((n for n, line in enumerate(lines) if _ROW_MARK.search(line)), default=-1)
    return "\n".join(lines[last + 1 :])


def _spans(document: Document, offset: int) -> list[Span]:
    """Return the spans of the table around an offset: one, or one on each page where it goes on over pages.

    Such a table has the same header on each page, and little text is between its parts.
    """
    text = document.text
    before, after = _lines_around(document, offset)
    parts = [(before, after)]
    header = text[before:after].partition("\n")[0].strip()
    if not header or "\f" not in text or delimiter_of(document):
        return parts
    while (end := text.rfind("|", max(0, before - _BETWEEN_PAGES), before)) >= 0 and "\f" in text[end:before]:
        start, stop = _lines_around(document, end)
        if not text.startswith(header, start):
            break
        parts.insert(0, (start, stop))
        before = start
    while (start := text.find(header, after, after + _BETWEEN_PAGES + len(header))) >= 0 and "\f" in text[after:start]:
        start, stop = _lines_around(document, start)
        parts.append((start, stop))
        after = stop
    return parts


def _lines_around(document: Document, offset: int) -> Span:
    """Return the span of the lines with cells that follow one another around an offset."""
    text = document.text
    if delimiter_of(document):
        starts = [start for start, _, _ in tables_of(document)]
        number = bisect_right(starts, offset)
        return (starts[number - 1] if number else 0), (starts[number] if number < len(starts) else len(text))
    low = high = offset
    while low > 0 and _ROW_MARK.search(text, before := text.rfind("\n", 0, low - 1) + 1, low):
        low = before
    while high < len(text) and _ROW_MARK.search(text, high, after := text.find("\n", high) + 1 or len(text)):
        high = after
    return low, high
