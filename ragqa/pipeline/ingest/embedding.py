"""Embeds the texts of an index that have no vector yet, and commits their vectors in small batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ragqa.stages import CANARIES

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.components import Components
    from ragqa.records import Coverage
    from ragqa.stages import Embedder, IndexWriter, Vectors

COMMIT_CHUNKS = 256
"""The number of texts whose vectors are one commit; an interruption loses at most these. A run with more texts to embed
publishes all texts first. A run with fewer is a single commit."""

EMBED_CHUNKS = 128
"""The number of texts that are embedded between two reports of progress."""

AHEAD_CHUNKS = 64
"""The number of texts that are embedded at a time while the next file is read."""
_WAITING = 16_384
"""The most texts that wait for that; what is more is embedded after all files are read."""

Progress = Callable[[int, int], None]
"""Called with the chunks that were embedded and those expected in total: an estimate while files are read, then the
exact number."""


class Embedding:
    """Embeds texts for one run of a writer.

    `embedded` is the number of texts so far, and `seconds` the time that the embedder took for them.
    """

    def __init__(self, embedder: Embedder, writer: IndexWriter, progress: Progress) -> None:
        self._embedder, self._writer, self._progress = embedder, writer, progress
        self._ready = False
        self.embedded, self.seconds = 0, 0.0

    def vectors(self, texts: Sequence[str], expected: int) -> dict[str, Vectors]:
        """Return the vectors of texts, float32[dim] by text.

        :param expected: how many texts the run will have embedded in the end.
        :raises ModelError: the embedder is not the one that built the index.
        """
        if texts:
            self._check(expected)
        found: dict[str, Vectors] = {}
        for first in range(0, len(texts), EMBED_CHUNKS):
            part = texts[first : first + EMBED_CHUNKS]
            started = time.perf_counter()
            found |= zip(part, self._embedder.embed_passages(part), strict=True)
            self.seconds += time.perf_counter() - started
            self.embedded += len(part)
            self._progress(self.embedded, expected)
        return found

    def keep(self, made: Mapping[str, Vectors]) -> None:
        """Commit the vectors of pending texts that were made for questions, by text."""
        expected = self._writer.coverage().pending
        pending = self._writer.pending(expected) if made else []
        if found := {text: made[text] for text in pending if text in made}:
            self._check(expected)
            self._writer.commit([], found, {})
            self.embedded += len(found)

    def finish(self, seconds: float = math.inf) -> None:
        """Embed and commit what is pending. No batch is begun after some seconds."""
        deadline = time.monotonic() + seconds
        expected = self.embedded + self._writer.coverage().pending
        while time.monotonic() < deadline and (texts := self._writer.pending(COMMIT_CHUNKS)):
            self._writer.commit([], self.vectors(texts, expected), {})

    def _check(self, expected: int) -> None:
        """Compare the embedder with the one that built the index, once."""
        if not self._ready:
            self._embedder.load()
            self._writer.check_embedder(self._embedder.embed_passages(CANARIES))
            self._ready = True
            self._progress(self.embedded, expected)


class Ahead:
    """Embeds the texts of files that were read while the next file is read. Their vectors wait for the next commit.

    :param expected: returns how many texts the run will have embedded in the end, by an estimate.
    """

    def __init__(self, embedding: Embedding, expected: Callable[[], int]) -> None:
        self._embedding, self._expected = embedding, expected
        self._texts: dict[str, None] = {}  # in order
        self.vectors: dict[str, Vectors] = {}

    def add(self, texts: Iterable[str]) -> None:
        """Put texts without a vector at the end of those that wait, as far as there is room."""
        new = (text for text in texts if text not in self.vectors)
        self._texts |= dict.fromkeys(islice(new, max(0, _WAITING - len(self._texts))))

    def step(self) -> bool:
        """Embed some of the texts that wait; return False where there are too few of them.

        :raises ModelError: the embedder is not the one that built the index.
        """
        if len(self._texts) < AHEAD_CHUNKS:
            return False
        texts = list(islice(self._texts, AHEAD_CHUNKS))
        self.vectors |= self._embedding.vectors(texts, max(self._expected(), self._embedding.embedded + len(texts)))
        for text in texts:
            del self._texts[text]
        return True

    def take(self) -> dict[str, Vectors]:
        """Return the vectors for a commit."""
        vectors, self.vectors = self.vectors, {}
        return vectors


def embed_pending(components: Components, *, seconds: float, wait: float, progress: Progress) -> Coverage:
    """Give vectors to texts of the index that have none; see `Pipeline.embed_pending`."""
    with components.index.write(components.identity, recorded=components.embedder.recorded, wait=wait) as writer:
        embedding = Embedding(components.embedder, writer, progress)
        embedding.keep(components.made_vectors)
        components.made_vectors.clear()
        embedding.finish(seconds)
        coverage = writer.coverage()
        if not coverage.pending:
            writer.maintain()
    return coverage
