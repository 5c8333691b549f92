"""The first ranking: the searches of the index for each kind of `retrieve`, and the fusion of their scores.

A search is a record: its name in `Hit.scores`, a function that finds chunks, and a function that scores given chunks. A
new search is one more `Search`. A new fusion is one more function in `fusion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ragqa.config.retrieval import DenseRetrieve, HybridRetrieve, LexicalRetrieve
from ragqa.retrieve import fusion
from ragqa.retrieve.state import RetrievalState, SearchQuery, Vector
from ragqa.stages import BatchEmbedder, BatchSearcher, Embedder, Searcher

BuiltInRetrieve = DenseRetrieve | LexicalRetrieve | HybridRetrieve
Ranked = list[tuple[str, float, dict[str, float]]]
Scores = dict[str, float]
"""Scores by chunk id."""
Found = list[tuple[str, float]]
"""`(chunk id, score)`, best first."""


@dataclass(frozen=True, slots=True)
class Search:
    """One way to search an index.

    `find` yields up to k `(chunk id, score)` for each query; `score` returns exact scores of chunks.
    """

    name: str
    find: Callable[[Searcher, Sequence[SearchQuery], int], Iterable[Found]]
    score: Callable[[Searcher, SearchQuery, Sequence[str]], list[float]]
    needs_vector: bool = False


def _find_dense(searcher: Searcher, queries: Sequence[SearchQuery], k: int) -> list[Found]:
    # Without a vector, chunks cannot be compared. A vector of unknown words alone is zero, as are its products.
    vectors = [query.vector for query in queries if query.vector is not None and query.vector.any()]
    found = iter(_compared(searcher, vectors, k))
    return [
        [] if query.vector is None or not query.vector.any() else [pair for pair in next(found) if pair[1] != 0]
        for query in queries
    ]


def _compared(searcher: Searcher, vectors: Sequence[Vector], k: int) -> list[Found]:
    if len(vectors) > 1 and isinstance(searcher, BatchSearcher):
        return searcher.dense_many(np.stack(vectors), k)
    return [searcher.dense(vector, k) for vector in vectors]


def _score_dense(searcher: Searcher, query: SearchQuery, chunk_ids: Sequence[str]) -> list[float]:
    return [] if query.vector is None else searcher.dense_scores(query.vector, chunk_ids)


DENSE = Search("dense", _find_dense, _score_dense, needs_vector=True)
LEXICAL = Search(
    "lexical",
    lambda searcher, queries, k: (searcher.lexical(query.text, k) for query in queries),
    lambda searcher, query, chunk_ids: searcher.lexical_scores(query.text, chunk_ids),
)

Fuse = Callable[
    ["FirstStage", Searcher, Sequence[SearchQuery], Sequence[Sequence[Scores]]], tuple[Scores, list[Scores]]
]
"""A function that fuses the scores of each search for each query: `found[query][search]` are scores by chunk id. It also
returns the exact scores of these chunks for the first query by each search; none where it does not compute them."""


@dataclass(frozen=True, slots=True)
class FirstStage:
    """The searches of one kind of `retrieve`.

    :param depth: the least number of chunks that each search looks for, even if fewer are wanted.
    :param fuse: combines their scores.
    """

    searches: tuple[Search, ...]
    fuse: Fuse
    depth: int = 0

    @property
    def needs_vector(self) -> bool:
        """Tell whether any search needs the vector of the question."""
        return any(search.needs_vector for search in self.searches)

    def query(self, text: str, embedder: Embedder) -> SearchQuery:
        """Return the query of a text. It is embedded only if a search needs a vector."""
        return SearchQuery(text, embedder.embed_question(text) if self.needs_vector else None)

    def queries(self, texts: Sequence[str], embedder: Embedder) -> list[SearchQuery]:
        """Return the queries of texts, which are embedded together where the embedder can do that."""
        if self.needs_vector and len(texts) > 1 and isinstance(embedder, BatchEmbedder):
            return [SearchQuery(*pair) for pair in zip(texts, embedder.embed_questions(texts), strict=True)]
        return [self.query(text, embedder) for text in texts]

    def find(self, searcher: Searcher, queries: Sequence[SearchQuery], k: int) -> Iterator[list[Scores]]:
        """Yield for each query the scores of the chunks that each search found. Vectors are compared in one pass.

        The words of a query are looked up when it is its turn: a searcher keeps those of the last one, which is scored next.
        """
        depth = max(k, self.depth)
        found = [search.find(searcher, queries, depth) for search in self.searches]
        for of_query in zip(*found, strict=True):
            yield [dict(each) for each in of_query]

    def rank(self, searcher: Searcher, queries: Sequence[SearchQuery], k: int) -> Scores:
        """Return the score, averaged over the queries, of every chunk that any search found for any query."""
        return self.fuse(self, searcher, queries, list(self.find(searcher, queries, k)))[0]

    def scores(self, searcher: Searcher, query: SearchQuery, chunk_ids: Sequence[str]) -> list[Scores]:
        """Return the exact scores of chunks by each search, in the order of `searches`."""
        return [dict(zip(chunk_ids, each.score(searcher, query, chunk_ids), strict=True)) for each in self.searches]


def first_stage(spec: BuiltInRetrieve) -> FirstStage:
    """Return the searches of a kind of `retrieve`. The kinds differ in this table only."""
    if spec.kind == "dense":
        return FirstStage((DENSE,), partial(_fuse_scores, combine=_only_score))
    if spec.kind == "lexical":
        return FirstStage((LEXICAL,), partial(_fuse_scores, combine=_only_score))
    if spec.fusion == "rrf":
        return FirstStage((DENSE, LEXICAL), _fuse_ranks, spec.depth)
    return FirstStage((DENSE, LEXICAL), partial(_fuse_scores, combine=partial(_convex, weight=spec.weight)), spec.depth)


def search_index(states: Sequence[RetrievalState], *, stage: FirstStage) -> list[RetrievalState]:
    """Fetch the best `fetch_k` hits for each state from the index that they share; ties by chunk id.

    `Hit.scores` belong to the question as asked. All states have the same `fetch_k`.
    """
    queries = [query for state in states for query in state.queries]
    found = stage.find(states[0].searcher, queries, states[0].fetch_k)
    return [_with_found(state, [next(found) for _ in state.queries], stage) for state in states]


def _with_found(state: RetrievalState, found: Sequence[Sequence[Scores]], stage: FirstStage) -> RetrievalState:
    # 1. Rank chunks by all queries together.
    fused, own = stage.fuse(stage, state.searcher, state.queries, found)
    best = best_ids(fused, state.fetch_k)
    # 2. Take each search's score of each chunk for the question itself; a BM25 of 0 means that no word is shared.
    if not own or state.queries[0] is not state.question:
        own = stage.scores(state.searcher, state.question, best)
    named = dict(zip((search.name for search in stage.searches), own, strict=True))
    ranked: Ranked = [
        (i, fused[i], {name: scores[i] for name, scores in named.items() if scores[i] or name == DENSE.name})
        for i in best
    ]
    # 3. Read the texts.
    return state.with_hits(state.searcher.hits(ranked))


def best_ids(scores: Scores, k: int) -> list[str]:
    """Return the ids of the best k chunks, best first; ties by id."""
    return sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))[:k]


def _fuse_ranks(
    stage: FirstStage, searcher: Searcher, queries: Sequence[SearchQuery], found: Sequence[Sequence[Scores]]
) -> tuple[Scores, list[Scores]]:
    return fusion.mean([fusion.reciprocal_rank(*rankings) for rankings in found]), []


def _fuse_scores(
    stage: FirstStage,
    searcher: Searcher,
    queries: Sequence[SearchQuery],
    found: Sequence[Sequence[Scores]],
    *,
    combine: Callable[[Searcher, SearchQuery, Sequence[Scores]], Scores],
) -> tuple[Scores, list[Scores]]:
    """Compute the score of every chunk found, for every query and by every search, so that no score is missing."""
    ids = list(dict.fromkeys(i for rankings in found for ranking in rankings for i in ranking))
    combined, scored = list[Scores](), list[list[Scores]]()
    for query in queries:  # one after another, since a searcher keeps the words of the last one
        scored.append(stage.scores(searcher, query, ids))
        combined.append(combine(searcher, query, scored[-1]))
    return fusion.mean(combined), scored[0]


def _only_score(searcher: Searcher, query: SearchQuery, scores: Sequence[Scores]) -> Scores:
    return scores[0]


def _convex(searcher: Searcher, query: SearchQuery, scores: Sequence[Scores], *, weight: float) -> Scores:
    dense, lexical = scores
    return fusion.convex(dense, lexical, weight, searcher.lexical_bound(query.text))
