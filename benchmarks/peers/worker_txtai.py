"""txtai: an `Embeddings` database that keeps the texts too, saved and loaded as its documentation shows."""

from __future__ import annotations

from collections.abc import Sequence

from txtai import Embeddings

from benchmarks.peers.worker import TOP_K, Job


class Txtai:
    """Default settings: batches of 32, float32, FAISS (exact at this size), texts in SQLite."""

    def __init__(self, job: Job) -> None:
        self._place = f"{job.place}/index"
        # a saved index names its encoder and loads it by itself
        self._embeddings = Embeddings(path=job.model, content=True) if job.phase == "index" else Embeddings()

    def build(self, chunks: Sequence[str]) -> None:
        """Embed and index the chunks and save the index."""
        self._embeddings.index(chunks)
        self._embeddings.save(self._place)

    def texts(self) -> list[str]:
        """Return the text of every chunk in the index."""
        rows = self._embeddings.search("SELECT text FROM txtai", limit=self._embeddings.count())
        return [row["text"] for row in rows]

    def open(self) -> None:
        """Load the index and its encoder."""
        self._embeddings.load(self._place)

    def search(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        return [row["text"] for row in self._embeddings.search(question, TOP_K)]


SYSTEM = Txtai
