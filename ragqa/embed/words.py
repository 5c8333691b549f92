"""Counts the tokens of a BERT tokenizer word by word, and keeps the count of each word.

Such a tokenizer cuts a text at blanks and at marks whatever stands around them, so that the tokens of a text are those of
its words. A splitter measures every part of a document several times, and has seen most words before.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping
from typing import TypeVar

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Value = TypeVar("Value")
Span = tuple[int, int]
Spans = tuple[Span, ...]
Tokenise = Callable[[list[str]], list[list[Span]]]
"""Texts -> the character spans of their tokens."""

_PART = r"[!-/:-@\[-`{-~]|[^ \n!-/:-@\[-`{-~]+"
"""A mark of ASCII, or what stands between marks and blanks. It may hold other white space and marks, at which the
tokenizer cuts it."""

LONGEST_PART = 100
"""The most characters of a part of a word whose tokens are kept."""

MOST_WORDS = 1 << 18
"""How many words are kept; when there are more, all are dropped."""


def goes_by_words(tokenizer: Tokenizer) -> bool:
    """Tell whether the tokens of a text are for certain those of its words and of their parts."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)
    kinds = (BertNormalizer, BertPreTokenizer, WordPiece)
    return all(map(isinstance, parts, kinds)) and all(map(_stands_alone, _added(tokenizer)))


def _added(tokenizer: Tokenizer) -> list[AddedToken]:
    """Return the tokens that are found in a text before it is cut, such as [MASK]."""
    return list(tokenizer.get_added_tokens_decoder().values())


def _stands_alone(token: AddedToken) -> bool:
    """Tell whether an added token is found as it is written, whatever stands around it."""
    depends = token.lstrip or token.rstrip or token.single_word or token.normalized
    return not depends and not set(token.content) & set(" \n")


class WordTokens:
    """The tokens of texts by their words, and those of words by their parts. Several threads may use it.

    :param tokenizer: one that goes by words.
    :param tokenise: is called with parts that are not kept.
    """

    def __init__(self, tokenizer: Tokenizer, tokenise: Tokenise) -> None:
        self._tokenise = tokenise
        added = sorted((token.content for token in _added(tokenizer)), key=len, reverse=True)
        self._part = re.compile("|".join([*map(re.escape, added), _PART]))
        self._counts: dict[str, int] = {}  # by word, blanks excluded
        self._spans: dict[str, Spans] = {}  # by part

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        words = text.replace("\n", " ").split(" ")
        kept = self._counts
        new = set(words).difference(kept)
        if not new:
            return sum(map(kept.__getitem__, words))
        if len(kept) + len(new) > MOST_WORDS:
            kept, new = {}, set(words)
            self._counts = kept
        counts = _added_to(kept, self._counted(new))
        return sum(map(counts.__getitem__, words))

    def offsets(self, text: str) -> list[Span]:
        """Return the character span of each token of a text."""
        parts = [(match.start(), match.group()) for match in self._part.finditer(text)]
        spans = self._learned({part for _, part in parts})
        return [(at + low, at + high) for at, part in parts for low, high in spans[part]]

    def _counted(self, words: Iterable[str]) -> dict[str, int]:
        """Return the number of tokens of words."""
        parts = {word: self._part.findall(word) for word in words}
        spans = self._learned({part for found in parts.values() for part in found})
        return {word: sum(len(spans[part]) for part in found) for word, found in parts.items()}

    def _learned(self, parts: set[str]) -> MutableMapping[str, Spans]:
        """Return the spans of tokens by part, for these parts at least."""
        kept = self._spans
        new = parts.difference(kept)
        if not new:
            return kept
        if len(kept) + len(new) > MOST_WORDS:
            kept, new = {}, parts
            self._spans = kept
        return _added_to(kept, dict(zip(new, map(tuple, self._tokenise(list(new))), strict=True)))


def _added_to(kept: dict[str, Value], found: dict[str, Value]) -> MutableMapping[str, Value]:
    """Add what is found for short words to what is kept, and return both together, with that for long words."""
    long = {word: found.pop(word) for word in list(found) if len(word) > LONGEST_PART}
    kept |= found
    return ChainMap(long, kept) if long else kept
