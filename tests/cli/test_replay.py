"""`ragqa replay`: a run that can be done again says so, and one that cannot says what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CAPTAIN, POWER, Done, fail, fill, jsonl, ragqa

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a run of three questions."""
    fill(tmp_path)
    done = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", "--out", "run", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path


def replay(project: Path, *options: str, **more: Any) -> Done:
    return ragqa("replay", "run", *options, cwd=project, **more)


def edit(project: Path, change: Change, line: int = 0) -> None:
    path = project / "run" / "results.jsonl"
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    change(rows[line])
    jsonl(path, *rows)


def test_a_run_done_again_is_equal(project: Path) -> None:
    before = (project / "run" / "results.jsonl").read_bytes()
    done = replay(project)
    assert (done.code, done.out) == (0, "equal: 3 of 3 questions are as they were\n")
    assert len(set(done.asked)) == 3
    assert (project / "run" / "results.jsonl").read_bytes() == before
    said = replay(project, "--json").said
    assert said == {"questions": 3, "equal": 3, "identity": [], "counts": {}, "differing": {}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda row: row.update(prediction="Nobody\x1b[2J"),
            r"q1: prediction: 'Nobody\x1b[2J', now 'The ferry Morwen is'",
        ),
        (lambda row: row.update(prompt="another"), "q1: prompt_sha256: "),
        (lambda row: row["hits"].reverse(), "q1: hits: [("),
        (lambda row: row["scores"].update(f1=0.125), "q1: f1: 0.125, now 0"),
        (lambda row: row["scores"].pop("mrr"), "q1: mrr: None, now 1.0"),
        (lambda row: row.update(error="late", scores={}), "q1: error: 'late', now ''"),
        (lambda row: row.update(confidence=0.5), "q1: confidence: 0.5, now 0."),
    ],
)
def test_what_differs_is_said_with_exit_code_1(project: Path, change: Change, says: str) -> None:
    edit(project, change)
    done = replay(project)
    assert done.code == 1
    assert says in done.out
    assert "\x1b" not in done.out
    assert done.out.endswith("1 of 3 questions differ: 2 of 3 questions are as they were\n")
    said = replay(project, "--json").said
    assert (list(said["differing"]), said["equal"]) == (["q1"], 2)


def test_scores_that_differ_by_rounding_are_equal_and_time_is_not_compared(project: Path) -> None:
    edit(project, lambda row: row["scores"].update(f1=row["scores"]["f1"] + 5e-5))
    edit(project, lambda row: row.update(ms={"generate": 1e9}))
    assert replay(project).code == 0


def test_a_question_that_now_fails_differs(project: Path) -> None:
    done = replay(project, faults={str(POWER["question"]): fail})
    assert done.code == 1
    assert "q2: error: '', now 'RuntimeError: no room" in done.out


def test_what_changed_since_is_named(project: Path) -> None:
    (project / "documents" / "turbine.md").write_text(
        "The turbine at Skarn Head is gone. It made 4.2 megawatts.\n", encoding="utf-8"
    )
    done = replay(project)
    assert done.code == 1
    assert done.out.startswith("changed since: documents: ")
    assert (
        "q2: prediction: 'The turbine at Skarn Head makes 4.2 megawatts.', now 'The turbine at Skarn Head is gone."
        in done.out
    )
    assert "q1: " not in done.out


def test_a_change_that_changes_no_result_is_named_and_is_equal(project: Path) -> None:
    jsonl(project / "questions.jsonl", *map(json.loads, (project / "questions.jsonl").read_text().splitlines()), CAPTAIN | {"id": "new"})  # fmt: skip
    done = replay(project)
    assert (done.code, done.out.splitlines()[-1]) == (0, "equal: 3 of 3 questions are as they were")
    assert done.out.startswith("changed since: dataset.questions: ")


def test_a_run_done_again_under_another_setting_counts_what_differs(project: Path) -> None:
    done = replay(project, "--set", "retrieve.top_k=1")
    assert done.code == 1
    assert done.out.startswith("changed since: pipeline.retrieve.top_k: ")
    assert "hits: differs in 3 of 3\n" in done.out
    said = replay(project, "--set", "retrieve.top_k=1", "--json").said
    assert (said["counts"]["hits"], "error" in said["counts"]) == (3, False)


def test_the_first_questions_alone_can_be_done_again_and_those_of_a_stopped_run(project: Path) -> None:
    done = replay(project, "--limit", "1")
    assert (done.out, set(done.asked)) == ("equal: 1 of 1 questions are as they were\n", {CAPTAIN["question"]})
    path = project / "run" / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert replay(project).out == "equal: 2 of 2 questions are as they were\n"


def test_a_run_can_be_done_again_from_any_folder(project: Path) -> None:
    (project / "elsewhere").mkdir()
    done = ragqa("replay", str(project / "run"), cwd=project / "elsewhere")
    assert done.code == 0, done.err


def test_a_run_of_retrieval_alone_is_done_again_without_answers(project: Path) -> None:
    ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", "--retrieval-only", "--out", "b", cwd=project)
    done = ragqa("replay", "b", cwd=project)
    assert (done.code, done.asked) == (0, [])


def test_a_folder_without_a_run_or_without_its_questions_is_refused(project: Path) -> None:
    done = ragqa("replay", "documents", cwd=project)
    assert (done.code, done.out) == (2, "")
    assert "no run in documents" in done.err
    jsonl(project / "questions.jsonl", CAPTAIN | {"id": "new"})
    done = replay(project)
    assert (done.code, done.out) == (2, "")
    assert "none of its questions is in jsonl:" in done.err
