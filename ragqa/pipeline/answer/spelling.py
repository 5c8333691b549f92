"""Reads a misspelled word of a question as the word of the documents that differs from it by one letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from string import ascii_lowercase

from ragqa import languages
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.stages import Embedder
from ragqa.text_analysis import STOP_WORDS, term

Counts = Callable[[Sequence[str]], list[int]]
"""Returns for each search term the number of texts that have it."""

_WORD = re.compile(r"(?<![\w./:@\\-])[a-z]{5,20}(?![\w@\\]|[-./:'’]\w)")
"""A word that may be misspelled: of small letters, since a name is not guessed, and no part of a path or an address."""
_ENDINGS = frozenset(["s", "es", "ed", "ing", "er", "ers", "ly"])
COMMON = "water"
"""A word that every vocabulary of English words has. An embedder that counts letters or bytes has none."""
LEAST_STEM = 4
"""The least letters of a word that the embedder's vocabulary has, before one of `_ENDINGS`."""
MOST = 3
"""The most misspelled words of a question: one with more is in another language, or no question."""
LONGEST_ENDING = 2
"""The most letters that a word outside the vocabulary may have more than its stem, since it is known by its stem alone."""
SHORT = 5
"""The letters of a short word."""
CLEAR = 3
"""How many times as many texts must have a word as have the next one, or it is not clear which is meant."""


def spelled(question: AskedQuestion, counts: Counts, embedder: Embedder) -> AskedQuestion:
    """Return a question with its misspelled words as the documents write them; `typed` is then what was asked.

    A word is misspelled if no text has it and the embedder's vocabulary has not got it either: a good word that the
    documents lack stays, so that it can be a reason to refuse.
    """
    if languages.language_of(question.text) or not _is_known(COMMON, embedder):
        return question
    words = [word for word in dict.fromkeys(_WORD.findall(question.text)) if word not in STOP_WORDS]
    absent = [word for word, n in zip(words, counts(list(map(term, words))), strict=True) if not n]
    unknown = [word for word in absent if not _is_known(word, embedder)]
    meant = {word: _meant(word, counts, embedder) for word in unknown} if len(unknown) <= MOST else {}
    text = _WORD.sub(lambda match: meant.get(match.group()) or match.group(), question.text)
    return question if text == question.text else replace(question, text=text, typed=question.text)


def _is_known(word: str, embedder: Embedder) -> bool:
    """Tell whether a word, or the word before a common ending, is one token of the embedder."""
    pieces = [word[start:end] for start, end in embedder.offsets(word)]
    return len(pieces) == 1 or (len(pieces) == 2 and len(pieces[0]) >= LEAST_STEM and pieces[1] in _ENDINGS)


def _meant(word: str, counts: Counts, embedder: Embedder) -> str:
    """Return the word that is meant; "" where it is not clear. A word of the vocabulary is preferred to any other."""
    others = list(dict.fromkeys(_one_letter_away(word)))
    by_term: dict[str, tuple[bool, int, int, str]] = {}
    for other, n in zip(others, counts(list(map(term, others))), strict=True):
        found = bool(n) and _is_known(other, embedder), n, len(other), other
        if n and (found[0] or len(other) <= len(term(other)) + LONGEST_ENDING):
            by_term[term(other)] = max(found, by_term.get(term(other), found))
    best, following, *_ = [*sorted(by_term.values(), reverse=True), (False, 0, 0, ""), (False, 0, 0, "")]
    return best[-1] if best[0] != following[0] or best[1] >= CLEAR * following[1] else ""


def _one_letter_away(word: str) -> Iterator[str]:
    """Yield the words with a letter more, less or another, or with two in the other order. The first letter stays, or changes place with the second.

    A short word with another letter is too often another word.
    """
    yield word[1] + word[0] + word[2:]
    for at in range(1, len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in ascii_lowercase:
            yield head + letter + tail
            if tail and len(word) > SHORT:
                yield head + letter + tail[1:]
