"""The kinds of `embed` and `retrieve.rerank` that send texts to another program over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from ragqa.config.base import Conflict, Endpoint, Name, PathRule, Spec
from ragqa.config.slots import EmbedSpec, RerankSpec
from ragqa.origins import is_variable, origin

_TOKENIZER = (
    "Built-in name, folder or hub id of a model with the same tokenizer.json, which counts the tokens of texts. Without it "
    "each UTF-8 byte counts as a token."
)


class AtEndpoint(Spec):
    """A part that sends requests to an endpoint."""

    base_url: Name = Field(description="Address of the API, ending in /v1.")
    model: Name | None = Field(None, description="The model's name at the endpoint.")
    api_key_env: Name | None = Field(
        None,
        description="Environment variable that holds the key. It is sent to this machine, or to a host that "
        "`ragqa settings allow-key` confirmed.",
    )
    retries: int = Field(3, ge=0, le=10, description="How often a failed request is tried again.")
    deadline: float = Field(60.0, gt=0, description="Seconds for a request, all its attempts together.")

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        origin(value)
        return value

    @field_validator("api_key_env")
    @classmethod
    def _variable(cls, value: str | None) -> str | None:
        if value is not None and not is_variable(value):
            raise ValueError("must be the name of an environment variable (letters, digits, _), never the key itself")
        return value

    def endpoint(self) -> Endpoint:
        """Return the endpoint."""
        return Endpoint(self.base_url, self.api_key_env, self.model or "", self.retries, self.deadline)


class OpenAIEmbed(AtEndpoint, EmbedSpec):
    """Vectors of any OpenAI-compatible endpoint: OpenAI, vLLM, TEI, Infinity, llama.cpp, `ragqa serve`."""

    kind: Literal["openai"]
    model: Name = Field(description="The model's name at the endpoint; it is part of the identity of the index.")
    window: int = Field(
        ge=16,
        description="Most tokens of a text that the model reads, special tokens included. A longer passage is an error and a "
        "longer question is embedded in parts, since many servers cut texts without a word.",
    )
    tokenizer: Annotated[Name | None, PathRule("local", weights=True)] = Field(None, description=_TOKENIZER)
    dim: int | None = Field(
        None, ge=1, description="Dimensions to ask for, of a model that can shorten its vectors (Matryoshka)."
    )
    query_prefix: str = Field("", description="Text before each question, as the model was trained.")
    passage_prefix: str = Field("", description="Text before each passage, as the model was trained.")
    batch_size: int = Field(32, ge=1, le=2048, description="Most texts in one request.")

    def window_limit(self) -> int:
        """Return `window`."""
        return self.window

    def notes(self) -> Iterator[str]:
        """Yield how tokens are counted without a tokenizer."""
        if self.tokenizer is None:
            yield "counts each UTF-8 byte as a token, split.chunk_size too, since embed.tokenizer is not given"


class EndpointRerank(AtEndpoint, RerankSpec):
    """A cross-encoder behind an endpoint: TEI, Infinity, vLLM, Cohere, Jina. Requests go to `base_url` + `/rerank`."""

    kind: Literal["endpoint"]
    base_url: Name = Field(description="Address to which `/rerank` is added.")
    form: Literal["tei", "cohere"] = Field(
        description="The form of requests: `tei` (Text Embeddings Inference), or `cohere` (also Jina, Infinity, vLLM and "
        "llama.cpp)."
    )
    window: int | None = Field(
        None,
        ge=16,
        description="Most tokens of question and passage together, special tokens included; longer ones are an error. "
        "Form tei needs none, since its requests forbid the server to cut a text.",
    )
    tokenizer: Annotated[Name | None, PathRule("local", weights=True)] = Field(None, description=_TOKENIZER)
    batch_size: int = Field(32, ge=1, le=1000, description="Most passages in one request.")

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what a form needs besides its address."""
        if self.form == "cohere" and self.window is None:
            yield Conflict(("form", "window"), "form cohere needs window: such a server may cut a longer text")
        if self.form == "cohere" and self.model is None:
            yield Conflict(("form", "model"), "form cohere needs model: the model's name at the endpoint")
        if self.tokenizer is not None and self.window is None:
            yield Conflict(("tokenizer", "window"), "tokenizer counts against window, which is not given")
