"""The state of a question on its way to an answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.records import Citation, Hit
from ragqa.retrieve.follow_up import search_text, search_text_of_part

if TYPE_CHECKING:
    from ragqa.evidence import Evidence
    from ragqa.evidence.passages import Candidate
    from ragqa.prompt import Turn


class Clock:
    """A stopwatch that adds up milliseconds by stage."""

    def __init__(self) -> None:
        self.usage: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last call to a stage."""
        now = time.perf_counter()
        self.charge(name, now - self._last)
        self._last = now

    def charge(self, name: str, seconds: float) -> None:
        """Add some seconds to a stage."""
        self.usage[f"{name}_ms"] = round(self.usage.get(f"{name}_ms", 0.0) + 1000 * seconds, 1)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A checked question: its text, earlier turns, and the passages to answer from (None: retrieve them).

    `goes_on` is True for a part of a question that goes on with the part before it, which is the last turn. `typed` is
    the question as it was asked, where misspelled words of `text` are corrected.
    """

    text: str
    history: Sequence[Turn] = ()
    passages: Sequence[Hit] | None = None
    goes_on: bool = False
    typed: str = ""

    @property
    def searched(self) -> str:
        """The text to search with: the question, and words of the turn before where it does not stand alone."""
        if self.goes_on and self.history:
            return search_text_of_part(self.text, self.history[-1])
        return search_text(self.text, self.history)

    @property
    def follows(self) -> bool:
        """Whether words of the turn before are searched too."""
        return self.searched != self.text

    @property
    def asked(self) -> str:
        """The question as the generator gets it: after the last question, where it does not stand alone."""
        return f"{self.history[-1][0]} {self.text}" if self.follows else self.text


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its hits and their evidence. `read` are the hits without superseded versions of documents.

    `evidence` is None until the passages are examined, and where an empty list of them was given, to ask the generator
    without any. `nearest` are the best places of the evidence.
    """

    question: AskedQuestion
    hits: tuple[Hit, ...]
    read: tuple[Hit, ...]
    evidence: Evidence | None
    nearest: tuple[Citation, ...]
    clock: Clock

    @property
    def excerpts(self) -> list[Candidate]:
        """All excerpts, best first."""
        return [each.candidate for each in self.evidence.ranked] if self.evidence else []
