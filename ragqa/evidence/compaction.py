"""Chooses the excerpts of the passages that a generator reads where it cannot read all."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.evidence.selection import in_order

SPARE = 2
"""The tokens that an excerpt costs besides its own, where it is joined with others."""
LETTER = 5
"""Those tokens where it has a line and a letter of its own."""


def compact(
    ranked: Sequence[RankedExcerpt],
    most_tokens: int,
    count: Callable[[str], int],
    *,
    spare: int = SPARE,
    most: int | None = None,
) -> list[Candidate]:
    """Return the best excerpts that fit into a number of tokens, in the order of their documents and places.

    Where the best one is longer than all of that, return its beginning.

    :param count: returns the number of tokens of a text. :param spare: the tokens that an excerpt costs besides its own.
    :param most: the greatest number of excerpts; None for any number.
    """
    chosen: list[Candidate] = []
    room = most_tokens
    for each in ranked:
        cost = count(each.candidate.text) + spare
        if cost <= room and len(chosen) != most:
            chosen.append(each.candidate)
            room -= cost
    if ranked and not chosen:
        return [_beginning(ranked[0].candidate, most_tokens - spare, count)]
    return in_order(chosen)


def _beginning(candidate: Candidate, most_tokens: int, count: Callable[[str], int]) -> Candidate:
    """Return an excerpt cut after as many words as fit."""
    words = list(re.finditer(r"\S+", candidate.text))
    fitting = bisect_right(words, most_tokens, key=lambda word: count(candidate.text[: word.end()]))
    text = candidate.text[: words[max(0, fitting - 1)].end()]
    return replace(candidate, end=candidate.start + len(text), text=text)
