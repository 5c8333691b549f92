"""Each experiment is one call from Python that returns a record and prints nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from ragqa import Pipeline, wire
from ragqa.config import EvaluateSpec, Kind
from ragqa.errors import UsageError
from ragqa.evaluate import Dataset, Protocol, Question
from ragqa.evaluate.runs.folder import read_run
from ragqa.experiments import (
    Comparison,
    EvaluationRun,
    Listener,
    Selection,
    TuningGoal,
    TuningGrid,
    compare_runs,
    draft_questions,
    evaluate_pipeline,
    replay,
    tune,
    write_reports,
)
from ragqa.records import FileStatus
from ragqa.stages import Needs
from tests.evaluate.test_draft import GOOD, TEXT
from tests.fakes import ECHO, PIPELINE, WORDS, add_kinds


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Give a folder with a pipeline of fakes and questions that `Ilse` answers; nothing may be printed by the test."""
    add_fakes(monkeypatch)
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("Ilse steers the ferry at noon.", encoding="utf-8")
    (tmp_path / "documents" / "b.xyz").write_text("?", encoding="utf-8")
    rows = [
        {"id": f"{part}{i}", "question": f"Who steers the ferry, {i}?", "answers": ["Ilse"], "split": part}
        for part in ("dev", "test")
        for i in range(6)
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = PIPELINE + "evaluate: {kind: jsonl, path: q.jsonl}\n"
    (tmp_path / "p.yaml").write_text(text.replace("{kind: echo}", "{kind: echo, answer: Ilse}"), encoding="utf-8")
    yield tmp_path
    assert capfd.readouterr() == ("", "")


def add_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    add_kinds(monkeypatch, WORDS, ECHO)


def evaluated(place: Path, folder: str, *overrides: str, **options: Any) -> EvaluationRun:
    return evaluate_pipeline(Pipeline.from_file(place / "p.yaml", overrides), folder=place / folder, **options)


def test_a_pipeline_is_evaluated_and_the_run_is_kept(place: Path) -> None:
    run = evaluated(place, "run", selection=Selection(split="test", limit=4))
    assert (run.report.metrics["f1"].value, run.report.metrics["f1"].n) == (1.0, 4)
    assert [result.id for result in run.report.results] == ["test0", "test1", "test2", "test3"]
    assert (run.folder, run.dataset, run.peak_mib > 0) == (place / "run", "jsonl:q.jsonl", True)
    assert read_run(run.folder).results == run.report.results
    assert [path.name for path in write_reports(run, pages=True)] == ["report.json", "report.md", "report.html"]
    assert json.loads((run.folder / "report.json").read_text("utf-8")) == run.figures
    assert run.figures["questions"] == 4 and run.figures["run"] == str(run.folder)


def test_a_listener_hears_of_steps_questions_and_files_that_were_left_out(place: Path) -> None:
    said: list[str] = []
    asked: list[tuple[int, int]] = []
    left_out: list[FileStatus] = []
    listener = Listener(
        said.append, asked=lambda done, expected: asked.append((done, expected)), left_out=left_out.extend
    )
    evaluated(place, "run", selection=Selection(limit=2), listener=listener)
    assert said == ["bringing the index up to date"]
    assert asked == [(0, 2), (1, 2), (2, 2)]
    assert ("b.xyz", "skipped") in [(entry.source, entry.status) for entry in left_out]
    evaluated(place, "run", selection=Selection(limit=3), listener=listener)
    assert said[-1] == f"2 of 3 questions are known from {place / 'run'}"
    assert asked[3:] == [(0, 1), (1, 1)]


def test_without_a_folder_the_run_is_in_the_cache_and_without_questions_it_is_refused(place: Path) -> None:
    pipeline = Pipeline.from_file(place / "p.yaml")
    run = evaluate_pipeline(pipeline, protocol=Protocol(answers=False), selection=Selection(limit=1))
    assert run.folder.parent == place / "cache" / "runs"
    (place / "bare.yaml").write_text(PIPELINE, encoding="utf-8")
    with pytest.raises(UsageError, match="no questions: give --dataset"):
        evaluate_pipeline(Pipeline.from_file(place / "bare.yaml"))


def test_two_runs_are_compared_and_gates_checked(place: Path) -> None:
    evaluated(place, "a", "generate.answer=nobody")
    evaluated(place, "b")
    comparison = compare_runs(place / "a", place / "b", ["f1 >= 0.5", "f1 >= 1.5"])
    assert isinstance(comparison, Comparison)
    assert comparison.metrics["f1"].difference == 1.0
    assert [(gate.gate, gate.passed) for gate in comparison.gates] == [("f1 >= 0.5", True), ("f1 >= 1.5", False)]
    assert len(comparison.flips) == 12 and {flip.direction for flip in comparison.flips} == {"gained"}
    assert [gate["passed"] for gate in wire.comparison(comparison)["gates"]] == [True, False]
    with pytest.raises(UsageError, match="must be METRIC >= NUMBER"):
        compare_runs(place / "a", place / "b", ["f1 > 0"])


def test_a_run_is_done_again_and_says_what_differs(place: Path) -> None:
    evaluated(place, "run")
    same = replay(place / "run", limit=3)
    assert (same.questions, same.equal, same.identity, same.counts) == (3, 3, (), {})
    other = replay(place / "run", ["generate.answer=noon"])
    assert (other.questions, other.equal) == (12, 0)
    assert other.counts["prediction"] == 12 and "noon" in other.differing["dev0"]["prediction"]
    assert any("noon" in change for change in other.identity)
    assert wire.replay(other)["counts"] == other.counts


def test_the_best_combination_of_a_grid_is_found_tested_and_kept(place: Path) -> None:
    grid = TuningGrid.of(place / "p.yaml", ["generate.answer={grid: [nobody, Ilse]}"])
    tuning = tune(grid, goal=TuningGoal(metric="exact_match"), folder=place / "tuning")
    assert (tuning.race.winner, tuning.baseline) == ("generate.answer=Ilse", "generate.answer=nobody")
    assert {name: metric.value for name, metric in tuning.tested.items()} == {
        tuning.race.winner: 1.0,
        tuning.baseline: 0.0,
    }
    assert tuning.comparison is not None and tuning.comparison.difference == 1.0
    assert tuning.failures == () and tuning.split.names == ("dev", "test")
    assert [path.name for path in tuning.written] == ["report.json", "winner.yaml"]
    assert json.loads((place / "tuning" / "report.json").read_text("utf-8")) == wire.tuning(tuning)
    assert (place / "tuning" / "winner.yaml").read_text("utf-8") == tuning.pipeline
    assert Pipeline.from_file(place / "tuning" / "winner.yaml").config.resolved()["generate"]["answer"] == "Ilse"
    with pytest.raises(UsageError, match=r"p\.yaml: nothing to choose from"):
        tune(TuningGrid.of(place / "p.yaml"))


def test_questions_are_drafted_with_the_reasons_why_tries_gave_none(place: Path) -> None:
    (place / "documents" / "a.txt").write_text(TEXT, encoding="utf-8")
    heard: list[tuple[int, int]] = []
    listener = Listener(asked=lambda done, expected: heard.append((done, expected)))
    drafts = draft_questions(Pipeline.from_file(place / "p.yaml", [f"generate.answer='{GOOD}'"]), 5, listener=listener)
    assert len(drafts.questions) == 1 and drafts.tries == 1 + sum(drafts.dropped.values())
    assert heard[-1] == (1, 5)
    assert wire.drafts(drafts)["questions"] == [wire.question(drafts.questions[0])]


class LinesEvaluate(EvaluateSpec):
    """Questions as lines `QUESTION | ANSWER`."""

    kind: Literal["lines"]
    path: str


def read_lines(spec: LinesEvaluate, needs: Needs) -> Dataset:
    pairs = [line.split(" | ") for line in Path(spec.path).read_text("utf-8").splitlines()]
    return Dataset("lines", tuple(Question(question, question, (answer,)) for question, answer in pairs))


def test_a_kind_of_dataset_of_ones_own_is_named_by_the_section_and_by_kind_and_path(place: Path) -> None:
    file = place / "lines.txt"
    file.write_text("Who steers? | Ilse\nWhen? | at noon\n", encoding="utf-8")
    own = [Kind("evaluate", LinesEvaluate, read_lines)]
    pipeline = Pipeline.from_file(place / "p.yaml", kinds=own)
    named = evaluate_pipeline(pipeline, f"lines:{file}", folder=place / "named")
    assert [result.scores["exact_match"] for result in named.report.results] == [1.0, 0.0]
    text = (place / "p.yaml").read_text("utf-8").replace("kind: jsonl, path: q.jsonl", f"kind: lines, path: '{file}'")
    (place / "own.yaml").write_text(text, encoding="utf-8")
    listed = evaluate_pipeline(Pipeline.from_file(place / "own.yaml", kinds=own), folder=place / "listed")
    assert listed.report.metrics == named.report.metrics
    file.write_text("Who? | Ilse\nWho? | Jon\n", encoding="utf-8")
    with pytest.raises(UsageError, match="1 question ids stand more than once"):
        evaluate_pipeline(pipeline, f"lines:{file}")
    with pytest.raises(UsageError, match="unknown kind 'line'; did you mean 'lines'"):
        evaluate_pipeline(pipeline, f"line:{file}")
