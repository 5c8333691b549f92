"""Spans of passages that may be an answer, and what their text says for them. Knows texts only, no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragqa import words

_WORD = re.compile(r"\S+")
_JOINT = re.compile(r"[-–—/]")
_EDGE = ".,;:!?\"'()[]{}“”‘’«»…*_`"
"""Punctuation that a span may leave out at its ends."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of `passages[passage]`, and how it is scored.

    `log_p` is the natural log-probability that the model writes the span and then ends the line, given the question;
    `log_prior` the same where nothing in particular is asked; `log_end` the part of `log_p` that is the line's end.
    """

    passage: int
    start: int
    end: int
    text: str
    n_tokens: int
    log_p: float
    log_prior: float
    log_end: float


def boundaries(text: str) -> tuple[list[int], set[int]]:
    """Return where a span may start (in order) and where it may end: at words, with or without their punctuation."""
    starts: set[int] = set()
    ends: set[int] = set()
    for match in _WORD.finditer(text):
        first, last = match.span()
        word = match.group()
        starts |= {first, first + len(word) - len(word.lstrip(_EDGE))}
        ends |= {last, last - len(word) + len(word.rstrip(_EDGE))}
        for joint in _JOINT.finditer(word, 1, len(word) - 1):
            starts.add(first + joint.end())
            ends.add(first + joint.start())
        if word.endswith(("'s", "’s")):
            ends.add(last - 2)
    return sorted(starts), ends


class Evidence:
    """What a passage's sentences share with a question, to judge spans by.

    Words are compared by their stems; function words do not count.
    """

    def __init__(self, question: str, passages: Sequence[str]) -> None:
        self._asked = _stems(question)
        self._sentences = [list(_sentences(passage)) for passage in passages]

    def shared(self, passage: int, start: int) -> float:
        """Return the share of the question's words that stand in the sentence of a passage's offset."""
        for end, stems in self._sentences[passage]:
            if start < end:
                return len(self._asked & stems) / max(1, len(self._asked))
        return 0.0

    def repeated(self, text: str) -> float:
        """Return the share of a span's words that stand in the question: who asks knows them already."""
        own = _stems(text)
        return len(own & self._asked) / max(1, len(own))


def _sentences(passage: str) -> Iterator[tuple[int, set[str]]]:
    """Yield the end of each sentence and its stems."""
    for start, end in words.sentences(passage):
        yield end, _stems(passage[start:end])


def _stems(text: str) -> set[str]:
    return {words.term(word) for word in words.words(text) if word not in words.STOP_WORDS}
