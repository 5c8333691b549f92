"""The Protocols of parts that do several things faster together than one by one. A part may have them besides its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.records import Generation, Hit, Prompt
    from ragqa.stages.index import Searcher

    Vectors = NDArray[np.float32]


@runtime_checkable
class BatchEmbedder(Protocol):
    """An embedder that embeds several questions faster together. `embed_questions` is called as `embed_question` is."""

    def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Return float32[len(questions), dim]: the row of each question is what `embed_question` returns for it."""
        ...


@runtime_checkable
class BatchSearcher(Protocol):
    """A searcher that compares several vectors with the stored ones in one pass. It is used as a `Searcher` is."""

    def dense_many(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Return for each row of float32[n, dim] what `Searcher.dense` returns for it, with equal scores."""
        ...


@runtime_checkable
class BatchRetriever(Protocol):
    """A retriever that ranks for several questions faster together. It is called as `Retriever.retrieve` is."""

    def retrieve_many(self, questions: Sequence[str], searcher: Searcher, k: int | None = None) -> list[list[Hit]]:
        """Return for each question what `retrieve` returns for it."""
        ...


@runtime_checkable
class BatchGenerator(Protocol):
    """Writes the answers to several prompts in one batch. One thread at a time calls it."""

    @property
    def batch_size(self) -> int:
        """Return the most prompts of one call."""
        ...

    def write_many(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """Return the `Generation` of each prompt, in order; `[]` for none."""
        ...
