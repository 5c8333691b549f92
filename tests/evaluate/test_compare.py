"""Two runs are compared question by question: failures apart, clusters together, gates that hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.errors import UsageError
from ragqa.evaluate import Result
from ragqa.evaluate.metrics.statistics import interval, sign_flip
from ragqa.evaluate.runs.folder import RunFolder
from ragqa.experiments.compare import Gate, compare, parse_gate
from tests.commands import ragqa


def result(id_: str, prediction: str, group: str, error: str, scores: Mapping[str, float]) -> Result:
    return Result(id_, group or id_, f"What is {id_}?", ("gold",), True, prediction, scores=scores, error=error)


def outcome(id_: str, prediction: str = "", group: str = "", error: str = "", **scores: float) -> Result:
    return result(id_, prediction, group, error, scores)


def run(*outcomes: Result) -> list[Result]:
    return list(outcomes)


def graded(*scores: float, name: str = "f1", groups: str = "") -> list[Result]:
    return [
        result(f"q{i}", "", group, "", {name: score})
        for i, (score, group) in enumerate(zip(scores, groups or [""] * len(scores), strict=True))
    ]


# Comparing


def test_the_difference_is_b_minus_a_with_the_interval_and_p_of_its_clusters() -> None:
    a = graded(0.0, 0.5, 0.5, 1.0, 0.0, 0.0, groups="xxyyzz")
    b = graded(1.0, 0.5, 1.0, 1.0, 0.5, 0.0, groups="xxyyzz")
    metric = compare(a, b).metrics["f1"]
    differences = [1.0, 0.0, 0.5, 0.0, 0.5, 0.0]
    assert metric.n == 6
    assert metric.a == pytest.approx(2 / 6)
    assert metric.b == pytest.approx(4 / 6)
    assert metric.difference == pytest.approx(2 / 6)
    assert (metric.low, metric.high) == interval(differences, list("xxyyzz"), differences=True)
    assert (metric.low, metric.high) != interval(differences, differences=True)
    assert metric.p == metric.p_holm == sign_flip(differences, list("xxyyzz")) == 0.25
    assert metric.smallest_difference is not None and metric.smallest_difference > 0.3


def test_signs_are_flipped_by_the_groups_of_questions() -> None:
    b = graded(1.0, 1.0, 1.0, 1.0)
    assert compare(graded(0.0, 0.0, 0.0, 0.0), b).metrics["f1"].p == 2 / 16
    assert compare(graded(0.0, 0.0, 0.0, 0.0, groups="xxyy"), b).metrics["f1"].p == 2 / 4


def test_a_failed_question_is_counted_apart_and_pulls_no_mean() -> None:
    a = run(outcome("q1", f1=1.0), outcome("q2", f1=0.5), outcome("q3", error="late"), outcome("q4", error="late"))
    b = run(outcome("q1", f1=1.0), outcome("q2", error="late"), outcome("q3", f1=0.5), outcome("q4", error="late"))
    metric = compare(a, b).metrics["f1"]
    assert (metric.n, metric.failed_a, metric.failed_b) == (4, 2, 2)
    assert (metric.a, metric.b, metric.difference) == (1, 1, 0)


def test_a_metric_that_is_not_about_a_question_leaves_it_out_of_n() -> None:
    a = run(outcome("q1", f1=1.0, mrr=1.0), outcome("q2", f1=1.0), outcome("q3", f1=1.0, mrr=0.5))
    b = run(outcome("q1", f1=1.0, mrr=0.5), outcome("q2", f1=0.0), outcome("q3", error="late"))
    metrics = compare(a, b).metrics
    assert (metrics["f1"].n, metrics["f1"].failed_b) == (3, 1)
    assert (metrics["mrr"].n, metrics["mrr"].failed_b) == (2, 1)
    assert metrics["mrr"].difference == -0.5


def test_metrics_of_one_run_alone_are_not_compared_but_a_run_that_failed_throughout_hides_none() -> None:
    a = run(outcome("q1", f1=1.0, mrr=1.0), outcome("q2", f1=1.0, mrr=1.0))
    assert list(compare(a, run(outcome("q1", mrr=1.0), outcome("q2", mrr=1.0))).metrics) == ["mrr"]
    failed = compare(a, run(outcome("q1", error="late"), outcome("q2", error="late"))).metrics
    assert list(failed) == ["f1", "mrr"]
    assert (failed["f1"].failed_b, failed["f1"].difference, failed["f1"].p_holm) == (2, None, None)


def test_p_is_adjusted_for_all_metrics() -> None:
    a = run(*(outcome(f"q{i}", f1=0.0, mrr=0.0) for i in range(8)))
    b = run(*(outcome(f"q{i}", f1=1.0, mrr=float(i > 0)) for i in range(8)))
    metrics = compare(a, b).metrics
    assert (metrics["f1"].p, metrics["mrr"].p) == (2 / 256, 2 / 128)
    assert (metrics["f1"].p_holm, metrics["mrr"].p_holm) == (4 / 256, 2 / 128)


def test_a_run_and_itself_do_not_differ_and_what_would_have_shown_is_unknown() -> None:
    a = graded(0.0, 0.5, 1.0)
    metric = compare(a, a).metrics["f1"]
    assert (metric.difference, metric.low, metric.high, metric.p) == (0, 0, 0, 1)
    assert metric.smallest_difference is None


def test_questions_of_one_run_alone_are_counted_and_left_out() -> None:
    comparison = compare(graded(1.0, 1.0, 1.0), run(outcome("q1", f1=0.0), outcome("new", f1=0.0)))
    assert (comparison.only_a, comparison.only_b, comparison.metrics["f1"].n) == (2, 1, 1)
    assert comparison.metrics["f1"].low is None  # a single question


def test_runs_of_other_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="share no question: they begin with 'q0' and 'new'"):
        compare(graded(1.0), run(outcome("new", f1=1.0)))
    with pytest.raises(UsageError, match="begin with 'q0' and nothing"):
        compare(graded(1.0), [])
    changed = replace(outcome("q0", f1=1.0), question="Who?")
    with pytest.raises(UsageError, match=r"question 'q0' differs: 'What is q0\?' in A, 'Who\?' in B"):
        compare(graded(1.0), run(changed))


def test_flips_are_the_changed_exact_matches_of_questions_that_failed_in_neither() -> None:
    a = run(
        outcome("q1", "no", exact_match=0.0, f1=0.2),
        outcome("q2", "gold", exact_match=1.0, f1=1.0),
        outcome("q3", "no", exact_match=0.0, f1=0.0),
        outcome("q4", error="late"),
    )
    b = run(
        outcome("q1", "gold", exact_match=1.0, f1=1.0),
        outcome("q2", "bad", exact_match=0.0, f1=0.0),
        outcome("q3", "no gold", exact_match=0.0, f1=0.5),
        outcome("q4", "gold", exact_match=1.0, f1=1.0),
    )
    flips = compare(a, b).flips
    assert [(flip.id, flip.direction) for flip in flips] == [("q1", "gained"), ("q2", "lost")]
    assert (flips[0].prediction_a, flips[0].prediction_b, flips[0].answers) == ("no", "gold", ("gold",))


def test_without_exact_match_flips_are_those_of_the_first_metric() -> None:
    comparison = compare(graded(0.0, 1.0, name="recall@1"), graded(1.0, 1.0, name="recall@1"))
    assert (comparison.flip_metric, [flip.id for flip in comparison.flips]) == ("recall@1", ["q0"])


# Gates


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("f1 >= -0.01", Gate("f1", -0.01)),
        ("recall@5>=0", Gate("recall@5", 0.0)),
        (" mrr  >=  +.5 ", Gate("mrr", 0.5)),
    ],
)
def test_a_gate_is_a_metric_and_a_margin(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate


@pytest.mark.parametrize("text", ["", "f1", "f1 > 0", "f1 >= nan", "f1 >= -1%", "f1 <= 0", ">= 0", "f1 >= 0 0"])
def test_a_gate_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"must be METRIC >= NUMBER, such as 'f1 >= -0.01'"):
        parse_gate(text)


def test_a_gate_is_about_the_lower_bound_not_the_mean() -> None:
    comparison = compare(graded(*[0.5] * 8), graded(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.7, 0.2))
    metric = comparison.metrics["f1"]
    assert metric.low is not None and metric.difference is not None
    assert metric.low < -0.05 < metric.difference
    verdict = parse_gate("f1 >= -0.05").check(comparison)
    assert (verdict.passed, verdict.bound) == (False, metric.low)
    assert parse_gate("f1 >= -0.5").check(comparison).passed


def test_equal_runs_pass_a_gate_of_0() -> None:
    assert parse_gate("f1 >= 0").check(compare(graded(0.0, 1.0), graded(0.0, 1.0))).passed


def test_more_failures_than_before_fail_any_gate_and_fewer_do_not() -> None:
    whole = run(outcome("q1", f1=0.0), outcome("q2", f1=0.0), outcome("q3", f1=0.0))
    broken = run(outcome("q1", f1=1.0), outcome("q2", f1=1.0), outcome("q3", error="late"))
    verdict = parse_gate("f1 >= -1").check(compare(whole, broken))
    assert not verdict.passed
    assert verdict.message == "B failed at 1 questions, A at 0"
    assert parse_gate("f1 >= -1").check(compare(broken, whole)).passed


def test_a_gate_without_an_interval_fails_and_one_of_an_unknown_metric_is_refused() -> None:
    single = compare(graded(1.0), graded(1.0))
    verdict = parse_gate("f1 >= -1").check(single)
    assert (verdict.passed, verdict.bound) == (False, None)
    with pytest.raises(UsageError, match="no metric 'mrr' in both runs; there are: f1"):
        parse_gate("mrr >= 0").check(single)


# The command


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with runs a and b of 12 questions: b gained eleven answers and lost one."""
    right, wrong = {"exact_match": 1.0, "f1": 1.0}, {"exact_match": 0.0, "f1": 0.0}
    for name, prediction, first, others in (("a", "old", right, wrong), ("b", "n\x1bew", wrong, right)):
        folder = RunFolder(tmp_path / name, {"name": name}, {})
        for i in range(12):
            folder.append(result(f"q{i}", prediction, "", "", others if i else first))
    return tmp_path


def test_the_command_shows_metrics_then_flips_then_gates(runs: Path) -> None:
    done = ragqa("compare", "a", "b", "--gate", "f1 >= -0.01", "--flips", "2", cwd=runs)
    assert done.code == 0, done.err
    table, flips, gates = done.out.split("\n\n")
    f1 = next(line.split() for line in table.splitlines() if line.startswith("f1"))
    assert f1[:7] == ["f1", "12", "0,", "0", "0.083", "0.917", "+0.833"]
    assert flips.startswith("exact_match: 11 gained, 1 lost.\n  lost   q0: What is q0?")
    assert "B:    n\\x1bew" in flips  # no control characters
    assert flips.count("gold:") == 2
    assert "10 more" in flips
    assert gates.startswith("PASS  f1 >= -0.01: B - A is at least +0.")


def test_a_gate_that_is_not_met_is_exit_code_10_after_the_output(runs: Path) -> None:
    done = ragqa("compare", "b", "a", "--gate", "f1 >= -0.01", "--gate", "f1 >= -2", "--json", cwd=runs)
    assert done.code == 10
    assert "1 of 2 gates not met: f1 >= -0.01" in done.err
    found = json.loads(done.out)
    assert set(found) == {"metrics", "only_a", "only_b", "flips", "gates"}
    assert set(found["metrics"]["f1"]) == {
        "n",
        "failed_a",
        "failed_b",
        "a",
        "b",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "smallest_difference",
    }
    assert [(gate["gate"], gate["passed"]) for gate in found["gates"]] == [("f1 >= -0.01", False), ("f1 >= -2", True)]
    assert found["gates"][0]["bound"] == found["metrics"]["f1"]["low"]
    assert len(found["flips"]) == 12
    assert found["flips"][0]["direction"] == "gained"


def test_a_folder_that_is_no_run_and_a_gate_that_is_none_exit_2_and_print_nothing(runs: Path) -> None:
    for arguments in (("a", "missing"), ("a", "b", "--gate", "f1"), ("a", "b", "--gate", "mrr >= 0")):
        done = ragqa("compare", *arguments, cwd=runs)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("ragqa: error: ")
