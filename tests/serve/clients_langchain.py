"""LangChain's client of OpenAI's interface asks the server; run by `make test-clients`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.serve.serving import QUESTION, Running


class Master(BaseModel):
    """Who is the master of something."""

    name: str


@pytest.fixture
def model(server: Running) -> ChatOpenAI:
    return ChatOpenAI(model="ragqa", base_url=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=0)


def test_a_chat_is_answered_at_once_in_pieces_and_awaited(server: Running, model: ChatOpenAI) -> None:
    text = server.pipeline.ask(QUESTION).text
    told = model.invoke([("system", "Be short."), ("user", QUESTION)])
    assert told.content == text and told.usage_metadata["input_tokens"] > 0
    assert "".join(str(chunk.content) for chunk in model.stream(QUESTION)) == text
    assert asyncio.run(model.ainvoke(QUESTION)).content == text
    assert [each.content for each in model.batch([QUESTION] * 3)] == [text] * 3


def test_tools_that_need_not_be_called_are_left_out(server: Running, model: ChatOpenAI) -> None:
    assert model.bind_tools([Master]).invoke(QUESTION).content == server.pipeline.ask(QUESTION).text


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_structured_output_is_refused_with_the_key_that_is_at_fault(model: ChatOpenAI, method: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        model.with_structured_output(Master, method=method).invoke(QUESTION)
    assert refused.value.param == ("tool_choice" if method == "function_calling" else "response_format")


@pytest.fixture
def embeddings(server: Running) -> Iterator[OpenAIEmbeddings]:
    yield OpenAIEmbeddings(
        model="ragqa",
        base_url=f"{server.url}/v1",
        api_key=server.secrets["alice"],
        check_embedding_ctx_length=False,
        max_retries=0,
    )


def test_texts_are_embedded_where_they_are_sent_as_texts(server: Running, embeddings: OpenAIEmbeddings) -> None:
    texts = ["the quay", "a ferry"]
    vectors = server.pipeline.components.embedder.embed_passages(texts)
    assert embeddings.embed_documents(texts) == [pytest.approx(row.tolist()) for row in vectors]
    assert embeddings.embed_query(texts[0]) == pytest.approx(vectors[0].tolist())
    assert asyncio.run(embeddings.aembed_documents(texts)) == [pytest.approx(row.tolist()) for row in vectors]
