"""What the page asks of the server: its own files, the list of documents, PDF files, tables, filters, how far indexing is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ragqa.evaluate.datasets.jsonl import read_questions
from ragqa.pipeline.answer.sources import SourceFiles
from ragqa.serve import static, tables
from ragqa.serve.errors import HttpError
from ragqa.serve.guard import PAGE_POLICY
from ragqa.serve.progress import Progress
from ragqa.serve.replies import FileReply
from ragqa.serve.upkeep import _index, compare
from tests.fakes import Vectors, WordEmbedder
from tests.serve.serving import QUESTION, Running, build, running

NOBODY = {"Host": "localhost"}


def test_the_page_opens_without_a_token_from_anywhere_under_a_policy_of_its_own(papers: Running) -> None:
    of_each_type = {file.suffix: (path, file) for path, file in static.page_files().items()}
    for path, file in of_each_type.values():
        told = papers.send("GET", path, NOBODY | {"Sec-Fetch-Site": "cross-site"})
        assert told.status == 200 and told.body == file.read_bytes(), path
        assert told.headers["content-security-policy"] == PAGE_POLICY.decode()
        assert told.headers["x-content-type-options"] == "nosniff"
    assert papers.send("GET", "/", NOBODY).headers["content-type"] == "text/html; charset=utf-8"
    assert papers.send("HEAD", "/", NOBODY).status == 200


@pytest.mark.parametrize(
    "path", ["/page/nothing.js", "/page/", "/page/../guard.py", "/page/..%2fguard.py", "/page/%2e%2e/guard.py", "//page/index.html", "/page//etc/passwd", "/page/index.html%00"]
)  # fmt: skip
def test_a_name_that_is_no_file_of_the_page_opens_nothing(papers: Running, path: str) -> None:
    assert papers.send("GET", path, NOBODY).status == 401
    assert papers.get(path).status == 404


def test_without_the_page_its_paths_are_as_any_other(server: Running, tmp_path: Path) -> None:
    with running(server.folder, server.pipeline, page=False) as plain:
        assert [plain.send("GET", "/", NOBODY).status, plain.get("/").status] == [401, 404]
        assert "/" not in plain.get("/openapi.json").json["paths"]


def test_files_that_changed_since_they_were_indexed_are_counted(tmp_path: Path) -> None:
    pipeline, progress = build(tmp_path), Progress()
    compare(pipeline, progress)
    assert {"changed": 0, "removed": 0, "error": None}.items() <= progress.state()["changes"].items()
    (tmp_path / "documents" / "new.txt").write_text("The quay is new.", encoding="utf-8")
    next(each for each in (tmp_path / "documents").iterdir() if each.name != "new.txt").unlink()
    compare(pipeline, progress)
    assert {"changed": 1, "removed": 1, "error": None}.items() <= progress.state()["changes"].items()


def test_what_the_page_shows_of_the_server_and_what_is_kept(papers: Running, server: Running) -> None:
    told = papers.get("/api/page").json
    expected = {"model_name": "ragqa", "documents": 5, "conversations": True, "feedback": True}
    assert expected.items() <= told.items() and told["generation"] == 2 and told["version"] and told["token"] == "alice"
    assert not server.get("/api/page").json["conversations"]
    for path in ("/api/conversations", "/api/feedback"):
        assert server.post(path, {}).status == server.get(path).status == 404
    body = {"question": QUESTION, "conversation": "0" * 32}
    assert server.post("/api/ask", body).json == papers.post("/api/ask", body).json


def test_documents_are_listed_by_their_relative_names_and_so_are_those_that_could_not_be_used(papers: Running) -> None:
    told = papers.get("/api/documents?limit=2&offset=1")
    listed, rejected = told.json["documents"], told.json["rejected"]
    assert [each["source"] for each in listed] == ["ferry.txt", "mill.txt"] and told.json["total"] == 5
    assert [each["source"] for each in rejected] == ["damaged.pdf"] and rejected[0]["reason"]
    assert told.json["rejected_total"] == 1 and str(papers.folder) not in told.body.decode()
    pier = next(each for each in papers.get("/api/documents").json["documents"] if each["source"] == "pier.pdf")
    assert (pier["media_type"], pier["pages"], pier["chunks"], pier["ocr_pages"]) == ("application/pdf", 1, 1, 0)
    assert papers.get("/api/documents?limit=201").json["error"]["param"] == "limit"
    assert papers.get("/api/documents?limit=0&offset=999999").json["documents"] == []


def test_the_file_of_a_pdf_document_is_sent_as_it_was_indexed_and_no_other_file(papers: Running) -> None:
    told = papers.get(f"/api/documents/{papers.id_of('pier.pdf')}/file")
    file = papers.folder / "documents" / "pier.pdf"
    assert (told.status, told.body) == (200, file.read_bytes()) and told.headers["content-type"] == "application/pdf"
    for id_, code in (
        (papers.id_of("quay.txt"), "no_file"),
        ("0" * 64, "document_not_found"),
        ("x", "document_not_found"),
    ):
        refused = papers.get(f"/api/documents/{id_}/file")
        assert (refused.status, refused.json["error"]["code"]) == (404, code)


def test_a_span_of_a_csv_file_is_shown_as_rows_of_its_table(papers: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (papers.folder / "documents" / "fees.csv").read_text(encoding="utf-8")
    start, path = text.index("pier 77,"), f"/api/documents/{papers.id_of('fees.csv')}"
    table = papers.get(f"{path}?start={start}&end={start + 40}&around=30").json["table"]
    assert table["columns"] == ["Pier", "Fee", "Note"] and table["cut"]
    shown = [(row["cells"], row["marked"]) for row in table["rows"]]
    assert shown[2] == (["pier 77", "770", 'a "good" one'], True)
    assert [cells[0] for cells, marked in shown if marked] == ["pier 77", "pier 78"]
    assert [cells[0] for cells, _ in shown] == [f"pier {number}" for number in range(75, 80)]
    monkeypatch.setattr(tables, "MOST_COLUMNS", 2)
    monkeypatch.setattr(tables, "MOST_BEFORE", 3)
    monkeypatch.setattr(tables, "MOST_ROWS", 4)
    cut = papers.get(f"{path}?start={start}&end={start + 8}&around=2000").json["table"]
    assert [row["cells"] for row in cut["rows"]] == [[f"pier {n}", str(n * 10)] for n in range(74, 81)]
    assert "table" not in papers.get(f"/api/documents/{papers.id_of('quay.txt')}").json


def test_an_answer_has_its_prompt_and_the_passages_with_their_scores_and_words(papers: Running) -> None:
    told = papers.post("/api/ask", {"question": QUESTION}).json
    assert QUESTION in told["prompt"] and told["dropped"] == []
    best, *_ = told["hits"]
    assert best["source"] == "quay.txt" and best["scores"].keys() == {"dense", "lexical"} and "Quayson" in best["text"]


def test_a_file_that_changes_after_it_was_compared_with_its_hash_is_not_sent(tmp_path: Path) -> None:
    file, sent, files = tmp_path / "pier.pdf", list[Any](), SourceFiles([tmp_path])
    file.write_bytes(b"what was indexed")
    found = files.opened("pier.pdf", hashlib.sha256(b"what was indexed").hexdigest())
    assert found
    with file.open("r+b") as other:
        other.write(b"something else !")

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    with pytest.raises(HttpError, match="changed"):
        asyncio.run(FileReply(*found, "application/pdf")({}, receive, send))
    assert b"".join(sent) == b""


def test_a_search_finds_only_documents_of_its_filter(papers: Running) -> None:
    body = {"question": QUESTION, "k": 5}
    found = papers.post("/api/search", {**body, "where": {"media_type": ["application/pdf", "text/csv"]}}).json["hits"]
    assert {each["source"] for each in found} == {"pier.pdf", "fees.csv"}
    expected = papers.pipeline.search(QUESTION, 5, where={"media_type": "text/plain"})
    by_name = papers.post("/api/search", {**body, "where": {"source": "*.csv", "media_type": {"from": "text"}}}).json
    assert {each["source"] for each in by_name["hits"]} == {"fees.csv"}
    told = papers.post("/api/search", {**body, "where": {"media_type": "text/plain"}}).json["hits"]
    assert [each["source"] for each in told] == [each.source for each in expected] and len(told) == 3
    for where, why in (
        ({"media_type": "text/cvs"}, "the values are"),
        ({"media_typ": "x"}, "did you mean 'media_type'?"),
    ):
        refused = papers.post("/api/search", {**body, "where": where})
        assert (refused.status, refused.json["error"]["param"]) == (422, "where")
        assert why in refused.json["error"]["message"]
    assert papers.post("/api/search", {**body, "where": {"a": {"b": 1}}}).json["error"]["param"] == "where.a"


def test_feedback_is_read_as_questions_of_a_dataset_and_what_has_no_answer_yet_stands_beside(papers: Running) -> None:
    answer = papers.post("/api/ask", {"question": QUESTION}).json
    cited = [{key: each[key] for key in ("document_id", "start", "end")} for each in answer["citations"]]
    gone = {"document_id": "0" * 64, "start": 0, "end": 4}
    said = {"question": QUESTION, "answer": answer["text"], "citations": [*cited, gone]}
    turn = {"question": "Who?", "answer": ""}
    kept = [
        papers.post("/api/feedback", {**said, **each}).json
        for each in (
            {"verdict": "up"},
            {"verdict": "down", "correction": "Quayson.", "history": [turn]},
            {"verdict": "up", "answer": "", "citations": []},
            {"verdict": "down"},
        )
    ]
    assert [each["complete"] for each in kept] == [True, True, True, False] and kept[0]["evidence"] == len(cited)
    file = papers.folder / "feedback.jsonl"
    good, corrected, unanswerable = [
        each for each in read_questions(file) if each.id in [reply["id"] for reply in kept]
    ]
    assert good.answers == (answer["text"],) and good.evidence[0].text == answer["citations"][0]["text"]
    assert corrected.answers == ("Quayson.",) and corrected.history == (("Who?", "I do not know."),)
    assert not unanswerable.answerable and file.stat().st_mode & 0o777 == 0o600
    beside = (papers.folder / "feedback.open.jsonl").read_text(encoding="utf-8").splitlines()
    assert kept[3]["id"] in [json.loads(line)["id"] for line in beside]
    assert (
        papers.post("/api/feedback", {**said, "verdict": "up", "correction": "x"}).json["error"]["param"]
        == "correction"
    )
    assert papers.post("/api/feedback", {**said, "verdict": "so-so"}).json["error"]["param"] == "verdict"
    long = {**said, "verdict": "up", "citations": [{**cited[0], "end": 20_001}]}
    assert papers.post("/api/feedback", long).json["error"]["param"] == "citations"


def test_feedback_begins_a_line_of_its_own_behind_one_that_a_person_did_not_end(papers: Running) -> None:
    file, said = papers.folder / "feedback.jsonl", {"question": QUESTION, "answer": "Quayson.", "verdict": "up"}
    first = papers.post("/api/feedback", said).json["id"]
    file.write_bytes(file.read_bytes().removesuffix(b"\n"))
    second = papers.post("/api/feedback", said).json["id"]
    assert [each.id for each in read_questions(file)][-2:] == [first, second]


def test_how_far_indexing_is_and_how_it_ended(papers: Running, tmp_path: Path) -> None:
    idle = {"running": False, "stage": "", "done": 0, "total": 0, "last": None}
    told = papers.get("/api/index/progress").json
    told.pop("changes")  # they are compared in the background
    assert told == idle
    pipeline, progress = build(tmp_path), Progress()
    seen: list[str] = []

    class Noting(WordEmbedder):
        def embed_passages(self, texts: Sequence[str]) -> Vectors:
            seen.append(progress.state()["stage"])
            return super().embed_passages(texts)

    (tmp_path / "documents" / "pier.txt").write_text("The pier has no master.", encoding="utf-8")
    (tmp_path / "documents" / "mill.txt").unlink()
    pipeline.components.replace(embedder=Noting())
    _index(pipeline, progress)
    last = progress.state()["last"]
    assert seen and set(seen) <= {"reading", "embedding"} and not progress.state()["running"]
    assert (last["added"], last["removed"], last["rejected"], last["error"]) == (1, 1, 0, None)


def test_a_browser_gets_a_file_that_only_this_user_can_read_and_not_the_token(tmp_path: Path) -> None:
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/told\ncp "${{1#file://}}" {tmp_path}/page\nls -ld "$(dirname "${{1#file://}}")" >>{tmp_path}/told\n', encoding="utf-8")  # fmt: skip
    script.chmod(0o700)
    code = "from ragqa.cli.browser import open_in_browser\nwith open_in_browser('http://localhost:1/#token=secret') as opening: opening.join()"
    environment = os.environ | {"BROWSER": f"{script} %s", "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert told.startswith("file://") and "secret" not in told and "drwx------" in told
    assert "url=http://localhost:1/#token=secret" in (tmp_path / "page").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("ragqa-*"))
