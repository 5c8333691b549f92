"""Written text -> checked sentences: each is compared with the excerpts, as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ragqa import text_analysis
from ragqa.evidence import support
from ragqa.evidence.excerpts import excerpts
from ragqa.evidence.passages import Candidate
from ragqa.markdown import without_struck_out
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
    text: str = ""
    _checked: int = 0
    """The end of the last checked sentence in `text`."""

    @property
    def begun(self) -> bool:
        """Tell whether any sentence was checked."""
        return bool(self.sentences or self.unsupported)

    def take(self, piece: str, *, last: bool = False) -> Iterator[AnswerSentence]:
        """Add a piece of text; yield the supported sentences that it completes.

        :param last: nothing follows, so that the rest is a sentence.
        """
        self.text += piece.replace("\t", " ")  # a row with tabs would be known as one only at its end
        found = [each for each in excerpts(self.text) if each.end > self._checked]
        for each in found if last else found[:-1]:
            start, self._checked = max(each.start, self._checked), each.end
            yield from self._check(" ".join(self.text[start : each.end].split()))

    def _check(self, text: str) -> Iterator[AnswerSentence]:
        if any(text == sentence.text for sentence in self.sentences):  # repeated
            return
        cited, supported = support.check(text, self.read, self.also)
        if supported < support.LEAST:
            self.unsupported.append(text)
            return
        sentence = AnswerSentence(text, self.citing.cite(cited), round(supported, 3))
        self.sentences.append(sentence)
        yield sentence


def span_of(text: str, read: Sequence[Candidate]) -> Candidate | None:
    """Return the first of the excerpts that contains a short text word for word.

    Return None for a longer text, one of several sentences, and one that stands in no excerpt. What is struck out there
    does not count.
    """
    phrase = text.strip().strip(".\"'")
    if len(excerpts(text)) != 1 or len(phrase.split()) > LONGEST_SPAN:
        return None
    valid = ((each, without_struck_out(each.text)) for each in read)
    return next((each for each, said in valid if any(text_analysis.occurrences(phrase, said, ignore_case=True))), None)
