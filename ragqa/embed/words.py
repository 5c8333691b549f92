"""Counts the tokens of a BERT tokenizer word by word, and keeps those of each word.

Such a tokenizer cuts a text at blanks whatever stands around them, so that the tokens of a text are those of its words.
A splitter measures every part of a document several times; most words it has seen before.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Span = tuple[int, int]
Spans = tuple[Span, ...]
Tokenise = Callable[[list[str]], list[list[Span]]]
"""Texts -> the character spans of their tokens."""

_WORD = re.compile(r"[^ \n]+")
"""A word: what stands between two blanks. It may hold other white space, at which the tokenizer cuts it."""

LONGEST_WORD = 100
"""The most characters of a word that is kept."""

MOST_WORDS = 1 << 17
"""How many words are kept; when there are more, all are dropped."""


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
        self._spans: dict[str, Spans] = {}
        self._counts: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        words = text.replace("\n", " ").split(" ")
        counts: Mapping[str, int] = self._counts
        if new := set(words).difference(counts):
            long = self._learn(new, words)
            counts = (
                ChainMap({word: len(spans) for word, spans in long.items()}, self._counts) if long else self._counts
            )
        return sum(map(counts.__getitem__, words))

    def offsets(self, text: str) -> list[Span]:
        """Return the character span of each token of a text."""
        words = [(match.start(), match.group()) for match in _WORD.finditer(text)]
        spans: Mapping[str, Spans] = self._spans
        if new := {word for _, word in words}.difference(spans):
            long = self._learn(new, [word for _, word in words])
            spans = ChainMap(long, self._spans) if long else self._spans
        return [(at + low, at + high) for at, word in words for low, high in spans[word]]

    def _learn(self, new: Collection[str], words: Collection[str]) -> dict[str, Spans]:
        """Keep the tokens of new words; return those of words that are too long to be kept.

        :param words: all words of the text, which are learned again if the others are dropped.
        """
        if len(self._counts) + len(new) > MOST_WORDS:
            self._spans, self._counts, new = {}, {}, set(words)
        found = dict(zip(new, map(tuple, self._tokenise(list(new))), strict=True))
        long = {word: found.pop(word) for word in new if len(word) > LONGEST_WORD}
        self._spans |= found
        self._counts |= {word: len(spans) for word, spans in found.items()}
        return long
