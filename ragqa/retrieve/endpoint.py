"""A `Scorer` that uses a reranker behind an endpoint (the extra `openai`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ragqa.config.endpoints import EndpointRerank
from ragqa.errors import ModelError, ResourceError, UsageError

try:
    from ragqa.endpoint.client import EndpointClient
except ImportError as missing:
    raise ModelError("retrieve.rerank of kind endpoint needs an extra: pip install 'ragqa[openai]'") from missing

SCORE_BYTES = 1 << 10
"""The most bytes of one score in a reply, in addition to those of its passage, which some endpoints send back."""
_ESCAPED = 6
"""The most bytes that JSON uses for one UTF-8 byte."""


class _Score(BaseModel):
    model_config = ConfigDict(title="a score", strict=True, frozen=True, allow_inf_nan=False)

    index: int
    score: float


class _Relevance(_Score):
    score: float = Field(alias="relevance_score")


class _Relevances(BaseModel):
    model_config = ConfigDict(title="the reply", strict=True, frozen=True)

    results: list[_Relevance]


_SCORES = TypeAdapter(list[_Score])
_RELEVANCES = TypeAdapter(_Relevances)


class PairTokens(Protocol):
    """Counts the tokens of pairs."""

    def lengths(self, texts: Sequence[tuple[str, str]]) -> list[int]:
        """Return the most tokens of each pair as a model reads it, special tokens included."""
        ...


class EndpointScorer:
    """A `Scorer` with the endpoint that `retrieve.rerank` names.

    :param tokens: the tokens of `spec.tokenizer`, or bytes.
    :raises RefusedError: `RAGQA_OFFLINE` is set, or the user did not confirm that the key may go to this host.
    :raises UsageError: the environment variable of the key is not set, or its value is not a key.
    """

    def __init__(self, spec: EndpointRerank, tokens: PairTokens) -> None:
        self.spec, self._tokens = spec, tokens
        self._endpoint = EndpointClient(spec.endpoint(), "retrieve.rerank", "/rerank")

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return the score of each passage, in the given order; `[]` for no passages.

        :raises UsageError: question and passage exceed the window; nothing is sent then. Or the endpoint refuses the
            request, as one of form tei does for a longer text.
        :raises ResourceError: the endpoint fails, or its scores are not as they should be.
        :raises ModelError: the endpoint does not have the model.
        """
        self._check_lengths(question, passages)
        starts = range(0, len(passages), self.spec.batch_size)
        batches = [passages[start : start + self.spec.batch_size] for start in starts]
        return [score for batch in batches for score in self._requested(question, batch)]

    def _requested(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return the scores of one request."""
        content = sum(SCORE_BYTES + _ESCAPED * len(passage.encode()) for passage in passages)
        body: dict[str, Any] = {"query": question}
        if self.spec.model:
            body["model"] = self.spec.model
        given: list[_Score]
        if self.spec.form == "tei":
            # Raw scores: a sigmoid would make those of all good passages nearly equal.
            body |= {"texts": list(passages), "truncate": False, "raw_scores": True}
            given = self._endpoint.post(body, _SCORES, content)
        else:
            body |= {"documents": list(passages), "top_n": len(passages)}
            given = [*self._endpoint.post(body, _RELEVANCES, content).results]
        places = [score.index for score in given]
        if sorted(places) != list(range(len(passages))):
            message = (
                f"{len(places)} scores with the places {places[:9]} for {len(passages)} passages; must be one each"
            )
            raise ResourceError(f"{self._endpoint.url}: malformed reply: {message}")
        return [score.score for score in sorted(given, key=lambda score: score.index)]

    def _check_lengths(self, question: str, passages: Sequence[str]) -> None:
        """Refuse a pair that exceeds the window."""
        if self.spec.window is None:
            return
        lengths = self._tokens.lengths([(question, passage) for passage in passages])
        for number, (passage, tokens) in enumerate(zip(passages, lengths, strict=True)):
            if tokens > self.spec.window:
                unit = (
                    "tokens" if self.spec.tokenizer else "bytes, each counted as a token, since no tokenizer is given,"
                )
                raise UsageError(
                    f"the question and passage {number} ({passage[:40]!r}...) have {tokens:,} {unit} together; "
                    f"retrieve.rerank.window is {self.spec.window:,}: lower split.chunk_size, or ask a shorter question"
                )
