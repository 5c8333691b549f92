"""Written text -> checked sentences: each is compared with the excerpts, as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ragqa import text_analysis
from ragqa.evidence import support
from ragqa.evidence.excerpts import excerpts
from ragqa.evidence.passages import Candidate
from ragqa.pipeline.answer.citing import Citing
from ragqa.records import AnswerSentence

LONGEST_SPAN = 12
"""The most words of an answer that is a span."""


@dataclass(slots=True)
class CheckedText:
    """The text of an answer while it is written, and the sentences of it that are supported.

    :param read: the excerpts that the generator reads. :param also: headings that may be cited for a name.
    """

    citing: Citing
    read: Sequence[Candidate]
    also: Sequence[Candidate]
    sentences: list[AnswerSentence] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    _waiting: str = ""

    @property
    def begun(self) -> bool:
        """Tell whether any sentence was checked."""
        return bool(self.sentences or self.unsupported)

    def take(self, piece: str, *, last: bool = False) -> Iterator[AnswerSentence]:
        """Add a piece of text; yield the supported sentences that it completes.

        :param last: nothing follows, so that the rest is a sentence.
        """
        self._waiting += piece
        found = excerpts(self._waiting)
        complete = found if last else found[:-1]
        for each in complete:
            yield from self._check(" ".join(self._waiting[each.start : each.end].split()))
        self._waiting = "" if last or not found else self._waiting[found[-1].start :]

    def _check(self, text: str) -> Iterator[AnswerSentence]:
        cited, supported = support.check(text, self.read, self.also)
        if supported < support.LEAST or any(text == sentence.text for sentence in self.sentences):
            self.unsupported.append(text)
            return
        sentence = AnswerSentence(text, self.citing.cite(cited), round(supported, 3))
        self.sentences.append(sentence)
        yield sentence


def span_of(text: str, read: Sequence[Candidate]) -> Candidate | None:
    """Return the first of the excerpts that contains a short text word for word; None for a longer or another text."""
    phrase = text.strip().strip(".\"'")
    if not any(c.isalnum() for c in phrase) or len(phrase.split()) > LONGEST_SPAN:
        return None
    return next((each for each in read if any(text_analysis.occurrences(phrase, each.text, ignore_case=True))), None)
