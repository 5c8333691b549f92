"""Scorers of the package keep to their contract; the contract finds what does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from ragqa.config.endpoints import EndpointRerank
from ragqa.config.generators import CausalLMGenerate
from ragqa.embed.tokens import ByteTokens
from ragqa.generate.causal_lm import CausalLM
from ragqa.retrieve.endpoint import EndpointScorer
from ragqa.retrieve.rerank import BiEncoderScorer, CrossEncoderScorer, LikelihoodScorer
from ragqa.stages import Scorer
from ragqa.testing.scorer import ScorerContract
from tests.fakes import WordEmbedder
from tests.json_server import Endpoint, scores, serving
from tests.retrieve.test_rerank import save_cross_encoder
from tests.tiny import save_tiny_llama


class TestCrossEncoder(ScorerContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _save(self, tmp_path: Path) -> None:
        self.folder = save_cross_encoder(tmp_path)

    def make(self) -> CrossEncoderScorer:
        return CrossEncoderScorer(str(self.folder))


class TestBiEncoder(ScorerContract):
    def make(self) -> BiEncoderScorer:
        return BiEncoderScorer(WordEmbedder())


class TestEndpoint(ScorerContract):
    form: Literal["tei", "cohere"] = "tei"
    server: Endpoint

    @pytest.fixture(autouse=True)
    def _serve(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
        with serving(scores(WordEmbedder())) as self.server:
            yield

    def make(self) -> EndpointScorer:
        spec = {"kind": "endpoint", "base_url": self.server.url, "form": self.form, "model": "tiny", "window": 512}
        return EndpointScorer(EndpointRerank.model_validate(spec | {"batch_size": 3}), ByteTokens())


class TestEndpointCohere(TestEndpoint):
    form = "cohere"


class TestLikelihood(ScorerContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _save(self, tmp_path: Path) -> None:
        self.folder = save_tiny_llama(tmp_path)

    def make(self) -> LikelihoodScorer:
        return LikelihoodScorer(CausalLM(CausalLMGenerate(kind="causal_lm", model=str(self.folder), dtype="float32")))


class By:
    """Scores passages by their place, or by anything else."""

    def __init__(self, figures: Sequence[float]) -> None:
        self._figures = figures

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        return list(self._figures)[: len(passages)]


@pytest.mark.parametrize(
    ("figures", "test", "message"),
    [
        ([1.0], "test_each_passage_has_one_finite_score", "1 scores for 4 passages"),
        ([1.0, math.nan, 2.0, 3.0], "test_each_passage_has_one_finite_score", "must be a finite number"),
        ([1.0, 2.0, 3.0, 4.0], "test_scores_are_in_the_order_of_the_passages", "for passages in order"),
        ([1.0, 2.0, 3.0, 4.0], "test_equal_passages_have_equal_scores", "the same passage has 1.0 and 3.0"),
    ],
)
def test_the_contract_names_the_promise_that_is_broken(figures: list[float], test: str, message: str) -> None:
    class Own(ScorerContract):
        def make(self) -> Scorer:
            return By(figures)

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()
