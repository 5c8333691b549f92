"""Spans of passages that may be an answer, and features of their text. This module uses texts only, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa import text_analysis

_WORD = re.compile(r"\S+")
_JOINT = re.compile(r"[-–—/]+")
_EDGE = ".,;:!?\"'()[]{}“”‘’«»…*_`"
"""Punctuation that may be left out at the ends of a span."""
NEAR = 40
"""The number of characters on either side of a span that count as near."""


@dataclass(frozen=True, slots=True)
class SpanCandidate:
    """A span of `passages[passage]`, and its scores.

    `log_p` is the natural log-probability that the model writes the span and then ends the line, given the prompt.
    `log_end` is the part of it for the end of the line.
    """

    passage: int
    start: int
    end: int
    text: str
    n_tokens: int
    log_p: float
    log_end: float


def boundaries(text: str) -> tuple[list[int], set[int]]:
    """Return the offsets at which a span may start (ascending) and may end: at words, with or without their
    punctuation.

    A span does not start or end at a word that is punctuation only.
    """
    starts: set[int] = set()
    ends: set[int] = set()
    for match in _WORD.finditer(text):
        core = match.group().strip(_EDGE)
        if not core:
            continue
        first = text.index(core, match.start())
        last = first + len(core)
        starts |= {match.start(), first}
        ends |= {last, match.end()}
        for joint in _JOINT.finditer(core, 1, len(core) - 1):
            starts.add(first + joint.end())
            ends.add(first + joint.start())
        if core.endswith(("'s", "’s")):
            ends.add(last - 2)
    return sorted(starts), ends


class QuestionOverlap:
    """The overlap of passages with a question around a span, used as features of spans.

    Words are compared by their stems, without function words. Each value is a share, in [0, 1].
    """

    def __init__(self, question: str, passages: Sequence[str]) -> None:
        self._asked = _stems(question)
        self._passages = passages
        self._sentences = [text_analysis.sentences(passage) for passage in passages]
        self._stems = [
            [_stems(passage[a:b]) for a, b in spans] for passage, spans in zip(passages, self._sentences, strict=True)
        ]

    def shared(self, passage: int, start: int) -> float:
        """Return the share of the question's words that are in the sentence at an offset of a passage."""
        number = self._sentence(passage, start)
        return 0.0 if number is None else self._share(self._stems[passage][number])

    def near(self, passage: int, start: int, end: int) -> float:
        """Return the share of the question's words that are within `NEAR` characters of a span, in its sentence."""
        number = self._sentence(passage, start)
        if number is None:
            return 0.0
        first, last = self._sentences[passage][number]
        text = self._passages[passage]
        return self._share(_stems(text[max(first, start - NEAR) : start]) | _stems(text[end : min(last, end + NEAR)]))

    def repeated(self, text: str) -> float:
        """Return the share of a span's words that are in the question; such words are seldom part of the answer."""
        own = _stems(text)
        return len(own & self._asked) / max(1, len(own))

    def _sentence(self, passage: int, offset: int) -> int | None:
        """Return the number of the sentence that contains an offset, or of the next sentence after it."""
        return next((i for i, (_, end) in enumerate(self._sentences[passage]) if offset < end), None)

    def _share(self, stems: set[str]) -> float:
        return len(self._asked & stems) / max(1, len(self._asked))


def _stems(text: str) -> set[str]:
    return {text_analysis.term(word) for word in text_analysis.words(text) if word not in text_analysis.STOP_WORDS}
