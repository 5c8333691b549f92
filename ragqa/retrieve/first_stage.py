"""The first ranking: which searches of the index a kind of `retrieve` uses, and how their scores become one.

A search is data: its name in `Hit.scores`, how it finds chunks, and how it scores chunks that another search found. A new
search is one more `Search`; a new way to fuse is one more function in `fusion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ragqa.config.retrieval import DenseRetrieve, HybridRetrieve, LexicalRetrieve
from ragqa.retrieve import fusion
from ragqa.retrieve.state import RetrievalState, SearchQuery
from ragqa.stages import Embedder, Searcher

BuiltInRetrieve = DenseRetrieve | LexicalRetrieve | HybridRetrieve
Ranked = list[tuple[str, float, dict[str, float]]]
Scores = dict[str, float]
"""Scores by chunk id."""


@dataclass(frozen=True, slots=True)
class Search:
    """One way to search an index. `find` returns up to k `(chunk id, score)`, `score` the exact scores of chunks."""

    name: str
    find: Callable[[Searcher, SearchQuery, int], list[tuple[str, float]]]
    score: Callable[[Searcher, SearchQuery, Sequence[str]], list[float]]
    needs_vector: bool = False


def _find_dense(searcher: Searcher, query: SearchQuery, k: int) -> list[tuple[str, float]]:
    # without a vector there is nothing to compare chunks with
    return [] if query.vector is None else searcher.dense(query.vector, k)


def _score_dense(searcher: Searcher, query: SearchQuery, chunk_ids: Sequence[str]) -> list[float]:
    return [] if query.vector is None else searcher.dense_scores(query.vector, chunk_ids)


DENSE = Search("dense", _find_dense, _score_dense, needs_vector=True)
LEXICAL = Search(
    "lexical",
    lambda searcher, query, k: searcher.lexical(query.text, k),
    lambda searcher, query, chunk_ids: searcher.lexical_scores(query.text, chunk_ids),
)

Fuse = Callable[["FirstStage", Searcher, Sequence[SearchQuery], Sequence[Sequence[Scores]]], Scores]
"""Makes one score of what each search found for each query: `found[query][search]` holds scores by chunk id."""


@dataclass(frozen=True, slots=True)
class FirstStage:
    """The searches of one kind of `retrieve`.

    :param depth: how many chunks each search finds at least, however few are wanted.
    :param fuse: makes one score of them.
    """

    searches: tuple[Search, ...]
    fuse: Fuse
    depth: int = 0

    @property
    def needs_vector(self) -> bool:
        """Tell whether one of the searches needs the vector of the question."""
        return any(search.needs_vector for search in self.searches)

    def query(self, text: str, embedder: Embedder) -> SearchQuery:
        """Return the query of a text; it is embedded only where a search needs a vector."""
        return SearchQuery(text, embedder.embed_question(text) if self.needs_vector else None)

    def rank(self, searcher: Searcher, queries: Sequence[SearchQuery], k: int) -> Scores:
        """Return the score, averaged over the queries, of every chunk that one search found for one of them."""
        depth = max(k, self.depth)
        found = [[dict(search.find(searcher, query, depth)) for search in self.searches] for query in queries]
        return self.fuse(self, searcher, queries, found)

    def scores(self, searcher: Searcher, query: SearchQuery, chunk_ids: Sequence[str]) -> list[Scores]:
        """Return the exact scores of chunks by each search, in the order of `searches`."""
        return [dict(zip(chunk_ids, each.score(searcher, query, chunk_ids), strict=True)) for each in self.searches]


def first_stage(spec: BuiltInRetrieve) -> FirstStage:
    """Return the searches that a kind uses. The kinds differ in this table and nowhere else."""
    if spec.kind == "dense":
        return FirstStage((DENSE,), partial(_fuse_scores, combine=_only_score))
    if spec.kind == "lexical":
        return FirstStage((LEXICAL,), partial(_fuse_scores, combine=_only_score))
    if spec.fusion == "rrf":
        return FirstStage((DENSE, LEXICAL), _fuse_ranks, spec.depth)
    return FirstStage((DENSE, LEXICAL), partial(_fuse_scores, combine=partial(_convex, weight=spec.weight)), spec.depth)


def search_index(state: RetrievalState, *, stage: FirstStage) -> RetrievalState:
    """Fetch the best `fetch_k` hits of the index; ties go by chunk id. `Hit.scores` are those of the question as asked."""
    # 1. Rank by all queries together.
    fused = stage.rank(state.searcher, state.queries, state.fetch_k)
    best = best_ids(fused, state.fetch_k)
    # 2. Tell of each chunk how each search scores it for the question itself; a BM25 of 0 means that no word is shared.
    named = dict(zip((s.name for s in stage.searches), stage.scores(state.searcher, state.question, best), strict=True))
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
) -> Scores:
    return fusion.mean([fusion.reciprocal_rank(*rankings) for rankings in found])


def _fuse_scores(
    stage: FirstStage,
    searcher: Searcher,
    queries: Sequence[SearchQuery],
    found: Sequence[Sequence[Scores]],
    *,
    combine: Callable[[Searcher, SearchQuery, Sequence[Scores]], Scores],
) -> Scores:
    """Score every chunk that was found for every query, by every search, so that no score is missing."""
    ids = list(dict.fromkeys(i for rankings in found for ranking in rankings for i in ranking))
    return fusion.mean([combine(searcher, query, stage.scores(searcher, query, ids)) for query in queries])


def _only_score(searcher: Searcher, query: SearchQuery, scores: Sequence[Scores]) -> Scores:
    return scores[0]


def _convex(searcher: Searcher, query: SearchQuery, scores: Sequence[Scores], *, weight: float) -> Scores:
    dense, lexical = scores
    return fusion.convex(dense, lexical, weight, searcher.lexical_bound(query.text))
