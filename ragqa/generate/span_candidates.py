"""Spans of passages that may be an answer, and what their text says for them. Knows texts only, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa import text_analysis

_WORD = re.compile(r"\S+")
_JOINT = re.compile(r"[-–—/]+")
_EDGE = ".,;:!?\"'()[]{}“”‘’«»…*_`"
"""Punctuation that a span may leave out at its ends."""
NEAR = 40
"""How many characters on either side of a span are near it."""


@dataclass(frozen=True, slots=True)
class SpanCandidate:
    """A span of `passages[passage]`, and how it is scored.

    `log_p` is the natural log-probability that the model writes the span and then ends the line, given the question;
    `log_end` the part of it that is the line's end.
    """

    passage: int
    start: int
    end: int
    text: str
    n_tokens: int
    log_p: float
    log_end: float


def boundaries(text: str) -> tuple[list[int], set[int]]:
    """Return where a span may start (in order) and where it may end: at words, with or without their punctuation.

    Words of punctuation alone are no place for either.
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
    """What passages share with a question around a span, to judge spans by.

    Words are compared by their stems; function words do not count. Each value is a share, in [0, 1].
    """

    def __init__(self, question: str, passages: Sequence[str]) -> None:
        self._asked = _stems(question)
        self._passages = passages
        self._sentences = [text_analysis.sentences(passage) for passage in passages]
        self._stems = [
            [_stems(passage[a:b]) for a, b in spans] for passage, spans in zip(passages, self._sentences, strict=True)
        ]

    def shared(self, passage: int, start: int) -> float:
        """Return the share of the question's words that stand in the sentence of a passage's offset."""
        number = self._sentence(passage, start)
        return 0.0 if number is None else self._share(self._stems[passage][number])

    def near(self, passage: int, start: int, end: int) -> float:
        """Return the share of the question's words that stand within `NEAR` characters of a span, in its sentence."""
        number = self._sentence(passage, start)
        if number is None:
            return 0.0
        first, last = self._sentences[passage][number]
        text = self._passages[passage]
        return self._share(_stems(text[max(first, start - NEAR) : start]) | _stems(text[end : min(last, end + NEAR)]))

    def repeated(self, text: str) -> float:
        """Return the share of a span's words that stand in the question: who asks knows them already."""
        own = _stems(text)
        return len(own & self._asked) / max(1, len(own))

    def _sentence(self, passage: int, offset: int) -> int | None:
        """Return the number of the sentence that holds an offset or is the next one after it."""
        return next((i for i, (_, end) in enumerate(self._sentences[passage]) if offset < end), None)

    def _share(self, stems: set[str]) -> float:
        return len(self._asked & stems) / max(1, len(self._asked))


def _stems(text: str) -> set[str]:
    return {text_analysis.term(word) for word in text_analysis.words(text) if word not in text_analysis.STOP_WORDS}
