"""The tokens of texts, by the tokenizer.json of a model's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from ragqa import limits, models
from ragqa.config.slots import SPECIAL_TOKENS
from ragqa.embed.unknown import letters, unknown_letters, unknown_token
from ragqa.embed.words import Tokens, WordTokens, goes_by_words
from ragqa.errors import ModelError, UsageError
from ragqa.text_analysis import blocks

Text = str | tuple[str, str]
"""A text, or two that a model reads together."""
_BLOCK_CHARACTERS = 100_000
"""The most characters to tokenise at once, since a token takes a hundred bytes of memory or more."""


class ModelTokens:
    """Counts the tokens of texts as a model reads them; its methods may be called from several threads at once.

    :param name: the name of the model in messages.
    :raises ModelError: the folder has no tokenizer.json.
    """

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / "tokenizer.json"
        if not path.exists():
            raise ModelError(f"{folder} has no tokenizer.json: save the model with a fast tokenizer")
        self._name, self._path = name, path
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

    @property
    def identity(self) -> str:
        """Return the SHA-256 of tokenizer.json."""
        return models.file_sha256(self._path)

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, without special tokens. A long text is counted in blocks."""
        if self._words:
            return self._words.count(text)
        return sum(len(encoding) for _, _, encoding in self._encoded(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`."""
        return self._words.offsets(text) if self._words else self._tokens(text).spans

    def read(self, texts: Sequence[Text]) -> list[Encoding]:
        """Return each text as the model reads it, with special tokens around it.

        :raises UsageError: the tokenizer fails on a text.
        """
        return self._tokenised(texts, special=True)

    def lengths(self, texts: Sequence[Text]) -> list[int]:
        """Return the number of tokens of each text as the model reads it, special tokens included."""
        return [len(encoding) for encoding in self.read(texts)]

    def unknown_share(self, text: str) -> float:
        """Return the share of the letters of a text that are in tokens which the vocabulary lacks, between 0 and 1."""
        unknown = self._words.unknown(text) if self._words else self._tokens(text).unknown
        return unknown / letters(text) if unknown else 0.0

    def is_unknown(self, text: str, start: int, encoding: Encoding) -> bool:
        """Tell whether the vocabulary lacks all words of a text.

        :param start: the number of characters of the prefix before it, which does not count.
        """
        unknown = unknown_letters(text, encoding, self._unknown)
        return bool(unknown) and unknown == letters(text[start:])

    @cached_property
    def _words(self) -> WordTokens | None:
        """The tokens of each word, where the tokenizer goes by words."""
        return WordTokens(self.tokenizer, self._tokens) if goes_by_words(self.tokenizer) else None

    def _tokens(self, text: str) -> Tokens:
        """Return the tokens of a text, which is tokenised as a whole."""
        spans, unknown = [], 0
        for start, block, encoding in self._encoded(text):
            spans += [(start + low, start + high) for low, high in encoding.offsets] if start else encoding.offsets
            unknown += unknown_letters(block, encoding, self._unknown)
        return Tokens(spans, unknown)

    def _encoded(self, text: str) -> Iterator[tuple[int, str, Encoding]]:
        """Yield the blocks of a text, each with the offset of its first character and its tokens."""
        for start, end in blocks(text, _BLOCK_CHARACTERS):
            yield start, text[start:end], self._tokenised([text[start:end]], special=False)[0]

    def _tokenised(self, texts: Sequence[Text], *, special: bool) -> list[Encoding]:
        """Tokenise texts, with special tokens around each, by several threads; or without, as is faster for words."""
        try:
            if special:
                return self.tokenizer.encode_batch(list(texts))
            return [self.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of the library's native code; not an `Exception`
                raise
            fault = UsageError(f"the tokenizer of {self._name} fails on a text: {error}")
            raise limits.met(error) or fault from error

    @cached_property
    def _unknown(self) -> int | None:
        """The token for what is not in the vocabulary."""
        return unknown_token(self.tokenizer)


class ByteTokens:
    """Counts UTF-8 bytes as tokens, for a model with an unknown tokenizer: no tokenizer makes more tokens than this."""

    identity = "bytes"

    def count(self, text: str) -> int:
        """Return the number of UTF-8 bytes of `text`."""
        return len(text.encode())

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each byte of `text`."""
        return [(at, at + 1) for at, character in enumerate(text) for _ in range(len(character.encode()))]

    def lengths(self, texts: Sequence[Text]) -> list[int]:
        """Return the number of UTF-8 bytes of each text, and the special tokens around it."""
        parts = ((text,) if isinstance(text, str) else text for text in texts)
        return [sum(self.count(part) + SPECIAL_TOKENS for part in each) for each in parts]

    def unknown_share(self, text: str) -> float:
        """Return 0: it is not known which letters the vocabulary lacks."""
        return 0.0


def tokens_of(model: str | None) -> ModelTokens | ByteTokens:
    """Return what counts the tokens of a model, by its name or folder; bytes where it is None.

    :raises ModelError: the model is missing, or has no tokenizer.json.
    """
    return ByteTokens() if model is None else ModelTokens(models.resolve(model), model)
