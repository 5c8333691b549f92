"""Written text -> checked sentences: each is compared with the excerpts, as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ragqa import text_analysis
from ragqa.evidence import support
from ragqa.evidence.excerpts import excerpts
from ragqa.evidence.passages import Candidate
from ragqa.markdown import without_struck_out
from ragqa.pipeline.answer.citing import Citing
from ragqa.records import AnswerSentence, Generation, Prompt

LONGEST_SPAN = 12
"""The most words of an answer that is a span."""


@dataclass(slots=True)
class CheckedText:
    """The text of an answer while it is written, and the sentences of it that are supported.

    A model does not reliably write what is a special token to it. So a sentence is not supported by an excerpt with such a
    text that it leaves out.

    :param prompt: what it answers; lines of its template are no sentences of an answer. :param read: the excerpts that the generator reads. :param also: headings that may be cited for a name.
    :param special: the texts of special tokens that stand in the excerpts.
    """

    citing: Citing
    prompt: Prompt
    read: Sequence[Candidate]
    also: Sequence[Candidate]
    special: frozenset[str] = frozenset()
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
        text = self.text[: answer_end(self.text, self.prompt)]
        found = [each for each in excerpts(text) if each.end > self._checked]
        for each in found if last else found[:-1]:
            start, self._checked = max(each.start, self._checked), each.end
            sentence = unlabelled(" ".join(text[start : each.end].split()), self.prompt)
            if sentence:
                yield from self._check(sentence)

    def _check(self, text: str) -> Iterator[AnswerSentence]:
        if any(text == sentence.text for sentence in self.sentences):  # repeated
            return
        cited, supported = support.check(text, self.read, self.also)
        lost = {token for token in self.special if token not in text and any(token in each.text for each in cited)}
        if supported < support.LEAST or lost:
            self.unsupported.append(text)
            return
        sentence = AnswerSentence(text, self.citing.cite(cited), round(supported, 3))
        self.sentences.append(sentence)
        yield sentence


def answer_end(text: str, prompt: Prompt) -> int:
    """Return where a text goes on with lines of the prompt's template; its length if it does not."""
    begin = len(text) - len(text.lstrip())
    if any(text.startswith(stop.lstrip(), begin) for stop in prompt.stop):
        return begin
    return min((text.find(stop) for stop in prompt.stop if stop in text), default=len(text))


def unlabelled(text: str, prompt: Prompt) -> str:
    """Return a text without the label that stands before the answer in the template, if it begins with it."""
    label = next((label for label in prompt.labels if text.lstrip().startswith(label)), "")
    return text.lstrip().removeprefix(label).lstrip() if label else text


def of_answer(generation: Generation, prompt: Prompt) -> Generation:
    """Return what was written up to the lines of the prompt's template, without the label of the answer."""
    end = answer_end(generation.text, prompt)
    cut = replace(generation, finish="stop") if end < len(generation.text) else generation
    return replace(cut, text=unlabelled(generation.text[:end], prompt))


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
