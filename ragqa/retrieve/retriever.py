"""Retrieval as a list of steps. `steps_before`, the search and `steps_after` are in this order:

    question -rewrite-> queries -feedback-> queries -search-> hits -rows-> hits -rerank-> hits -prefer-> hits
             -deduplicate-> hits -cap-> hits -diversify-> hits -expand-> hits -versions-> hits

A step that the `retrieve` section does not ask for is not in the list. The steps use an `Embedder`, a `Searcher`, a
`Rewriter` and a `Scorer` by their protocols only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ragqa.records import Hit
from ragqa.retrieve import check_question, versions
from ragqa.retrieve.diversity import cap, deduplicate, diversify
from ragqa.retrieve.first_stage import BuiltInRetrieve, FirstStage, first_stage, search_index
from ragqa.retrieve.passages import expand_hits
from ragqa.retrieve.rerank import rerank
from ragqa.retrieve.rewrite import feed_back, rewrite_question
from ragqa.retrieve.rows import OVERFETCH as MORE_ROWS
from ragqa.retrieve.rows import best_rows_first
from ragqa.retrieve.state import RetrievalState, SearchQuery, Step, on_hits
from ragqa.retrieve.versions import name_versions, prefer_newest
from ragqa.stages import Embedder, Rewriter, Scorer, Searcher

OVERFETCH = 50
"""The number of hits to fetch for each wanted hit, if later steps may leave some out."""


class FusionRetriever:
    """A `Retriever` with the steps of a `retrieve` section.

    :param scorer: the reranker; given if and only if the section has `rerank`.
    :param rewriter: given if and only if the section has `rewrite`.
    """

    def __init__(
        self, spec: BuiltInRetrieve, embedder: Embedder, scorer: Scorer | None = None, rewriter: Rewriter | None = None
    ) -> None:
        if (spec.rerank is None) != (scorer is None) or (spec.rewrite is None) != (rewriter is None):
            raise TypeError("a scorer goes with retrieve.rerank, and a rewriter with retrieve.rewrite")
        self.spec = spec
        self._embedder = embedder
        self._stage = first_stage(spec)
        self._before = steps_before(spec, self._stage, embedder, rewriter)
        self._after = steps_after(spec, scorer)

    def retrieve(
        self, question: str, searcher: Searcher, k: int | None = None, *, also: Sequence[str] = ()
    ) -> list[Hit]:
        """Return the best `k` (default `top_k`) hits; ties by chunk id.

        If `expand` joins some of them, there are fewer.

        :param also: other texts of the same question; a chunk's score is averaged over all of them.
        :raises UsageError: the question is empty, not text, or too long.
        """
        check_question(question)
        return self._found([self._stage.queries([question, *also], self._embedder)], searcher, k)[0]

    def retrieve_many(self, questions: Sequence[str], searcher: Searcher, k: int | None = None) -> list[list[Hit]]:
        """Return for each question what `retrieve` returns for it.

        All are embedded together, and compared with the vectors of the index in one pass.

        :raises UsageError: a question is empty, not text, or too long; no question is searched then.
        """
        for question in questions:
            check_question(question)
        return self._found([[query] for query in self._stage.queries(questions, self._embedder)], searcher, k)

    def _found(self, asked: Sequence[Sequence[SearchQuery]], searcher: Searcher, k: int | None) -> list[list[Hit]]:
        """Return the hits of each question, which is the first of its queries."""
        k = self.spec.top_k if k is None else k
        fetched = fetch_k(self.spec, k)
        states = [RetrievalState(queries[0], searcher, k, fetched, tuple(queries)) for queries in asked]
        if not states:
            return []
        begun = [_passed(state, self._before) for state in states]
        return [list(_passed(state, self._after).hits) for state in search_index(begun, stage=self._stage)]


def _passed(state: RetrievalState, line: Sequence[Step]) -> RetrievalState:
    for step in line:
        state = step(state)
    return state


def steps_before(spec: BuiltInRetrieve, stage: FirstStage, embedder: Embedder, rewriter: Rewriter | None) -> list[Step]:
    """Return the steps that a section asks for before the search: they make the queries."""
    line: list[Step] = []
    if rewriter is not None:
        line.append(partial(rewrite_question, rewriter=rewriter, stage=stage, embedder=embedder))
    if spec.feedback:
        line.append(partial(feed_back, n=spec.feedback, stage=stage))
    return line


def steps_after(spec: BuiltInRetrieve, scorer: Scorer | None) -> list[Step]:
    """Return the steps that a section asks for after the search, in their order."""
    line: list[Step] = []
    # 1. Rank the hits.
    line.append(best_rows_first)
    if scorer is not None and spec.rerank is not None:
        line.append(partial(rerank, scorer=scorer, weight=spec.rerank.weight))
    # 2. Choose the hits.
    if spec.prefer == "newest":
        line.append(prefer_newest)
    if spec.near_duplicates is not None:
        line.append(on_hits(partial(deduplicate, share=spec.near_duplicates)))
    if spec.per_document is not None:
        line.append(on_hits(partial(cap, per_document=spec.per_document)))
    line.append(partial(diversify, relevance=spec.mmr) if spec.mmr < 1 else _best_k)
    # 3. Add the text around them.
    if spec.neighbours or spec.section:
        line.append(partial(expand_hits, neighbours=spec.neighbours, section=spec.section))
    # 4. Name the other versions of their documents.
    if spec.prefer == "newest":
        line.append(name_versions)
    return line


def fetch_k(spec: BuiltInRetrieve, k: int) -> int:
    """Return the number of hits to fetch for k final ones: enough for the reranker and for later omissions."""
    if spec.rerank is not None:
        return max(spec.rerank.depth, k)
    leaves_out = spec.per_document is not None or spec.near_duplicates is not None or spec.mmr < 1
    if leaves_out:
        return k * OVERFETCH
    return k + max(MORE_ROWS, versions.OVERFETCH if spec.prefer == "newest" else 0)


def _best_k(state: RetrievalState) -> RetrievalState:
    return state.with_hits(state.hits[: state.k])
