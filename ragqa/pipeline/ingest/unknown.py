"""Tells which files have words that the embedder's vocabulary lacks, such as those of a language it was not made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragqa.records import Chunk
from ragqa.stages import Embedder, TokenCounter, VocabularyBound

LEAST_SHARE = 0.2
"""The least share of unknown letters of a file that is told."""

_SAMPLE = 16
"""The most chunks of a file that are looked at, evenly spaced."""

_NAMED = 5


def unknown_share(embedder: TokenCounter, chunks: Sequence[Chunk]) -> float:
    """Return the share of the letters of a document that an embedder cannot read, by a sample; 0 below `LEAST_SHARE`."""
    if not isinstance(embedder, VocabularyBound) or not chunks:
        return 0.0
    sample = chunks[:: -(-len(chunks) // _SAMPLE)]
    share = embedder.unknown_share("\n".join(chunk.text for chunk in sample))
    return share if share >= LEAST_SHARE else 0.0


def warning(embedder: Embedder, shares: Mapping[str, float]) -> str:
    """Return a sentence about files with unknown letters.

    :param shares: the share of them by source, at least one.
    """
    worst = sorted(shares, key=lambda source: (-shares[source], source))
    names = ", ".join(
        [*(f"{source}: {shares[source]:.0%}" for source in worst[:_NAMED]), *(["..."] if worst[_NAMED:] else [])]
    )
    model = embedder.recorded.get("model", "the embedder")
    return (
        f"{model} does not know the words of {len(shares):,} files, by the share of their letters ({names}): these words "
        "are found as they are written, and not by their meaning; choose a model of that language as embed.model"
    )
