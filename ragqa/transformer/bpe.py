"""Byte-level byte-pair encoding: text -> tokens, and back without loss.

The 256 bytes are the first tokens. Then the pair of tokens that occurs side by side most often becomes a token of its own,
again and again (Gage 1994; Sennrich, Haddow and Birch 2016). As in GPT-2 (Radford et al. 2019), a text is cut into pieces
first, roughly its words with the space before them, and no token reaches across a cut.

This is the algorithm to read, in pure Python. `ragqa.train` learns the same merges by the library `tokenizers`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import regex

_SHOWN = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
BYTES = bytes((*_SHOWN, *sorted(set(range(256)).difference(_SHOWN))))
"""The bytes in the order of their tokens: those that Latin-1 shows as a visible character come first."""

PIECE = regex.compile(r"'(?:[dmst]|ll|re|ve)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
"""English contractions; letters, digits or other signs, each with one space before; white space. Every character is in one."""

_NUMBER = {byte: number for number, byte in enumerate(BYTES)}
Pair = tuple[int, int]


class BPE:
    """A vocabulary: 256 bytes, then one token for each merge. The earlier of two merges comes first in encoding.

    :param merges: pairs of token numbers, in the order of learning.
    """

    def __init__(self, merges: Iterable[Pair] = ()) -> None:
        self.tokens = [bytes((byte,)) for byte in BYTES]
        """The bytes of each token, by its number."""
        self.merges: dict[Pair, int] = {}
        """The token that each pair becomes, in the order of learning."""
        for pair in merges:
            self._merge(pair)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, min_count: int = 2) -> BPE:
        """Learn a vocabulary. Of pairs that are equally frequent, the one with the smallest numbers is merged first.

        It is smaller than `vocab_size` where no pair is left that occurs `min_count` times in the texts.

        :raises ValueError: there is no room for the bytes.
        """
        if vocab_size < len(BYTES) or min_count < 1:
            raise ValueError(f"vocab_size is {vocab_size}, min_count {min_count}; must be at least {len(BYTES)} and 1")
        # 1. Count the pieces of the texts: each is worked on once, however often it occurs.
        bpe = cls()
        pieces = Counter(piece for text in texts for piece in _pieces(text))
        spelled = {piece: _numbers(piece) for piece in pieces}
        counts: Counter[Pair] = Counter()
        where: defaultdict[Pair, set[bytes]] = defaultdict(set)

        # 2. Count the pairs, and note which pieces hold each.
        def count(piece: bytes, sign: int) -> None:
            for pair in pairwise(spelled[piece]):
                counts[pair] += sign * pieces[piece]
                where[pair].add(piece)

        for piece in pieces:
            count(piece, 1)
        # 3. Merge the most frequent pair; only the pieces that hold it change, and are counted anew.
        while len(bpe.tokens) < vocab_size:
            most = max(counts.values(), default=0)
            if most < min_count:
                break
            pair = min(pair for pair, times in counts.items() if times == most)
            token = bpe._merge(pair)
            for piece in where.pop(pair):
                count(piece, -1)
                spelled[piece] = _joined(spelled[piece], pair, token)
                count(piece, 1)
        return bpe

    def encode(self, text: str | bytes) -> list[int]:
        """Return the tokens of a text, or of any bytes: those that are no UTF-8 count as signs."""
        return [token for piece in _pieces(text) for token in self._encode(piece)]

    def decode_bytes(self, tokens: Iterable[int]) -> bytes:
        """Return exactly the bytes that were encoded."""
        return b"".join(self.tokens[token] for token in tokens)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text. Bytes that are no UTF-8, as at a cut within a character, become U+FFFD."""
        return self.decode_bytes(tokens).decode("utf-8", "replace")

    def _encode(self, piece: bytes) -> list[int]:
        """Return the tokens of a piece: merges are applied in the order in which they were learned."""
        tokens = _numbers(piece)
        while known := self.merges.keys() & set(pairwise(tokens)):
            first = min(known, key=self.merges.__getitem__)
            tokens = _joined(tokens, first, self.merges[first])
        return tokens

    def _merge(self, pair: Pair) -> int:
        """Add a token for a pair; return its number."""
        self.merges[pair] = len(self.tokens)
        self.tokens.append(self.tokens[pair[0]] + self.tokens[pair[1]])
        return self.merges[pair]


def _pieces(text: str | bytes) -> Iterator[bytes]:
    """Yield the pieces of a text as bytes; bytes that are no UTF-8 pass through as surrogates."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    for match in PIECE.finditer(text):
        yield match.group().encode("utf-8", "surrogateescape")


def _numbers(piece: bytes) -> list[int]:
    """Return the token of each byte."""
    return [_NUMBER[byte] for byte in piece]


def _joined(tokens: Sequence[int], pair: Pair, token: int) -> list[int]:
    """Return the tokens with each occurrence of a pair, from the left, as one token."""
    joined: list[int] = []
    for following in tokens:
        if joined and (joined[-1], following) == pair:
            joined[-1] = token
        else:
            joined.append(following)
    return joined
