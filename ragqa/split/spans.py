"""Spans of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""Start and end of a part of a text, in characters; the end is exclusive."""


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
