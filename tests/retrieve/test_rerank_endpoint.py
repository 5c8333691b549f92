"""Rerankers behind an endpoint: the forms of requests, and each reply that does not score every passage once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ragqa.config.endpoints import EndpointRerank
from ragqa.embed.tokens import tokens_of
from ragqa.errors import ModelError, RagqaError, ResourceError, UsageError
from ragqa.retrieve.endpoint import EndpointScorer
from tests.fakes import WordEmbedder
from tests.json_server import Endpoint, Reply, fails, scores, sends, serving
from tests.tiny import save_tiny_bert

PASSAGES = ["The ferry leaves at noon.", "Mara Lind approves a loan.", "Noon."]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    with serving(scores(WordEmbedder())) as server:
        yield server


def scorer(endpoint: Endpoint, **fields: Any) -> EndpointScorer:
    values = {"kind": "endpoint", "base_url": endpoint.url, "form": "tei", "retries": 0}
    spec = EndpointRerank.model_validate(values | fields)
    return EndpointScorer(spec, tokens_of(spec.tokenizer))


def test_form_tei_forbids_the_server_to_cut_texts_and_asks_for_raw_scores(endpoint: Endpoint) -> None:
    assert len(scorer(endpoint, batch_size=2).scores("noon", PASSAGES)) == 3
    assert endpoint.requests[0] == {"query": "noon", "texts": PASSAGES[:2], "truncate": False, "raw_scores": True}
    assert endpoint.paths == ["/v1/rerank"] * 2


def test_form_cohere_names_the_model_and_asks_for_every_score(endpoint: Endpoint) -> None:
    scorer(endpoint, form="cohere", model="m", window=500).scores("noon", PASSAGES)
    assert endpoint.requests == [{"query": "noon", "model": "m", "documents": PASSAGES, "top_n": 3}]


def test_a_pair_beyond_the_window_is_not_sent(endpoint: Endpoint, tmp_path: Path) -> None:
    for counted in ({}, {"tokenizer": str(save_tiny_bert(tmp_path))}):
        with pytest.raises(UsageError, match=r"passage 1 .* have 6[15] .*together; retrieve\.rerank\.window is 60"):
            scorer(endpoint, window=60, **counted).scores("noon", ["short", "x" * 57])
    assert endpoint.requests == []


def test_a_form_that_may_cut_texts_needs_a_window() -> None:
    with pytest.raises(ValidationError, match="form cohere needs window"):
        EndpointRerank.model_validate({"kind": "endpoint", "base_url": "http://x", "form": "cohere", "model": "m"})


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (sends([{"index": 0, "score": 1.0}]), ResourceError, r"1 scores with the places \[0\] for 3 passages"),
        (sends([{"index": at, "score": 1.0} for at in (0, 1, 1)]), ResourceError, r"places \[0, 1, 1\]"),
        (sends([{"index": at, "score": 1.0} for at in (0, 1, -1)]), ResourceError, r"places \[0, 1, -1\]"),
        (sends([{"index": 0, "score": float("nan")}]), ResourceError, r"\[0\]\.score must be a finite number"),
        (sends([{"index": 0, "score": "1"}]), ResourceError, r"\[0\]\.score must be a valid number"),
        (sends({"results": []}), ResourceError, "must be a valid list"),
        (fails(422, "inputs must have less than 512 tokens"), UsageError, "less than 512 tokens"),
        (fails(413, "batch size 3 > 2"), UsageError, "batch size 3 > 2"),
        (
            fails(404),
            ModelError,
            r"has nothing at /rerank; check retrieve\.rerank\.base_url, to which /rerank is added: ",
        ),
    ],
)
def test_a_reply_without_one_finite_score_for_each_passage_is_an_error(
    endpoint: Endpoint, reply: Reply, error: type[RagqaError], message: str
) -> None:
    endpoint.replies = [reply]
    with pytest.raises(error, match=message):
        scorer(endpoint).scores("noon", PASSAGES)
