"""The records of prompts and answers."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ragqa import wire
from ragqa.records.documents import Hit
from ragqa.records.shown import cut, place

LETTERS = string.ascii_uppercase + string.ascii_lowercase
"""The names of the passages in a prompt that asks which one answers; each is one token of most models."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part that was left out of a prompt, and the reason."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """The exact text for the generator, and its number of tokens by part.

    `tokens` counts the generator's tokens by part. `passages` are the included hits, in their order in the text (number
    n is `passages[n - 1]`). `stripped` is the number of removed invisible control characters of passages. `question` is
    the span of the question in `text`. The first `shared` characters of `text` are the same for every question, so that
    a generator may read them once. `examples` are the ids of the in-context examples, in their order in the text.
    `verdict` is the span of `text` with the word that says that the question can be answered, whose probability a
    generator may compute, and `letter` that with the letter of the passage that answers it, "A" until one is named; None
    if the template has no such slot. `places` are the spans of the passages in `text`, in their order.

    `literal` are the spans of `text` that come from documents and from the user: a special token of the model is nothing
    but text there. `stop` are the strings that follow from the template: an answer ends before one, as before those of
    `generate.stop`. `labels` are what may stand before the answer, such as `Answer:`.
    """

    text: str
    tokens: Mapping[str, int]
    passages: tuple[Hit, ...]
    dropped: tuple[Dropped, ...] = ()
    stripped: int = 0
    question: tuple[int, int] = (0, 0)
    shared: int = 0
    examples: tuple[str, ...] = ()
    verdict: tuple[int, int] | None = None
    letter: tuple[int, int] | None = None
    places: tuple[tuple[int, int], ...] = ()
    literal: tuple[tuple[int, int], ...] = ()
    stop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __repr__(self) -> str:
        asked = self.text[slice(*self.question)] or self.text
        return f"Prompt({cut(asked)}, {self.n_tokens:,} tokens, {len(self.passages)} passages)"

    @property
    def n_tokens(self) -> int:
        """Return the length of the prompt in the generator's tokens."""
        return sum(self.tokens.values())

    def naming(self, number: int) -> Prompt:
        """Return the prompt with the letter of a passage, by its place in `passages`; `letter` must not be None."""
        assert self.letter is not None
        start, end = self.letter
        return replace(self, text=f"{self.text[:start]}{LETTERS[number]}{self.text[end:]}")


@dataclass(frozen=True, slots=True, repr=False)
class Generation:
    """The output of a generator. `finish` is `stop`, `length` or `deadline` (then `text` is partial).

    `logprobs[i]` is the natural log-probability of the i-th generated token; None if they were not asked for.
    `confidence` is that of the generator in the text, in [0, 1]; None if it computes none.
    """

    text: str
    n_tokens: int
    finish: str
    logprobs: tuple[float, ...] | None = None
    confidence: float | None = None

    def __repr__(self) -> str:
        return f"Generation({cut(self.text)}, {self.n_tokens:,} tokens, finish={self.finish!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Citation:
    """A span of a document that supports an answer; a check has verified that it is in the indexed text.

    `stale` is True if the file was changed or removed after it was indexed, so that it may not contain the span any
    more. `place` names where the span begins, such as `page 3` or `sheet Prices, row 40`. `document_id` is the id of the
    document in the index; empty in results of an older version.
    """

    source: str
    path: str
    page: int | None
    start: int
    end: int
    text: str
    stale: bool = False
    place: str = ""
    document_id: str = ""

    def __repr__(self) -> str:
        return f"Citation({_cited(self)}, {cut(self.text)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return wire.citation(self)


def _cited(citation: Citation) -> str:
    where = place(citation.source, citation.start, citation.end)
    return f"{where} (stale)" if citation.stale else where


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A part of an answer that is cited for itself: a sentence, a list item, a row, or a short answer.

    `support` says how far the citations support it, between 0 and 1: the share of its words that stand in them. It is 1
    for what is quoted. A sentence that was written without passages has no citations and no support; one that code has
    counted has no citations and the support 1.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    support: float = 0.0


@dataclass(frozen=True, slots=True)
class Passages:
    """The places in the documents that are nearest to a question, best first, known before anything is written.

    Those of a later event replace those of an earlier one: first whole passages as they are found, then the sentences of
    them that are nearest. `Answer.nearest` has what holds in the end.
    """

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An answer with its citations, hits and prompt. `usage` is the number of tokens and the milliseconds by stage.

    `kind` is `span` (a short answer copied from a passage), `quote` (sentences copied from passages), `write` (the
    generator's own sentences), `summary` (sentences copied from all over a document or folder) or `catalogue` (counted
    by code); for the last two, `read` says what of the documents was read. `sentences` are the parts of `text`, each
    with its citations. `unsupported` is the number of sentences that were written and left out, because nothing in the
    passages supports them. `confidence` is the calibrated probability that the answer is right. Where there is no
    answer, `reason` says why, `nearest` has the passages that come nearest, and `advice` what can be changed.
    `index_version` is the number of the index's commit from which the answer was made.
    `unanswered` has the parts of a question that asks several for which there is no answer.
    `searched` is the text that passages were searched for: the question, with words of the turn before where it does
    not stand alone, and with misspelled words corrected; empty if the passages were given.
    `coverage` says how many texts of that commit had a vector where some had none, so that passages were found by their
    words; else it is None.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    prompt: Prompt | None
    usage: Mapping[str, float]
    index_version: int
    abstained: bool = False
    reason: str = ""
    finish: str = ""
    confidence: float | None = None
    kind: str = ""
    sentences: tuple[AnswerSentence, ...] = ()
    unsupported: int = 0
    nearest: tuple[Citation, ...] = ()
    advice: str = ""
    searched: str = ""
    read: str = ""
    coverage: Coverage | None = None
    unanswered: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.abstained:
            return f"Answer(abstained={self.reason!r}, question={cut(self.question)})"
        return f"Answer({cut(self.text)}, citations=[{', '.join(map(_cited, self.citations))}])"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data, with the prompt's text and its dropped parts, as `ask --json` prints it."""
        return wire.answer(self)

    def to_json(self) -> str:
        """Return `to_dict` as JSON on one line. It can always be encoded as UTF-8."""
        return wire.line(self.to_dict()).decode()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the vectors of an index have got: the number of its distinct texts, and of those that have a vector."""

    vectors: int
    texts: int

    @property
    def pending(self) -> int:
        """Return the number of texts without a vector."""
        return self.texts - self.vectors

    def __str__(self) -> str:
        return f"{self.vectors:,} of {self.texts:,} vectors so far"


@dataclass(frozen=True, slots=True)
class SearchTexts:
    """Further texts of the search for a question.

    `questions` are paraphrases: each is searched separately, and its scores are averaged with those of the question.
    `passages` are similar to an answer: their vectors are added to the question's vector.
    """

    questions: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
