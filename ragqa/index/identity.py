"""Checks that the embedder and the splitter are those that an index was built with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import ModelError
from ragqa.stages.index import CANARIES, LEAST_COSINE

Vectors = NDArray[np.float32]


def refuse_other(location: object, stored: Mapping[str, str], current: Mapping[str, str]) -> None:
    """Compare the present identity with that of the index.

    :raises ModelError: a field of `current` differs; the message names the first one.
    """
    for field, value in current.items():
        if _settings(stored.get(field)) != _settings(value):
            raise ModelError(
                f"{location} was built with {field} {stored.get(field)}, this pipeline has {value}: "
                "put it back, or run `ragqa index FILE --rebuild`"
            )


def _settings(value: str | None) -> object:
    """Return a value of an identity without the versions that older indexes have among a splitter's settings.

    Each document records the present version, so that the next run brings it up to date.
    """
    try:
        settings = json.loads(value or "")
    except ValueError:
        return value
    if not isinstance(settings, dict):
        return value
    return {name: each for name, each in settings.items() if name not in ("version", "library")}


def refuse_drift(location: object, stored: Vectors, current: Vectors) -> None:
    """Compare the embedder's vectors of `CANARIES`, float32[8, dim], with those stored.

    A text whose words the embedder does not know has the vector zero, which older versions did not give: it tells nothing.

    :raises ModelError: they differ.
    """
    cosines = np.einsum("ij,ij->i", stored, current)
    known = current.any(axis=1) & stored.any(axis=1)
    cosines = np.where(known | ~known.any(), cosines, 1.0)
    # the cosine of a vector with NaN is not defined; such a vector counts as the worst
    worst = int(np.argmin(np.where(np.isfinite(cosines), cosines, -np.inf)))
    if not cosines[worst] >= LEAST_COSINE:
        raise ModelError(
            f"{location}: canaries: text {worst + 1} of {len(CANARIES)} now has cosine {cosines[worst]:.4f} to the vector stored "
            f"with the index, at least {LEAST_COSINE} is the same model: put back the model and libraries that built it, "
            "or run `ragqa index FILE --rebuild`"
        )


def canaries(db: sqlite3.Connection) -> Vectors:
    """Return the stored vectors of `CANARIES`, float32[8, dim]."""
    rows = db.execute("SELECT vector FROM canary ORDER BY number").fetchall()
    return np.array([np.frombuffer(bytes.fromhex(row[0]), dtype="<f4") for row in rows], dtype=np.float32)
