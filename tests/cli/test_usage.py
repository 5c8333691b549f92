"""The first hour: mistyped commands, questions that look like options, a folder in place of a file, what a file may be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ragqa import Pipeline, models
from ragqa.cli.opening import holds_documents
from ragqa.config.grid import quoted
from ragqa.errors import ConfigError, UsageError
from tests.commands import SCRIPTED, Done, fill, ragqa
from tests.fakes import WORDS, add_kinds

FAKES = ("--set", "embed.kind=words", "--set", "generate.kind=scripted", "--set", "prompt.min_confidence=0")
ASKED = "Who commands the ferry Morwen?"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return fill(tmp_path)


def refused(done: Done, *facts: str) -> None:
    *_, error = said = [line for line in done.err.splitlines() if not line.startswith("profile ")]
    assert (done.code, done.out, len(said)) == (2, "", 1), done.err
    assert error.startswith("ragqa: error: ")
    assert [fact for fact in facts if fact not in done.err] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("indx", "did you mean `ragqa index`?"),
        ("serach", "did you mean `ragqa search`?"),
        ("Ask", "did you mean `ragqa ask`?"),
        ("docotr", "did you mean `ragqa doctor`?"),
        ("pull", "did you mean `ragqa models pull`?"),
        ("inspct", "`ragqa tokenizer inspect`"),
        ("models pul", "did you mean `ragqa models pull`?"),
        ("tokenizer trian", "did you mean `ragqa tokenizer train`?"),
        ("models help", "did you mean `ragqa models --help`?"),
        ("frobnicate", "valid: init, check, plan, index, search"),
        ("models frobnicate", "valid: list, path, pull, remove"),
        ("documents", 'did you mean `ragqa ask documents "your question"`?'),
        ("help indx", "did you mean `ragqa index`?"),
        ("search pipeline.yaml tide --jsn", "did you mean --json"),
        ("index pipeline.yaml --rebiuld", "did you mean --rebuild"),
    ],
)
def test_a_mistyped_command_or_option_is_answered_with_what_was_meant(place: Path, typed: str, meant: str) -> None:
    refused(ragqa(*typed.split(), cwd=place), typed.split()[-1].split("=")[0], meant)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ask", "docs", "-5 degrees?"], "ragqa ask -- docs '-5 degrees?'"),
        (["ask", "docs", "-5?", "--json"], "ragqa ask --json -- docs '-5?'"),
        (["ask", "docs", "--why is it late?"], "ragqa ask -- docs '--why is it late?'"),
        (["ask", "--folder", "docs", "-how late?"], "ragqa ask --folder docs -- '-how late?'"),
        (["search", "docs", "-k is what?"], "ragqa search -- docs '-k is what?'"),
        (["search", "docs", "-k", "3", "-5 degrees"], "ragqa search -k 3 -- docs '-5 degrees'"),
        (["prompt", "docs", "-x", "--set=a.b={c: d}"], "ragqa prompt '--set=a.b={c: d}' -- docs -x"),
        (["show", "-a.md:1-2", "p.yaml"], "ragqa show -- -a.md:1-2 p.yaml"),
    ],
)
def test_a_question_that_begins_with_a_dash_is_answered_with_the_line_to_type(
    place: Path, arguments: list[str], line: str
) -> None:
    done = ragqa(*arguments, cwd=place)
    if "--json" in arguments:
        assert line in done.said["error"]["message"]
    else:
        refused(done, "--", line)


def test_the_line_to_type_asks_the_question(place: Path) -> None:
    assert ragqa("index", "pipeline.yaml", cwd=place).code == 0
    done = ragqa("ask", "--json", "--", "pipeline.yaml", "-5 degrees at the quay?", cwd=place)
    assert (done.code, done.said["question"]) == (0, "-5 degrees at the quay?")


def test_ragqa_alone_and_help_show_every_command(place: Path) -> None:
    alone, helped, one = ragqa(cwd=place), ragqa("help", cwd=place), ragqa("help", "ask", cwd=place)
    assert (alone.code, alone.out) == (2, "") and alone.err == helped.out
    assert helped.code == one.code == 0 and "\n  doctor " in helped.out
    assert one.out == ragqa("ask", "--help", cwd=place).out
    group = ragqa("models", cwd=place)
    assert group.code == 2 and "\n  pull " in group.err


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["ask"], ["QUESTION", "for example: ragqa ask "]),
        (["ask", "documents"], ["give FILE and QUESTION", "`ragqa ask documents 'your question'`"]),
        (["ask", "Who is it?"], ["give FILE and QUESTION", "`ragqa ask . 'Who is it?'`"]),
        (["ask", "documents", "Who", "is", "it?"], ["`ragqa ask documents 'Who is it?'`"]),
        (["ask", "x" * 300], ["give FILE and QUESTION"]),
        (["search", "documents"], ["Missing argument 'QUESTION'", "for example: ragqa search "]),
        (["search", "documents", "who", "is"], ["put quotes around a question", "usage: ragqa search "]),
        (["index"], ["FILE|FOLDER", "for example: ragqa index "]),
    ],
)
def test_missing_and_superfluous_arguments_are_answered_with_a_line_to_type(
    place: Path, arguments: list[str], facts: list[str]
) -> None:
    refused(ragqa(*arguments, cwd=place), *facts)


@pytest.mark.parametrize(
    "command", ["plan", "index", "search", "prompt", "ask", "chat", "eval", "tune", "questions draft"]
)
def test_what_file_may_be_is_said_where_it_is_nothing_of_that(place: Path, command: str) -> None:
    question = ["tide"] if command in ("search", "prompt", "ask") else []
    valid = ("a pipeline file", "a folder of documents", "one document")
    refused(ragqa(*command.split(), "documnts", *question, cwd=place), "documnts", "did you mean documents?", *valid)
    refused(ragqa(*command.split(), "n" * 300, *question, cwd=place), "File name too long", *valid)
    assert ragqa("index", "pipeline.yaml", cwd=place).code == 0
    refused(ragqa(*command.split(), "index", *question, cwd=place), "index is the folder of an index", *valid)


def test_a_file_that_cannot_be_looked_at_is_named_with_the_reason(place: Path) -> None:
    refused(
        ragqa("plan", "pipeline.yaml/more", cwd=place), "pipeline.yaml/more", "Not a directory", "a folder of documents"
    )


def test_a_folder_and_a_document_are_asked_wherever_a_pipeline_file_is(place: Path) -> None:
    before = sorted((place / "documents").rglob("*"))
    for target in ("documents", "documents/ferry.md"):
        plan = ragqa("plan", target, *FAKES, "--json", cwd=place)
        assert (plan.code, len(plan.said["read"])) == (0, 3 if target == "documents" else 1)
        asked = ragqa("ask", target, ASKED, *FAKES, "--json", cwd=place)
        assert (asked.code, asked.said["citations"][0]["source"]) == (0, "ferry.md")
        found = ragqa("search", target, ASKED, *FAKES, "--json", cwd=place)
        assert found.said["hits"][0]["source"] == "ferry.md"
        assert ASKED in ragqa("prompt", target, ASKED, *FAKES, "--json", cwd=place).said["prompt"]
        done = ragqa("index", target, *FAKES, "--json", cwd=place)
        assert (done.code, done.said["embedded"]) == (0, 0)  # it is the same index
        check = ragqa("check", target, cwd=place)
        assert check.code == 0 and f"{target}: ok" in check.out
    assert sorted((place / "documents").rglob("*")) == before and (place / "cache" / "folders").is_dir()


def test_the_index_of_a_folder_is_brought_up_to_date_before_each_search(place: Path) -> None:
    assert ragqa("search", "documents", "buoy", *FAKES, cwd=place).code == 0
    (place / "documents" / "new.txt").write_text("A buoy lies to the north.", encoding="utf-8")
    done = ragqa("search", "documents", "buoy", *FAKES, "--json", cwd=place)
    assert done.said["hits"][0]["source"] == "new.txt" and "warning" not in done.err


def test_a_citation_in_the_index_of_a_folder_is_shown(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_folder = Pipeline.from_folder
    monkeypatch.setattr(
        Pipeline, "from_folder", lambda folder, overrides, profile: from_folder(folder, FAKES[1::2], profile)
    )
    done = ragqa("show", "quay.txt:4-8", "documents", "--json", cwd=place)
    assert (done.code, done.said["text"]) == (0, "quay")


def test_a_folder_is_evaluated_tuned_and_drafted_from(place: Path) -> None:
    data = ("--dataset", "jsonl:questions.jsonl", "--json")
    measured = ragqa("eval", "documents", *FAKES, *data, "--retrieval-only", cwd=place)
    assert (measured.code, measured.said["metrics"]["mrr"]["n"] > 0) == (0, True)
    refused(ragqa("eval", "documents", *FAKES, cwd=place), "no questions", "give --dataset KIND:PATH")
    tuned = ragqa("tune", "documents", *FAKES, *data, cwd=place)
    assert "nothing to choose from" in tuned.said["error"]["message"]
    draft = ragqa("questions", "draft", "documents", "--out", "questions.jsonl", cwd=place)
    refused(draft, "questions.jsonl exists")


@pytest.mark.parametrize("command", [["gc"], ["purge"]])
def test_what_works_on_an_index_says_where_that_of_a_folder_is(place: Path, command: list[str]) -> None:
    sources = ["ferry.md"] if command == ["purge"] else []
    refused(ragqa(*command, "documents", *sources, *FAKES, cwd=place), "it has no index yet")
    assert ragqa("index", "documents", *FAKES, cwd=place).code == 0
    refused(ragqa(*command, "documents", *sources, *FAKES, cwd=place), f"its index is {place}/cache/folders/")
    refused(ragqa(*command, "documents/ferry.md", *sources, *FAKES, cwd=place), "holds documents")


@pytest.mark.parametrize(
    ("name", "text", "documents"),
    [
        ("a.yaml", "just text", False),
        ("a.YML", "version: 1", False),
        ("a", "version: 1\nload: {}", False),
        ("a.conf", "# a comment\n\nextends: b.yaml", False),
        ("a.json", '{"version": 1, "load": {}}', False),
        ("a.json", '{"version": 1, "users": []}', True),
        ("a.md", "version: 1", True),
        ("a.PDF", "", True),
        ("LICENSE", "Permission is hereby granted\nto load: anything", True),
        ("a.rst", "A title\n=======", True),
    ],
)
def test_a_pipeline_file_is_told_from_a_document(tmp_path: Path, name: str, text: str, documents: bool) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert holds_documents(str(tmp_path / name)) is documents


@pytest.mark.parametrize("name", ["📁 docs", "it's", "a: b # c", "[x]", "é\u202e", "tab\there", "two\nlines", "-dash"])
def test_a_folder_of_any_name_is_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    pipeline = Pipeline.from_folder(tmp_path / name)
    assert pipeline.components.roots == [tmp_path / name]
    assert pipeline.config.evaluate is None  # the questions of the sample corpus are about other documents
    assert "\n" not in quoted(name)


def test_a_folder_whose_name_is_not_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(folder)
    with pytest.raises(UsageError, match="not UTF-8"):
        Pipeline.from_folder(folder)


def test_questions_may_be_named_for_a_folder(place: Path) -> None:
    pipeline = Pipeline.from_folder(place / "documents", [f"evaluate.path={place}/questions.jsonl"])
    assert pipeline.config.resolved()["evaluate"]["path"] == f"{place}/questions.jsonl"
    with pytest.raises(ConfigError, match="--set evaluate=nul"):
        Pipeline.from_folder(place / "documents", ["evaluate=nul"])


def test_init_and_schema_speak_json(place: Path) -> None:
    done = ragqa("init", "documents", "--output", "a b.yaml", "--json", cwd=place)
    assert done.said["next"] == [
        "ragqa check 'a b.yaml'",
        "ragqa index 'a b.yaml'",
        "ragqa ask 'a b.yaml' \"your question\"",
    ]
    assert ragqa("check", "a b.yaml", cwd=place).code == 0
    assert ragqa("schema", "--json", cwd=place).said == json.loads(ragqa("schema", cwd=place).out)


def test_the_cache_of_a_folder_is_where_ask_folder_keeps_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ragqa("ask", "--folder", "documents", ASKED, *FAKES, cwd=place).code == 0
    monkeypatch.setenv("RAGQA_CACHE", str(place / "cache"))
    add_kinds(monkeypatch, WORDS, SCRIPTED)
    index = Path(Pipeline.from_folder(place / "documents", FAKES[1::2]).components.index.location)
    assert index.parent == models.cache_dir() / "folders" and (index / "SEAL").exists()
