"""Systems are scored as they answer, and their faults are told apart from their mistakes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.errors import LockedError, ModelError, UsageError
from ragqa.evaluate import EvaluationReport, Evidence, IndexedDocuments, Protocol, Question, Result, evaluate, summarize
from ragqa.evaluate.metrics.ranking import DEPTH
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.records import Citation, Generation, Prompt
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator, ToldSystem, WordEmbedder, document, passage

TEXT = "The ferry Morwen is commanded by Captain Ilse Brandt. The turbine makes 4.2 megawatts."
FERRY = document(TEXT, "ferry.md")
CAPTAIN = Question("q1", "Who?", ("Ilse Brandt",), True, (Evidence("ferry.md", "Captain Ilse Brandt"),))
POWER = Question("q2", "How much?", ("4.2 megawatts",), True, (Evidence("ferry.md", "makes 4.2 megawatts"),))
UNKNOWN = Question("q3", "When?", (), False, (Evidence("nowhere.md", "is not looked up"),))
HEAD, CREW, MAKES = passage(FERRY, 0, 10), passage(FERRY, 20, 60), passage(FERRY, 54, 86)


PLAIN = Protocol()


def results(
    system: ToldSystem,
    questions: Sequence[Question],
    protocol: Protocol = PLAIN,
    known: Mapping[str, Result] | None = None,
) -> list[Result]:
    return list(evaluate(system, questions, IndexedDocuments({"ferry.md": FERRY}), protocol, known=known))


def scored(system: ToldSystem, questions: Sequence[Question], protocol: Protocol = PLAIN) -> EvaluationReport:
    return summarize(results(system, questions, protocol))


def value(report: EvaluationReport, name: str) -> float:
    found = report.metrics[name].value
    assert found is not None
    return found


def test_a_source_that_is_not_indexed_is_a_note_and_a_span_that_nothing_finds() -> None:
    question = Question("q1", "?", ("x",), True, (Evidence("gone.md", "the quay"), Evidence("ferry.md", "Morwen")))
    spans, notes = locate_evidence([question], {"ferry.md": FERRY})
    (note,) = notes
    assert "'q1'" in note
    assert "'gone.md' is not in the index" in note
    report = scored(ToldSystem({"?": "x"}, [passage(FERRY, 0, len(TEXT))]), [question])
    assert len(spans["q1"]) == 2
    assert value(report, "recall@100") == 0.5


def test_answers_and_rankings_are_scored_end_to_end() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt", "How much?": "about 4.2 megawatts", "When?": ""}, [HEAD, CREW])
    report = scored(system, [CAPTAIN, POWER, UNKNOWN])
    expected = {
        "exact_match": 2 / 3,
        "f1": (1 + 0.8 + 1) / 3,
        "contains": 1,
        "answerable_f1": 0.9,
        "unanswerable_f1": 1,
        "abstention_precision": 1,
        "abstention_recall": 1,
        "recall@1": 0,
        "recall@5": 0.5,
        "mrr": 0.25,
        "has_answer@1": 0,
        "has_answer@5": 0.5,
        "citation_recall": 0,
    }
    assert {name: value(report, name) for name in expected} == pytest.approx(expected)
    counts = {"exact_match": 3, "recall@5": 2, "unanswerable_f1": 1, "abstention_precision": 1}
    assert {name: report.metrics[name].n for name in counts} == counts
    assert "citation_precision" not in report.metrics  # nothing was cited
    result = report.results[0]
    assert (result.group, result.hits[1].start, result.ms["retrieve"]) == ("ferry.md", 20, 1)
    assert result.tokens == {"prompt": 1, "answer": 2}
    assert result.prompt.endswith("Who?")


def test_as_many_hits_are_asked_for_as_the_deepest_metric_needs_whatever_the_prompt_takes() -> None:
    hits = [passage(FERRY, i, i + 1) for i in range(9)] + [passage(FERRY, 30, 60)]
    system = ToldSystem({"Who?": ""}, hits, top_k=1)
    report = scored(system, [CAPTAIN], Protocol(trace=False))
    assert system.depths == [DEPTH]
    assert (value(report, "recall@5"), value(report, "recall@10"), value(report, "mrr")) == (0, 1, 0.1)
    assert len(report.results[0].hits) == 1


def test_an_answer_to_an_unanswerable_question_is_wrong_and_an_abstention_from_an_answerable_one_too() -> None:
    report = scored(ToldSystem({"Who?": "", "When?": "In May"}), [CAPTAIN, UNKNOWN])
    for name in ("exact_match", "f1", "contains", "rouge_l", "abstention_precision", "abstention_recall"):
        assert value(report, name) == 0, name


def test_the_text_of_an_answer_that_abstained_is_not_scored() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt?", "When?": "In May?"}, abstained=True)
    report = scored(system, [CAPTAIN, UNKNOWN])
    assert [(result.prediction, result.abstained) for result in report.results] == [("", True), ("", True)]
    assert value(report, "exact_match") == 0.5


def test_a_blank_answer_is_an_abstention() -> None:
    (result,) = results(ToldSystem({"When?": " \n"}, abstained=False), [UNKNOWN])
    assert (result.prediction, result.abstained, result.scores["abstention_recall"]) == ("", True, 1)


def test_an_answer_that_was_cut_off_is_not_well_formed() -> None:
    assert value(scored(ToldSystem({"Who?": "Ilse"}, finish="length"), [CAPTAIN]), "well_formed") == 0
    assert value(scored(ToldSystem({"Who?": "Ilse"}), [CAPTAIN]), "well_formed") == 1


def test_citations_are_scored_by_the_gold_spans_that_they_overlap() -> None:
    cited = [Citation("ferry.md", "/x", None, 33, 40, ""), Citation("ferry.md", "/x", None, 0, 9, "")]
    report = scored(ToldSystem({"Who?": "Ilse Brandt"}, [CREW], citations=cited), [CAPTAIN])
    assert (value(report, "citation_precision"), value(report, "citation_recall")) == (0.5, 1)


def test_citations_are_scored_by_the_relevant_documents_where_no_span_is_known() -> None:
    cited = [Citation("ferry.md", "/x", None, 33, 40, ""), Citation("other.md", "/x", None, 0, 9, "")]
    about = Question("q1", "Who?", ("Ilse Brandt",), relevant={"ferry.md": 1})
    report = scored(ToldSystem({"Who?": "Ilse Brandt"}, [CREW], citations=cited), [about])
    assert (value(report, "citation_precision"), value(report, "citation_recall")) == (0.5, 1)


def test_sentences_of_an_answer_are_supported_by_the_gold_passages_or_not() -> None:
    about = Question("q1", "Who?", ("Ilse Brandt",), relevant={"ferry.md": 1})
    said = "The captain is Ilse Brandt. She was born in 1951."
    assert value(scored(ToldSystem({"Who?": said}, [CREW]), [about]), "support") == 0.5
    assert "support" not in scored(ToldSystem({"Who?": ""}, [CREW]), [about]).metrics


def test_a_question_is_put_with_its_earlier_turns_unless_it_is_to_be_asked_alone() -> None:
    turns = (("What is the Morwen?", "A ferry."),)
    question = replace(CAPTAIN, history=turns)
    for protocol, given in ((PLAIN, turns), (Protocol("gold"), turns), (Protocol(history=False), ())):
        system = ToldSystem({"Who?": "nobody"}, [CREW])
        results(system, [question], protocol)
        assert system.histories and all(history == given for history in system.histories)


def test_figures_are_given_for_each_type_and_each_answerability_with_intervals() -> None:
    who, much = replace(CAPTAIN, types=("Factoid",)), replace(POWER, types=("Factoid", "How"), answerability="partial")
    told = {"Who?": "Ilse Brandt", "How much?": "nothing", "When?": ""}
    report = scored(ToldSystem(told, [CREW]), [who, much, UNKNOWN])
    types, answerable = report.groups["type"], report.groups["answerability"]
    assert [(name, types[name]["f1"].value, types[name]["f1"].n) for name in types] == [
        ("all", pytest.approx(2 / 3), 3),
        ("Factoid", 0.5, 2),
        ("How", 0, 1),
    ]
    assert {name: answerable[name]["abstained"].value for name in answerable if name != "all"} == {
        "answerable": 0,
        "partial": 0,
        "unanswerable": 1,
    }
    seconds = types["Factoid"]["seconds"]
    assert seconds.value is not None and seconds.low is not None and seconds.low <= seconds.value >= 0
    assert "recall@5" not in answerable["unanswerable"]
    assert report.latency["total"]["p50"] >= 0


def test_questions_that_are_all_alike_are_not_grouped() -> None:
    assert scored(ToldSystem({"Who?": "Ilse Brandt"}, [CREW]), [CAPTAIN]).groups == {}


def test_a_question_that_fails_is_in_n_and_in_failed_and_in_no_mean() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt", "How much?": RuntimeError("no room"), "When?": "x"}, [CREW])
    report = scored(system, [CAPTAIN, POWER, UNKNOWN])
    metric = report.metrics["exact_match"]
    assert (metric.n, metric.failed, metric.value) == (3, 1, 0.5)
    (failure,) = report.failures
    assert (failure.id, failure.error, failure.scores) == ("q2", "RuntimeError: no room", {})
    assert (report.metrics["unanswerable_f1"].n, report.metrics["unanswerable_f1"].failed) == (1, 0)
    assert (report.metrics["recall@5"].n, report.metrics["recall@5"].failed) == (2, 1)


def test_a_failed_unanswerable_question_does_not_count_as_an_abstention() -> None:
    (result,) = results(ToldSystem({"When?": TimeoutError("late")}), [UNKNOWN])
    assert (result.scores, result.abstained, result.answerable) == ({}, False, False)


def test_a_fault_that_every_question_would_meet_ends_the_run() -> None:
    for fault in (ModelError("no model"), ImportError("no library"), LockedError("held")):
        with pytest.raises(type(fault)):
            results(ToldSystem({"Who?": fault}), [CAPTAIN])


def test_retrieval_alone_asks_for_no_answer_and_has_no_answer_metric() -> None:
    system = ToldSystem({}, [CREW])
    report = scored(system, [CAPTAIN, UNKNOWN], Protocol(answers=False))
    assert "f1" not in report.metrics
    assert value(report, "mrr") == 1
    assert report.metrics["mrr"].n == 1
    assert (system.asked, report.failures) == ([], ())
    assert report.results[0].hits[0].source == "ferry.md"


def test_a_metric_that_is_about_none_of_the_questions_is_not_reported() -> None:
    report = scored(ToldSystem({"When?": ""}, [CREW]), [UNKNOWN])
    assert "recall@5" not in report.metrics
    assert "answerable_f1" not in report.metrics


@pytest.mark.parametrize(("context", "given", "shown"), [("gold", True, [TEXT]), ("none", True, []), ("retrieved", False, [TEXT[20:60]])])  # fmt: skip
def test_questions_are_put_with_retrieved_gold_or_no_passages(context: Any, given: bool, shown: list[str]) -> None:
    system = ToldSystem({"Who?": "Ilse Brandt"}, [CREW])
    (result,) = results(system, [CAPTAIN], Protocol(context))
    assert system.asked == [("Who?", given)]
    assert result.prompt == "\n".join([*shown, "Who?"])
    assert ("mrr" in result.scores) == (context == "retrieved")  # nothing was retrieved that could be scored


def test_the_likelihood_of_the_gold_answer_is_measured_after_each_context() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt"}, [HEAD, CREW])
    report = scored(system, [CAPTAIN], Protocol(likelihood=True))
    expected = {"nll_gold": 1.0, "nll_per_token_gold": 0.5, "nll_retrieved": 2 / 3, "nll_none": 2.0}
    assert {name: value(report, name) for name in expected} == pytest.approx(expected)
    perplexity = report.metrics["perplexity_none"]
    assert perplexity.value == pytest.approx(2.718281828)
    assert (perplexity.low, perplexity.high) == (None, None)  # one question says nothing of others
    assert "nll_gold" not in scored(ToldSystem({"When?": ""}), [UNKNOWN], Protocol(likelihood=True)).metrics


def test_what_is_known_is_taken_as_it_is_and_the_rest_is_asked_in_order() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt", "How much?": "4.2 megawatts"}, [CREW, MAKES])
    known = Result("q1", "ferry.md", "Who?", ("Ilse Brandt",), True, "from before", scores={"f1": 0.25})
    found = results(system, [CAPTAIN, POWER], known={"q1": known})
    assert found[0] is known
    assert [result.id for result in found] == ["q1", "q2"]
    assert system.asked == [("How much?", False)]


def test_results_come_one_by_one() -> None:
    system = ToldSystem({"Who?": "Ilse Brandt", "How much?": "4.2 megawatts"}, [CREW])
    first = next(evaluate(system, [CAPTAIN, POWER], IndexedDocuments({"ferry.md": FERRY})))
    assert (first.id, len(system.asked)) == ("q1", 1)


def test_no_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="no questions"):
        results(ToldSystem({}), [])


# The report


def rated(id_: str, f1: float, confidence: float, *, answerable: bool = True, abstained: bool = False) -> Result:
    scores = {"f1": f1}
    return Result(id_, id_, id_, (), answerable, abstained=abstained, confidence=confidence, scores=scores)


def test_risk_grows_with_coverage_and_answers_of_one_confidence_are_given_together() -> None:
    report = summarize(
        [rated("a", 0.5, 0.5), rated("b", 1, 0.9), rated("c", 0, 0.5), rated("d", 0, 0.1, answerable=False)]
    )
    assert report.risk_coverage == ((1 / 3, 0.0), (1.0, 0.5), (1.0, 2.5 / 4))


def test_what_the_system_declined_to_answer_is_no_risk_and_no_coverage() -> None:
    declined = [rated("b", 1, 0.9, answerable=False, abstained=True), rated("c", 0, 0.8, abstained=True)]
    assert summarize([rated("a", 1, 0.5), *declined]).risk_coverage == ((0.5, 0),)
    assert summarize(declined).risk_coverage == ()


def test_percentiles_of_each_stage_and_mean_tokens_are_reported() -> None:
    timed = [
        Result(str(i), "g", "?", (), True, ms={"generate": float(i)}, tokens={"prompt": i, "answer": 1})
        for i in range(101)
    ]
    report = summarize(timed)
    assert report.latency == {"generate": {"p50": 50, "p95": 95, "p99": 99}}
    assert report.tokens == {"prompt": 50, "answer": 1}


class Sleeper:
    """A part whose weights take a while to load, unless they are loaded already."""

    SECONDS = 0.4

    def __init__(self) -> None:
        self.loads = 0

    def load(self) -> None:
        if not self.loads:
            time.sleep(self.SECONDS)
        self.loads += 1


class SleepingEmbedder(Sleeper, WordEmbedder):
    def __init__(self) -> None:
        Sleeper.__init__(self)
        WordEmbedder.__init__(self)

    def embed_question(self, question: str) -> Any:
        self.load()
        return super().embed_question(question)

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.load()
        return super().embed_passages(texts)


class SleepingGenerator(Sleeper, EchoGenerator):
    def __init__(self) -> None:
        Sleeper.__init__(self)
        EchoGenerator.__init__(self, answer="Ilse Brandt")

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.load()
        return super().stream(prompt)


@pytest.mark.parametrize(
    ("protocol", "embeds", "writes"),
    [
        (Protocol(), True, True),
        (Protocol(answers=False), True, False),
        (Protocol(context="none"), True, True),
        (Protocol(context="gold"), True, True),
    ],
    ids=["whole", "retrieval only", "closed book", "oracle"],
)
def test_what_a_protocol_needs_is_loaded_before_the_clock_of_the_first_question_and_nothing_else(
    tmp_path: Path, protocol: Protocol, embeds: bool, writes: bool
) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "ferry.md").write_text(TEXT, encoding="utf-8")
    (tmp_path / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    pipeline = Pipeline.from_file(tmp_path / "p.yaml", kinds=[WORDS, ECHO])
    pipeline.index()
    pipeline = Pipeline.from_file(tmp_path / "p.yaml", kinds=[WORDS, ECHO])
    embedder, generator = SleepingEmbedder(), SleepingGenerator()
    pipeline.components.replace(embedder=embedder, generator=generator)
    asked = [replace(one, question=f"{one.question} The ferry Morwen?") for one in (CAPTAIN, POWER)]
    found = list(evaluate(pipeline, asked, IndexedDocuments(pipeline.documents(), pipeline.chunks), protocol))
    assert [result.error for result in found] == ["", ""]
    assert max(ms for result in found for ms in result.ms.values()) < 1000 * Sleeper.SECONDS
    assert (embedder.loads > 0, generator.loads > 0) == (embeds, writes)


def test_nothing_is_loaded_where_every_result_is_known(tmp_path: Path) -> None:
    class Loading(ToldSystem):
        def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
            raise AssertionError("nothing is asked")

    known = {"q1": Result("q1", "g", "Who?", ("Ilse Brandt",), True)}
    assert results(Loading(), [CAPTAIN], known=known) == list(known.values())
