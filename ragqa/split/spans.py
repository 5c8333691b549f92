"""Spans of a text, and the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""Start and end of a part of a text, in characters; the end is exclusive."""

_QUOTE_OR_LINE_END = re.compile(r'"|\r\n|\n|\r')


def cut_at(low: int, high: int, ends: Iterable[int]) -> Iterator[Span]:
    """Yield [low, high) cut at `ends` (ascending)."""
    start = low
    for end in ends:
        if start < end < high:
            yield start, end
            start = end
    if start < high:
        yield start, high


def match_ends(pattern: re.Pattern[str], text: str, low: int, high: int) -> Iterator[Span]:
    """Yield [low, high) cut after each match of a pattern."""
    return cut_at(low, high, (match.end() for match in pattern.finditer(text, low, high)))


def row_spans(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield the rows of a table. A line break inside a quoted field does not end a row."""
    ends = []
    quoted = False
    for match in _QUOTE_OR_LINE_END.finditer(text, low, high):
        if match.group() == '"':
            quoted = not quoted
        elif not quoted:
            ends.append(match.end())
    return cut_at(low, high, ends)
