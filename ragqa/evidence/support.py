"""Checks a written sentence: which excerpts support it, how far, and whether its names and numbers stand in them.

This uses words only. It cannot tell that a sentence turns the meaning of its source around.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa import text_analysis
from ragqa.evidence.passages import Candidate

LEAST = 0.5
"""A sentence with less support is not shown."""
MOST_CITED = 3
_NUMBER = re.compile(r"\d+(?:[.,:/–-]\d+)*")
_CAPITAL = re.compile(r"(?<![\w’'])(?:[A-Z][\w]*|\w*[a-z][A-Z]\w*)")
_NUMBER_WORDS = dict(
    zip(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "twenty",
            "thirty",
            "hundred",
            "thousand",
        ],
        ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "20", "30", "100", "1000"],
        strict=True,
    )
)
_COMMON = text_analysis.STOP_WORDS | {"yes", "no", "i"}


def facts(sentence: str) -> set[str]:
    """Return the numbers and the terms of the names of a sentence, which must stand in what it cites.

    A name is a word with a capital letter. At the beginning of the sentence it is one only before another such word,
    or with a further capital letter or a digit in it.
    """
    found = {_plain(match.group()) for match in _NUMBER.finditer(sentence)}
    found |= {_NUMBER_WORDS[word] for word in text_analysis.words(sentence) if word in _NUMBER_WORDS}
    begin = len(sentence) - len(sentence.lstrip("\"'“‘(*_ "))
    for match in _CAPITAL.finditer(sentence):
        word = match.group()
        first = match.start() == begin
        alone = first and not re.match(r"\s+[A-Z]", sentence[match.end() :]) and word[1:] == word[1:].lower()
        if not alone and word.lower() not in _COMMON and not word.isdigit():
            found |= set(text_analysis.terms(word)) - {""}
    return {fact for fact in found if fact}


def _plain(number: str) -> str:
    """Return a number without the commas between thousands: 1,250 and 1250 are equal."""
    return re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", number)


def stated(texts: Sequence[str]) -> set[str]:
    """Return everything that may stand for a fact in some texts: their terms and their numbers."""
    found: set[str] = set()
    for text in texts:
        found |= set(text_analysis.terms(text)) | {_plain(match.group()) for match in _NUMBER.finditer(text)}
        found |= {_NUMBER_WORDS[word] for word in text_analysis.words(text) if word in _NUMBER_WORDS}
    return found


def check(sentence: str, read: Sequence[Candidate], also: Sequence[Candidate]) -> tuple[list[Candidate], float]:
    """Return the excerpts that support a sentence, and the support: the share of its words that stand in them.

    The support is 0, with no excerpts, where a name or a number of the sentence stands in none of the excerpts.

    :param read: the excerpts that the generator has read.
    :param also: other excerpts, such as headings, that may be cited for a name.
    """
    words = content(sentence)
    if not words:
        return [], 0.0
    # 1. Take the excerpts that share most words with the sentence, while they add some.
    chosen: list[Candidate] = []
    missing = set(words)
    while missing and len(chosen) < MOST_CITED:
        best = max(read, key=lambda each: (len(missing & content(each.text)), -each.rank), default=None)
        if best is None or not missing & content(best.text):
            break
        chosen.append(best)
        missing -= content(best.text)
        if len(missing) <= len(words) / 5:
            break
    support = 1 - len(missing) / len(words)
    # 2. Names and numbers must stand in what is cited; cite more for them where that helps.
    lacking = facts(sentence) - stated([each.text for each in chosen])
    for each in [*read, *also]:
        if lacking and each not in chosen and lacking & stated([each.text]):
            chosen.append(each)
            lacking -= stated([each.text])
    return ([], 0.0) if lacking else (chosen, support)


def content(text: str) -> set[str]:
    """Return the terms of a text without stop words."""
    return {text_analysis.term(word) for word in text_analysis.words(text) if word not in _COMMON}
