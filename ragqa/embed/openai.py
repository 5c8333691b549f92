"""An `Embedder` that uses an OpenAI-compatible endpoint (the extra `openai`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter

from ragqa.config.endpoints import OpenAIEmbed
from ragqa.embed.base import TextEmbedder
from ragqa.embed.questions import Vectors, refuse_long
from ragqa.embed.tokens import tokens_of
from ragqa.errors import ModelError, ResourceError

try:
    from ragqa.endpoint.client import EndpointClient
except ImportError as missing:
    raise ModelError("embed.kind openai needs an extra: pip install 'ragqa[openai]'") from missing

VECTOR_BYTES = 1 << 19
"""The most bytes of one vector in a reply: 16,384 numbers of 32 characters."""


class _Item(BaseModel):
    model_config = ConfigDict(title="a vector", strict=True, frozen=True, allow_inf_nan=False)

    embedding: list[float] | str
    index: int | None = None


class _Reply(BaseModel):
    model_config = ConfigDict(title="the reply", strict=True, frozen=True)

    data: list[_Item]


_REPLY = TypeAdapter(_Reply)


class OpenAIEmbedder(TextEmbedder):
    """An `Embedder` with the endpoint that an `embed` section names. Its vectors are scaled to length 1 here.

    The address is not part of the identity of an index: the same model may be served elsewhere. The canaries of the index
    show whether it is the same.

    :raises RefusedError: `RAGQA_OFFLINE` is set, or the user did not confirm that the key may go to this host.
    :raises UsageError: the environment variable of the key is not set, or its value is not a key.
    :raises ModelError: the model of `tokenizer` is missing, or has no tokenizer.json.
    """

    def __init__(self, spec: OpenAIEmbed) -> None:
        self.spec = spec
        self.window = spec.window
        self.prefixes = {"query": spec.query_prefix, "passage": spec.passage_prefix}
        self._tokens = tokens_of(spec.tokenizer)
        self._endpoint = EndpointClient(spec.endpoint(), "embed", "/embeddings")
        self._questions = self._embedder_of_questions(self.prefixes["query"], self.window, spec.model)

    @cached_property
    def dim(self) -> int:
        """The number of dimensions. Where the section does not give it, the endpoint embeds a word to tell it."""
        return self.spec.dim or self._requested(["ferry"]).shape[1]

    @property
    def identity(self) -> dict[str, str]:
        """Return the facts that a vector depends on besides its text."""
        return {
            "endpoint_model": self.spec.model,
            "tokenizer": self._tokens.identity,
            "normalise": "l2",
            "query_prefix": self.prefixes["query"],
            "passage_prefix": self.prefixes["passage"],
            "window": str(self.window),
            "dim": str(self.dim),
        }

    @property
    def recorded(self) -> dict[str, str]:
        """Return facts about the computation that do not change the vectors."""
        return {"kind": self.spec.kind, "model": self.spec.model, "base_url": self._endpoint.url}

    def load(self) -> None:
        """Ask the endpoint for the number of dimensions, where it is not known yet."""
        self.dim  # noqa: B018  # a cached property: reading it asks

    def _embed(self, texts: Sequence[str], what: str) -> Vectors:
        """Return float32[len(texts), dim].

        :param what: `query` or `passage`, the prefix that is put before each text.
        """
        given = [self.prefixes[what] + text for text in texts]
        refuse_long(self._tokens.lengths(given), self.window, self.spec.model, what)
        out = np.empty((len(given), self.dim), dtype=np.float32)
        for start in range(0, len(given), self.spec.batch_size):
            vectors = self._requested(given[start : start + self.spec.batch_size])
            if vectors.shape[1] != self.dim:
                raise self._fault(f"a vector has {vectors.shape[1]:,} numbers; must have {self.dim:,}")
            out[start : start + len(vectors)] = vectors
        return out

    def _requested(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of one request, L2-normalised; one of zeros stays as it is."""
        body: dict[str, Any] = {"model": self.spec.model, "input": list(texts), "encoding_format": "float"}
        if self.spec.dim:
            body["dimensions"] = self.spec.dim
        reply = self._endpoint.post(body, _REPLY, len(texts) * VECTOR_BYTES)
        # 1. There must be one vector for each text; their order is that of `index`, where the endpoint gives it.
        places = [row if item.index is None else item.index for row, item in enumerate(reply.data)]
        if sorted(places) != list(range(len(texts))):
            raise self._fault(
                f"{len(places)} vectors with the places {places[:9]} for {len(texts)} texts; must be one each"
            )
        rows = [self._numbers(item.embedding) for _, item in sorted(zip(places, reply.data, strict=True), key=_place)]
        # 2. They must have one length, and numbers of float32.
        if len({len(row) for row in rows}) != 1 or not len(rows[0]):
            raise self._fault(f"vectors of {sorted({len(row) for row in rows})} numbers; must have one length")
        vectors = np.stack(rows)
        if not (np.abs(vectors) <= np.finfo(np.float32).max).all():
            raise self._fault("a vector has a number that is not finite, or too large for float32")
        # 3. Scale them; in float64, since squares of large numbers exceed float32.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        return unit

    def _numbers(self, embedding: list[float] | str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the numbers of a vector, which the endpoint may give as base64 of float32 in little-endian order."""
        if isinstance(embedding, list):
            return np.array(embedding, dtype=np.float64)
        try:
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
        except (binascii.Error, ValueError):
            raise self._fault("a vector is a text, but not base64 of float32 numbers") from None

    def _fault(self, what: str) -> ResourceError:
        return ResourceError(f"{self._endpoint.url}: malformed reply of {self.spec.model}: {what}")


def _place(pair: tuple[int, _Item]) -> int:
    return pair[0]
