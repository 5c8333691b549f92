"""The commands as a user types them: output, JSON, exit codes, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import ragqa, share_models
from tests.fakes import PIPELINE

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

FILE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 2}
prompt:   {kind: in_context, template: qa}
generate: {kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 16}
"""
FERRY = "# Ferry\n\nThe ferry Morwen is commanded by Captain Ilse Brandt.\n"


def run(*arguments: str, cwd: Path, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ragqa", *arguments]
    env = os.environ | environment
    return subprocess.run(command, cwd=cwd, input=stdin, env=env, capture_output=True, text=True, check=False)


def prepare(place: Path, split: str = "{kind: recursive}") -> None:
    """Write a pipeline file, and let the models that it names be found."""
    (place / "pipeline.yaml").write_text(FILE.replace("{kind: recursive}", split), encoding="utf-8")
    share_models(place)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a pipeline file and its index."""
    place = tmp_path_factory.mktemp("cli")
    (place / "documents").mkdir()
    (place / "documents" / "ferry.md").write_text(FERRY, encoding="utf-8")
    (place / "documents" / "turbine.txt").write_text("The turbine at Skarn Head makes 4.2 megawatts.", encoding="utf-8")
    prepare(place)
    if not os.environ.get("RAGQA_OFFLINE"):
        assert ragqa("index", "pipeline.yaml", cwd=place).code == 0
    return place


def test_every_command_has_help_with_a_runnable_example(tmp_path: Path) -> None:
    names = [line.split()[0] for line in ragqa("--help", cwd=tmp_path).out.split("Commands:\n")[1].splitlines() if line]
    expected = {
        "init",
        "check",
        "plan",
        "index",
        "search",
        "prompt",
        "ask",
        "chat",
        "show",
        "eval",
        "compare",
        "models",
        "settings",
        "schema",
    } | {
        "doctor",
        "export",
        "formats",
        "gc",
        "import",
        "purge",
        "questions",
        "replay",
        "serve",
        "summarize",
        "tokenizer",
        "train",
        "tune",
    }
    assert set(names) == expected
    for name in names:
        helped = ragqa(name, "--help", cwd=tmp_path)
        assert helped.code == 0
        assert f"ragqa {name}" in helped.out.split("Example")[1]


def test_an_unknown_command_and_a_missing_argument_exit_2(tmp_path: Path) -> None:
    assert run("asc", cwd=tmp_path).returncode == 2
    assert run("index", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["only a question"], "give FILE and QUESTION"),
        (["--folder", "documents", "two", "questions"], "takes one argument, QUESTION"),
        (["--folder", "missing", "Who?"], "no such folder or file: missing"),
        (["missing.yaml", "Who?"], "missing.yaml"),
    ],
)
def test_wrong_arguments_of_ask_exit_2_and_say_what_is_meant(indexed: Path, arguments: list[str], message: str) -> None:
    asked = ragqa("ask", *arguments, cwd=indexed)
    assert asked.code == 2
    assert message in asked.err
    assert "Traceback" not in asked.err


@offline
def test_ask_streams_the_answer_and_prints_sources_that_show_takes(indexed: Path) -> None:
    asked = ragqa("ask", "pipeline.yaml", "Who commands the ferry Morwen?", cwd=indexed)
    assert asked.code == 0, asked.err
    answer, sources = asked.out.split("\nSources:\n")
    assert answer.startswith("| ") and "Ilse Brandt" in answer
    citation = sources.split()[1]
    assert citation.startswith(f"documents{os.sep}ferry.md:")
    shown = ragqa("show", citation, cwd=indexed)
    assert shown.code == 0, shown.err
    assert ">>>" in shown.out and "Ilse Brandt" in shown.out.split(">>>")[1].split("<<<")[0]
    stored = json.loads(
        ragqa("show", citation.removeprefix(f"documents{os.sep}"), "pipeline.yaml", "--json", cwd=indexed).out
    )
    assert stored["before"] + stored["text"] + stored["after"] == FERRY


@offline
def test_summarize_prints_sentences_with_sources_and_what_was_read_and_ask_takes_the_same_route(indexed: Path) -> None:
    done = ragqa("summarize", "pipeline.yaml", "the ferry document", cwd=indexed)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[:2] == [
        "| The ferry Morwen is commanded by Captain Ilse Brandt. [1]",
        "All of ferry.md read (1 sentence).",
    ]
    assert f"[1] documents{os.sep}ferry.md:9-62" in done.out
    told = json.loads(ragqa("summarize", "pipeline.yaml", "ferry", "--json", cwd=indexed).out)
    asked = json.loads(ragqa("ask", "pipeline.yaml", "Summarise the ferry document", "--json", cwd=indexed).out)
    same = ("text", "citations", "sentences", "kind", "read")
    assert {key: told[key] for key in same} == {key: asked[key] for key in same}
    assert FERRY[told["citations"][0]["start"] : told["citations"][0]["end"]] == told["text"]


@offline
def test_summarize_refuses_a_name_that_is_not_there(indexed: Path) -> None:
    done = ragqa("summarize", "pipeline.yaml", "turbyne", cwd=indexed)
    assert done.code == 2 and "did you mean turbine.txt?" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("citation", "message"),
    [
        ("documents/ferry.md", "must be PATH:START-END"),
        ("documents/ferry.md:5-5000", "characters; got 5-5000"),
        ("documents/ferry.md:9-3", "characters; got 9-3"),
        ("documents/none.md:1-2", "none.md"),
    ],
)
def test_a_citation_that_points_nowhere_exits_2(indexed: Path, citation: str, message: str) -> None:
    shown = ragqa("show", citation, cwd=indexed)
    assert shown.code == 2
    assert message in shown.err


@offline
def test_search_and_prompt_give_one_json_object(indexed: Path) -> None:
    hits = json.loads(ragqa("search", "pipeline.yaml", "megawatts", "-k", "1", "--json", cwd=indexed).out)["hits"]
    assert [hit["source"] for hit in hits] == ["turbine.txt"]
    assert set(hits[0]) == {
        "source", "path", "page", "start", "end", "text", "score", "scores", "fields", "versions", "place",
        "document_id",
    }  # fmt: skip
    prompt = json.loads(ragqa("prompt", "pipeline.yaml", "Who commands the ferry?", "--json", cwd=indexed).out)
    assert sum(prompt["tokens"].values()) > 0 and "<|im_start|>" in prompt["prompt"]


@offline
def test_a_changed_folder_is_a_warning_and_a_plan_lists_it(indexed: Path, tmp_path: Path) -> None:
    new = indexed / "documents" / "new.txt"
    new.write_text("A new buoy.", encoding="utf-8")
    try:
        searched = ragqa("search", "pipeline.yaml", "megawatts", "--json", cwd=indexed)
        assert searched.code == 0
        assert "1 files are new or changed, 0 are gone" in searched.err
        assert json.loads(searched.out)
        plan = json.loads(ragqa("plan", "pipeline.yaml", "--json", cwd=indexed).out)
        assert plan["read"] == [{"source": "new.txt", "reason": "new"}]
        assert plan["to_embed"] == 1
    finally:
        new.unlink()


@offline
def test_a_folder_is_asked_without_a_file_and_nothing_is_written_into_it(
    indexed: Path, request: pytest.FixtureRequest
) -> None:
    broken = indexed / "documents" / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnot really")
    request.addfinalizer(broken.unlink)
    before = sorted((indexed / "documents").rglob("*"))
    question = "How many megawatts does the turbine make?"
    for _ in range(2):
        asked = ragqa("ask", "--folder", "documents", question, "--json", cwd=indexed)
        assert asked.code == 0, asked.err
        answer = json.loads(asked.out)
        assert answer["text"] and answer["citations"]
        assert answer["hits"][0]["source"] == "turbine.txt"
        assert asked.err.count("broken.pdf") == 1
    assert sorted((indexed / "documents").rglob("*")) == before
    assert (indexed / "cache" / "folders").is_dir()


def test_an_empty_question_is_refused_before_the_folder_is_indexed(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("A text.", encoding="utf-8")
    asked = ragqa("ask", "--folder", "documents", " ", cwd=tmp_path)
    assert (asked.code, asked.out) == (2, "")
    assert asked.err == "ragqa: error: the question is empty: write at least one word\n"
    assert not (tmp_path / "cache" / "folders").exists()


@offline
def test_chat_answers_each_line_and_knows_the_last_question(indexed: Path) -> None:
    chatted = ragqa(
        "chat", "pipeline.yaml", "--json", cwd=indexed, stdin="Who commands the ferry Morwen?\nWhich ferry?\n"
    )
    assert chatted.code == 0, chatted.err
    first, second = map(json.loads, chatted.out.splitlines())
    assert "Ilse Brandt" in first["text"]
    assert "Question: Who commands the ferry Morwen?" in second["prompt"]
    assert first["searched"] == "Who commands the ferry Morwen?"
    assert second["searched"].splitlines()[-1] == "Which ferry?" and "commands morwen" in second["searched"]


@offline
def test_chat_shows_with_which_words_of_before_a_follow_up_was_searched(indexed: Path) -> None:
    chatted = ragqa("chat", "pipeline.yaml", cwd=indexed, stdin="Who commands the ferry Morwen?\nWhich ferry?\n")
    last = chatted.out.splitlines()[-1]
    assert last.startswith("Also searched for, from what was said before: commands, morwen") and "Which" not in last


@offline
def test_index_reports_rejected_and_skipped_files_and_exits_3(indexed: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    prepare(tmp_path)
    (documents / "good.txt").write_text("A good text.", encoding="utf-8")
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really")
    (documents / "film.mp4").write_bytes(b"x")
    done = ragqa("index", "pipeline.yaml", "--json", cwd=tmp_path)
    assert done.code == 3
    fields = json.loads(done.out)
    assert fields["files"] == fields["indexed"] + fields["unchanged"] + fields["rejected"] + fields["skipped"] == 3
    assert "rejected: broken.pdf: " in done.err and "skipped: film.mp4: " in done.err
    again = ragqa("index", "pipeline.yaml", cwd=tmp_path)
    assert again.code == 3
    assert "1 unchanged, 1 rejected, 1 skipped. 1 chunks, 0 embedded." in again.out


@offline
def test_a_strict_run_over_a_broken_pdf_exits_3_and_keeps_nothing(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    prepare(tmp_path)
    (tmp_path / "documents" / "good.txt").write_text("A good text.", encoding="utf-8")
    (tmp_path / "documents" / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really")
    done = ragqa("index", "pipeline.yaml", "--strict", cwd=tmp_path)
    assert done.code == 3 and "1 of 2 files were rejected: broken.pdf: " in done.err
    assert ragqa("search", "pipeline.yaml", "text", cwd=tmp_path).code == 4


def test_names_and_texts_of_documents_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("kind: echo", "kind: scripted"), encoding="utf-8")
    (tmp_path / "documents" / "red\x1b[31m.txt").write_text("A \x1b[2Kferry \u202ebackwards.", encoding="utf-8")
    (tmp_path / "documents" / "two\nlines.mp4").write_bytes(b"x")
    with open(os.fsencode(tmp_path / "documents") + b"/caf\xe9.txt", "wb") as file:
        file.write(b"A ferry named in Latin-1.")
    planned = ragqa("plan", "pipeline.yaml", cwd=tmp_path)
    done = ragqa("index", "pipeline.yaml", cwd=tmp_path)
    assert "skipped: two\\nlines.mp4: " in done.err
    found = ragqa("search", "pipeline.yaml", "ferry", cwd=tmp_path)
    assert "red\\x1b[31m.txt" in found.out and "\\x1b[2Kferry \\u202ebackwards" in found.out
    assert "caf\\xe9.txt" in found.out
    shown = ragqa("show", "red\x1b[31m.txt:0-8", "pipeline.yaml", cwd=tmp_path)
    assert shown.code == 0, shown.err
    for result in (planned, done, found, shown):
        assert not {"\x1b", "\u202e"} & set(result.out + result.err)
    hits = json.loads(ragqa("search", "pipeline.yaml", "ferry", "--json", cwd=tmp_path).out)["hits"]
    assert "red\x1b[31m.txt" in [hit["source"] for hit in hits]


@offline
def test_an_empty_and_a_missing_folder_exit_4_and_2(tmp_path: Path) -> None:
    prepare(tmp_path)
    missing = ragqa("index", "pipeline.yaml", cwd=tmp_path)
    assert (missing.code, "not found" in missing.err) == (2, True)
    (tmp_path / "documents").mkdir()
    empty = ragqa("index", "pipeline.yaml", cwd=tmp_path)
    assert (empty.code, "no documents found under" in empty.err) == (4, True)
    assert not (tmp_path / "index").exists()


@offline
def test_ctrl_c_during_index_exits_130_and_the_next_run_goes_on(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    prepare(tmp_path, "{kind: recursive, chunk_size: 30, overlap: 0}")
    (documents / "ferry.md").write_text(FERRY, encoding="utf-8")
    assert ragqa("index", "pipeline.yaml", cwd=tmp_path).code == 0
    for i in range(12):  # a thousand chunks, which take seconds to embed, in few files, which are read at once
        text = "\n\n".join(
            f"Entry {i}.{j}: the tide stood at {i * j} centimetres below the old mark." for j in range(90)
        )
        (documents / f"log{i}.txt").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ragqa", "index", "pipeline.yaml"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_ctrl_c,
    ) as process:
        _wait_for_generation(tmp_path / "index", 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "interrupted; what was committed is kept" in errors
    assert "Traceback" not in errors
    found = json.loads(ragqa("search", "pipeline.yaml", "Who commands the ferry Morwen?", "--json", cwd=tmp_path).out)
    assert found["hits"][0]["source"] == "ferry.md"
    plan = json.loads(ragqa("plan", "pipeline.yaml", "--json", cwd=tmp_path).out)
    assert len(plan["unchanged"]) > 1, "what was published is kept"
    assert len(plan["unchanged"]) + len(plan["read"]) == 13
    assert 0 < plan["pending"] == plan["to_embed"]


def _heed_ctrl_c() -> None:
    """Undo what a shell does to a command in the background: it ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_generation(index: Path, generation: int) -> None:
    import sqlite3

    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with sqlite3.connect(f"{(index / 'ragqa.db').as_uri()}?mode=ro", uri=True) as db:
            found = db.execute("SELECT max(generation) FROM commit_log").fetchone()[0]
        db.close()
        if found >= generation:
            return
        time.sleep(0.05)
    raise AssertionError(f"generation {generation} was never committed")


@offline
def test_output_into_a_closed_pipe_is_no_error(indexed: Path) -> None:
    program = f"{sys.executable} -m ragqa search pipeline.yaml ferry | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", program], cwd=indexed, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@offline
def test_a_deadline_gives_the_partial_answer_marked(indexed: Path) -> None:
    fields = ["--set", "generate.deadline=0.01", "--set", "generate.max_new_tokens=200"]
    asked = ragqa("ask", "pipeline.yaml", "Who commands the ferry Morwen?", *fields, "--json", cwd=indexed)
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["finish"] == "deadline"
