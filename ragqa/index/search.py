"""Nearest vectors of one generation: exactly, or by a structure of FAISS whose finds are scored again exactly.

A structure is derived from the stored vectors and covers the first rows of them; rows that came later are searched
exactly beside it.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from ragqa.errors import IndexCorruptError
from ragqa.index import place, storage

Vectors = NDArray[np.float32]
Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]
Kind = Literal["flat", "hnsw", "ivf_sq8"]

HNSW_FROM = 500_000
IVF_FROM = 5_000_000
"""From how many vectors `auto` takes which structure: an exact scan of 500,000 x 384 takes about 40 ms on 2 cores."""

TARGET_RECALL = 0.95
_SPARE = 16
_OVERFETCH = 4
_SAMPLE = 100
_TRAIN_ROWS_PER_LIST = 39
"""FAISS warns of fewer."""
_BLUR = 0.3
"""Cosine to stored vectors of those that effort is chosen on; 0.5 was found too easy for IVF on real questions."""
_BLOCK = 65_536
_EFFORTS = (16, 32, 64, 128, 256, 512, 1024)
_faiss: Any = faiss  # its type hints leave out the keyword arguments of parameters
_log = logging.getLogger("ragqa.index")


def resolve(search: str, n: int) -> Kind:
    """Return the structure for n vectors; `auto` goes by their number."""
    if search == "auto":
        return "flat" if n < HNSW_FROM else "hnsw" if n < IVF_FROM else "ivf_sq8"
    return search  # type: ignore[return-value]  # the specs allow no other


def open_segment(folder: Path, name: str, n: int, dim: int) -> Vectors:
    """Return the rows of a segment as a read-only memory map, float32[n, dim], after its bytes were checked.

    :raises IndexCorruptError: the file is missing, of another size, or not what its name says.
    """
    path = folder / f"{name}.f32"
    try:
        with _opened(path) as stream:  # what is mapped is what was checked, whatever becomes of the name
            problem = _content_problem(stream.fileno(), name, n * dim * 4)
            if problem is None:
                rows: Vectors = np.memmap(stream, dtype="<f4", mode="r", shape=(n, dim))
                return rows
    except FileNotFoundError:
        problem = "missing"
    raise IndexCorruptError(f"segment {path} is {problem}: run `ragqa doctor FILE --repair`")


def file_problem(path: Path, sha256: str, size: int | None = None) -> str | None:
    """Return what is wrong with a file that is named by its hash; None where it is whole."""
    try:
        with _opened(path) as stream:
            return _content_problem(stream.fileno(), sha256, size)
    except FileNotFoundError:
        return "missing"


def _opened(path: Path) -> io.BufferedReader:
    return os.fdopen(place.open_file(path), "rb")


def _content_problem(handle: int, sha256: str, size: int | None = None) -> str | None:
    actual = os.fstat(handle).st_size
    if size is not None and actual != size:
        return f"{actual:,} bytes long instead of {size:,}"
    return None if storage.sha256(handle) == sha256 else "damaged (its SHA-256 is not its name)"


@dataclass(frozen=True, slots=True)
class Structure:
    """A FAISS index over the positions [0, n) of a `Space`, and how hard it has to look.

    :param effort: `efSearch` of HNSW, `nprobe` of IVF.
    :param recall: recall@10 against an exact search, measured on blurred rows when it was built.
    """

    kind: Kind
    index: Any
    effort: int
    recall: float

    @property
    def n(self) -> int:
        """Return how many positions it covers."""
        return int(self.index.ntotal)

    def candidates(self, question: Vectors, k: int, alive: Mask) -> Positions:
        """Return up to k positions of living vectors near the question."""
        selector = _faiss.IDSelectorBitmap(np.packbits(alive[: self.n], bitorder="little"))
        if self.kind == "hnsw":
            parameters = _faiss.SearchParametersHNSW(efSearch=max(self.effort, k), sel=selector)
        else:
            parameters = _faiss.SearchParametersIVF(nprobe=self.effort, sel=selector)
        positions: Positions = self.index.search(question[None, :], k, params=parameters)[1][0]
        positions = positions[positions >= 0]
        return positions[alive[positions]]  # checked again: FAISS has ignored selectors before


class Space:
    """The vectors of one generation, at positions 0 to n - 1: the rows of its segments one after another."""

    def __init__(self, segments: Sequence[Vectors], dim: int, structure: Structure | None = None) -> None:
        self._segments = segments
        self._starts = np.cumsum([0, *map(len, segments)])
        self._dim = dim
        self.structure = structure

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self, positions: Positions) -> Vectors:
        """Return the vectors at positions, float32[len(positions), dim]."""
        out = np.empty((len(positions), self._dim), dtype=np.float32)
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        for i in np.unique(owners):
            mine = owners == i
            out[mine] = self._segments[i][positions[mine] - self._starts[i]]
        return out

    def nearest(self, question: Vectors, k: int, alive: Mask, *, exact: bool) -> list[tuple[int, float]]:
        """Return the k best `(position, inner product)` of living vectors and some more, best first; fewer where all are.

        :param alive: bool[n]; only these positions are found.
        :param exact: look at every living vector, whatever structure there is.
        """
        k = min(k, int(alive.sum()))
        if k == 0:
            return []
        found = self._candidates(question, k, alive, exact)
        if len(found) < k:
            found = self._scan(question, k, alive, 0)
        scores = inner_products(self.rows(found), question)
        order = np.lexsort((found, -scores))
        return [(int(found[i]), float(scores[i])) for i in order]

    def _candidates(self, question: Vectors, k: int, alive: Mask, exact: bool) -> Positions:
        if exact or self.structure is None:
            return self._scan(question, k, alive, 0)
        try:
            near = self.structure.candidates(question, k * _OVERFETCH + _SPARE, alive)
        except (RuntimeError, AssertionError) as error:  # of FAISS, of its bindings
            _log.warning("the search structure fails (%s): searching exactly, which is slower", error or type(error))
            self.structure = None
            return self._scan(question, k, alive, 0)
        return np.concatenate([near, self._scan(question, k, alive, self.structure.n)])

    def _scan(self, question: Vectors, k: int, alive: Mask, first: int) -> Positions:
        """Return the best positions from `first` on: some more than k, for their scores are scored again."""
        parts = [segment @ question for segment in self._from(first)]
        if not parts:
            return np.empty(0, dtype=np.int64)
        scores = np.where(alive[first:], np.concatenate(parts), -np.inf)
        k = min(k + _SPARE, int(alive[first:].sum()))
        best = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.flatnonzero(alive[first:])
        return best[:k] + first if k else np.empty(0, dtype=np.int64)

    def _from(self, first: int) -> list[Vectors]:
        pairs = zip(self._starts, self._segments, strict=False)
        return [rows[max(0, first - start) :] for start, rows in pairs if first < start + len(rows)]

    def build(self, kind: Kind, alive: Mask) -> Structure:
        """Return a structure over all positions, working just hard enough for `TARGET_RECALL` on blurred rows."""
        n, dim = len(self), self._dim
        lists = max(1, min(int(4 * n**0.5), n // _TRAIN_ROWS_PER_LIST))
        recipe = "HNSW32,SQ8" if kind == "hnsw" else f"IVF{lists},SQ8"
        index = faiss.index_factory(dim, recipe, faiss.METRIC_INNER_PRODUCT)
        random = np.random.default_rng(0)
        index.train(self.rows(np.sort(random.permutation(n)[: lists * _TRAIN_ROWS_PER_LIST])))
        for first in range(0, n, _BLOCK):
            index.add(self.rows(np.arange(first, min(first + _BLOCK, n))))
        questions = _blurred(self.rows(random.permutation(np.flatnonzero(alive))[:_SAMPLE]), random)
        wanted = [self._ten(question, alive, exact=True) for question in questions]
        for effort in _EFFORTS:
            tried = Space(self._segments, dim, Structure(kind, index, effort, 0.0))
            found = [tried._ten(question, alive, exact=False) for question in questions]
            built = Structure(kind, index, effort, _recall(found, wanted))
            if built.recall >= TARGET_RECALL or (kind == "ivf_sq8" and effort >= lists):
                break
        return built

    def _ten(self, question: Vectors, alive: Mask, *, exact: bool) -> set[int]:
        return {position for position, _ in self.nearest(question, 10, alive, exact=exact)[:10]}


def _blurred(rows: Vectors, random: np.random.Generator) -> Vectors:
    """Return unit vectors whose cosine to the rows, float32[n, dim], is `_BLUR`: as far away as real questions are.

    A stored vector finds its neighbours with less effort than a question does, which is near to none of them.
    """
    noise = random.standard_normal(rows.shape, dtype=np.float32)
    noise -= (noise * rows).sum(axis=1, keepdims=True) * rows
    noise /= np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-12)  # 0 where there is one dimension
    blurred: Vectors = _BLUR * rows + np.float32((1 - _BLUR**2) ** 0.5) * noise
    return blurred


def _recall(found: Sequence[set[int]], wanted: Sequence[set[int]]) -> float:
    """Return the share of what was wanted that was found; 1 where nothing was."""
    hits = sum(len(mine & right) for mine, right in zip(found, wanted, strict=True))
    return hits / n if (n := sum(map(len, wanted))) else 1.0


def save(folder: Path, structure: Structure) -> str:
    """Write a structure as a file named by its hash, and return that hash."""
    return storage.write_hashed(folder, ".ann", [faiss.serialize_index(structure.index).tobytes()])


def load(folder: Path, kind: Kind, name: str, effort: int, recall: float, *, dim: int, most: int) -> Structure | None:
    """Return a stored structure. One that is damaged or does not fit is left out with a warning: the search is exact.

    :param most: how many vectors there are; it may cover fewer.
    """
    path = folder / f"{name}.ann"
    try:
        with _opened(path) as stream:
            problem = _content_problem(stream.fileno(), name)
            if problem is None:
                index = faiss.deserialize_index(np.fromfile(stream, dtype=np.uint8))
                problem = _misfit(index, kind, dim, most)
                if problem is None:
                    return Structure(kind, index, effort, recall)
    except FileNotFoundError:
        problem = "missing"
    except Exception:  # faiss raises what its bindings happen to raise
        problem = f"of another version of FAISS than {faiss.__version__}"
    _log.warning(
        "search structure %s is %s: searching exactly, which is slower; run `ragqa doctor FILE --repair`", path, problem
    )
    return None


def _misfit(index: Any, kind: Kind, dim: int, most: int) -> str | None:
    """Return why a structure cannot serve these vectors; None where it can."""
    fits = isinstance(index, _faiss.IndexHNSW if kind == "hnsw" else _faiss.IndexIVF)
    if not fits or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        return f"no structure of kind {kind} but a {type(index).__name__}"
    if index.d != dim or index.ntotal > most:
        return f"for {index.ntotal:,} vectors of {index.d} dimensions, not for {most:,} of {dim}"
    return None


def inner_products(rows: Vectors, question: Vectors) -> Vectors:
    """Return inner products that do not depend on where a row lies: float64 sums, rounded once."""
    products = np.einsum("ij,j->i", rows.astype(np.float64), question.astype(np.float64))
    scores: Vectors = products.astype(np.float32)
    return scores
