"""Counts the tokens of a BERT tokenizer word by word, and keeps the count of each word.

Such a tokenizer cuts a text at blanks and at marks whatever stands around them, so that the tokens of a text are those of
its words. A splitter measures every part of a document several times, and has seen most words before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Value = TypeVar("Value")
Span = tuple[int, int]


class Tokens(NamedTuple):
    """The character spans of the tokens of a text, and how many of its letters are in tokens that the vocabulary lacks."""

    spans: list[Span]
    unknown: int


Tokenise = Callable[[str], Tokens]

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


class _Kept(dict[str, Value]):
    """What a function finds for words, kept for words that are not long. Several threads may use it."""

    def __init__(self, find: Callable[[str], Value]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, word: str) -> Value:
        found = self._find(word)
        if len(word) <= LONGEST_PART:
            if len(self) >= MOST_WORDS:
                self.clear()
            self[word] = found
        return found


class WordTokens:
    """The tokens of texts by their words, and those of words by their parts. Several threads may use it.

    :param tokenizer: one that goes by words.
    :param tokenise: is called with a part that is not kept.
    """

    def __init__(self, tokenizer: Tokenizer, tokenise: Tokenise) -> None:
        added = sorted((token.content for token in _added(tokenizer)), key=len, reverse=True)
        self._part = re.compile("|".join([*map(re.escape, added), _PART]))
        self._tokens = _Kept(tokenise)  # by part
        self._counts = _Kept(self._counted)  # by word

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return sum(map(self._counts.__getitem__, text.replace("\n", " ").split(" ")))

    def offsets(self, text: str) -> list[Span]:
        """Return the character span of each token of a text."""
        parts = [(match.start(), match.group()) for match in self._part.finditer(text)]
        return [(at + low, at + high) for at, part in parts for low, high in self._tokens[part].spans]

    def unknown(self, text: str) -> int:
        """Return the number of letters of a text that are in tokens which the vocabulary lacks."""
        return sum(self._tokens[part].unknown for part in self._part.findall(text))

    def _counted(self, word: str) -> int:
        return sum(len(self._tokens[part].spans) for part in self._part.findall(word))
