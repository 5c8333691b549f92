"""Our own interface over a real socket: the same results as the pipeline, without paths of the machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ragqa import Pipeline
from tests.serve.serving import QUESTION, Running, build, running, until, without_times_and_paths


def test_ask_replies_as_the_command_line_does_without_paths(server: Running) -> None:
    for question in (QUESTION, "Who is the master of the ferry?", "How old is the moon?"):
        told = server.post("/api/ask", {"question": question})
        assert told.status == 200
        expected = json.loads(server.pipeline.ask(question).to_json())
        assert without_times_and_paths(told.json) == without_times_and_paths(expected)
        assert str(server.folder) not in told.body.decode()


def test_ask_streams_passages_then_sentences_then_the_answer_where_events_are_accepted(server: Running) -> None:
    told = server.post("/api/ask", {"question": QUESTION}, Accept="text/event-stream")
    assert told.headers["content-type"].startswith("text/event-stream")
    names = [name for name, _ in told.events]
    assert names[:2] == ["passages"] * 2 and names[-1] == "answer" and set(names[2:-1]) == {"token"}
    answer = told.events[-1][1]
    assert answer["text"] == server.pipeline.ask(QUESTION).text and answer["usage"]["queue_ms"] >= 0
    assert [data["text"] for name, data in told.events if name == "token"] == [
        each["text"] for each in answer["sentences"]
    ]
    assert str(server.folder) not in told.body.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_shows_the_events_as_they_come(server: Running) -> None:
    headers = ["Authorization: Bearer " + server.secrets["alice"], "Content-Type: application/json"]
    options = [part for each in [*headers, "Accept: text/event-stream"] for part in ("-H", each)]
    command = ["curl", "-sSN", f"{server.url}/api/ask", *options, "-d", json.dumps({"question": QUESTION})]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^event: (\w+)$", said, re.MULTILINE) == ["passages", "passages", "token", "answer"]


def test_ask_takes_earlier_turns(server: Running) -> None:
    turn = {"question": QUESTION, "answer": "The quay has a master called Quayson."}
    told = server.post("/api/ask", {"question": "And of it?", "history": [turn]})
    history = [(turn["question"], turn["answer"])]
    assert told.json["searched"] == server.pipeline.ask("And of it?", history=history).searched != "And of it?"


def test_search_finds_the_hits_of_the_pipeline(server: Running) -> None:
    told = server.post("/api/search", {"question": QUESTION, "k": 3})
    expected = [each.to_dict() for each in server.pipeline.search(QUESTION, 3)]
    assert len(told.json["hits"]) == 3
    assert told.json["hits"] == [{key: value for key, value in each.items() if key != "path"} for each in expected]


def test_a_document_is_cut_at_code_points_into_what_is_before_marked_and_after(tmp_path: Path) -> None:
    text = "\U0001f6a2 before. مرحبا بالعالم is marked. After\U0001f3dd.\n"
    pipeline = build(tmp_path).with_documents([("boat.txt", text)])
    pipeline.index()
    start = text.index("مرحبا")
    with running(tmp_path, pipeline) as server:
        hit = server.post("/api/search", {"question": "marked", "k": 1}).json["hits"][0]
        path = f"/api/documents/{hit['document_id']}?start={start}&end={start + 5}&around=4"
        told = server.get(path).json
        whole = server.get(f"/api/documents/{hit['document_id']}").json
    assert told["segments"] == {
        "before": text[start - 4 : start],
        "marked": "مرحبا",
        "after": text[start + 5 : start + 9],
    }
    assert (told["start"], told["end"], told["source"]) == (start - 4, start + 9, "boat.txt")
    assert whole["segments"] == {"before": "", "marked": "", "after": text}


@pytest.mark.parametrize(
    "query", ["start=5&end=2", "start=0&end=999999", "start=-1", "start=x", "start=1&start=2", "around=9999999"]
)
def test_a_span_outside_a_document_is_refused(server: Running, query: str) -> None:
    hit = server.post("/api/search", {"question": QUESTION, "k": 1}).json["hits"][0]
    assert server.get(f"/api/documents/{hit['document_id']}?{query}").status == 422


def test_readiness_fails_without_an_index_and_liveness_does_not(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.get("/readyz").json == {"status": "ready"}
        (tmp_path / "index").rename(tmp_path / "gone")
        told = until(lambda: server.get("/readyz"), lambda reply: reply.status != 200)
        assert told.status == 503 and told.json["error"]["code"] == "no_index"
        assert str(tmp_path) not in told.body.decode()
        assert server.get("/healthz").status == 200


def test_the_state_of_the_index_is_for_admins(server: Running) -> None:
    assert server.get("/api/index").status == 403
    told = server.get("/api/index", "root").json
    assert told == {"generation": 1, "documents": 3, "files": 3, "rejected": 0, "texts": 3, "vectors": 3}


def test_metrics_count_requests_by_route_and_answers_by_kind(server: Running) -> None:
    before = server.metric('ragqa_requests_total{route="search",status="200"}')
    server.post("/api/search", {"question": QUESTION})
    server.post("/api/ask", {"question": QUESTION})
    text = server.get("/metrics").body.decode()
    assert server.metric('ragqa_requests_total{route="search",status="200"}') == before + 1
    assert "ragqa_answers_total{outcome=" in text and "# TYPE ragqa_questions_waiting gauge" in text


def test_the_openapi_document_describes_each_route_and_its_body(papers: Running) -> None:
    document = papers.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    names = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(names) == set(schemas)
    expected = {
        "/api/ask", "/v1/chat/completions", "/api/documents", "/api/documents/{id}", "/api/documents/{id}/file", "/healthz",
        "/", "/page/{name}", "/api/page", "/api/index/progress", "/api/conversations", "/api/conversations/{id}",
        "/api/conversations/{id}/markdown", "/api/conversations/{id}/json", "/api/feedback",
    }  # fmt: skip
    assert expected <= document["paths"].keys()
    assert document["paths"]["/api/conversations/{id}"].keys() == {"get", "delete"}
    assert document["paths"]["/"]["get"]["security"] == [] and "security" not in document["paths"]["/api/page"]["get"]
    body = schemas["AskBody"]
    assert body["required"] == ["question"] and body["additionalProperties"] is False
    assert schemas["ChatBody"]["properties"]["model"]["enum"] == ["ragqa"]


def test_searches_that_wait_are_searched_together_with_equal_hits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    search_many = Pipeline.search_many

    def noted(self: Pipeline, questions: Any, k: int | None = None, **rest: Any) -> Any:
        sizes.append(len(questions))
        return search_many(self, questions, k, **rest)

    monkeypatch.setattr(Pipeline, "search_many", noted)
    with running(tmp_path) as server, ThreadPoolExecutor(24) as clients:
        asked = [f"Who is the master of the {name}?" for name in ("quay", "mill", "ferry")] * 8
        with server.pipeline.components.lock.held():  # the first search waits, and the others behind it
            found = [clients.submit(server.post, "/api/search", {"question": each}) for each in asked]
            time.sleep(0.3)
        replies = [each.result().json["hits"] for each in found]
    assert max(sizes) > 4 and sum(sizes) == len(asked)
    for question, hits in zip(asked, replies, strict=True):
        assert [each["source"] for each in hits] == [each.source for each in server.pipeline.search(question)]
