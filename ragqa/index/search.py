"""Finds the nearest vectors of one generation: exactly, or by an approximate index. Its results are scored again
exactly.

FAISS builds an approximate index (ANN) from the stored vectors. It contains the vectors that existed when it was built.
Vectors that were added later are searched exactly, and both results are joined.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import IndexCorruptError
from ragqa.index import durable, pending, place

Vectors = NDArray[np.float32]
Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]
SearchKind = Literal["flat", "hnsw", "ivf_sq8"]

HNSW_FROM = 500_000
IVF_FROM = 5_000_000
"""The least number of vectors for which `auto` chooses each kind. An exact scan of 500,000 x 384 takes 40 ms on 2
cores."""

TARGET_RECALL = 0.95
_OVERFETCH_FACTOR = 4
_OVERFETCH = 16
"""An approximate index gives 4 k + 16 candidates, an exact scan k + 16. Then the scores of these are computed again."""
_GROUPS = 8
"""The groups of scores for each of the highest that are wanted."""
_SAMPLE = 100
"""The number of questions with which the recall of an approximate index is measured."""
_TRAIN_ROWS_PER_LIST = 39
"""The number of training vectors for each list of an IVF index. FAISS warns if there are fewer."""
_BLUR = 0.3
"""The cosine of a test question to a stored vector. With 0.5, the recall of IVF was lower on real questions than
measured."""
_BLOCK = 65_536
_SEARCH_WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
_log = logging.getLogger("ragqa.index")


@cache
def _faiss() -> Any:
    """Return FAISS. Its import takes a tenth of a second, and an exact search needs none of it."""
    import faiss

    return faiss  # as `Any`, since its type hints lack the keyword arguments of search parameters


def resolve(search: str, n: int) -> SearchKind:
    """Return the kind of search for n vectors under a setting; `auto` depends on their number."""
    if search == "auto":
        return "flat" if n < HNSW_FROM else "hnsw" if n < IVF_FROM else "ivf_sq8"
    return search  # type: ignore[return-value]  # the configuration allows no other value


def open_segment(folder: Path, name: str, n: int, dim: int) -> Vectors:
    """Check the bytes of a segment, and return its rows as a read-only memory map, float32[n, dim].

    :raises IndexCorruptError: the file is missing, or has another size or another hash than its name.
    """
    path = folder / f"{name}.f32"
    try:
        with _opened(path) as stream:  # the same open file is checked and mapped, even if another file gets its name
            problem = _content_problem(stream.fileno(), name, n * dim * 4)
            if problem is None:
                return np.asarray(np.memmap(stream, dtype="<f4", mode="r", shape=(n, dim)))
    except FileNotFoundError:
        problem = "missing"
    raise IndexCorruptError(f"segment {path} is {problem}: run `ragqa doctor FILE --repair`")


def file_problem(path: Path, sha256: str, size: int | None = None) -> str | None:
    """Compare a file with the hash in its name; return the fault, None for an intact file."""
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
    return None if durable.sha256(handle) == sha256 else "damaged (its SHA-256 is not its name)"


@dataclass(frozen=True, slots=True)
class AnnIndex:
    """An approximate index of FAISS over the positions [0, n) of a `VectorStore`.

    :param search_width: the width of a search in it: `efSearch` of HNSW, `nprobe` of IVF.
    :param recall: recall@10 against an exact search, measured with blurred rows when it was built.
    """

    kind: SearchKind
    index: Any
    search_width: int
    recall: float

    @property
    def n(self) -> int:
        """Return the number of positions in it."""
        return int(self.index.ntotal)

    def candidates(self, question: Vectors, k: int, alive: Mask) -> Positions:
        """Return up to k positions of living vectors near the question."""
        selector = _faiss().IDSelectorBitmap(np.packbits(alive[: self.n], bitorder="little"))
        if self.kind == "hnsw":
            parameters = _faiss().SearchParametersHNSW(efSearch=max(self.search_width, k), sel=selector)
        else:
            parameters = _faiss().SearchParametersIVF(nprobe=self.search_width, sel=selector)
        positions: Positions = self.index.search(question[None, :], k, params=parameters)[1][0]
        positions = positions[positions >= 0]  # FAISS returns -1 in the remaining places if it finds fewer than k
        return positions[alive[positions]]  # checked again, since one version of FAISS ignored selectors


class VectorStore:
    """The vectors of one generation, at positions 0 to n - 1: the rows of its segments one after another.

    :param segments: float32[n, dim] each; `pending.absent` in place of vectors that are not there yet.
    :param ann: the approximate index over the first of them; None where every search is exact.
    """

    def __init__(self, segments: Sequence[Vectors], dim: int, ann: AnnIndex | None = None) -> None:
        self._segments = segments
        self._starts = np.cumsum([0, *map(len, segments)])
        self._dim = dim
        self.ann = ann

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def present(self) -> Mask:
        """Return bool[n]: False for the positions without a vector."""
        parts = [np.full(len(segment), not pending.is_absent(segment)) for segment in self._segments]
        return np.concatenate([np.empty(0, dtype=np.bool_), *parts])

    def rows(self, positions: Positions) -> Vectors:
        """Return the vectors at positions, float32[len(positions), dim]; rows of NaN where there are none."""
        out = np.empty((len(positions), self._dim), dtype=np.float32)
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        for i in np.unique(owners):
            inside = owners == i
            out[inside] = self._segments[i][positions[inside] - self._starts[i]]
        return out

    def nearest(self, question: Vectors, k: int, alive: Mask, *, exact: bool) -> list[tuple[int, float]]:
        """Return `(position, inner product)` of at least the k best living vectors, best first; fewer if fewer are
        living.

        :param alive: bool[n]; only the positions that are True are found. They have vectors.
        :param exact: compare every living vector, even if there is an approximate index.
        """
        return self.nearest_many(question[None, :], k, alive, exact=exact)[0]

    def nearest_many(self, questions: Vectors, k: int, alive: Mask, *, exact: bool) -> list[list[tuple[int, float]]]:
        """Return for each question what `nearest` returns for it. The stored vectors are read once for all of them.

        :param questions: float32[n questions, dim].
        """
        k = min(k, int(alive.sum()))
        if k == 0:
            return [[] for _ in questions]
        # 1. candidates, a few more than k, by fast matrix products; their last bits depend on the shape of the matrix
        found = self._candidates(questions, k, alive, exact)
        for i, positions in enumerate(found):
            if len(positions) < k:  # an approximate index may find fewer than k although there are enough
                (found[i],) = self._scan(questions[i : i + 1], k, alive, 0)
        return [self._ranked(question, positions) for question, positions in zip(questions, found, strict=True)]

    def _ranked(self, question: Vectors, positions: Positions) -> list[tuple[int, float]]:
        """Return candidates by their exact products, best first, ties by position. So equal vectors tie."""
        scores = inner_products(self.rows(positions), question)
        order = np.lexsort((positions, -scores))
        return list(zip(positions[order].tolist(), scores[order].tolist(), strict=True))

    def _candidates(self, questions: Vectors, k: int, alive: Mask, exact: bool) -> list[Positions]:
        """Return the candidates of the approximate index and of an exact scan of the rows after it."""
        if exact or self.ann is None:
            return self._scan(questions, k, alive, 0)
        try:
            many = k * _OVERFETCH_FACTOR + _OVERFETCH
            near = [self.ann.candidates(question, many, alive) for question in questions]
        except (RuntimeError, AssertionError) as error:  # RuntimeError of FAISS, AssertionError of its bindings
            _log.warning("the search structure fails (%s): searching exactly, which is slower", error or type(error))
            self.ann = None
            return self._scan(questions, k, alive, 0)
        later = self._scan(questions, k, alive, self.ann.n)
        return [np.concatenate(pair) for pair in zip(near, later, strict=True)]

    def _scan(self, questions: Vectors, k: int, alive: Mask, first: int) -> list[Positions]:
        """Return the best positions from `first` on: a few more than k, since their scores are computed again."""
        none = np.empty(0, dtype=np.int64)
        living = alive[first:]
        k = min(k + _OVERFETCH, int(living.sum()))
        if not k:
            return [none for _ in questions]
        if k == len(living):
            return [np.flatnonzero(living) + first for _ in questions]
        scores = np.empty((len(living), len(questions)), dtype=np.float32)
        start = 0
        for segment in self._from(first):
            if not pending.is_absent(segment):  # the positions of an absent one are not living
                np.matmul(segment, questions.T, out=scores[start : start + len(segment)])
            start += len(segment)
        scores[~living] = -np.inf
        return [_highest(column, k) + first for column in scores.T]

    def _from(self, first: int) -> list[Vectors]:
        pairs = zip(self._starts, self._segments, strict=False)
        return [rows[max(0, first - start) :] for start, rows in pairs if first < start + len(rows)]

    def build(self, kind: SearchKind, alive: Mask) -> AnnIndex:
        """Return an approximate index of all positions, with the least search width that reaches `TARGET_RECALL`."""
        n, random = len(self), np.random.default_rng(0)
        lists = max(1, min(int(4 * n**0.5), n // _TRAIN_ROWS_PER_LIST))
        # 1. train on a sample, then add all vectors
        recipe = "HNSW32,SQ8" if kind == "hnsw" else f"IVF{lists},SQ8"
        index = _faiss().index_factory(self._dim, recipe, _faiss().METRIC_INNER_PRODUCT)
        index.train(self.rows(np.sort(random.permutation(n)[: lists * _TRAIN_ROWS_PER_LIST])))
        for first in range(0, n, _BLOCK):
            index.add(self.rows(np.arange(first, min(first + _BLOCK, n))))
        # 2. widen the search until its recall against an exact search is high enough
        questions = _blurred(self.rows(random.permutation(np.flatnonzero(alive))[:_SAMPLE]), random)
        wanted = [self._best_ten(question, alive, exact=True) for question in questions]
        for width in _SEARCH_WIDTHS:
            tried = VectorStore(self._segments, self._dim, AnnIndex(kind, index, width, 0.0))
            results = [tried._best_ten(question, alive, exact=False) for question in questions]
            built = AnnIndex(kind, index, width, _recall(results, wanted))
            if built.recall >= TARGET_RECALL or (kind == "ivf_sq8" and width >= lists):
                break
        return built

    def _best_ten(self, question: Vectors, alive: Mask, *, exact: bool) -> set[int]:
        return {position for position, _ in self.nearest(question, 10, alive, exact=exact)[:10]}


def _blurred(rows: Vectors, random: np.random.Generator) -> Vectors:
    """Return unit vectors whose cosine to the rows, float32[n, dim], is `_BLUR`: about the distance of real questions.

    With the stored vectors themselves the recall would be too high: a narrow search finds the neighbours of a stored
    vector, but not those of a question, which is far from all vectors.
    """
    noise = random.standard_normal(rows.shape, dtype=np.float32)
    noise -= (noise * rows).sum(axis=1, keepdims=True) * rows  # the rest is orthogonal to the row
    noise /= np.maximum(
        np.linalg.norm(noise, axis=1, keepdims=True), 1e-12
    )  # the norm is 0 if there is only one dimension
    blurred: Vectors = _BLUR * rows + np.float32((1 - _BLUR**2) ** 0.5) * noise
    return blurred


def _recall(results: Sequence[set[int]], wanted: Sequence[set[int]]) -> float:
    """Return the share of the wanted positions that are in the results; 1 if none is wanted."""
    hits = sum(len(result & right) for result, right in zip(results, wanted, strict=True))
    return hits / n if (n := sum(map(len, wanted))) else 1.0


def save(folder: Path, ann: AnnIndex) -> str:
    """Write an approximate index as a file named by its hash, and return that hash."""
    return durable.write_hashed(folder, ".ann", [_faiss().serialize_index(ann.index).tobytes()])


class AnnRow(NamedTuple):
    """The database's row for an approximate index: the columns of the table `ann` without `n`."""

    kind: SearchKind
    sha256: str
    search_width: int
    recall: float


def load(folder: Path, row: AnnRow, *, dim: int, n: int) -> AnnIndex | None:
    """Return a stored approximate index; None with a warning if it is damaged or does not fit the vectors.

    :param n: the number of vectors; the index may contain fewer.
    """
    path = folder / f"{row.sha256}.ann"
    try:
        with _opened(path) as stream:
            problem = _content_problem(stream.fileno(), row.sha256)
            if problem is None:
                index = _faiss().deserialize_index(np.fromfile(stream, dtype=np.uint8))
                problem = _misfit(index, row.kind, dim, n)
                if problem is None:
                    return AnnIndex(row.kind, index, row.search_width, row.recall)
    except FileNotFoundError:
        problem = "missing"
    except Exception:  # the bindings of FAISS raise errors of many types
        problem = f"of another version of FAISS than {_faiss().__version__}"
    _log.warning(
        "search structure %s is %s: searching exactly, which is slower; run `ragqa doctor FILE --repair`", path, problem
    )
    return None


def _misfit(index: Any, kind: SearchKind, dim: int, n: int) -> str | None:
    """Return the reason why an approximate index does not fit these vectors; None if it fits."""
    fits = isinstance(index, _faiss().IndexHNSW if kind == "hnsw" else _faiss().IndexIVF)
    if not fits or index.metric_type != _faiss().METRIC_INNER_PRODUCT:
        return f"no structure of kind {kind} but a {type(index).__name__}"
    if index.d != dim or index.ntotal > n:
        return f"for {index.ntotal:,} vectors of {index.d} dimensions, not for {n:,} of {dim}"
    return None


def _highest(scores: Vectors, k: int) -> Positions:
    """Return the positions of the k highest scores, in any order; there are more than k scores."""
    # Of groups of scores, k have a maximum that is at least the k-th highest of these. So have k scores, and few others.
    groups = _GROUPS * k
    each = len(scores) // groups
    near = np.arange(len(scores))
    if each > 1:
        maxima = scores[: each * groups].reshape(each, groups).max(axis=0)
        near = np.flatnonzero(scores >= np.partition(maxima, -k)[-k])
    # `argpartition` takes linear time, but ten times as long for each score
    return near[np.argpartition(-scores[near], k - 1)[:k]]


def inner_products(rows: Vectors, question: Vectors) -> Vectors:
    """Return the inner products, float32[n].

    They are sums in float64, rounded once, so that a row's place is irrelevant.
    """
    products = np.einsum("ij,j->i", rows.astype(np.float64), question.astype(np.float64))
    scores: Vectors = products.astype(np.float32)
    return scores
