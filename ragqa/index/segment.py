"""Segments: immutable files of raw float32 rows, named by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from ragqa.errors import IndexCorruptError, ResourceError

Vectors = NDArray[np.float32]


def write(folder: Path, vectors: Vectors) -> str:
    """Write rows as one segment that survives a power cut, and return its name (SHA-256 of its bytes).

    Our own writer, not `faiss.write_index`, which reports success on a full disk.

    :raises ResourceError: the disk is full.
    """
    data = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
    name = hashlib.sha256(data).hexdigest()
    target = folder / f"{name}.f32"
    scratch = folder / f".{name}.tmp"
    try:
        with scratch.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(target)
        _fsync_folder(folder)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ResourceError(
            f"cannot write {len(data):,} bytes to {folder}: {error.strerror}; index unchanged"
        ) from error
    return name


def open_mapped(folder: Path, name: str, n: int, dim: int) -> Vectors:
    """Return a segment as a read-only memory map, float32[n, dim].

    :raises IndexCorruptError: the file is missing or of another size.
    """
    path = folder / f"{name}.f32"
    expected = n * dim * 4
    actual = path.stat().st_size if path.exists() else None
    if actual != expected:
        found = "missing" if actual is None else f"{actual:,} bytes instead of {expected:,}"
        raise IndexCorruptError(f"segment {path} is {found}: run `ragqa index --rebuild`")
    if n == 0:
        return np.empty((0, dim), dtype=np.float32)
    mapped: Vectors = np.memmap(path, dtype="<f4", mode="r", shape=(n, dim))
    return mapped


def best_rows(vectors: Vectors, question: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return the positions and inner products of the k best rows, exactly; fewer where there are fewer rows."""
    k = min(k, len(vectors))
    if k == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    scores, rows = faiss.knn(question[None, :], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    return rows[0], scores[0]


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
