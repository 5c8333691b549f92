"""Questions are read strictly, gold quotes become spans, and a system's faults are told apart from its mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import ModelError, UsageError
from ragqa.evaluate import Evidence, Question, Report, evaluate, read_questions, select
from ragqa.evaluate.dataset import resolve
from ragqa.evaluate.metrics import Span
from ragqa.records import Answer, Chunk, Document, Hit

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

GOOD = {
    "id": "q1",
    "question": "Who commands the Morwen?",
    "answers": ["Ilse Brandt", "Captain Ilse Brandt"],
    "answerable": True,
    "evidence": [{"source": "ferry.md", "text": "commanded by Captain Ilse Brandt"}],
    "split": "dev",
}


def document(text: str, source: str = "ferry.md", page_starts: tuple[int, ...] = ()) -> Document:
    return Document(f"id-{source}", source, f"/{source}", "0", "text/plain", "utf-8", text, "", "x", page_starts)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Fake:
    """A system with set answers; an answer that is an exception is raised."""

    def __init__(self, answers: dict[str, str | Exception], hits: Sequence[Hit] = ()) -> None:
        self.answers = answers
        self.hits = list(hits)
        self.asked_k: list[int] = []

    def with_documents(self, documents: Sequence[Document]) -> Fake:
        raise NotImplementedError

    def retrieve(self, question: str, k: int) -> list[Hit]:
        self.asked_k.append(k)
        return self.hits[:k]

    def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
        text = self.answers[question]
        if isinstance(text, Exception):
            raise text
        return Answer(question, text, (), (), None, {}, 1, abstained=not text)


def hit(start: int, end: int, source: str = "ferry.md") -> Hit:
    return Hit(Chunk(f"{source}{start}", f"id-{source}", start, end, "x"), source, f"/{source}", 1.0, {})


def value(report: Report, name: str) -> float:
    found = report.metrics[name].value
    assert found is not None
    return found


# Reading


def test_a_question_is_read_with_its_evidence_and_other_keys_become_metadata(tmp_path: Path) -> None:
    (question,) = read_questions(write(tmp_path / "q.jsonl", GOOD))
    assert question.answers == ("Ilse Brandt", "Captain Ilse Brandt")
    assert question.evidence == (Evidence("ferry.md", "commanded by Captain Ilse Brandt"),)
    assert question.metadata == {"split": "dev"}


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    row = GOOD | {"question": "one\u2028two\u0085three?"}
    path.write_text("\ufeff" + json.dumps(row, ensure_ascii=False) + "\r\n\r\n", encoding="utf-8")
    assert read_questions(path)[0].question == "one\u2028two\u0085three?"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id: is missing"),
        ({"id": 7}, "id: got 7; must be a text"),
        ({"question": " "}, "question: is empty"),
        ({"answers": "Ilse"}, "answers: got 'Ilse'; must be a list"),
        ({"answers": ["ok", ""]}, "answers: must hold texts"),
        ({"answers": []}, "give at least one answer"),
        ({"answerable": False}, "leave it empty"),
        ({"answerable": "yes"}, "answerable: got 'yes'; must be true or false"),
        ({"evidence": ["ferry.md"]}, "evidence[0]: got 'ferry.md'; must be an object"),
        ({"evidence": [{"source": "ferry.md"}]}, "evidence[0].text: is missing"),
        ({"evidence": [{"source": "f", "text": "x", "page": True}]}, "page: got True; must be a whole number"),
        ({"evidence": [{"source": "f", "text": "x", "start": 1}]}, "give both or neither"),
    ],
)
def test_a_bad_line_is_an_error_with_its_number(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "q.jsonl", GOOD, GOOD | {"id": "q2"} | change)
    with pytest.raises(UsageError) as error:
        read_questions(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert message in str(error.value)


@pytest.mark.parametrize("line", ["{", "[1]", "nan", '"text"', "[" * 5000])
def test_a_line_that_is_no_json_object_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"q\.jsonl:2: "):
        read_questions(path)


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r":2: id: 'q1' stands on an earlier line"):
        read_questions(write(tmp_path / "q.jsonl", GOOD, GOOD))


def test_a_file_without_questions_or_not_in_utf8_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no questions"):
        read_questions(write(tmp_path / "empty.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_questions(tmp_path / "latin.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_questions(tmp_path / "missing.jsonl")


def test_split_and_limit_choose_the_first_questions_and_an_unknown_split_is_named() -> None:
    questions = [Question(str(i), "?", ("x",), metadata={"split": "dev" if i % 2 else "test"}) for i in range(6)]
    assert [q.id for q in select(questions, "dev", 2)] == ["1", "3"]
    assert [q.id for q in select(questions)] == list("012345")
    with pytest.raises(UsageError, match="'train'; there are: dev, test"):
        select(questions, "train")


# Gold spans


def located(evidence: Evidence, text: str, pages: tuple[int, ...] = ()) -> tuple[Span, list[str]]:
    question = Question("q1", "?", ("x",), True, (evidence,))
    spans, notes = resolve([question], {"ferry.md": document(text, page_starts=pages)})
    return spans["q1"][0], notes


def test_a_quote_is_found_across_line_breaks_page_breaks_and_tabs() -> None:
    text = "Head\n\nThe ferry\n  Morwen\u00a0is\fled\tby (Brandt)."
    span, notes = located(Evidence("ferry.md", " ferry Morwen is led by (Brandt). "), text)
    assert text[span.start : span.end] == "ferry\n  Morwen\u00a0is\fled\tby (Brandt)."
    assert notes == []


def test_an_ambiguous_quote_is_the_first_with_a_note_unless_page_or_offsets_say_which() -> None:
    text = "4.2 MW\f4.2 MW"
    span, notes = located(Evidence("ferry.md", "4.2 MW"), text, (0, 7))
    assert (span.start, len(notes)) == (0, 1)
    assert "'q1'" in notes[0]
    assert "stands 2 times in ferry.md" in notes[0]
    assert located(Evidence("ferry.md", "4.2 MW", page=2), text, (0, 7)) == (Span("id-ferry.md", 7, 13), [])
    assert located(Evidence("ferry.md", "4.2 MW", start=7, end=13), text) == (Span("id-ferry.md", 7, 13), [])


def test_every_quote_that_does_not_stand_is_listed() -> None:
    evidence = (
        Evidence("ferry.md", "never written"),
        Evidence("ferry.md", "the quay", page=3),
        Evidence("ferry.md", "the quay", start=1, end=9),
        Evidence("gone.md", "the quay"),
    )
    with pytest.raises(UsageError) as error:
        resolve([Question("q1", "?", ("x",), True, evidence)], {"ferry.md": document("the quay", page_starts=(0,))})
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert "quote not found in ferry.md: 'never written'" in lines[0]
    assert "on page 3" in lines[1]
    assert "at 1:9" in lines[2]
    assert "'gone.md' is not in the index" in lines[3]


# Running

TEXT = "The ferry Morwen is commanded by Captain Ilse Brandt. The turbine makes 4.2 megawatts."
CAPTAIN = Question("q1", "Who?", ("Ilse Brandt",), True, (Evidence("ferry.md", "Captain Ilse Brandt"),))
POWER = Question("q2", "How much?", ("4.2 megawatts",), True, (Evidence("ferry.md", "makes 4.2 megawatts"),))
UNKNOWN = Question("q3", "When?", (), False, (Evidence("nowhere.md", "is not looked up"),))
DOCUMENTS = {"ferry.md": document(TEXT)}


def test_answers_and_rankings_are_scored_end_to_end() -> None:
    system = Fake({"Who?": "Ilse Brandt", "How much?": "about 4.2 megawatts", "When?": ""}, [hit(0, 10), hit(20, 60)])
    report = evaluate(system, [CAPTAIN, POWER, UNKNOWN], DOCUMENTS)
    assert value(report, "exact_match") == pytest.approx(2 / 3)
    assert value(report, "f1") == pytest.approx((1 + 0.8 + 1) / 3)
    assert value(report, "contains") == 1
    assert value(report, "answerable_f1") == pytest.approx(0.9)
    assert value(report, "unanswerable_f1") == 1
    assert value(report, "abstention_accuracy") == 1
    assert value(report, "recall@1") == 0
    assert value(report, "recall@5") == 0.5
    assert value(report, "mrr") == 0.25
    assert report.metrics["exact_match"].n == 3
    assert report.metrics["recall@5"].n == 2
    assert report.results[1].gold == (Span("id-ferry.md", 66, 85),)
    assert set(report.results[0].ms) == {"retrieve", "answer"}


def test_ten_hits_are_asked_for_whatever_the_system_gives_to_its_prompt() -> None:
    system = Fake({"Who?": ""}, [hit(100 + i, 101 + i) for i in range(9)] + [hit(30, 60)])
    report = evaluate(system, [CAPTAIN], DOCUMENTS)
    assert system.asked_k == [10]
    assert (value(report, "recall@5"), value(report, "recall@10"), value(report, "mrr")) == (0, 1, 0.1)


def test_an_answer_to_an_unanswerable_question_is_wrong_and_an_abstention_from_an_answerable_one_too() -> None:
    report = evaluate(Fake({"Who?": "", "When?": "In May"}), [CAPTAIN, UNKNOWN], DOCUMENTS)
    for name in ("exact_match", "f1", "contains", "abstention_accuracy"):
        assert value(report, name) == 0, name


def test_the_text_of_an_answer_that_abstained_is_not_scored() -> None:
    class Hedging(Fake):
        def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
            return Answer(question, "Ilse Brandt?", (), (), None, {}, 1, abstained=True)

    report = evaluate(Hedging({}), [CAPTAIN, UNKNOWN], DOCUMENTS)
    assert [result.prediction for result in report.results] == ["", ""]
    assert value(report, "exact_match") == 0.5


def test_a_question_that_fails_stays_in_n_and_is_told_apart_from_a_wrong_answer() -> None:
    answers: dict[str, str | Exception] = {"Who?": "Ilse Brandt", "How much?": RuntimeError("no room"), "When?": "x"}
    report = evaluate(Fake(answers, [hit(0, 90)]), [CAPTAIN, POWER, UNKNOWN], DOCUMENTS)
    metric = report.metrics["exact_match"]
    assert (metric.n, metric.failed) == (3, 1)
    assert metric.value == pytest.approx(1 / 3)
    (failure,) = report.failures
    assert (failure.question.id, failure.error) == ("q2", "RuntimeError: no room")
    assert report.metrics["unanswerable_f1"].failed == 0


def test_a_failed_unanswerable_question_does_not_count_as_an_abstention() -> None:
    report = evaluate(Fake({"When?": TimeoutError("late")}), [UNKNOWN], DOCUMENTS)
    assert value(report, "abstention_accuracy") == value(report, "exact_match") == 0


def test_a_fault_that_every_question_would_meet_ends_the_run() -> None:
    for fault in (ModelError("no model"), ImportError("no library")):
        with pytest.raises(type(fault)):
            evaluate(Fake({"Who?": fault}), [CAPTAIN], DOCUMENTS)


def test_retrieval_only_asks_for_no_answer_and_reports_no_answer_metric() -> None:
    report = evaluate(Fake({}, [hit(30, 60)]), [CAPTAIN], DOCUMENTS, retrieval_only=True)
    assert "f1" not in report.metrics
    assert value(report, "mrr") == 1
    assert report.failures == ()


def test_a_metric_without_questions_has_no_value_rather_than_zero() -> None:
    metric = evaluate(Fake({"When?": ""}), [UNKNOWN], DOCUMENTS).metrics["recall@5"]
    assert (metric.value, metric.low, metric.high, metric.n) == (None, None, None, 0)


def test_no_questions_are_refused_and_progress_counts_each() -> None:
    with pytest.raises(UsageError, match="no questions"):
        evaluate(Fake({}), [], {})
    done: list[int] = []
    evaluate(Fake({"Who?": "", "When?": ""}), [CAPTAIN, UNKNOWN], DOCUMENTS, progress=done.append)
    assert done == [1, 2]


# The command

FILE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 2}
prompt:   {kind: in_context, template: qa}
generate: {kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 24}
"""


def ragqa(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ragqa", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "ferry.md").write_text("The ferry Morwen is\ncommanded by Captain Ilse Brandt.\n", encoding="utf-8")
    (documents / "turbine.md").write_text("The turbine at Skarn Head makes 4.2 megawatts.\n", encoding="utf-8")
    (documents / "quay.txt").write_text("The quay is open from six until ten.\n", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    power = {
        "id": "q2",
        "question": "How much does the turbine at Skarn Head make?",
        "answers": ["4.2 megawatts"],
        "evidence": [{"source": "turbine.md", "text": "4.2 megawatts"}],
    }
    write(tmp_path / "questions.jsonl", GOOD, power)
    return tmp_path


@offline
def test_the_command_builds_the_index_evaluates_and_writes_the_results(project: Path) -> None:
    arguments = ("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", "--out", "run/a", "--json")
    done = ragqa(*arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report["metrics"]["f1"]) == {"value", "low", "high", "n", "failed"}
    assert report["metrics"]["f1"]["value"] > 0
    assert report["metrics"]["recall@1"]["value"] == 1
    assert json.loads((project / "run/a/report.json").read_text(encoding="utf-8")) == report
    rows = [json.loads(line) for line in (project / "run/a/results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["q1", "q2"]
    assert rows[0]["hits"][0]["source"] == "ferry.md"
    assert rows[0]["evidence"][0]["source"] == "ferry.md"
    assert rows[0]["metadata"] == {"split": "dev"}
    limited = ragqa(*arguments[:4], "--retrieval-only", "--split", "dev", "--limit", "5", cwd=project)
    assert limited.returncode == 0, limited.stderr
    assert "1 questions, 1 of them answerable; 0 failed." in limited.stdout
    assert "95% interval" in limited.stdout
    assert "exact_match" not in limited.stdout


def test_without_questions_the_command_exits_2_and_says_what_to_add(project: Path) -> None:
    no_section = ragqa("eval", "pipeline.yaml", cwd=project)
    assert no_section.returncode == 2
    assert "add `evaluate: {kind: jsonl, path: questions.jsonl}`" in no_section.stderr
    other_kind = ragqa("eval", "pipeline.yaml", "--dataset", "squad:x.json", cwd=project)
    assert (other_kind.returncode, "must be jsonl:PATH" in other_kind.stderr) == (2, True)
    missing = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:missing.jsonl", cwd=project)
    assert (missing.returncode, "missing.jsonl: cannot be read" in missing.stderr) == (2, True)
    (project / "questions.jsonl").write_text("\n", encoding="utf-8")
    empty = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", cwd=project)
    assert (empty.returncode, "no questions" in empty.stderr) == (2, True)
    assert not (project / "index").exists()
