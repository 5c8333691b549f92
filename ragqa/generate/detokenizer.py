"""Tokens -> text, one token after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INCOMPLETE = "\ufffd"
"""What tokenizers write for a part of a character."""


class Detokenizer:
    """Turns tokens into text one by one; a character of several tokens comes when it is whole.

    Only the tokens since the last whole character but one are decoded again, so that a long answer costs no more a token
    than a short one, and a tokenizer that drops the first space of what it decodes does so in both halves.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._decode = tokenizer.decode
        self._tokens: list[int] = []
        self._n_written = 0
        """How many of `_tokens` are in text that was returned already."""

    def add(self, token: int) -> str:
        """Return the text that this token completes."""
        self._tokens.append(token)
        # The text before the new token is decoded with it, since a token may be written otherwise at a beginning.
        before = self._decode(self._tokens[: self._n_written], skip_special_tokens=True)
        text: str = self._decode(self._tokens, skip_special_tokens=True)
        if text.endswith(_INCOMPLETE):
            return ""
        self._tokens = self._tokens[self._n_written :]
        self._n_written = len(self._tokens)
        return text[len(before) :]


def unsettled(text: str, stops: Sequence[str]) -> int:
    """Return how many characters at the end may still change: half a stop string, or half a character."""
    if text.endswith(_INCOMPLETE):
        return len(text) - len(text.rstrip(_INCOMPLETE))
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:size]):
                longest = max(longest, size)
                break
    return longest
