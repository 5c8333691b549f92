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

from tests import commands
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


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a pipeline file and its index."""
    place = tmp_path_factory.mktemp("cli")
    (place / "documents").mkdir()
    (place / "documents" / "ferry.md").write_text(FERRY, encoding="utf-8")
    (place / "documents" / "turbine.txt").write_text("The turbine at Skarn Head makes 4.2 megawatts.", encoding="utf-8")
    (place / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    if not os.environ.get("RAGQA_OFFLINE"):
        assert run("index", "pipeline.yaml", cwd=place).returncode == 0
    return place


def test_every_command_has_help_with_a_runnable_example(tmp_path: Path) -> None:
    names = [
        line.split()[0] for line in run("--help", cwd=tmp_path).stdout.split("Commands:\n")[1].splitlines() if line
    ]
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
        helped = run(name, "--help", cwd=tmp_path)
        assert helped.returncode == 0
        assert f"ragqa {name}" in helped.stdout.split("Example")[1]


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
    asked = run("ask", *arguments, cwd=indexed)
    assert asked.returncode == 2
    assert message in asked.stderr
    assert "Traceback" not in asked.stderr


@offline
def test_ask_streams_the_answer_and_prints_sources_that_show_takes(indexed: Path) -> None:
    asked = run("ask", "pipeline.yaml", "Who commands the ferry Morwen?", cwd=indexed)
    assert asked.returncode == 0, asked.stderr
    answer, sources = asked.stdout.split("\nSources:\n")
    assert answer.startswith("| ") and "Ilse Brandt" in answer
    citation = sources.split()[1]
    assert citation.startswith(f"documents{os.sep}ferry.md:")
    shown = run("show", citation, cwd=indexed)
    assert shown.returncode == 0, shown.stderr
    assert ">>>" in shown.stdout and "Ilse Brandt" in shown.stdout.split(">>>")[1].split("<<<")[0]
    stored = json.loads(
        run("show", citation.removeprefix(f"documents{os.sep}"), "pipeline.yaml", "--json", cwd=indexed).stdout
    )
    assert stored["before"] + stored["text"] + stored["after"] == FERRY


@offline
def test_summarize_prints_sentences_with_sources_and_what_was_read_and_ask_takes_the_same_route(indexed: Path) -> None:
    done = run("summarize", "pipeline.yaml", "the ferry document", cwd=indexed)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "| The ferry Morwen is commanded by Captain Ilse Brandt. [1]",
        "All of ferry.md read (1 sentence).",
    ]
    assert f"[1] documents{os.sep}ferry.md:9-62" in done.stdout
    told = json.loads(run("summarize", "pipeline.yaml", "ferry", "--json", cwd=indexed).stdout)
    asked = json.loads(run("ask", "pipeline.yaml", "Summarise the ferry document", "--json", cwd=indexed).stdout)
    same = ("text", "citations", "sentences", "kind", "read")
    assert {key: told[key] for key in same} == {key: asked[key] for key in same}
    assert FERRY[told["citations"][0]["start"] : told["citations"][0]["end"]] == told["text"]


@offline
def test_summarize_refuses_a_name_that_is_not_there(indexed: Path) -> None:
    done = run("summarize", "pipeline.yaml", "turbyne", cwd=indexed)
    assert done.returncode == 2 and "did you mean turbine.txt?" in done.stderr
    assert "Traceback" not in done.stderr


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
    shown = run("show", citation, cwd=indexed)
    assert shown.returncode == 2
    assert message in shown.stderr


@offline
def test_search_and_prompt_give_one_json_object(indexed: Path) -> None:
    hits = json.loads(run("search", "pipeline.yaml", "megawatts", "-k", "1", "--json", cwd=indexed).stdout)["hits"]
    assert [hit["source"] for hit in hits] == ["turbine.txt"]
    assert set(hits[0]) == {
        "source", "path", "page", "start", "end", "text", "score", "scores", "fields", "versions", "place",
    }  # fmt: skip
    prompt = json.loads(run("prompt", "pipeline.yaml", "Who commands the ferry?", "--json", cwd=indexed).stdout)
    assert sum(prompt["tokens"].values()) > 0 and "<|im_start|>" in prompt["prompt"]


@offline
def test_a_changed_folder_is_a_warning_and_a_plan_lists_it(indexed: Path, tmp_path: Path) -> None:
    new = indexed / "documents" / "new.txt"
    new.write_text("A new buoy.", encoding="utf-8")
    try:
        searched = run("search", "pipeline.yaml", "megawatts", "--json", cwd=indexed)
        assert searched.returncode == 0
        assert "1 files are new or changed, 0 are gone" in searched.stderr
        assert json.loads(searched.stdout)
        plan = json.loads(run("plan", "pipeline.yaml", "--json", cwd=indexed).stdout)
        assert plan["read"] == [{"source": "new.txt", "reason": "new"}]
        assert plan["to_embed"] == 1
    finally:
        new.unlink()


@offline
def test_a_folder_is_asked_without_a_file_and_nothing_is_written_into_it(
    indexed: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from ragqa import models

    (tmp_path / "models").symlink_to(models.cache_dir() / "models")
    broken = indexed / "documents" / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnot really")
    request.addfinalizer(broken.unlink)
    before = sorted((indexed / "documents").rglob("*"))
    question = "How many megawatts does the turbine make?"
    for _ in range(2):
        asked = run("ask", "--folder", "documents", question, "--json", cwd=indexed, RAGQA_CACHE=str(tmp_path))
        assert asked.returncode == 0, asked.stderr
        answer = json.loads(asked.stdout)
        assert answer["text"] and answer["citations"]
        assert answer["hits"][0]["source"] == "turbine.txt"
        assert asked.stderr.count("broken.pdf") == 1
    assert sorted((indexed / "documents").rglob("*")) == before
    assert (tmp_path / "folders").is_dir()


def test_an_empty_question_is_refused_before_the_folder_is_indexed(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("A text.", encoding="utf-8")
    asked = run("ask", "--folder", "documents", " ", cwd=tmp_path, RAGQA_CACHE=str(tmp_path / "cache"))
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr == "ragqa: error: the question is empty: write at least one word\n"
    assert not (tmp_path / "cache" / "folders").exists()


@offline
def test_chat_answers_each_line_and_knows_the_last_question(indexed: Path) -> None:
    chatted = run(
        "chat", "pipeline.yaml", "--json", cwd=indexed, stdin="Who commands the ferry Morwen?\nWhich ferry?\n"
    )
    assert chatted.returncode == 0, chatted.stderr
    first, second = map(json.loads, chatted.stdout.splitlines())
    assert "Ilse Brandt" in first["text"]
    assert "Question: Who commands the ferry Morwen?" in second["prompt"]
    assert first["searched"] == "Who commands the ferry Morwen?"
    assert second["searched"].splitlines()[-1] == "Which ferry?" and "commands morwen" in second["searched"]


@offline
def test_chat_shows_what_a_follow_up_was_searched_for(indexed: Path) -> None:
    chatted = run("chat", "pipeline.yaml", cwd=indexed, stdin="Who commands the ferry Morwen?\nWhich ferry?\n")
    (line,) = [line for line in chatted.stdout.splitlines() if line.startswith("Searched for: ")]
    assert "commands morwen" in line and line.endswith("Which ferry?")


@offline
def test_index_reports_rejected_and_skipped_files_and_exits_3(indexed: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    (documents / "good.txt").write_text("A good text.", encoding="utf-8")
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really")
    (documents / "film.mp4").write_bytes(b"x")
    done = run("index", "pipeline.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 3
    fields = json.loads(done.stdout)
    assert fields["files"] == fields["indexed"] + fields["unchanged"] + fields["rejected"] + fields["skipped"] == 3
    assert "rejected: broken.pdf: " in done.stderr and "skipped: film.mp4: " in done.stderr
    again = run("index", "pipeline.yaml", cwd=tmp_path)
    assert again.returncode == 3
    assert "1 unchanged, 1 rejected, 1 skipped. 1 chunks, 0 embedded." in again.stdout


@offline
def test_a_strict_run_over_a_broken_pdf_exits_3_and_keeps_nothing(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    (tmp_path / "documents" / "good.txt").write_text("A good text.", encoding="utf-8")
    (tmp_path / "documents" / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really")
    done = run("index", "pipeline.yaml", "--strict", cwd=tmp_path)
    assert done.returncode == 3 and "1 of 2 files were rejected: broken.pdf: " in done.stderr
    assert run("search", "pipeline.yaml", "text", cwd=tmp_path).returncode == 4


def test_names_and_texts_of_documents_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("kind: echo", "kind: scripted"), encoding="utf-8")
    (tmp_path / "documents" / "red\x1b[31m.txt").write_text("A \x1b[2Kferry \u202ebackwards.", encoding="utf-8")
    (tmp_path / "documents" / "two\nlines.mp4").write_bytes(b"x")
    with open(os.fsencode(tmp_path / "documents") + b"/caf\xe9.txt", "wb") as file:
        file.write(b"A ferry named in Latin-1.")
    planned = commands.ragqa("plan", "pipeline.yaml", cwd=tmp_path)
    done = commands.ragqa("index", "pipeline.yaml", cwd=tmp_path)
    assert "skipped: two\\nlines.mp4: " in done.err
    found = commands.ragqa("search", "pipeline.yaml", "ferry", cwd=tmp_path)
    assert "red\\x1b[31m.txt" in found.out and "\\x1b[2Kferry \\u202ebackwards" in found.out
    assert "caf\\xe9.txt" in found.out
    shown = commands.ragqa("show", "red\x1b[31m.txt:0-8", "pipeline.yaml", cwd=tmp_path)
    assert shown.code == 0, shown.err
    for result in (planned, done, found, shown):
        assert not {"\x1b", "\u202e"} & set(result.out + result.err)
    hits = json.loads(commands.ragqa("search", "pipeline.yaml", "ferry", "--json", cwd=tmp_path).out)["hits"]
    assert "red\x1b[31m.txt" in [hit["source"] for hit in hits]


@offline
def test_an_empty_and_a_missing_folder_exit_4_and_2(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    missing = run("index", "pipeline.yaml", cwd=tmp_path)
    assert (missing.returncode, "not found" in missing.stderr) == (2, True)
    (tmp_path / "documents").mkdir()
    empty = run("index", "pipeline.yaml", cwd=tmp_path)
    assert (empty.returncode, "no documents found under" in empty.stderr) == (4, True)
    assert not (tmp_path / "index").exists()


@offline
def test_ctrl_c_during_index_exits_130_and_the_next_run_goes_on(indexed: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    (documents / "ferry.md").write_text(FERRY, encoding="utf-8")
    assert run("index", "pipeline.yaml", cwd=tmp_path).returncode == 0
    for i in range(1200):
        text = "\n\n".join(f"Entry {i}.{j}: the tide stood at {i * j} centimetres." for j in range(2))
        (documents / f"log{i:04}.txt").write_text(text, encoding="utf-8")
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
    found = json.loads(run("search", "pipeline.yaml", "Who commands the ferry Morwen?", "--json", cwd=tmp_path).stdout)
    assert found["hits"][0]["source"] == "ferry.md"
    plan = json.loads(run("plan", "pipeline.yaml", "--json", cwd=tmp_path).stdout)
    assert len(plan["unchanged"]) > 0, "what was published is kept"
    assert len(plan["unchanged"]) + len(plan["read"]) == 1201
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
    asked = run("ask", "pipeline.yaml", "Who commands the ferry Morwen?", *fields, "--json", cwd=indexed)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["finish"] == "deadline"
