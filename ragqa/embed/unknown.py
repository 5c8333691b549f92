"""The letters of a text that an encoder's vocabulary lacks: the tokenizer puts one token, such as [UNK], in their place.

The vectors of such tokens are all the same, so that a text of nothing else is as near to any other as to itself.
"""

from __future__ import annotations

from tokenizers import Encoding, Tokenizer

_NAMES = ("[UNK]", "<unk>")


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the id of the token for what is not in the vocabulary; None where there is no such token."""
    names = (getattr(tokenizer.model, "unk_token", None), *_NAMES)
    ids = (tokenizer.token_to_id(name) for name in names if name)
    return next((number for number in ids if number is not None), None)


def unknown_letters(text: str, encoding: Encoding, unknown: int | None) -> int:
    """Return the number of letters of a text that are in unknown tokens."""
    if unknown is None or unknown not in encoding.ids:
        return 0
    spans = (span for number, span in zip(encoding.ids, encoding.offsets, strict=True) if number == unknown)
    return sum(letters(text[start:end]) for start, end in spans)


def letters(text: str) -> int:
    """Return the number of letters of a text."""
    return sum(map(str.isalpha, text))
