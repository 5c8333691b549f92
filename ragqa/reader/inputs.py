"""Question and passage -> windows of tokens that an encoder reads: [CLS] question [SEP] passage [SEP]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

QUESTION = 64
"""The most tokens of a question that are read: its last ones, since there it says what is asked."""
MOST_TOKENS = 384
"""The most tokens of a window."""
OVERLAP = 64
"""The tokens that two neighbouring windows have in common."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a passage with the question before it.

    :param ids: the tokens, special tokens included; the first one is the place of "no answer here".
    :param first: the place of the first token of the passage where an answer may begin.
    :param offsets: the span of each token from there on, in characters of the passage.
    """

    ids: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]


def windows(tokenizer: Tokenizer, question: str, passage: str, begin: int, most: int) -> Iterator[Window]:
    """Yield the windows of a passage, in order. All but one are needed for a passage longer than a window only.

    :param begin: the offset in the passage before which no answer begins: what stands there names its document.
    :param most: the most tokens of a window.
    """
    # 1. Tokenise apart, so that no word of a text becomes a special token of the model.
    asked = tokenizer.encode(question, add_special_tokens=False).ids[-QUESTION:]
    start, between, end = _special(tokenizer)
    head = [*start, *asked, *between]
    read = tokenizer.encode(passage, add_special_tokens=False)
    titles = sum(1 for low, _ in read.offsets if low < begin)
    ids, offsets = read.ids[titles:], read.offsets[titles:]
    # 2. Cut what stands before `begin` to a quarter of the room, and the rest into windows.
    title = read.ids[: min(titles, (most - len(head)) // 4)]
    room = most - len(head) - len(title) - len(end)
    for low in range(0, max(1, len(ids) - OVERLAP), max(1, room - OVERLAP)):
        part = slice(low, low + room)
        yield Window((*head, *title, *ids[part], *end), len(head) + len(title), tuple(offsets[part]))


def _special(tokenizer: Tokenizer) -> tuple[list[int], list[int], list[int]]:
    """Return the special tokens before, between and after two texts, as the tokenizer puts them."""
    pair = tokenizer.encode("a", "a")
    places = [n for n, special in enumerate(pair.special_tokens_mask) if not special]
    one, two = places[0], places[-1]
    between = [pair.ids[n] for n in range(one + 1, two) if pair.special_tokens_mask[n]]
    return list(pair.ids[:one]), between, list(pair.ids[two + 1 :])
