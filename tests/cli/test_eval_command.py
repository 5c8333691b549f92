"""`ragqa eval` from end to end: figures, files, faults, and going on where a run was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ragqa.evaluate.runs.folder import read_run
from tests import ROOT
from tests.cli.test_cli import offline
from tests.commands import CAPTAIN, POWER, UNKNOWN, Done, fail, fill, interrupt, jsonl, ragqa, share_models

OWN = ("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl")
KEYS = {"value", "low", "high", "n", "failed"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return fill(tmp_path)


def squad(folder: Path) -> Sequence[str]:
    """Write a file of SQuAD with two articles of four questions in all, one without an answer; return the command."""
    contexts = {"Old_Ferries": "The Morwen leaves Brae at noon.", "Herons": "Herons nest at Skarn Head in April."}
    golds = {"Old_Ferries": ["noon", "Brae"], "Herons": ["April", ""]}
    articles = []
    for title, context in contexts.items():
        qas: list[dict[str, Any]] = []
        for gold in golds[title]:
            answers = [{"text": gold, "answer_start": context.index(gold)}] if gold else []
            text = f"{title}: {gold or 'none'}?"
            qas.append({"id": text, "question": text, "answers": answers, "is_impossible": not gold})
        articles.append({"title": title, "paragraphs": [{"context": context, "qas": qas}]})
    (folder / "dev.json").write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    return ("eval", "pipeline.yaml", "--dataset", "squad:dev.json")


SQUAD = ["Old_Ferries: noon?", "Old_Ferries: Brae?", "Herons: April?", "Herons: none?"]


def first_asked(done: Done) -> list[str]:
    """Return the questions that were asked, once each: those with a wrong answer are asked again."""
    return list(dict.fromkeys(done.asked))


def refused(done: Done, *facts: str, code: int = 2) -> None:
    assert (done.code, done.out) == (code, "")
    assert [fact for fact in facts if fact not in done.err] == []


# Figures and files


def test_the_command_builds_the_index_evaluates_and_keeps_every_result(project: Path) -> None:
    done = ragqa(*OWN, "--out", "run/a", "--json", cwd=project)
    assert done.code == 0, done.err
    metrics = done.said["metrics"]
    assert all(set(metric) == KEYS for metric in metrics.values())
    assert (metrics["f1"]["n"], metrics["f1"]["failed"], metrics["recall@1"]["value"]) == (3, 0, 1)
    assert 0 < metrics["contains"]["value"] < 1
    assert sum(loss["points"] for loss in done.said["losses"].values()) == pytest.approx(1 - metrics["f1"]["value"])
    assert json.loads((project / "run/a/report.json").read_text(encoding="utf-8")) == done.said
    run = read_run(project / "run/a")
    assert [result.id for result in run.results] == ["q1", "q2", "q3"]
    assert run.results[0].hits[0].source == "ferry.md"
    assert run.results[0].metadata == {"split": "dev"}
    assert str(POWER["question"]) in run.results[1].prompt
    assert {path.name for path in run.folder.iterdir()} == {"run.json", "pipeline.yaml", "results.jsonl", "report.json"}  # fmt: skip


def test_the_table_says_how_many_were_asked_and_split_and_limit_choose_them(project: Path) -> None:
    done = ragqa(*OWN, "--split", "dev", "--limit", "5", "--out", "run", cwd=project)
    assert done.code == 0, done.err
    assert done.out.startswith("1 questions, 1 of them answerable; 0 failed.\n")
    assert "95% interval" in done.out
    assert "Written: run/report.json" in done.out
    assert set(done.asked) == {CAPTAIN["question"]}


def test_retrieval_alone_needs_no_generator_at_all(project: Path) -> None:
    missing = ("--set", "generate.kind=causal_lm", "--set", "generate.model=./missing")
    done = ragqa(*OWN, *missing, "--retrieval-only", "--json", cwd=project)
    assert done.code == 0, done.err
    assert "exact_match" not in done.said["metrics"]
    assert (done.said["metrics"]["mrr"]["value"], done.asked) == (1, [])


def test_the_gold_passages_or_none_take_the_place_of_what_is_retrieved(project: Path) -> None:
    done = ragqa(*OWN, "--oracle", "--limit", "2", "--out", "gold", cwd=project)
    assert done.code == 0, done.err
    gold = read_run(project / "gold").results
    assert [[hit.source for hit in result.hits] for result in gold] == [["ferry.md"], ["turbine.md"]]
    assert gold[1].scores["contains"] == 1
    assert not any("mrr" in result.scores for result in gold)
    ragqa(*OWN, "--closed-book", "--limit", "2", "--out", "none", cwd=project)  # an echo has then nothing to say
    assert all(result.hits == () for result in read_run(project / "none").results)


def test_a_question_of_a_conversation_is_put_with_its_turns_or_alone(project: Path) -> None:
    row = CAPTAIN | {
        "question": "And its captain?",
        "history": [["What leaves from Brae?", "The Morwen."]],
        "type": "who",
    }
    (project / "turns.jsonl").write_text(json.dumps(row), encoding="utf-8")
    command = ("eval", "pipeline.yaml", "--dataset", "jsonl:turns.jsonl", "--set", "prompt.template=chat")
    always = ("--set", "prompt.answer=write", "--set", "prompt.min_confidence=0")
    for folder, options, shown in (("with", (), True), ("alone", ("--last-turn",), False)):
        done = ragqa(*command, *always, *options, "--out", folder, cwd=project)
        assert done.code == 0, done.err
        (result,) = read_run(project / folder).results
        assert ("What leaves from Brae?" in result.prompt) == shown
        assert result.types == ("who",)


def test_a_wrong_answer_is_asked_again_unless_told_not_to(project: Path) -> None:
    wrong = ("--limit", "1", "--json")
    assert ragqa(*OWN, *wrong, cwd=project).asked == [CAPTAIN["question"]] * 2
    done = ragqa(*OWN, *wrong, "--no-trace", cwd=project)
    assert (done.asked, done.said["losses"]) == ([CAPTAIN["question"]], {})


def test_reports_are_written_on_demand_with_what_was_recorded(project: Path) -> None:
    done = ragqa(*OWN, "--report", "--out", "run", cwd=project)
    assert done.code == 0, done.err
    page = (project / "run/report.html").read_text(encoding="utf-8")
    assert str(CAPTAIN["question"]) in page
    assert "jsonl:questions.jsonl" in (project / "run/report.md").read_text(encoding="utf-8").splitlines()[0]
    assert "top_k" in page


def test_a_dataset_with_documents_of_its_own_is_indexed_in_the_cache(project: Path) -> None:
    done = ragqa(*squad(project), "--json", cwd=project)
    assert done.code == 0, done.err
    metrics = done.said["metrics"]
    assert (metrics["recall@1"]["n"], metrics["f1"]["n"], metrics["unanswerable_f1"]["n"]) == (3, 4, 1)
    assert metrics["recall@5"]["value"] == 1
    assert not (project / "index").exists()
    assert Path(done.said["run"]).is_relative_to(project / "cache")


# Killed and gone on with


def test_an_interrupted_run_goes_on_with_what_is_missing(project: Path) -> None:
    command = (*squad(project), "--out", "run")
    stopped = ragqa(*command, cwd=project, faults={SQUAD[2]: interrupt})
    assert (stopped.code, stopped.err.splitlines()[-1]) == (130, "ragqa: interrupted")
    assert [result.id for result in read_run(project / "run").results] == SQUAD[:2]
    done = ragqa(*command, "--json", cwd=project)
    assert done.code == 0, done.err
    assert "2 of 4 questions are known from run" in done.err
    assert first_asked(done) == SQUAD[2:]
    assert done.said["metrics"]["f1"]["n"] == 4
    again = ragqa(*command, "--json", cwd=project)
    assert (again.asked, again.said["metrics"]) == ([], done.said["metrics"])


def test_a_killed_run_goes_on_with_what_is_missing(project: Path) -> None:
    command = (*squad(project), "--out", "run")
    script = "from pathlib import Path; from tests.commands import kill, ragqa"
    script += f"; ragqa(*{command!r}, cwd=Path({str(project)!r}), faults={{{SQUAD[2]!r}: kill}})"
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert [result.id for result in read_run(project / "run").results] == SQUAD[:2]
    done = ragqa(*command, "--json", cwd=project)
    assert (done.code, first_asked(done), done.said["questions"]) == (0, SQUAD[2:], 4)


def test_more_questions_of_the_same_run_are_asked_without_those_that_are_known(project: Path) -> None:
    command = (*squad(project), "--json")
    assert ragqa(*command, "--limit", "1", cwd=project).said["questions"] == 1
    done = ragqa(*command, cwd=project)
    assert (first_asked(done), done.said["questions"]) == (SQUAD[1:], 4)


def test_another_pipeline_has_another_folder_and_is_refused_in_the_same(project: Path) -> None:
    assert ragqa(*OWN, "--out", "run", cwd=project).code == 0
    done = ragqa(*OWN, "--out", "run", "--set", "retrieve.top_k=1", cwd=project)
    refused(done, "run holds another run (pipeline.retrieve.top_k: 2, now 1)")
    assert ragqa(*OWN, "--out", "other", "--set", "retrieve.top_k=1", cwd=project).code == 0
    refused(ragqa(*OWN, "--out", "run", "--retrieval-only", cwd=project), "protocol.answers: true, now false")


def test_changed_questions_are_another_run(project: Path) -> None:
    assert ragqa(*OWN, "--out", "run", cwd=project).code == 0
    jsonl(project / "questions.jsonl", CAPTAIN | {"answers": ["Brandt"]}, POWER, UNKNOWN)
    refused(ragqa(*OWN, "--out", "run", cwd=project), "dataset.questions")


# Faults


def test_a_question_that_fails_is_named_counted_apart_and_asked_again(project: Path) -> None:
    command = (*OWN, "--out", "run", "--json")
    done = ragqa(*command, cwd=project, faults={str(POWER["question"]): fail})
    assert done.code == 3
    assert "failed: q2: RuntimeError: no room\\x1b[2J\n" in done.err  # no control characters
    f1 = done.said["metrics"]["f1"]
    assert (f1["n"], f1["failed"]) == (3, 1)
    assert done.said["failures"] == [{"id": "q2", "error": "RuntimeError: no room\x1b[2J"}]
    done = ragqa(*command, cwd=project)
    assert (done.code, first_asked(done), done.said["metrics"]["f1"]["failed"]) == (0, [POWER["question"]], 0)


def test_without_questions_the_command_exits_2_and_says_what_to_add(project: Path) -> None:
    refused(ragqa("eval", "pipeline.yaml", cwd=project), "add `evaluate: {kind: jsonl, path: questions.jsonl}`")
    cases = {
        "squat:x.json": "unknown kind 'squat'",
        "squad:x.json": "path not found: x.json",
        "jsonl:missing.jsonl": "path not found: missing.jsonl",
        "jsonl": "no path",
    }
    for name, fact in cases.items():
        refused(ragqa("eval", "pipeline.yaml", "--dataset", name, cwd=project), fact)
    (project / "questions.jsonl").write_text("\n", encoding="utf-8")
    refused(ragqa(*OWN, cwd=project), "no questions")
    assert not (project / "index").exists()


def test_a_quote_that_stands_nowhere_ends_the_run_before_any_question(project: Path) -> None:
    jsonl(project / "questions.jsonl", CAPTAIN | {"evidence": [{"source": "ferry.md", "text": "never written"}]})
    done = ragqa(*OWN, "--out", "run", cwd=project)
    refused(done, "question 'q1': quote not found in ferry.md: 'never written'")
    assert (done.asked, (project / "run").exists()) == ([], False)


def test_a_source_that_is_not_indexed_is_a_note_and_a_loss(project: Path) -> None:
    jsonl(project / "questions.jsonl", CAPTAIN | {"evidence": [{"source": "gone.md", "text": "x"}]})
    done = ragqa(*OWN, "--json", cwd=project)
    assert "note: question 'q1': source 'gone.md' is not in the index" in done.err
    assert (done.code, set(done.said["losses"])) == (0, {"not_in_corpus"})
    assert any("source 'gone.md' is not in the index" in note for note in done.said["notes"])


def test_questions_that_are_shown_as_examples_are_warned_of(project: Path) -> None:
    shown = ("--set", "prompt.examples=questions.jsonl", "--set", "prompt.n_examples=1")
    done = ragqa(*OWN, *shown, "--json", cwd=project)
    leak = "2 of the questions are shown with their answers to others: use prompt.examples_split"
    assert f"warning: {leak}" in done.err and leak in done.said["notes"]
    assert "warning" not in ragqa(*OWN, cwd=project).err


def test_a_file_in_the_place_of_the_folder_is_refused(project: Path) -> None:
    (project / "taken").write_text("mine", encoding="utf-8")
    refused(ragqa(*OWN, "--out", "taken", cwd=project), "taken: ", "name a folder that can be written")
    assert (project / "taken").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        (("--oracle", "--retrieval-only"), "exclude one another"),
        (("--oracle", "--closed-book"), "exclude one another"),
        (("--likelihood", "--retrieval-only"), "--likelihood needs a generator"),
        (("--likelihood",), "needs generate of kind causal_lm, got scripted"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_done(
    project: Path, options: Sequence[str], fact: str
) -> None:
    done = ragqa(*OWN, *options, cwd=project)
    refused(done, fact)
    assert (done.asked, (project / "index").exists()) == ([], False)


# With the default models


@offline
def test_the_default_models_answer_and_tell_how_likely_the_gold_answer_is(project: Path) -> None:
    sets = {
        "embed": "{kind: mean_pool, model: all-minilm-l6-v2}",
        "generate": "{kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 24}",
    }
    lines = (project / "pipeline.yaml").read_text(encoding="utf-8").splitlines()
    lines = [f"{key}: {sets[key]}" if (key := line.partition(":")[0]) in sets else line for line in lines]
    (project / "pipeline.yaml").write_text("\n".join(lines), encoding="utf-8")
    share_models(project)
    done = ragqa(*OWN, "--limit", "1", "--no-trace", "--likelihood", "--json", "--out", "run", cwd=project)
    assert done.code == 0, done.err
    metrics = done.said["metrics"]
    assert set(metrics["f1"]) == KEYS
    assert metrics["recall@1"]["value"] == 1
    assert metrics["perplexity_none"]["value"] > metrics["perplexity_gold"]["value"] >= 1
