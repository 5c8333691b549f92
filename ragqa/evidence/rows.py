"""Rows of tables: which of them a question is about, and in which cell of a row its answer stands.

Two rows of a table are nearly the same to vectors and to words, and only one of them answers. So a row is compared with
all rows of its table: where another one has more of what the question names, this one is no evidence, whether or not the
other one was found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, compress, pairwise

from ragqa import table_rows, text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.evidence.support import stated
from ragqa.question_analysis import QuestionAnalysis, QuestionKind
from ragqa.records import Document
from ragqa.records.delimited import Span, delimiter_of, tables_of

OF_ONE_ROW: tuple[QuestionKind, ...] = ("fact", "yes_no", "definition", "other")
"""The kinds of questions that are about one row, where a table answers them."""
MOST_ROWS = 30_000
"""The most rows of a table that are compared."""
MOST_COMMON = 0.5
"""Words that more than this part of the rows have tell no row from another."""
_BETWEEN_PAGES = 400
"""The most characters between the parts of a table on two pages: the footer of one, and the header of the next."""
_EXAMPLES = 200
"""The first rows are read even if they have no word of the question, to see what rows have numbers for."""
_ROW_MARK = re.compile(r"[|\t]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FIELD = re.compile(r"^([^\s:|][^\n:|]{0,80}): (\S.*)$", re.MULTILINE)
"""A line of a record."""
_IN_PATH = re.compile(r"[._\[\]]")
_YEAR = re.compile(r"[12]\d{3}")
_RULE = re.compile(r"[\s|:=+-]*")


def about_the_row(
    question: QuestionAnalysis, candidates: Sequence[Candidate], document_of: Callable[[str], Document]
) -> list[Candidate]:
    """Leave out the rows of tables that are not those that a question names.

    Where a table lacks the row of the number that is asked for, what is beside the table is no evidence either.

    :param document_of: returns the document with an id.
    """
    if question.kind not in OF_ONE_ROW:
        return list(candidates)
    tables: list[tuple[str, list[Span], _Named]] = []
    kept, without = [], set[str]()
    for each in candidates:
        if each.kind == "row":
            id_ = each.hit.chunk.document_id
            named = next((it for of, spans, it in tables if of == id_ and _is_in(each.start, spans)), None)
            if named is None:
                document = document_of(id_)
                spans = table_of(document, each.start)
                named = _Named(question, text_of(document, spans), each)
                tables.append((id_, spans, named))
            if named.is_missing:
                without.add(id_)
            if not named.is_this(each):
                continue
        kept.append(each)
    if any(each.kind == "row" for each in kept):
        return kept
    return [each for each in kept if each.hit.chunk.document_id not in without or _has_number(question, each.text)]


def _is_in(offset: int, spans: Sequence[Span]) -> bool:
    return any(low <= offset < high for low, high in spans)


def text_of(document: Document, spans: Sequence[Span]) -> str:
    """Return the lines of a table."""
    return "".join(document.text[low:high] for low, high in spans)


def table_of(document: Document, offset: int) -> list[Span]:
    """Return the spans of the table around an offset: one, or one on each page where it goes on over pages.

    Such a table has the same header on each page, and little text is between its parts.
    """
    text = document.text
    before, after = _table_around(document, offset)
    parts = [(before, after)]
    header = text[before:after].partition("\n")[0].strip()
    if not header or "\f" not in text or delimiter_of(document):
        return parts
    while (end := text.rfind("|", max(0, before - _BETWEEN_PAGES), before)) >= 0 and "\f" in text[end:before]:
        start, stop = _table_around(document, end)
        if not text.startswith(header, start):
            break
        parts.insert(0, (start, stop))
        before = start
    while (start := text.find(header, after, after + _BETWEEN_PAGES + len(header))) >= 0 and "\f" in text[after:start]:
        start, stop = _table_around(document, start)
        parts.append((start, stop))
        after = stop
    return parts


def _table_around(document: Document, offset: int) -> tuple[int, int]:
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


class _Named:
    """What a question names of a table: the words and phrases by which its rows differ, and numbers that it must have.

    Words of the header, the title and the headings name no row.
    """

    def __init__(self, question: QuestionAnalysis, table: str, example: Candidate) -> None:
        around = (example.hit.source, example.hit.chunk.context, example.heading, example.before)
        known = stated(around)
        self._terms = {term for term in question.terms if term not in known}
        self._pairs = set(pairwise(text_analysis.terms(question.core)))
        self._names = table_rows.name_terms(example.before) if example.header is not None else []
        every = list(rows_of(table))
        near = (
            n < _EXAMPLES or any(table_rows.may_have(line, term) for term in self._terms)
            for n, line in enumerate(every)
        )
        lines = [table_rows.named_terms(line, self._names) for line in compress(every, near)]
        rows = [self._matches(line) for line in lines]
        counts = Counter(found for row in rows for found in row)
        self._distinct = {found for found, count in counts.items() if count <= MOST_COMMON * len(every)}
        self._most = max((len(row & self._distinct) for row in rows), default=0)
        self.is_missing = bool(question.numbers) and (
            _lacks_number(question, lambda: {*known, *stated([table]), *chain.from_iterable(lines)})
            or self._lacks_numbered(lines)
        )

    def is_this(self, row: Candidate) -> bool:
        """Tell whether no other row of the table has more of what the question names."""
        matches = self._matches(table_rows.named_terms(row.text, self._names)) & self._distinct
        return not self.is_missing and len(matches) == self._most

    def _lacks_numbered(self, lines: Sequence[Sequence[str]]) -> bool:
        """Tell whether the question numbers a thing, such as "type 99", as rows do, and no row has that number for it."""
        there = {pair for line in lines for pair in pairwise(line) if pair[1].isdigit()}
        things = {before for before, _ in there} - set(map(text_analysis.term, text_analysis.STOP_WORDS))
        return any(b.isdigit() and a in things and not a.isdigit() and (a, b) not in there for a, b in self._pairs)

    def _matches(self, terms: Sequence[str]) -> set[table_rows.Found]:
        """Return the words of the question in a row, and its pairs of neighbouring words with one of them."""
        return table_rows.matches(terms, self._terms, self._pairs)


def rows_of(table: str) -> Iterator[str]:
    """Yield the rows of a table, without its rules, up to `MOST_ROWS`."""
    lines = (line for line in table.split("\n") if not _RULE.fullmatch(line))
    return (line for _, line in zip(range(MOST_ROWS), lines, strict=False))


def _lacks_number(question: QuestionAnalysis, stated_there: Callable[[], set[str]]) -> bool:
    """Tell whether the question names a year, or numbers a thing, that neither the table nor its title has.

    A number after a stop word, such as in "for 3 nights", is a quantity of the question's own.

    :param stated_there: returns what they state; called where the question has such a number, since a table may be long.
    """
    words = text_analysis.words(question.core)
    named = {after for before, after in pairwise(words) if before not in text_analysis.STOP_WORDS and before.isalpha()}
    wanted = [
        number
        for number in (digits for each in question.numbers for digits in _NUMBER.findall(each))
        if number.partition(",")[0].partition(".")[0] in named or _YEAR.fullmatch(number)
    ]
    if not wanted:
        return False
    there = stated_there()
    return any(there.isdisjoint((number, number.replace(",", ""))) for number in wanted)


def _has_number(question: QuestionAnalysis, text: str) -> bool:
    """Tell whether a text has a number of a question."""
    asked = {digits for each in question.numbers for digits in _NUMBER.findall(each)}
    return not asked.isdisjoint(_NUMBER.findall(text))


def is_of_cell(text: str, question: QuestionAnalysis, row: Candidate) -> bool:
    """Tell whether a text stands in the cell of a row whose column the question names; False where it names none."""
    cell = _cell_asked_for(question, row)
    return cell is not None and any(text_analysis.occurrences(text.strip(" .\"'"), cell, ignore_case=True))


def is_of_field(text: str, question: QuestionAnalysis, record: str) -> bool:
    """Tell whether a text is of the field of a record that a question names: the field whose name has most of its words.

    :param record: lines `name: value`. Where the names of no field, or of several, are those, any text is.
    """
    fields = [(match[1], match[2]) for match in _FIELD.finditer(record)]
    asked = set(question.terms)
    values = [value for _, value in fields]
    shares = [
        0
        if asked.issuperset(text_analysis.terms(value))
        else len(asked.intersection(text_analysis.terms(_IN_PATH.sub(" ", name))))
        for name, value in fields
    ]
    best = table_rows.only_greatest(shares)
    if len(fields) < 2 or best is None:
        return True
    return any(text_analysis.occurrences(text.strip(" .\"'"), values[best], ignore_case=True))


def _cell_asked_for(question: QuestionAnalysis, row: Candidate) -> str | None:
    """Return the cell in the column whose name has most words of a question; None where none has any, or several do.

    A cell with words of the question alone is one by which it names the row.
    """
    if row.header is None:
        return None
    names, values = table_rows.row_values(row.before), table_rows.row_values(row.text)
    asked = set(question.terms)
    shares = [
        0 if asked.issuperset(text_analysis.terms(value)) else len(asked.intersection(text_analysis.terms(name)))
        for name, value in zip(names, values, strict=False)
    ]
    best = table_rows.only_greatest(shares)
    return None if best is None else values[best]
