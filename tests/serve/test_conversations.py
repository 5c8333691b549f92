"""Conversations that are kept: go on with one, edit, export, delete for real; and the file that keeps them."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import RagqaError, RefusedError, UsageError
from ragqa.serve import exports, kept
from ragqa.serve.errors import HttpError
from ragqa.serve.kept import Kept, KeptConversation, KeptTurn
from tests.serve.serving import QUESTION, SLOW_QUESTION, Running, SlowGenerator, request, running, until

FERRY = "Who is the master of the ferry?"


def begun(server: Running, title: str = "Of the quay") -> str:
    return str(server.post("/api/conversations", {"title": title}).json["id"])


def questions(server: Running, id_: str) -> list[str]:
    return [turn["question"] for turn in server.get(f"/api/conversations/{id_}").json["turns"]]


def turn(text: str) -> KeptTurn:
    return KeptTurn({"question": text}, 1)


def test_a_conversation_goes_on_with_the_turns_that_are_kept(papers: Running) -> None:
    id_ = begun(papers)
    first = papers.post("/api/ask", {"question": QUESTION, "conversation": id_}).json
    assert first["turn"] == 0
    name, second = papers.post("/api/ask", {"question": "And of it?", "conversation": id_}, Accept="text/event-stream").events[-1]  # fmt: skip
    assert (name, second["turn"]) == ("answer", 1) and second["searched"] != "And of it?"
    told = papers.get(f"/api/conversations/{id_}").json
    assert told["title"] == "Of the quay" and [each["stale"] for each in told["turns"]] == [False, False]
    assert told["turns"][0]["answer"]["citations"] == first["citations"]
    assert told["turns"][0]["generation"] == first["index_version"]
    listed = papers.get("/api/conversations").json["conversations"]
    assert [(each["title"], each["turns"]) for each in listed if each["id"] == id_] == [("Of the quay", 2)]
    alone = papers.post("/api/ask", {"question": "And of it?", "conversation": begun(papers)}).json
    assert alone["searched"] == "And of it?"


def test_a_question_that_is_edited_takes_the_place_of_its_turn_and_of_those_behind(papers: Running) -> None:
    id_ = begun(papers)
    for question in (QUESTION, FERRY, "And of it?"):
        papers.post("/api/ask", {"question": question, "conversation": id_})
    edited = papers.post("/api/ask", {"question": "And when?", "conversation": id_, "replace_from": 1}).json
    assert edited["turn"] == 1 and questions(papers, id_) == [QUESTION, "And when?"]
    assert "ferry" not in edited["searched"] and "quay" in edited["searched"].lower()
    for wrong in ({"conversation": id_, "replace_from": 3}, {"replace_from": 0}):
        refused = papers.post("/api/ask", {"question": QUESTION, **wrong})
        assert (refused.status, refused.json["error"]["param"]) == (422, "replace_from")


def test_an_answer_that_is_stopped_is_not_kept_and_what_it_would_replace_stays(tmp_path: Path) -> None:
    with running(tmp_path, conversations=str(tmp_path / "kept.db")) as server:
        id_ = begun(server)
        server.post("/api/ask", {"question": QUESTION, "conversation": id_})
        body = f'{{"question": "{SLOW_QUESTION}", "conversation": "{id_}", "replace_from": 0}}'.encode()
        with server.connect() as client:
            client.sendall(request("POST", "/api/ask", server.headers() | {"Content-Type": "application/json"}, body))
            assert SlowGenerator.writing.wait(5)
        server.wait_for("ragqa_questions_running", 0)
        assert questions(server, id_) == [QUESTION]
        (tmp_path / "documents" / "pier.txt").write_text("The pier has no master.", encoding="utf-8")
        server.pipeline.index()
        path = f"/api/conversations/{id_}"
        assert until(lambda: server.get(path), lambda told: told.json["turns"][0]["stale"]).json["turns"][0]["stale"]
        assert "documents have changed" in server.get(f"{path}/markdown").body.decode()


def test_what_is_deleted_is_in_no_byte_of_the_files(tmp_path: Path) -> None:
    with running(tmp_path, conversations=str(tmp_path / "kept.db")) as server:

        def everything() -> bytes:
            return b"".join(file.read_bytes() for file in tmp_path.glob("kept.db*"))

        ids = [begun(server, f"Title {number}") for number in range(3)]
        for id_ in ids:
            server.post("/api/ask", {"question": QUESTION, "conversation": id_})
        server.post("/api/ask", {"question": FERRY, "conversation": ids[0]})
        assert FERRY.encode() in everything()
        server.post("/api/ask", {"question": QUESTION, "conversation": ids[0], "replace_from": 1})
        assert FERRY.encode() not in everything() and b"Quayson" in everything()
        assert [file.stat().st_mode & 0o777 for file in tmp_path.glob("kept.db*")] == [0o600] * 3
        for id_ in ids[:2]:
            assert server.delete(f"/api/conversations/{id_}").status == 200
            assert server.get(f"/api/conversations/{id_}").status == 404
        assert b"Title 0" not in everything() and b"Title 2" in everything()
        server.delete(f"/api/conversations/{ids[2]}")
        assert b"Quayson" not in everything() and b"Title" not in everything()
        assert server.get("/api/conversations").json == {"conversations": []}


def test_what_is_deleted_while_another_program_reads_leaves_the_log_at_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept, "WAIT_SECONDS", 0)
    path = tmp_path / "kept.db"
    file = Kept(path)
    gone, other = file.begin("alice", "Zyxcanary"), file.begin("alice", "b")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN").execute("SELECT count(*) FROM conversation").fetchone()
        file.delete("alice", gone)
        assert "another program reads" in caplog.text
    file.keep("alice", other, turn("x"))
    assert not [each for each in tmp_path.glob("kept.db*") if b"Zyxcanary" in each.read_bytes()]
    file.close()


def test_an_export_has_the_citations_and_no_text_in_it_is_markup(papers: Running) -> None:
    id_ = begun(papers, "![x](http://evil.example/?q=1) <script>")
    told = papers.post("/api/ask", {"question": QUESTION, "conversation": id_}).json
    papers.post("/api/ask", {"question": "Who invented *this*?", "conversation": id_})
    markdown = papers.get(f"/api/conversations/{id_}/markdown")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"].startswith("attachment")
    text = markdown.body.decode()
    assert f"> {told['citations'][0]['text']}" in text and "[1] quay.txt, characters 0 to 37:" in text
    assert "\\[x\\](http:\\//evil.example/?q=1) \\<script\\>" in text and "*this*" not in text
    exported = papers.get(f"/api/conversations/{id_}/json").json
    cited = exported["turns"][0]["citations"][0]
    assert (cited["source"], cited["text"]) == ("quay.txt", told["citations"][0]["text"])
    assert exported["turns"][0]["sentences"][0]["text"] == told["text"] and "path" not in cited


@pytest.mark.parametrize("text", ["# a", "1. a", "- a", "a | b", "`a`", "$a$", "a@b.c", "www.a.b", "[a]: b", "&lt;", "a\n\n> b"])  # fmt: skip
def test_a_text_in_an_export_is_on_one_line_and_its_marks_are_escaped(text: str) -> None:
    answer = {
        "question": text,
        "sentences": [],
        "citations": [],
        "abstained": True,
        "reason": "",
        "advice": "",
        "text": "",
    }
    answer |= dict.fromkeys(("kind", "confidence", "unanswered"))
    (line,) = [
        each
        for each in exports.markdown(KeptConversation("", "t", "", (KeptTurn(answer, 1),)), 1).splitlines()
        if each.startswith("## ")
    ]
    assert "\\" in line and line.replace("\\", "") == f"## {' '.join(text.split())}"


def test_turns_that_come_at_once_each_get_a_number_of_their_own(tmp_path: Path) -> None:
    file = Kept(tmp_path / "kept.db")
    ids = [file.begin("alice", "a"), file.begin("bob", "b")]
    with ThreadPoolExecutor(8) as threads:
        work = [
            threads.submit(file.keep, who, id_, turn("x"))
            for who, id_ in [*zip(["alice", "bob"], ids, strict=True)] * 16
        ]
        gone = [threads.submit(file.delete, "alice", file.begin("alice", "c")) for _ in range(8)]
        numbers = [each.result() for each in work]
        assert [each.result() for each in gone] == [None] * 8
    assert sorted(numbers[::2]) == sorted(numbers[1::2]) == list(range(16))
    assert [len(file.listing(who)) for who in ("alice", "bob", "carol")] == [1, 1, 0]
    file.close()


@pytest.mark.parametrize(("name", "most"), [("MOST_TURNS", 2), ("TURN_BYTES", 400), ("MOST_BYTES", 900)])
def test_what_a_token_may_keep_has_bounds_and_what_is_over_them_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    file = Kept(tmp_path / "kept.db")
    id_ = file.begin("alice", "a")
    for _ in range(2):
        file.keep("alice", id_, turn("x" * 350))
    monkeypatch.setattr(kept, name, most)
    with pytest.raises(HttpError, match="at most"):
        file.keep("alice", id_, turn("y" * 700), replace_from=1 if name == "TURN_BYTES" else None)
    assert [each.question[0] for each in file.read("alice", id_).turns] == ["x", "x"]
    if name == "MOST_BYTES":
        file.keep("bob", file.begin("bob", "b"), turn("x" * 350))
    monkeypatch.setattr(kept, "MOST_CONVERSATIONS", 1)
    with pytest.raises(HttpError, match="at most 1 conversations"):
        file.begin("alice", "b")
    file.close()


def test_an_answer_that_cannot_be_kept_is_sent_and_says_why(papers: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = begun(papers)
    monkeypatch.setattr(kept, "TURN_BYTES", 10)
    told = papers.post("/api/ask", {"question": QUESTION, "conversation": id_}).json
    assert told["turn"] is None and "at most" in told["not_kept"] and "Quayson" in told["text"]
    assert questions(papers, id_) == []


def test_a_file_of_conversations_is_one_that_only_this_user_can_open(tmp_path: Path) -> None:
    def refuse(path: Path, error: type[RagqaError], why: str) -> None:
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(error, match=why):
            Kept(path)
        assert not before or path.read_bytes() == before

    own, other, text, link = (tmp_path / name for name in ("own.db", "other.db", "text.db", "link.db"))
    Kept(own).close()
    link.symlink_to(own)
    refuse(link, RefusedError, "is a link")
    own.chmod(0o640)
    refuse(own, RefusedError, "chmod 600")
    own.chmod(0o600)
    Kept(own).close()
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    text.write_text("Not a database. " * 100, encoding="utf-8")
    for path in (other, text):
        path.chmod(0o600)
        refuse(path, UsageError, "name another file")
    refuse(tmp_path / "nowhere" / "kept.db", UsageError, "nowhere")
    refuse(tmp_path, UsageError, "no regular file")


def test_a_database_that_fails_is_told_without_its_path(tmp_path: Path) -> None:
    file = Kept(tmp_path / "kept.db")
    file.close()
    with pytest.raises(HttpError) as told:
        file.listing("alice")
    assert told.value.status == 503 and str(tmp_path) not in told.value.message


@pytest.mark.parametrize(
    "body", [{}, {"title": ""}, {"title": 1}, {"title": "x" * 201}, {"title": "x", "owner": "bob"}]
)
def test_a_conversation_needs_a_title_and_nothing_else(papers: Running, body: Any) -> None:
    assert papers.post("/api/conversations", body).status == 422
