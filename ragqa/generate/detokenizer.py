"""Tokens -> text, one token after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INCOMPLETE = "\ufffd"
"""The character that tokenizers write for a part of a character."""


class Detokenizer:
    """Converts tokens to text one by one. A character of several tokens is returned when it is complete.

    Only the tokens since the last complete character but one are decoded again. So the cost of a token does not grow
    with the length of the answer. The text is the difference of two decoded texts. They begin at the same token, so
    that a tokenizer that drops the first space of a text drops it from both.

    :param shown: the special tokens that are written as their text; the others are left out.
    """

    def __init__(self, tokenizer: Any, shown: frozenset[int] = frozenset()) -> None:
        self._decode = tokenizer.decode
        self._left_out = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special} - shown
        self._tokens: list[int] = []
        self._n_written = 0
        """The number of `_tokens` whose text was already returned."""

    def add(self, token: int) -> str:
        """Return the text that this token completes."""
        if token in self._left_out:
            return ""
        self._tokens.append(token)
        # The text before the new token is decoded with it, since a token's text may be different at the beginning.
        before = self._decode(self._tokens[: self._n_written])
        text: str = self._decode(self._tokens)
        if text.endswith(_INCOMPLETE):
            return ""
        self._tokens = self._tokens[self._n_written :]
        self._n_written = len(self._tokens)
        return text[len(before) :]


def unsettled(text: str, stops: Sequence[str]) -> int:
    """Return the number of characters at the end that may still change: a part of a stop string, or of a character."""
    if text.endswith(_INCOMPLETE):
        return len(text) - len(text.rstrip(_INCOMPLETE))
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:size]):
                longest = max(longest, size)
                break
    return longest
