"""LlamaIndex's client of OpenAI's interface asks the server; run by `make test-clients`."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

from tests.serve.serving import QUESTION, Running


def model(server: Running, *, is_chat_model: bool) -> OpenAILike:
    address, secret = f"{server.url}/v1", server.secrets["alice"]
    return OpenAILike(model="ragqa", api_base=address, api_key=secret, is_chat_model=is_chat_model, max_retries=0)


@pytest.mark.parametrize("is_chat_model", [False, True], ids=["completions", "chat"])
def test_a_model_completes_and_chats_at_once_in_pieces_and_awaited(server: Running, is_chat_model: bool) -> None:
    text, asked = server.pipeline.ask(QUESTION).text, model(server, is_chat_model=is_chat_model)
    assert asked.complete(QUESTION).text == text
    assert "".join(piece.delta for piece in asked.stream_complete(QUESTION)) == text
    assert asyncio.run(asked.acomplete(QUESTION)).text == text
    if is_chat_model:  # otherwise it sends its messages as the text of one prompt
        messages = [ChatMessage(role="user", content=QUESTION)]
        assert asked.chat(messages).message.content == text
        assert "".join(piece.delta or "" for piece in asked.stream_chat(messages)) == text


def test_texts_are_embedded(server: Running) -> None:
    texts = ["the quay", "a ferry"]
    vectors = server.pipeline.components.embedder.embed_passages(texts)
    embedder = OpenAILikeEmbedding(
        model_name="ragqa", api_base=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=0
    )
    assert embedder.get_text_embedding_batch(texts) == [pytest.approx(row.tolist()) for row in vectors]
    assert embedder.get_query_embedding(texts[0]) == pytest.approx(vectors[0].tolist())
