"""Byte-level byte-pair encoding: text -> tokens, and back without loss.

The 256 bytes are the first tokens. Then, repeatedly, the most frequent pair of adjacent tokens becomes a new token
(Gage 1994; Sennrich, Haddow and Birch 2016). As in GPT-2 (Radford et al. 2019), a text is first cut into pieces,
roughly its words with the space before them. No token crosses the end of a piece.

This is the algorithm in pure Python, for reading. `ragqa.train` learns the same merges with the library `tokenizers`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import regex

_SHOWN = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
BYTES = bytes((*_SHOWN, *sorted(set(range(256)).difference(_SHOWN))))
"""The bytes in the order of their tokens: those that are a visible character in Latin-1 are first."""

PIECE = regex.compile(r"'(?:[dmst]|ll|re|ve)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
"""The pieces of a text: English contractions; letters, digits or other signs, each with one space before; white space.
Every character is in exactly one piece."""

_NUMBER = {byte: number for number, byte in enumerate(BYTES)}
Pair = tuple[int, int]


class BPE:
    """A vocabulary: 256 bytes, then one token for each merge. Encoding applies merges in the order of learning.

    :param merges: pairs of token numbers, in the order of learning.
    """

    def __init__(self, merges: Iterable[Pair] = ()) -> None:
        self.tokens = [bytes((byte,)) for byte in BYTES]
        """The bytes of each token, by its number."""
        self.merges: dict[Pair, int] = {}
        """The token of each pair, in the order of learning."""
        for pair in merges:
            self._merge(pair)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, min_count: int = 2) -> BPE:
        """Learn a vocabulary. Of equally frequent pairs, the one with the smallest token numbers is merged first.

        It is smaller than `vocab_size` if no other pair occurs `min_count` times in the texts.

        :raises ValueError: `vocab_size` is less than the number of bytes.
        """
        if vocab_size < len(BYTES) or min_count < 1:
            raise ValueError(f"vocab_size is {vocab_size}, min_count {min_count}; must be at least {len(BYTES)} and 1")
        # 1. Count the pieces of the texts, so that equal pieces are processed once.
        bpe = cls()
        pieces = Counter(piece for text in texts for piece in _pieces(text))
        spelled = {piece: _numbers(piece) for piece in pieces}
        counts: Counter[Pair] = Counter()
        where: defaultdict[Pair, set[bytes]] = defaultdict(set)

        # 2. Count the pairs, and record the pieces that contain each pair.
        def count(piece: bytes, sign: int) -> None:
            for pair in pairwise(spelled[piece]):
                counts[pair] += sign * pieces[piece]
                where[pair].add(piece)

        for piece in pieces:
            count(piece, 1)
        # 3. Merge the most frequent pair; only the pieces that contain it change, and only they are counted again.
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
        """Return the tokens of a text, or of any bytes. Bytes that are not UTF-8 count as signs."""
        return [token for piece in _pieces(text) for token in self._encode(piece)]

    def decode_bytes(self, tokens: Iterable[int]) -> bytes:
        """Return exactly the encoded bytes."""
        return b"".join(self.tokens[token] for token in tokens)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text. Bytes that are not UTF-8, such as a part of a character, become U+FFFD."""
        return self.decode_bytes(tokens).decode("utf-8", "replace")

    def _encode(self, piece: bytes) -> list[int]:
        """Return the tokens of a piece. Merges are applied in the order of learning."""
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
    """Yield the pieces of a text as bytes. Bytes that are not UTF-8 are kept as surrogates in between."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    for match in PIECE.finditer(text):
        yield match.group().encode("utf-8", "surrogateescape")


def _numbers(piece: bytes) -> list[int]:
    """Return the token of each byte."""
    return [_NUMBER[byte] for byte in piece]


def _joined(tokens: Sequence[int], pair: Pair, token: int) -> list[int]:
    """Return the tokens with each occurrence of a pair, from the left, replaced by one token."""
    joined: list[int] = []
    for following in tokens:
        if joined and (joined[-1], following) == pair:
            joined[-1] = token
        else:
            joined.append(following)
    return joined
