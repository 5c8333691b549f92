"""Text analysis: words, sentences and search terms (lower-cased, without accents, stemmed). It uses strings only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import Stemmer

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
"""A run of letters and digits, or one character of a script that is written without spaces."""

SPACELESS = re.compile(
    rf"[{_CJK}\u3005-\u3007\uff66-\uff9f\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
"""A character of a script in which words may follow one another without a space: Chinese, Japanese, Korean, Thai, Lao,
Burmese, Khmer."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_DIGIT_RUN = "0123456789.,:/-–"
_LONGEST_NUMBER = 40
_NUMBER = re.compile(
    r"(?<![\d,])(?<!\d\.)(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+,\d{1,3}(?![\d,])|\d+(?:[.:/–-]\d+)+)"
)
"""Digits that are one number, date or range: 1,200 and 5,2 and 5.2 and 10:30. The 7 and the 12 in a table's row 7,12,3
are separate numbers."""

_FUNCTION_WORDS = """
a about after all also am an and any are as at be been before being between both but by can could did do does
during each for from had has have he her his how i if in into is it its may me might more most must my no not
of on or other our over shall she should so some such than that the their them then there these they this
those to under us was we were what when where which who whom whose why will with would you your
"""
END_MARKS = "。！？｡؟۔।॥።፧။។៕༎"
"""Marks that end a sentence whether or not a space follows: of Chinese and Japanese, Arabic, Urdu, Hindi, Amharic, Burmese,
Khmer and Tibetan."""
CLOSING_MARKS = "\"'”’»)」』）】》〉"
"""Marks of quotations and brackets that belong to the sentence before them."""
_SENTENCE = re.compile(
    rf"\S.*?(?:(?<![.!?…])[.!?…]+[{CLOSING_MARKS}\]]*(?:\[[^\]\n]{{1,20}}\])*(?=\s)|[{END_MARKS}]+[{CLOSING_MARKS}\]]*|(?=\n\s*\n)|\Z)",
    re.DOTALL,
)
"""A sentence, with marks of references such as [12] and [note 1] behind its full stop."""
VERSION = f"4, Snowball {Stemmer.version()}, Unicode {unicodedata.unidata_version}"
"""The version of the analysis that makes terms, those of `identifiers` and `languages` included. Stored terms of another version do not match
those of a question."""

_SPELLINGS = {
    "licenc": "licens", "defenc": "defens", "offenc": "offens", "practis": "practic", "programm": "program",
    "centr": "center", "theatr": "theater", "metr": "meter", "litr": "liter", "fibr": "fiber", "catalogu": "catalog",
    "dialogu": "dialog", "colour": "color", "behaviour": "behavior", "labour": "labor", "harbour": "harbor",
    "neighbour": "neighbor", "favour": "favor", "honour": "honor", "grey": "gray", "tyre": "tire", "organis": "organ",
}  # fmt: skip
"""British stems and the American ones that stand for both: a question about a licence finds the file LICENSE."""

_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})")
"""The places at which a name without separators is split: camelCase, and between a number and at least three
letters."""

STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English function words, which do not show the topic of a text."""

POINTING_WORDS = frozenset(
    [
        "it",
        "its",
        "they",
        "their",
        "them",
        "this",
        "these",
        "those",
        "that",
        "he",
        "she",
        "his",
        "her",
        "such",
        "both",
        "however",
        "also",
        "but",
        "and",
        "then",
        "there",
    ]
)
"""Words at the beginning of a sentence that point to the sentence before it."""


def words(text: str) -> list[str]:
    """Return the words of a text in order, lower-cased and without accents."""
    text = text.lower()
    if not text.isascii():
        text = without_accents(text)
    return WORD.findall(text)


def without_accents(text: str) -> str:
    """Return a text without accents and other combining characters."""
    return unicodedata.normalize("NFC", _NOT_ASCII.sub(_base_characters, unicodedata.normalize("NFKD", text)))


def _base_characters(run: re.Match[str]) -> str:
    return "".join(character for character in run.group() if not unicodedata.combining(character))


def terms(text: str) -> list[str]:
    """Return the search terms of a text in order, stop words included."""
    return list(map(term, words(text)))


def name_terms(names: str) -> set[str]:
    """Return the search terms of names of files and fields: those of whole names, and those of their parts.

    `docs/leavePolicy2025.md` has the terms of docs, leavePolicy2025, leave, policy, 2025 and md.
    """
    return {*terms(names), *map(term, name_words(names))}


def name_words(names: str) -> list[str]:
    """Return the words of names in order, with the parts of those that are written together."""
    return words(" ".join(_PARTS.split(names)))


def query_words(text: str) -> list[str]:
    """Return the words of a question for the search: those that are not stop words, in order, with repeats.

    If a question has only stop words, all of them are used. Words of one letter count ("vitamin C"). To compare two
    texts, use `content_words`, which returns neither.
    """
    all_words = words(text)
    return [word for word in all_words if word not in STOP_WORDS] or all_words


def content_words(text: str) -> set[str]:
    """Return the words by which texts are compared, without stop words and single Latin letters or digits.

    A text may have no such words.
    """
    return {word for word in words(text) if word not in STOP_WORDS and (len(word) > 1 or not word.isascii())}


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences of a text, without the white space around them."""
    return [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]


def blocks(text: str, most: int) -> list[tuple[int, int]]:
    """Return spans that cover a text, each of at most `most` characters, for tokenizers, which keep all tokens in
    memory.

    A span ends before a space that follows a letter or digit, since no token contains both. If a span has no such
    space, it ends at its last character.
    """
    spans, start = [], 0
    while len(text) - start > most:
        end = text.rfind(" ", start + 1, start + most)
        while end > start and not text[end - 1].isalnum():
            end = text.rfind(" ", start + 1, end)
        end = end if end > start else start + most
        spans.append((start, end))
        start = end
    return [*spans, (start, len(text))]


def occurrences(phrase: str, text: str, *, ignore_case: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the spans of a phrase in a text, as whole words and in order; none for a blank phrase.

    White space of any kind and length matches any other. "5" does not occur in 15, 5.2 or 2025, and "no" does not occur
    in north. In scripts without spaces between words, a phrase is found wherever its characters are.
    """
    parts = phrase.split()
    pattern = re.compile(r"\s+".join(map(re.escape, parts)), re.IGNORECASE if ignore_case else 0)
    at = 0
    while parts and (match := pattern.search(text, at)):
        whole = _is_edge(text, match.start()) and _is_edge(text, match.end())
        if whole:
            yield match.span()
        at = match.end() if whole else match.start() + 1


def _is_edge(text: str, at: int) -> bool:
    """Tell whether a word or a number may begin or end at an offset."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    if _is_of_word(before) and _is_of_word(after):
        return bool(SPACELESS.match(before) or SPACELESS.match(after))
    return not _is_within_number(text, at)


def _is_of_word(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def _is_within_number(text: str, at: int) -> bool:
    start = end = at
    while start > max(0, at - _LONGEST_NUMBER) and text[start - 1] in _DIGIT_RUN:
        start -= 1
    while end < min(len(text), at + _LONGEST_NUMBER) and text[end] in _DIGIT_RUN:
        end += 1
    return any(start + match.start() < at < start + match.end() for match in _NUMBER.finditer(text[start:end]))


@lru_cache(maxsize=1 << 18)
def term(word: str) -> str:
    """Return the search term of one word as `words` returns it: its English stem (Porter 2,
    http://snowball.tartarus.org), in American spelling where that differs and is in a short list.
    """
    stem = str(_stemmer.stemWord(word))
    return _SPELLINGS.get(stem, stem)


_stemmer = Stemmer.Stemmer("english")
STOP_TERMS = frozenset(map(term, STOP_WORDS))
"""The search terms of `STOP_WORDS`."""
