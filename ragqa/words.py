"""Text -> the terms by which it is searched: lower-cased, without accents, stemmed. Knows nothing but strings."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import Stemmer

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
"""A run of letters and digits, or one character of a script that is written without spaces."""

_FUNCTION_WORDS = """
a about after all also am an and any are as at be been before being between both but by can could did do does
during each for from had has have he her his how i if in into is it its may me might more most must my no not
of on or other our over shall she should so some such than that the their them then there these they this
those to under us was we were what when where which who whom whose why will with would you your
"""
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+[\"'”’)\]]*(?=\s)|(?=\n\s*\n)|\Z)", re.DOTALL)
VERSION = f"1, Snowball {Stemmer.version()}, Unicode {unicodedata.unidata_version}"
"""What terms depend on besides the text: stored terms of another version are not those of a question."""

STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English function words: they say nothing of what a text is about."""


def words(text: str) -> list[str]:
    """Return the words of a text in order, lower-cased and without accents."""
    text = text.lower()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c)))
    return WORD.findall(text)


def terms(text: str) -> list[str]:
    """Return the search terms of a text in order, stop words among them."""
    return [term(word) for word in words(text)]


def content_words(text: str) -> list[str]:
    """Return the words of a text that are no stop words, in order, repeats included; all of them if nothing else is left."""
    all_words = words(text)
    return [word for word in all_words if word not in STOP_WORDS] or all_words


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences of a text, white space around them left out."""
    return [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]


def blocks(text: str, most: int) -> list[tuple[int, int]]:
    """Return spans that cover a text, each of at most `most` characters: for tokenizers, which hold all tokens at once.

    A span ends before a space that follows a letter or digit, where no tokenizer joins the two sides; where there is no
    such space in it, at its last character.
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


@lru_cache(maxsize=1 << 18)
def term(word: str) -> str:
    """Return the search term of one word as `words` returns it: its English stem (Porter 2, http://snowball.tartarus.org)."""
    return str(_stemmer.stemWord(word))


_stemmer = Stemmer.Stemmer("english")
