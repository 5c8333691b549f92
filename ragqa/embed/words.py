"""Counts the tokens of a BERT tokenizer word by word, and keeps those of each word.

Such a tokenizer cuts a text at blanks whatever stands around them, so that the tokens of a text are those of its words.
A splitter measures every part of a document several times; most words it has seen before.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Span = tuple[int, int]
Tokenise = Callable[[list[str]], list[list[Span]]]
"""Texts -> the character spans of their tokens."""

_WORD = re.compile(r"[^ \n]+")
"""A word; it may hold other white space, at which the tokenizer cuts it."""

LONGEST_WORD = 100
"""The most characters of a word that is kept."""

MOST_WORDS = 1 << 16
"""How many words are kept; then all are dropped."""


def goes_by_words(tokenizer: Tokenizer) -> bool:
    """Tell whether the tokens of a text are for certain those of its words."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)
    if not all(
        isinstance(part, kind) for part, kind in zip(parts, (BertNormalizer, BertPreTokenizer, WordPiece), strict=True)
    ):
        return False
    return not any(set(" \n") & set(token.content) for token in tokenizer.get_added_tokens_decoder().values())


class WordTokens:
    """The tokens of texts by their words.

    :param tokenise: is called with words that are not kept.
    """

    def __init__(self, tokenise: Tokenise) -> None:
        self._tokenise = tokenise
        self._kept: dict[str, tuple[Span, ...]] = {}

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        words = _WORD.findall(text)
        kept = self._learned(words)
        return sum(len(kept[word]) for word in words)

    def offsets(self, text: str) -> list[Span]:
        """Return the character span of each token of a text."""
        words = [(match.start(), match.group()) for match in _WORD.finditer(text)]
        kept = self._learned([word for _, word in words])
        return [(at + low, at + high) for at, word in words for low, high in kept[word]]

    def _learned(self, words: list[str]) -> Mapping[str, tuple[Span, ...]]:
        """Return the spans of tokens by word, at least for these words."""
        if len(self._kept) > MOST_WORDS:
            self._kept = {}
        kept = self._kept
        new = [word for word in dict.fromkeys(words) if word not in kept]
        if not new:
            return kept
        found = dict(zip(new, map(tuple, self._tokenise(new)), strict=True))
        kept |= {word: spans for word, spans in found.items() if len(word) <= LONGEST_WORD}
        return ChainMap(found, kept)
