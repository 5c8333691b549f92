"""Support: the share of an answer's sentences that stand in the gold passages. Pure functions, which compare words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa import text_analysis
from ragqa.text_analysis import content_words

SHARE = 0.6
"""The least share of a sentence's content words that must stand in the passages for it to count as supported."""

_MARKS = re.compile(r"\[\d+\]|(?:(?<=\s)|^)\(?\d{1,2}[.)](?=\s|$)")
"""The number of a citation, or of an item of a list, which are no part of what a sentence says."""
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_NAME = re.compile(r"(?<![^\s(\"“‘'/-])[^\W\d_a-z]\w+")
"""A word that begins with a capital letter."""


def support(answer: str, passages: Sequence[str]) -> float:
    """Return the share of an answer's sentences that are supported by the passages; 0 where no sentence has a word.

    A sentence is supported where all its numbers and names, and at least `SHARE` of its content words by their stems,
    stand in the passages. A name is a word with a capital letter that does not begin the sentence. Sentences without
    content words are left out.
    """
    said = " ".join(_MARKS.sub(" ", answer).split())
    sentences = [said[start:end] for start, end in text_analysis.sentences(said)]
    judged = [sentence for sentence in sentences if content_words(sentence)]
    evidence = " ".join(passages)
    words, numbers = set(text_analysis.terms(evidence)), _numbers(evidence)
    return sum(_supported(sentence, words, numbers) for sentence in judged) / max(1, len(judged))


def _supported(sentence: str, words: set[str], numbers: set[str]) -> bool:
    if not _numbers(sentence) <= numbers or not _names(sentence) <= words:
        return False
    wanted = {text_analysis.term(word) for word in content_words(sentence)}
    return len(wanted & words) >= SHARE * len(wanted)


def _numbers(text: str) -> set[str]:
    return {match.replace(",", "") for match in _NUMBER.findall(text)}


def _names(sentence: str) -> set[str]:
    """Return the terms of the names of a sentence."""
    found = [match.group() for match in _NAME.finditer(sentence) if match.start()]
    return {term for name in found if content_words(name) for term in text_analysis.terms(name)}
