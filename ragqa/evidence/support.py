"""Checks a written sentence: which excerpts support it, how far, and whether its names and numbers stand in them.

This uses words only. It cannot tell that a sentence turns the meaning of its source around.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa import text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.markdown import without_struck_out

LEAST = 0.5
"""A sentence with less support is not shown."""
MOST_CITED = 3
_NUMBER = re.compile(r"\d+(?:[.,:/–-]\d+)*")
_WORD = re.compile(r"[^\W_]+")
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth"
_OTHERS = "million billion trillion dozen half quarter twice"
_NUMBER_WORDS = {
    **{word: str(number) for number, word in enumerate(_UNITS.split())},
    **{word: str(10 * number) for number, word in enumerate(_TENS.split(), 2)},
    **{word: str(number) for number, word in enumerate(_ORDINALS.split(), 3)},
    **{word: word for word in _OTHERS.split()},
    "hundred": "100",
    "thousand": "1000",
}
"""The numbers that are written as words, and the digits that stand for the same."""
_COMMON = text_analysis.STOP_WORDS | {"yes", "no", "i"}
_USUAL_OPENINGS = """
according accordingly additionally although another anyone because besides consequently currently despite due either every
everyone finally first following furthermore generally hence here however including initially instead like likewise many
meanwhile moreover much neither next none note nothing once one only otherwise overall per please several similarly since
someone still therefore though thus typically unless unlike until upon use usually using via whereas whether while within
without yet
"""
_OPENINGS = _COMMON | set(_USUAL_OPENINGS.split())
"""The words at the beginning of a sentence that are no names."""


def facts(sentence: str) -> set[str]:
    """Return the numbers and the terms of the names of a sentence, which must stand in what it cites.

    A name is a word with a capital letter. The first word of the sentence is one too, unless it is a usual opening.
    """
    found = _numbers(sentence)
    for number, word in enumerate(_WORD.findall(sentence)):
        usual = _OPENINGS if number == 0 else _COMMON
        if word != word.lower() and word.lower() not in usual:
            found |= set(text_analysis.terms(word)) - {_NUMBER_WORDS.get(word.lower(), "")}
    return found


def _numbers(text: str) -> set[str]:
    """Return the numbers of a text, without those of a single "one", which is often no number."""
    found = {_plain(match.group()) for match in _NUMBER.finditer(text)}
    return found | {
        _NUMBER_WORDS[word] for word in text_analysis.words(text) if word in _NUMBER_WORDS and word != "one"
    }


def _plain(number: str) -> str:
    """Return a number without the commas between thousands: 1,250 and 1250 are equal."""
    return re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", number)


def stated(texts: Sequence[str]) -> set[str]:
    """Return everything that may stand for a fact in some texts: their terms and their numbers, none that is struck out.

    The parts of a date, a time or a range are numbers too; those of 1,200 and 5.2 are not.
    """
    found: set[str] = set()
    for text in map(without_struck_out, texts):
        found |= {term for term in text_analysis.terms(text) if not term.isdigit()} | _numbers(text)
        found |= {part for match in _NUMBER.finditer(text) for part in map(_plain, re.split("[:/–-]", match.group()))}
        found |= {"1"} if "one" in text_analysis.words(text) else set()
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
    """Return the terms of a text without stop words and without what is struck out."""
    return {text_analysis.term(word) for word in text_analysis.words(without_struck_out(text)) if word not in _COMMON}
