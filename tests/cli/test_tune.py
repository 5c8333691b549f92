"""Candidates race over one split, the winner is tested on another, and no question is asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Ran

from ragqa import Pipeline, wire
from ragqa.cli import ragqa
from ragqa.errors import ConfigError, UsageError
from ragqa.evaluate import Evidence, Question, Result
from ragqa.evaluate.datasets.splits import Split, split
from ragqa.experiments.race import BLOCK, race
from ragqa.kinds import load_config
from tests.fakes import ECHO, PIPELINE, WORDS, add_kinds

Score = Callable[[int], float | None]
"""The f1 of a question by its number; None where it fails."""


def questions(n: int, split: str = "dev", groups: int = 1000) -> list[Question]:
    return [
        Question(f"{split}{i}", f"question {i}?", ("a",), group=f"g{i % groups}", metadata={"split": split, "i": i})
        for i in range(n)
    ]


class Asked:
    """Scores candidates as they are told, and keeps which questions each was asked."""

    def __init__(self, **scores: Score) -> None:
        self.scores = scores
        self.ids: dict[str, list[str]] = {name: [] for name in scores}

    def __call__(self, name: str, block: Sequence[Question]) -> list[Result]:
        self.ids[name] += [question.id for question in block]
        return [self.result(question, self.scores[name](question.metadata["i"])) for question in block]

    @staticmethod
    def result(question: Question, score: float | None) -> Result:
        fields: dict[str, Any] = {"error": "OSError: gone"} if score is None else {"scores": {"f1": score}}
        return Result(question.id, question.group, question.question, question.answers, True, **fields)


def outcomes(asked: Asked, n: int, **options: Any) -> tuple[str, dict[str, str]]:
    found = race(list(asked.scores), questions(n), asked, "f1", **options)
    return found.winner, {candidate.name: candidate.outcome for candidate in found.racers}


def half(i: int) -> float:
    return i % 2


def test_who_is_surely_behind_leaves_after_the_first_block_and_is_asked_no_more() -> None:
    asked = Asked(bad=lambda i: 0.0, good=lambda i: 1.0, near=lambda i: float(i % 40 > 0))
    found = race(list(asked.scores), questions(3 * BLOCK), asked, "f1")
    assert found.winner == "good"
    bad, good, near = found.racers
    assert (bad.metric.n, good.metric.n) == (BLOCK, 3 * BLOCK)
    assert (bad.metric.value, good.metric.value) == (0.0, 1.0)
    assert bad.outcome.startswith("1.000 behind good, p 0.0")
    assert good.outcome == "won"
    assert near.metric.low is not None and near.metric.value is not None and near.metric.low < near.metric.value < 1
    assert len(asked.ids["bad"]) == BLOCK


def test_all_are_asked_the_same_blocks_in_an_order_that_is_drawn_once() -> None:
    one, two = Asked(a=half, b=half), Asked(a=half, b=half)
    outcomes(one, 60)
    outcomes(two, 60)
    assert one.ids["a"] == one.ids["b"] == two.ids["a"]
    assert sorted(one.ids["a"]) == sorted(question.id for question in questions(60))
    assert one.ids["a"] != [question.id for question in questions(60)]


def test_the_race_ends_when_one_is_left() -> None:
    asked = Asked(bad=lambda i: 0.0, good=lambda i: 1.0)
    assert outcomes(asked, 200)[0] == "good"
    assert len(asked.ids["good"]) == BLOCK


def test_of_equal_means_the_first_wins_and_the_others_are_in_to_the_end() -> None:
    assert outcomes(Asked(b=half, a=half), 30) == ("b", {"b": "won", "a": "in the race to the end"})


def test_the_test_is_adjusted_for_how_many_are_in_the_race() -> None:
    """Six differences of one sign have p 2 / 64 = 0.031: enough against one rival, too little against two."""
    one = outcomes(Asked(best=lambda i: 1.0, other=lambda i: 0.5), 6)[1]
    assert one["other"] == "0.500 behind best, p 0.0312"
    two = outcomes(Asked(best=lambda i: 1.0, other=lambda i: 0.5, third=lambda i: 0.5), 6)[1]
    assert (two["other"], two["third"]) == ("in the race to the end", "in the race to the end")


def test_questions_of_one_group_count_as_one_piece_of_evidence() -> None:
    asked = Asked(best=lambda i: 1.0, other=lambda i: 0.5)
    found = race(["best", "other"], questions(25, groups=4), asked, "f1")
    assert found.racers[1].outcome == "in the race to the end"


def test_who_fails_cannot_win_over_one_that_does_not() -> None:
    asked = Asked(fails=lambda i: None if i == 0 else 1.0, sound=lambda i: 0.3, worse=lambda i: 0.2)
    winner, left = outcomes(asked, 25)
    assert (winner, left["fails"]) == ("sound", "failed at 1 questions, others at none")


def test_where_all_fail_at_some_the_best_mean_of_what_was_answered_wins() -> None:
    asked = Asked(
        low=lambda i: None if i == 1 else 0.2,
        high=lambda i: None if i in (0, 2) else 0.8,
        never=lambda i: None,
    )
    found = race(list(asked.scores), questions(5), asked, "f1")
    assert found.winner == "high"
    assert [(one.metric.n, one.metric.failed) for one in found.racers] == [(5, 1), (5, 2), (5, 5)]
    assert found.racers[2].metric.value is None


def test_a_race_that_no_score_can_decide_stops_after_a_block() -> None:
    asked = Asked(a=half, b=half)
    with pytest.raises(UsageError, match="no question has the metric 'mrr'; they have: f1"):
        race(["a", "b"], questions(90), asked, "mrr")
    assert len(asked.ids["a"]) == BLOCK
    with pytest.raises(UsageError, match="every candidate failed at every question, the first with: OSError: gone"):
        race(["a"], questions(90), Asked(a=lambda i: None), "f1")
    with pytest.raises(UsageError, match="at least one candidate and one question"):
        race([], questions(3), asked, "f1")


@pytest.mark.parametrize("names", [("tune", "report"), ("dev", "test"), ("train", "test")])
def test_splits_of_the_usual_names_are_found(names: tuple[str, str]) -> None:
    asked = [*questions(3, names[0]), *questions(4, names[1]), *questions(2, "other")]
    parts = split(asked, limit=3)
    assert parts.names == names
    assert ({q.metadata["split"] for q in parts.tune}, len(parts.test)) == ({names[0]}, 3)


def test_a_split_that_is_named_is_taken_and_the_other_is_the_usual_or_the_only_one() -> None:
    asked = [*questions(1, "dev"), *questions(1, "test"), *questions(1, "train"), *questions(1, "own")]
    assert split(asked, tune="train").names == ("train", "test")
    assert split(asked, tune="own", test="dev").names == ("own", "dev")
    assert split(asked, tune="own").names == ("own", "test")
    assert split(asked, test="test").names == ("dev", "test")
    assert split([*questions(1, "a"), *questions(1, "b")], tune="b").names == ("b", "a")
    assert split([*questions(1, "a"), *questions(1, "b")], test="b").names == ("a", "b")


@pytest.mark.parametrize("name", ["x", "Dev 2", "", "--seed", "1", "tune,report", "déjà\nvu", "test", "None"])
def test_any_two_splits_can_be_named(name: str) -> None:
    asked = [*questions(2, name), *questions(3, "other", groups=1), *questions(4, "third")]
    parts = split(asked, tune=name, test="other")
    assert ({q.split for q in parts.tune}, {q.split for q in parts.test}) == ({name}, {"other"})
    assert split(asked, tune="other", test=name).names == ("other", name)


@pytest.mark.parametrize(("value", "name"), [(1, "1"), (True, "true"), (0.5, "0.5"), (["a"], '["a"]')])
def test_a_split_that_is_no_text_is_named_as_json_writes_it(value: Any, name: str) -> None:
    asked = [Question(str(i), f"{i}?", ("a",), metadata={"split": value if i else "other"}) for i in range(3)]
    assert len(split(asked, tune="other", test=name).test) == 2


def test_splits_that_have_to_be_named_are_listed_with_their_counts_and_what_to_type() -> None:
    asked = [*questions(3, "own"), *questions(2, "his own"), Question("q", "?", ("a",))]
    with pytest.raises(UsageError) as error:
        split(asked)
    assert str(error.value) == (
        "no pair of splits to tune and to test on; the questions have: his own (2), own (3), without a split (1); name two, "
        "such as --tune-split 'his own' --test-split own, or give --seed 0, which splits all of them by document"
    )
    with pytest.raises(UsageError, match=r"have: own \(3\), without a split \(1\); give --seed 0"):
        split([*questions(3, "own"), Question("q", "?", ("a",))])
    with pytest.raises(
        UsageError, match=r"no question has split 'onw'; did you mean 'own'\? there are: his own \(2\), own"
    ):
        split(asked, tune="onw", test="own")
    with pytest.raises(UsageError, match="--seed splits all questions: leave it out, or --tune-split"):
        split(asked, tune="own", seed=1)


# A seed splits where there is none


def about(*documents: str, first: int = 0, split: str | None = "draft") -> list[Question]:
    """Return a question about each of some documents; a name such as "a+b" is of a question about two."""
    return [
        Question(
            f"q{number}",
            f"question {number}?",
            ("a",),
            evidence=tuple(Evidence(source, "x") for source in names.split("+")),
            metadata={"split": split} if split else {},
        )
        for number, names in enumerate(documents, start=first)
    ]


def sides(parts: Split) -> dict[str, int]:
    return {question.id: side for side, part in enumerate((parts.tune, parts.test)) for question in part}


DOCUMENTS = [f"{name}.md" for name in "abcabdeaafgghi"]


@pytest.mark.parametrize("name", [None, "draft"])
def test_questions_of_one_split_or_none_are_halved_by_document(name: str | None) -> None:
    asked = about(*DOCUMENTS, split=name)
    parts = split(asked)
    assert (parts.seed, parts.shared, len(parts.tune) + len(parts.test)) == (0, (), len(asked))
    groups = [{question.group for question in part} for part in (parts.tune, parts.test)]
    assert groups[0].isdisjoint(groups[1]) and {len(each) for each in groups} <= {4, 5}
    note = f"split by seed 0: tuning on {len(parts.tune)} questions in {len(groups[0])} groups by document; testing on"
    assert parts.notes[0].startswith(note)


@pytest.mark.parametrize("seed", range(12))
def test_questions_that_are_added_at_the_end_move_none_of_those_before(seed: int) -> None:
    asked = about(*DOCUMENTS, "a.md+i.md", "j.md", "k.md+j.md", "l.md")
    whole = sides(split(asked, seed=seed))
    for n in range(2, len(asked)):
        before = sides(split(asked[:n], seed=seed))
        assert before == {id: side for id, side in whole.items() if id in before}


def test_a_seed_draws_the_same_halves_everywhere_and_another_seed_others() -> None:
    drawn = ["".join(str(sides(split(about(*DOCUMENTS), seed=seed))[f"q{n}"]) for n in range(14)) for seed in range(9)]
    assert drawn[0] == "10110011100010"
    assert len({*drawn}) > 4


def test_questions_about_one_document_are_halved_one_by_one_with_a_note() -> None:
    parts = split(about(*["a.md"] * 7))
    assert abs(len(parts.tune) - len(parts.test)) == 1
    assert "documents with questions in both splits: 1, such as 'a.md'" in parts.notes[1]
    with pytest.raises(UsageError, match="1 question cannot be split in two: add questions"):
        split(about("a.md"))


def test_a_question_about_two_documents_takes_both_to_its_side() -> None:
    parts = split(about("a.md+b.md", "b.md", "c.md", "a.md", "d.md+c.md"))
    assert parts.shared == ()
    assert len({side for id, side in sides(parts).items() if id in ("q0", "q1", "q3")}) == 1


def test_a_seed_that_is_given_splits_whatever_splits_there_are() -> None:
    asked = [*questions(6, "dev"), *questions(6, "test")]
    assert split(asked).seed is None
    parts = split(asked, seed=3)
    assert (parts.seed, parts.names, parts.shared) == (3, ("tune", "report"), ())
    assert {question.split for question in parts.tune} == {"dev", "test"}


def test_a_winner_is_never_tested_on_the_questions_that_chose_it() -> None:
    with pytest.raises(UsageError, match="1 questions are in split 'dev' and in 'dev', such as 'dev0'"):
        split(questions(1), tune="dev", test="dev")


def test_groups_with_questions_in_both_splits_are_named() -> None:
    assert split([*questions(3, "dev"), *questions(2, "test")]).shared == ("g0", "g1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a pipeline of fakes, which its commands know too, and questions that `Ilse` answers."""
    add_kinds(monkeypatch, WORDS, ECHO)
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("Ilse steers the ferry at noon.", encoding="utf-8")
    rows = [
        {"id": f"{part}{i}", "question": f"Who steers the ferry, {i}?", "answers": ["Ilse"], "split": part, "group": f"{part}{i}"}
        for part in ("dev", "test")
        for i in range(8)
    ]  # fmt: skip
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    grid = PIPELINE.replace("{kind: echo}", "{kind: echo, answer: {grid: [nobody, Ilse, Ilse or Jon]}}")
    (tmp_path / "base.yaml").write_text(grid + "evaluate: {kind: jsonl, path: q.jsonl}\n", encoding="utf-8")
    (tmp_path / "p.yaml").write_text("version: 1\nextends: base.yaml\n", encoding="utf-8")
    return tmp_path


def tune(place: Path, *arguments: str) -> Ran:
    return CliRunner().invoke(ragqa, ["tune", str(place / "p.yaml"), *arguments])


def test_the_command_names_the_winner_tests_it_against_the_first_and_writes_its_file(place: Path) -> None:
    out = place / "out"
    ran = tune(place, "--out", str(out), "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert (found["winner"], found["baseline"]) == ("generate.answer=Ilse", "generate.answer=nobody")
    assert found["splits"] == {"tune": "dev", "test": "test"}
    assert {name: (metric["value"], metric["n"]) for name, metric in found["test"].items()} == {
        "generate.answer=Ilse": (1.0, 8),
        "generate.answer=nobody": (0.0, 8),
    }
    assert found["comparison"]["difference"] == 1.0
    winner = load_config(out / "winner.yaml")
    assert winner.resolved()["generate"]["answer"] == "Ilse" and winner.load.roots == (str(place / "documents"),)
    assert (out / "winner.yaml").read_text("utf-8") == found["pipeline"]
    Pipeline(winner).search("Who steers?")


def draft(place: Path) -> str:
    """Write what `ragqa questions draft` writes, of three documents; return the dataset's name."""
    for name in "bcd":
        (place / "documents" / f"{name}.txt").write_text(f"Ilse steers the ferry {name} at noon.", encoding="utf-8")
    rows = [
        wire.question(Question(f"draft-{name}{i}", f"Who steers the ferry {name}, {i}?", ("Ilse",), evidence=(Evidence(f"{name}.txt", "Ilse steers", start=0, end=11),),
                     metadata={"split": "draft", "status": "draft", "context": "..."}))
        for name in "bcd" for i in range(4)
    ]  # fmt: skip
    (place / "draft.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return f"jsonl:{place / 'draft.jsonl'}"


def test_drafts_are_tuned_on_as_they_are_and_every_report_says_how_they_were_split(place: Path) -> None:
    name, out = draft(place), place / "out"
    ran = tune(place, "--dataset", name, "--out", str(out), "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert (found["winner"], found["seed"], found["shared_groups"]) == ("generate.answer=Ilse", 0, [])
    assert found["questions"] in ({"tune": 4, "test": 8}, {"tune": 8, "test": 4})
    assert found["notes"][0].startswith("split by seed 0: tuning on ")
    assert f"note: {found['notes'][0]}" in ran.stderr
    assert json.loads((out / "report.json").read_text("utf-8")) == found
    other = tune(place, "--dataset", name, "--seed", "5")
    assert other.stdout.startswith("Split by seed 5: tuning on ")
    assert tune(place, "--dataset", name, "--seed", "5").stdout == other.stdout


def test_a_seed_and_names_exclude_one_another_and_a_split_that_is_not_there_is_named(place: Path) -> None:
    assert "--seed splits all questions" in str(tune(place, "--seed", "1", "--tune-split", "dev").exception)
    there = tune(place, "--tune-split", "dve", "--test-split", "test").exception
    assert "no question has split 'dve'; did you mean 'dev'? there are: dev (8), test (8)" in str(there)
    assert not (place / "index").exists()


def test_a_folder_of_another_tuning_or_of_the_users_own_is_refused_and_kept(place: Path) -> None:
    out = place / "out"
    assert tune(place, "--out", str(out)).exit_code == 0
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = tune(place, "--out", str(out), "--metric", "exact_match").exception
    assert 'holds another tuning (metric: "f1", now "exact_match")' in str(other)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept
    (out / "winner.yaml").write_text("mine: true\n", encoding="utf-8")
    assert "winner.yaml is not as this command wrote it: move it away" in str(tune(place, "--out", str(out)).exception)
    assert (out / "winner.yaml").read_text(encoding="utf-8") == "mine: true\n"
    assert "holds 'a.txt' and no tune.json" in str(tune(place, "--out", str(place / "documents")).exception)
    assert [path.name for path in (place / "documents").iterdir()] == ["a.txt"]


def test_the_terminal_shows_candidates_test_and_file(place: Path) -> None:
    ran = tune(place)
    assert ran.exit_code == 0, ran.output
    assert "generate.answer=nobody" in ran.stdout and "1.000 behind generate.answer=Ilse, p 0.0" in ran.stdout
    assert "test: f1, 1.000, 0.631 to 1.000, n 8, failed 0  winner: generate.answer=Ilse\n" in ran.stdout
    assert "baseline: generate.answer=nobody" in ran.stdout
    assert "winner - baseline: +1.000, +1.000 to +1.000, p 0.0078" in ran.stdout
    assert "\n# generate.answer=Ilse\nversion: 1\n" in ran.stdout


def test_a_tune_goes_on_where_it_was_killed(place: Path) -> None:
    out = ("--out", str(place / "out"))
    first = tune(place, *out)
    kept = sorted((place / "out" / "runs").glob("*/results.jsonl"))
    assert len(kept) == 3
    lines = kept[0].read_text("utf-8").splitlines(keepends=True)
    kept[0].write_text("".join(lines[:3]) + lines[3][:20], encoding="utf-8")
    again = tune(place, *out)
    assert again.stdout == first.stdout
    assert "3 of 16 questions are known from" in again.stderr
    assert len(kept[0].read_text("utf-8").splitlines()) == len(lines)


def test_a_file_without_a_choice_and_an_index_of_the_users_own_are_refused(place: Path) -> None:
    assert "nothing to choose from" in str(tune(place, "--set", "generate.answer=Ilse").exception)
    rebuilt = tune(place, "--set", "split.chunk_size={grid: [30, 40]}")
    assert f"split.chunk_size: each value would rebuild the pipeline's own index at {place / 'index'}" in str(
        rebuilt.exception
    )
    assert "a grid in load changes what is asked" in str(tune(place, "--set", "load.path={grid: [a, b]}").exception)
    assert not (place / "index").exists()
    assert isinstance(tune(place, "--set", "retrieve.top_k={grid: [0, 1]}").exception, ConfigError)


def squad(place: Path) -> str:
    """Write two articles, the first to tune on and the other to report; return the dataset's name."""

    def paragraph(title: str, i: int) -> dict[str, Any]:
        answers = [{"text": "Ilse", "answer_start": 0}]
        asked = [{"id": f"{title}{i}", "question": f"Who steers ferry {i} of {title}?", "answers": answers}]
        return {"context": f"Ilse steers ferry {i} of {title}.", "qas": asked}

    data = [{"title": title, "paragraphs": [paragraph(title, i) for i in range(3)]} for title in ("A", "B")]
    (place / "squad.json").write_text(json.dumps({"version": "1.1", "data": data}), encoding="utf-8")
    return f"squad:{place / 'squad.json'}"


def test_candidates_that_differ_after_the_index_share_it(place: Path) -> None:
    weights = ("--set", "embed.weights={grid: [one, two]}")
    ran = tune(place, "--dataset", squad(place), *weights, "--set", "retrieve.top_k={grid: [1, 2]}")
    assert ran.exit_code == 0, ran.output
    assert ran.stderr.count("bringing the index up to date") == 2
    assert len(list((place / "cache" / "datasets").iterdir())) == 2
    assert len(list((place / "cache" / "runs").iterdir())) == 2 * 2 * 3
    assert not (place / "index").exists()


def test_pipelines_share_the_parts_that_are_made_of_equal_sections(place: Path) -> None:
    def build(*overrides: str) -> Pipeline:
        return Pipeline.from_file(place / "p.yaml", ["generate.answer=Ilse", *overrides])

    first, deeper, other = build(), build("retrieve.top_k=5"), build("generate.answer=Jon")
    for pipeline in (deeper, other):
        pipeline.components.share(first.components)
    assert deeper.components.generator is first.components.generator
    assert other.components.embedder is first.components.embedder
    assert other.components.generator is not first.components.generator
    assert deeper.components.retriever is not first.components.retriever


def test_a_metric_of_retrieval_asks_for_no_answer(place: Path) -> None:
    ran = tune(place, "--dataset", squad(place), "--metric", "mrr", "--json")
    assert json.loads(ran.stdout)["winner"] == "generate.answer=nobody"
    runs = (place / "cache" / "runs").glob("*/results.jsonl")
    rows = [json.loads(line) for run in runs for line in run.read_text("utf-8").splitlines()]
    assert rows and all(row["prompt"] == "" and "mrr" in row["scores"] for row in rows)
