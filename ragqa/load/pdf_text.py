"""The text of a PDF's pages: ligatures become letters, and words that were hyphenated at a line end are joined."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LIGATURES = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in (*range(0xFB00, 0xFB07), *range(0xFB13, 0xFB18))
}

_TWO_SCRIPTS = re.compile("(?<=[\u05d0-\u05ea\u0620-\u064a])(?=[A-Za-z])|(?<=[A-Za-z])(?=[\u05d0-\u05ea\u0620-\u064a])")
"""Where a word from right to left and a Latin one touch, since the direction changes between them."""
_LONGEST_PART = 40
"""The most letters of a part of a word that are looked at."""
_LETTER = r"[^\W\d_]"
_BREAK = re.compile(rf"(?<={_LETTER})([-\u2010\u00ad])[ \t]{{0,9}}[\n\v][ \t]{{0,9}}(?={_LETTER})")
"""A hyphen at the end of a line, between two letters."""
_LAST_PART = re.compile(rf"{_LETTER}+\Z")
_FIRST_PART = re.compile(rf"{_LETTER}+")
_WORD = re.compile(rf"{_LETTER}+(?:[-\u2010]{_LETTER}+)*")

_LEAST_SHARE = 0.02
"""The least share of lines that end in a hyphen in a text whose words are hyphenated."""
_REST_OF_WORD = re.compile(r"\S{1,80}([ \t]{1,9})(?=\S)")

_SOFT_HYPHEN = "\u00ad"
_PREFIXES = frozenset(("all", "half", "non", "quasi", "self", "semi", "well"))
"""First parts after which a hyphen is part of the word, unless the document says otherwise. Those that are often the
first syllable of another word (pre, pro, sub, ex) are not among them."""
_LAST_WORDS = frozenset(
    [
        "based",
        "class",
        "level",
        "made",
        "minute",
        "person",
        "party",
        "scale",
        "sided",
        "speed",
        "storey",
        "term",
        "war",
        "wheel",
        "year",
        "years",
    ]
)
"""Words that end compounds, such as long-term and broad-based, and are the end of no other word."""
_LINKING = frozenset(("and", "at", "by", "in", "of", "off", "on", "the", "to", "up"))
"""Words within compounds, such as check-in and state-of-the-art."""
_CONJUNCTIONS = frozenset(["and", "or", "und", "oder", "et", "ou", "y", "o", "e", "och", "og"])
"""Words before which a hyphen stands for a part that follows later: pre- and post-war."""


@dataclass(frozen=True, slots=True)
class _Break:
    """A word that is broken at a line end: a span from the hyphen to the next line, and the parts on both sides."""

    start: int
    end: int
    mark: str
    before: str
    after: str
    is_compound: bool
    is_continued: bool


def cleaned(pages: Sequence[str]) -> list[str]:
    """Return the texts of pages with letters for ligatures, and with words joined that were hyphenated at a line end.

    Words of Arabic or Hebrew and Latin words that touch are apart. A `\v` is the end of a line in a cell of a table. It becomes a space.
    """
    text = "\f".join(page.replace("\f", "\n") for page in pages).translate(_LIGATURES)
    text = _TWO_SCRIPTS.sub(" ", text)
    return _joined(text).replace(_SOFT_HYPHEN, "").replace("\v", " ").split("\f")


def _joined(text: str) -> str:
    """Return a text with the words joined that are broken at line ends."""
    breaks = [_broken(text, match) for match in _BREAK.finditer(text)]
    counts = _occurrences(text, breaks)
    hyphenates = _hyphenates(text, breaks, counts)
    parts, start = [], 0
    for each in breaks:
        if (between := _between(each, counts, hyphenates)) is None:
            continue
        parts += [text[start : each.start], between]
        start = each.end
        if "\n" in text[each.start : each.end] and (
            rest := _REST_OF_WORD.match(text, each.end)
        ):  # the line ends after the whole word instead
            parts += [text[start : rest.start(1)], "\n"]
            start = rest.end()
    return "".join([*parts, text[start:]])


def _broken(text: str, match: re.Match[str]) -> _Break:
    start, end = match.span()
    low, high = max(0, start - _LONGEST_PART), end + _LONGEST_PART
    before = _LAST_PART.search(text[low:start])
    after = _FIRST_PART.match(text[end:high])
    assert before and after  # _BREAK has a letter on both sides
    first, second = before[0], after[0]
    is_compound = text[low + before.start() - 1 : low + before.start()] in ("-", "\u2010")
    is_continued = text[end + len(second) : end + len(second) + 1] in ("-", "\u2010")
    return _Break(start, end, match[1], first, second, is_compound, is_continued)


def _occurrences(text: str, breaks: Sequence[_Break]) -> Counter[str]:
    """Return how often the parts of broken words, and both ways to join them, occur in the text, in small letters.

    The parts themselves do not count where they are parts of a broken word.
    """
    wanted = {form for each in breaks for form in _forms(each)}
    counts: Counter[str] = Counter()
    for match in _WORD.finditer(text) if wanted else ():
        word = match[0].casefold().replace("\u2010", "-")
        for form in _runs(word) if "-" in word else (word,):
            if form in wanted:
                counts[form] += 1
    for each in breaks:
        counts.subtract((each.before.casefold(), each.after.casefold()))
    return counts


def _forms(broken: _Break) -> tuple[str, ...]:
    first, second = broken.before.casefold(), broken.after.casefold()
    return first, second, first + second, f"{first}-{second}"


def _runs(word: str) -> Iterator[str]:
    """Yield the parts of a word with hyphens, and each two neighbours with their hyphen."""
    parts = word.split("-")
    yield from parts
    yield from map("-".join, pairwise(parts))


def _hyphenates(text: str, breaks: Sequence[_Break], counts: Counter[str]) -> bool:
    """Tell whether the program that made the text hyphenates words at line ends.

    If it does not, each hyphen at a line end is part of a word. That is so where more broken words are elsewhere in the
    text with a hyphen than without; where as many, if there are few of them.
    """
    together = hyphenated = 0
    for each in breaks:
        _, _, joined, with_hyphen = _forms(each)
        together += counts[joined] > counts[with_hyphen]
        hyphenated += counts[with_hyphen] > counts[joined]
    return together > hyphenated or (together == hyphenated and len(breaks) >= _LEAST_SHARE * text.count("\n"))


def _between(broken: _Break, counts: Counter[str], hyphenates: bool) -> str | None:
    """Return what belongs between the parts of a broken word: nothing or a hyphen; None to leave the line break.

    :param hyphenates: whether other words of the text are hyphenated at line ends.
    """
    first, second, together, hyphenated = _forms(broken)
    if broken.mark == _SOFT_HYPHEN:
        return ""
    if not broken.after.islower():
        return "" if broken.before.isupper() and broken.after.isupper() and counts[together] > 0 else None
    if second in _CONJUNCTIONS and not broken.is_continued:
        return None
    if counts[together] > 0 or counts[hyphenated] > 0:
        return "" if counts[together] >= counts[hyphenated] else broken.mark
    if broken.is_compound:
        keeps_hyphen = first in _LINKING or counts[first] > 0
    else:
        both_are_words = min(len(first), len(second)) > 3 and counts[first] > 0 and counts[second] > 0
        is_acronym = broken.before.isupper() and len(first) > 1
        keeps_hyphen = first in _PREFIXES or second in _LINKING or second in _LAST_WORDS or both_are_words or is_acronym
    return broken.mark if keeps_hyphen or not hyphenates else ""
