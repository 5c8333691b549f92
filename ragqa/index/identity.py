"""What an index was built with, and the refusal of anything else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import ModelError

Vectors = NDArray[np.float32]

CANARIES = (
    "The ferry leaves the harbour at half past six.",
    "Who approves a loan for a heat pump?",
    "Die Genossenschaft wählt ihren Vorstand im März.",
    "def mean(values): return sum(values) / len(values)",
    "1,204.50 kg + 17% = ?",
    "風力発電所は丘の上にある。",
    "Mitochondria produce most of the cell's adenosine triphosphate.",
    "NOTICE!! read-only; see §4(b), e.g. 'force majeure'...",
)
"""Texts whose vectors are stored with an index: they catch a drift of the embedder that no hash of a file can see."""

LEAST_COSINE = 0.999


def refuse_other(path: Path, stored: Mapping[str, str], mine: Mapping[str, str]) -> None:
    """Raise `ModelError` naming the first field of `mine` that differs from what the index was built with."""
    for field, value in mine.items():
        if stored.get(field) != value:
            raise ModelError(
                f"{path} was built with {field} {stored.get(field)}, this pipeline has {value}: "
                "put it back, or run `ragqa index FILE --rebuild`"
            )


def refuse_drift(path: Path, stored: Vectors, mine: Vectors) -> None:
    """Raise `ModelError` when the embedder's vectors of `CANARIES`, float32[8, dim], are not those stored."""
    cosines = np.einsum("ij,ij->i", stored, mine)
    worst = int(np.argmin(np.where(np.isfinite(cosines), cosines, -np.inf)))
    if not cosines[worst] >= LEAST_COSINE:
        raise ModelError(
            f"{path}: canaries: text {worst + 1} of {len(CANARIES)} now has cosine {cosines[worst]:.4f} to the vector stored "
            f"with the index, at least {LEAST_COSINE} is the same model: put back the model and libraries that built it, "
            "or run `ragqa index FILE --rebuild`"
        )
