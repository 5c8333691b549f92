"""The `openai` embedder against a real server: what it asks, what it accepts, and each reply that it refuses."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa.config.endpoints import OpenAIEmbed
from ragqa.embed.openai import OpenAIEmbedder
from ragqa.errors import ModelError, RagqaError, RefusedError, ResourceError, UsageError
from tests.commands import ragqa
from tests.fakes import WordEmbedder
from tests.json_server import KEY, Endpoint, Reply, embeds, fails, sends, serving
from tests.limits import no_hang

TEXTS = ["The ferry leaves at noon.", "Mara Lind approves a loan.", "noon"]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    monkeypatch.setenv("THE_KEY", KEY)
    with serving(embeds(WordEmbedder())) as server:
        yield server


def embedder(endpoint: Endpoint, **fields: Any) -> OpenAIEmbedder:
    values = {"kind": "openai", "base_url": endpoint.url, "model": "m", "window": 256, "retries": 1, "dim": 64}
    return OpenAIEmbedder(OpenAIEmbed.model_validate(values | {"api_key_env": "THE_KEY", "deadline": 20.0} | fields))


def test_texts_go_in_batches_with_prefix_and_key_and_come_back_in_their_order_as_unit_vectors(
    endpoint: Endpoint,
) -> None:
    vectors = embedder(endpoint, batch_size=2, passage_prefix="read: ").embed_passages(TEXTS)
    expected = WordEmbedder().embed_passages([f"read: {text}" for text in TEXTS])
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert [request["input"] for request in endpoint.requests] == [
        ["read: The ferry leaves at noon.", "read: Mara Lind approves a loan."],
        ["read: noon"],
    ]
    assert endpoint.requests[0]["dimensions"] == 64 and endpoint.paths[0] == "/v1/embeddings"
    assert endpoint.keys == [f"Bearer {KEY}"] * 2


def test_base64_of_float32_is_read_as_well(endpoint: Endpoint) -> None:
    encode = lambda numbers: base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()  # noqa: E731
    endpoint.replies = [embeds(WordEmbedder(), encode)]
    np.testing.assert_allclose(
        embedder(endpoint, dim=None).embed_passages(TEXTS), WordEmbedder().embed_passages(TEXTS), atol=1e-6
    )


def test_identity_holds_the_model_and_not_the_address(endpoint: Endpoint) -> None:
    identity = embedder(endpoint).identity
    assert identity == embedder(endpoint, base_url="http://127.0.0.1:9/v1").identity
    assert all(identity != embedder(endpoint, **{key: value}).identity for key, value in CHANGES.items())
    assert endpoint.requests == []


CHANGES: dict[str, Any] = {"model": "n", "dim": 32, "query_prefix": "q", "passage_prefix": "p", "window": 99}


def test_a_text_that_the_endpoint_might_cut_is_not_sent(endpoint: Endpoint) -> None:
    with pytest.raises(UsageError, match="text 1 has 257 tokens; m reads 256"):
        embedder(endpoint).embed_passages(["short", "x" * 255])
    assert endpoint.requests == []
    embedder(endpoint).embed_question("noon " * 100)
    assert all(len(text) <= 256 for request in endpoint.requests for text in request["input"])


def test_a_passing_failure_is_tried_again_after_the_time_that_the_endpoint_asks_for(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(429, Retry_After="0.7"), *endpoint.replies]
    started = time.monotonic()
    assert embedder(endpoint).embed_passages(["noon"]).shape == (1, 64)
    assert len(endpoint.requests) == 2 and time.monotonic() - started >= 0.7


def vectors(*rows: Any, **fields: Any) -> Reply:
    return sends({"data": [{"index": at, "embedding": row, **fields} for at, row in enumerate(rows)]})


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (fails(500), ResourceError, r"failed \(0 retries\): status 500: no$"),
        (fails(401, f"bad {KEY}"), UsageError, "refuses the key in THE_KEY"),
        (fails(404), ModelError, "has no model 'm', or nothing at /embeddings; check embed.model, and embed.base_url"),
        (fails(413, "input too long"), UsageError, "refuses the request: status 413: input too long"),
        (vectors(), ResourceError, "0 vectors with the places"),
        (vectors([1.0] * 64, [1.0] * 64), ResourceError, r"2 vectors with the places \[0, 1\] for 1 texts"),
        (vectors([1.0] * 64, index=1), ResourceError, r"1 vectors with the places \[1\] for 1 texts"),
        (vectors([1.0] * 63), ResourceError, "a vector has 63 numbers; must have 64"),
        (vectors([]), ResourceError, r"vectors of \[0\] numbers"),
        (vectors([float("nan")] * 64), ResourceError, r"data\[0\]\.embedding.* must be a finite number"),
        (sends(b'{"data": [{"embedding": [1e999]}]}'), ResourceError, "must be a finite number"),
        (vectors("!"), ResourceError, "not base64 of float32 numbers"),
        (vectors("AADAfw=="), ResourceError, "a number that is not finite"),
        (vectors([1e39] * 64), ResourceError, "or too large for float32"),
        (vectors([10**400] * 64), ResourceError, r"data\[0\]\.embedding"),
        (vectors(None), ResourceError, r"malformed reply: data\[0\]\.embedding"),
        (sends([1]), ResourceError, "malformed reply: the reply must be an object"),
        (sends(b"<html>"), ResourceError, "malformed reply: not JSON"),
        (sends(b"[" * 100_000), ResourceError, "nested too deep"),
        (sends(b" " * 3_000_000), ResourceError, "the reply has more than 1,572,864 bytes"),
    ],
)
def test_a_reply_that_is_no_vector_for_each_text_is_an_error_of_one_line(
    endpoint: Endpoint, reply: Reply, error: type[RagqaError], message: str
) -> None:
    endpoint.replies = [reply]
    with pytest.raises(error, match=message) as caught:
        embedder(endpoint, retries=0).embed_passages(["noon"])
    (line,) = str(caught.value).splitlines()
    assert line.startswith(endpoint.url) and KEY not in line and len(line) < 500


def test_vectors_of_several_lengths_are_an_error(endpoint: Endpoint) -> None:
    endpoint.replies = [vectors([1.0] * 64, [1.0] * 65)]
    with pytest.raises(ResourceError, match=r"vectors of \[64, 65\] numbers; must have one length"):
        embedder(endpoint).embed_passages(["noon", "night"])


def test_a_server_that_hangs_is_left_at_the_deadline(endpoint: Endpoint) -> None:
    endpoint.replies = [lambda handler: time.sleep(1)]
    with no_hang(), pytest.raises(ResourceError, match=r"no reply within 0\.3 s"):
        embedder(endpoint, deadline=0.3).embed_passages(["noon"])


def test_vectors_of_zeros_stay_zero(endpoint: Endpoint) -> None:
    endpoint.replies = [vectors([0.0] * 64)]
    assert not embedder(endpoint).embed_passages(["noon"]).any()


def test_offline_no_endpoint_is_called(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_OFFLINE", "1")
    with pytest.raises(RefusedError, match="RAGQA_OFFLINE is set"):
        embedder(endpoint)


def test_check_and_plan_do_not_connect_and_index_says_that_nothing_listens(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    (tmp_path / "p.yaml").write_text(
        f"""version: 1
load: {{kind: folder, path: documents}}
split: {{kind: recursive, chunk_size: 300}}
embed: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", model: m, window: 512, retries: 0}}
index: {{kind: faiss, path: index}}
retrieve: {{kind: hybrid, rerank: {{kind: endpoint, base_url: "http://127.0.0.1:{port}", form: tei}}}}
prompt: {{kind: in_context}}
generate: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", model: m}}
""",
        encoding="utf-8",
    )
    checked = ragqa("check", "p.yaml", "--json", cwd=tmp_path)
    notes = checked.said["files"][0]["notes"]
    for part in ("embed", "retrieve.rerank", "generate"):
        assert f"{part} sends questions and passages of your documents to http://127.0.0.1:{port}" in notes
    assert any(note.startswith("embed counts each UTF-8 byte as a token") for note in notes)
    assert ragqa("plan", "p.yaml", cwd=tmp_path).code == 0
    indexed = ragqa("index", "p.yaml", cwd=tmp_path)
    assert indexed.code == 7 and f"http://127.0.0.1:{port}/v1 failed (0 retries)" in indexed.err
    long = ragqa("check", "p.yaml", "--set", "split.chunk_size=500", cwd=tmp_path)
    assert long.code == 2 and "do not fit into the window of embed.window, 512 tokens" in long.err
