"""Retrievers of every kind, rewriters and scorers keep to what each must keep to."""

from __future__ import annotations

from typing import Any, ClassVar

from ragqa.retrieve.retriever import FusionRetriever
from ragqa.retrieve.rewrite import HydeRewriter, MultiQueryRewriter
from ragqa.stages import Embedder, Retriever, Rewriter, Scorer
from ragqa.testing.retriever import RetrieverContract, RewriterContract
from ragqa.testing.scorer import ScorerContract
from tests.retrieve.test_rewrite import HYDE, MULTI_QUERY, SPECS, Both, Ranking, Writer, rerank


class Fusion(RetrieverContract):
    kind: str
    fields: ClassVar[dict[str, Any]] = {}

    def make(self, embedder: Embedder) -> Retriever:
        spec = SPECS[self.kind](**self.fields)
        return FusionRetriever(spec, embedder, Ranking() if spec.rerank else None, Both() if spec.rewrite else None)


class TestDense(Fusion):
    kind = "dense"


class TestLexical(Fusion):
    kind = "lexical"


class TestHybrid(Fusion):
    kind = "hybrid"


class TestReciprocalRanks(Fusion):
    kind = "rrf"


class TestEveryStep(Fusion):
    kind = "hybrid"
    fields: ClassVar[dict[str, Any]] = {
        "rewrite": HYDE, "feedback": 2, "rerank": rerank(), "near_duplicates": 0.8, "per_document": 2, "mmr": 0.6,
        "neighbours": 1,
    }  # fmt: skip


class TestSections(Fusion):
    kind = "rrf"
    fields: ClassVar[dict[str, Any]] = {"rewrite": MULTI_QUERY, "section": True}


class TestMultiQuery(RewriterContract):
    def make(self) -> Rewriter:
        return MultiQueryRewriter(Writer("1. What hour?\n2. Which time?\n3. What hour?"), 3)


class TestHyde(RewriterContract):
    def make(self) -> Rewriter:
        return HydeRewriter(Writer("It sails at nine."))


class TestBoth(RewriterContract):
    def make(self) -> Rewriter:
        return Both()


class TestRanking(ScorerContract):
    def make(self) -> Scorer:
        return Ranking("The ferry leaves at noon.")
