"""The part of one generation that is in memory for searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa.index import search
from ragqa.index.bm25 import Lexicon
from ragqa.records import Coverage


@dataclass(frozen=True)
class SearchSnapshot:
    """The part of one generation that is in memory for searches. Readers of that generation share it.

    `rows[i]` is a chunk whose text is at position `positions[i]`, and its vector there in `store`; positions are sorted.
    """

    version: tuple[Any, ...]
    store: search.VectorStore
    lexicon: Lexicon
    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    filtered: bool
    coverage: Coverage

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """Return bool[n]: True for the texts of chunks that may be found."""
        return mask(len(self.store), self.positions)

    @cached_property
    def embedded(self) -> NDArray[np.bool_]:
        """Return bool[n]: True for the vectors of chunks that may be found. Pending texts have none."""
        return self.allowed & self.store.present

    def chunks_at(self, positions: Sequence[int]) -> list[list[int]]:
        """Return for each position the rows of the chunks with this vector. Chunks with equal texts share a vector."""
        low, high = (np.searchsorted(self.positions, positions, side) for side in ("left", "right"))
        return [self.rows[start:end].tolist() for start, end in zip(low.tolist(), high.tolist(), strict=True)]


def mask(n: int, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return bool[n], True at the positions."""
    chosen = np.zeros(n, dtype=np.bool_)
    chosen[positions] = True
    return chosen
