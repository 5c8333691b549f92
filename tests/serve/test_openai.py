"""OpenAI's interface, asked by its own client, sync and async, and by the requests that Open WebUI sends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from ragqa.records import Answer
from tests.serve.serving import QUESTION, SLOW_QUESTION, Running, SlowGenerator, running

UNKNOWN = "How old is the moon of Jupiter called Europa?"


@pytest.fixture(scope="module")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server that quotes, so that it abstains where nothing answers."""
    with running(tmp_path_factory.mktemp("quoting"), answer="quote") as found:
        yield found


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=0) as made:
        yield made


def chat(question: str = QUESTION, **fields: Any) -> dict[str, Any]:
    return {"model": "ragqa", "messages": [{"role": "user", "content": question}], **fields}


def expected(server: Running, question: str = QUESTION) -> Answer:
    return server.pipeline.ask(question)


def test_the_one_model_is_listed_and_found(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["ragqa"]
    assert client.models.retrieve("ragqa").owned_by == "ragqa"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_a_chat_completion_is_the_answer_with_its_citations(server: Running, client: openai.OpenAI) -> None:
    done = client.chat.completions.create(**chat())
    answer = expected(server)
    message = done.choices[0].message
    assert message.content == answer.text and done.choices[0].finish_reason == "stop"
    extra: Any = message.model_extra
    assert [each["source"] for each in extra["citations"]] == [each.source for each in answer.citations]
    assert extra["ragqa"]["abstained"] is False and extra["ragqa"]["generation"] == 1
    assert done.usage and done.usage.prompt_tokens > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_an_annotation_names_the_part_of_the_text_and_the_address_of_its_passage(server: Running) -> None:
    message = server.post("/v1/chat/completions", chat()).json["choices"][0]["message"]
    linked = [each["url_citation"] for each in message["annotations"] if each["type"] == "url_citation"]
    filed = [each["file_citation"] for each in message["annotations"] if each["type"] == "file_citation"]
    assert len(linked) == len(filed) > 0
    for link, file, cited in zip(linked, filed, message["citations"], strict=True):
        assert message["content"][link["start_index"] : link["end_index"]] in message["content"]
        assert link["title"] == file["filename"] == cited["source"]
        told = server.get(link["url"].removeprefix("http://localhost"))
        assert told.json["segments"]["marked"] == cited["text"] and told.json["id"] == file["file_id"]


def test_the_joined_pieces_of_a_stream_are_the_answer(server: Running, client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(**chat(stream=True, stream_options={"include_usage": True})))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == expected(server).text
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-2].choices[0].delta.model_extra and chunks[-2].choices[0].delta.model_extra["citations"]
    assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.prompt_tokens > 0
    with client.chat.completions.stream(**chat()) as stream:
        assert stream.get_final_completion().choices[0].message.content == text


STEPS = """# How to open the quay

1. Walk to the gate of the quay.
2. Turn the wheel of the quay.
3. Close the gate of the quay.
"""


def test_the_joined_pieces_of_a_quote_of_several_lines_are_its_text(quoting: Running, tmp_path: Path) -> None:
    question = "How do I open the quay?"
    pipeline = quoting.pipeline.with_documents([("steps.md", STEPS)])
    pipeline.index()
    with running(tmp_path, pipeline) as server:
        told = server.post("/v1/chat/completions", chat(question, stream=True)).events
    pieces = [data["choices"][0]["delta"].get("content", "") for _, data in told if data != "[DONE]"]
    text = pipeline.ask(question).text
    assert "".join(pieces) == text and "\n" in text and told[-1] == ("", "[DONE]")


def test_no_answer_is_told_in_words_that_clients_show(quoting: Running) -> None:
    assert expected(quoting, UNKNOWN).abstained
    told = quoting.post("/v1/chat/completions", chat(UNKNOWN)).json["choices"][0]["message"]
    assert told["content"] == "I do not know." and told["ragqa"]["abstained"] and told["ragqa"]["reason"]
    assert told["citations"] == told["annotations"] == []
    events = quoting.post("/v1/chat/completions", chat(UNKNOWN, stream=True)).events
    assert "".join(d["choices"][0]["delta"].get("content", "") for _, d in events[:-1]) == "I do not know."


def test_earlier_messages_are_the_history(server: Running) -> None:
    messages = [
        {"role": "system", "content": "Be a pirate."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        {"role": "assistant", "content": "Its master is Quayson."},
        {"role": "user", "content": "And of it?"},
    ]
    told = server.post("/v1/chat/completions", {"model": "ragqa", "messages": messages}).json
    answer = server.pipeline.ask("And of it?", history=[(QUESTION, "Its master is Quayson.")])
    assert told["choices"][0]["message"]["content"] == answer.text
    assert told["usage"]["prompt_tokens"] == sum(
        int(n) for name, n in answer.usage.items() if name.endswith("_tokens") and name != "answer_tokens"
    )


def test_embeddings_are_those_of_the_pipeline_as_floats_and_in_base64(server: Running, client: openai.OpenAI) -> None:
    texts = ["the quay", "a ferry"]
    vectors = server.pipeline.components.embedder.embed_passages(texts)
    for form in ("float", "base64", None):
        told = client.embeddings.create(model="ragqa", input=texts, **({"encoding_format": form} if form else {}))  # type: ignore[arg-type]
        if form != "base64":
            assert [each.embedding for each in told.data] == [pytest.approx(row.tolist()) for row in vectors]
        assert told.usage.prompt_tokens == 4


def test_a_completion_answers_one_prompt(server: Running, client: openai.OpenAI) -> None:
    assert client.completions.create(model="ragqa", prompt=QUESTION).choices[0].text == expected(server).text
    pieces = client.completions.create(model="ragqa", prompt=[QUESTION], stream=True)
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == expected(server).text


def test_errors_have_the_classes_of_the_client(server: Running, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            **chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}})
        )
    assert refused.value.param == "response_format"
    with pytest.raises(openai.BadRequestError, match="ids of tokens"):
        client.embeddings.create(model="ragqa", input=[[1, 2]])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            **chat(tools=[{"type": "function", "function": {"name": "x"}}], tool_choice="required")
        )
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**chat(n=2))
    with pytest.raises(openai.UnprocessableEntityError):
        client.chat.completions.create(**chat(" "))
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**{**chat(), "model": "gpt-4o"})
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="ragqa", input="x")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_settings_of_sampling_and_tools_that_need_not_be_called_mean_nothing(server: Running) -> None:
    fields: dict[str, Any] = {
        "temperature": 0.1,
        "top_p": 1,
        "seed": 3,
        "user": "x",
        "tools": [{"type": "function"}],
        "tool_choice": "auto",
    }
    told = server.post("/v1/chat/completions", chat(**fields, response_format={"type": "text"})).json
    assert told["choices"][0]["message"]["content"] == expected(server).text


def test_the_client_comes_again_after_a_429_when_it_was_told_to(tmp_path: Path) -> None:
    with (
        running(tmp_path, waiting_per_token=1) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=1) as client,
        ThreadPoolExecutor() as others,
    ):
        for _ in range(5):  # so that an answer takes less than a second, as far as the server knows
            client.chat.completions.create(**chat())
        for name in ("running", "waiting"):
            others.submit(server.post, "/v1/chat/completions", chat(SLOW_QUESTION))
            server.wait_for(f"ragqa_questions_{name}", 1)
        began = time.monotonic()
        late = others.submit(lambda: client.chat.completions.create(**chat()))
        server.wait_for('ragqa_requests_total{route="chat",status="429"}', 1)
        SlowGenerator.released.set()
        assert late.result().choices[0].message.content == expected(server).text
        assert 1 <= time.monotonic() - began < 5  # the client alone would wait half a second


def test_several_async_clients_are_answered_and_one_that_leaves_stops_its_work(tmp_path: Path) -> None:
    async def ask(server: Running) -> list[str | None]:
        async with openai.AsyncOpenAI(
            base_url=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=0
        ) as client:
            stream = await client.chat.completions.create(**chat(SLOW_QUESTION, stream=True))
            async for _ in stream:
                break
            await asyncio.to_thread(SlowGenerator.writing.wait, 5)
            await stream.close()
            done = await asyncio.gather(*(client.chat.completions.create(**chat()) for _ in range(4)))
        return [each.choices[0].message.content for each in done]

    with running(tmp_path) as server:
        assert asyncio.run(ask(server)) == [expected(server).text] * 4
        assert SlowGenerator.stopped.wait(2)


def test_the_async_client_lists_streams_embeds_and_is_refused(server: Running) -> None:
    async def use() -> tuple[str, str]:
        made = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.secrets["alice"], max_retries=0)
        async with made as client:
            assert [each.id async for each in client.models.list()] == [(await client.models.retrieve("ragqa")).id]
            told = await client.embeddings.create(model="ragqa", input="the quay")
            assert len(told.data[0].embedding) == server.pipeline.components.embedder.dim
            with pytest.raises(openai.AuthenticationError):
                await client.with_options(api_key="wrong").models.list()
            chunks = await client.chat.completions.create(**chat(stream=True))
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
            async with client.chat.completions.stream(**chat()) as stream:
                return text, str((await stream.get_final_completion()).choices[0].message.content)

    assert asyncio.run(use()) == (expected(server).text,) * 2


HISTORY = '\n### Chat History:\n<chat_history>\nUSER: Who is the master of the quay in the "tags" year?\nASSISTANT: Quayson\n</chat_history>'


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ('### Task:\nGenerate a concise, 3-5 word title with an emoji.\n### Output:\nJSON format: { "title": "..." }', {"title": "Who is the master of the"}),
        ('### Task:\nGenerate 1-3 broad tags.\n### Output:\nJSON format: { "tags": ["tag1"] }', {"tags": []}),
        ('### Task:\nSuggest 3-5 relevant follow-up questions.\n### Output:\nJSON: { "follow_ups": ["Question 1?"] }', {"follow_ups": []}),
        ('### Task:\nAnalyze the chat history.\n### Output:\n{ "queries": ["query1"] }', {"queries": []}),
    ],
    ids=["title", "tags", "follow_ups", "queries"],
)  # fmt: skip
def test_the_tasks_of_open_webui_are_no_questions(server: Running, prompt: str, reply: dict[str, Any]) -> None:
    before = server.metric("ragqa_answers_total")
    told = server.post("/v1/chat/completions", chat(prompt + HISTORY)).json
    assert json.loads(told["choices"][0]["message"]["content"]) == reply
    events = server.post("/v1/chat/completions", chat(prompt + HISTORY, stream=True)).events
    assert json.loads("".join(data["choices"][0]["delta"].get("content", "") for _, data in events[:-1])) == reply
    assert server.metric("ragqa_answers_total") == before
