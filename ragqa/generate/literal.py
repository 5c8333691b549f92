"""Special tokens in the text of documents and of the user are text: a prompt is cut where special tokens are meant.

A tokenizer reads the text of a special token as that token, wherever it stands. Where a document has such a text, the
prompt is cut at the special tokens outside the document, and the parts between them are read as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Span = tuple[int, int]

BREAK = "\u2060"
"""The word joiner, an invisible character that no passage holds: prompts are cleaned of such characters."""
_TOKEN_LIKE = re.compile(
    r"<(?=[|\uff5c][^<>\n]{1,80}>|(?!/?passage>)/?[A-Za-z_][\w-]{0,60}>)|\[(?=/?[A-Z_]{1,40}\])", re.IGNORECASE
)
"""The first character of a text that may be a special token of some model: `<|im_end|>`, `</s>`, `<filename>`, `[INST]`."""


class Part(NamedTuple):
    """A part of a prompt from an offset on: a special token, or text."""

    start: int
    text: str
    special: bool


def broken(text: str, literal: Sequence[Span]) -> str:
    """Return a prompt for a model with an unknown vocabulary: `BREAK` is within all literal text like a special token."""
    pieces, at = [], 0
    for start, end in literal:
        pieces += [text[at:start], _TOKEN_LIKE.sub(rf"\g<0>{BREAK}", text[start:end])]
        at = end
    return "".join([*pieces, text[at:]])


def special_pattern(tokens: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of the texts of special tokens, longest first; None if there are none."""
    texts = sorted(filter(None, tokens), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts))) if texts else None


def cut(text: str, literal: Sequence[Span], special: re.Pattern[str] | None) -> list[Part] | None:
    """Return the parts of a prompt; None where no special token is in a span of literal text, so that it needs no cut."""
    if special is None or not literal:
        return None
    found = [match.span() for match in special.finditer(text)]
    meant = [span for span in found if not any(_overlap(span, part) for part in literal)]
    return list(_parts(text, meant)) if len(meant) < len(found) else None


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _parts(text: str, special: Sequence[Span]) -> Iterator[Part]:
    at = 0
    for start, end in [*special, (len(text), len(text))]:
        if start > at:
            yield Part(at, text[at:start], False)
        if end > start:
            yield Part(start, text[start:end], True)
        at = end
