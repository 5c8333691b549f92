"""What other harnesses get wrong is right here: a test for each known defect, named after the harness and the defect."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa import wire
from ragqa.evaluate import (
    EvaluationReport,
    Evidence,
    IndexedDocuments,
    Protocol,
    Question,
    Result,
    evaluate,
    metrics,
    select,
    summarize,
)
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.metrics.ranking import covers, ranked_units, relevant_units, scores
from ragqa.evaluate.metrics.statistics import interval, sign_flip
from ragqa.experiments.compare import compare
from ragqa.records import Citation, Hit
from tests.fakes import ToldSystem, document, hit, passage

FERRY = document("The ferry Morwen is commanded by Captain Ilse Brandt. It was built in 1904 at Brae.", "ferry.md")
QUAY = document("The quay is open from six until ten.", "quay.md")
CORPUS = IndexedDocuments({"ferry.md": FERRY, "quay.md": QUAY})
CREW, BUILT = passage(FERRY, 20, 53), passage(FERRY, 54, 83)


def question(id_: str, *answers: str, quotes: Sequence[str] = (), source: str = "ferry.md") -> Question:
    evidence = tuple(Evidence(source, quote) for quote in quotes)
    return Question(id_, f"{id_}?", answers, bool(answers), evidence)


def report(system: ToldSystem, *questions: Question, **protocol: bool) -> EvaluationReport:
    return summarize(list(evaluate(system, questions, CORPUS, Protocol(**protocol))))  # type: ignore[arg-type]


def value(found: EvaluationReport, name: str) -> float:
    mean = found.metrics[name].value
    assert mean is not None
    return mean


WHO = question("who", "Ilse Brandt", quotes=["Captain Ilse Brandt"])
WHERE = question("where", "Brae", quotes=["built in 1904 at Brae"])
NEVER = question("never")

# SQuAD v2 script: predictions that are missing are left out of the denominator


def test_squad_script_missing_predictions_are_not_dropped_from_n() -> None:
    found = report(ToldSystem({"who?": "Ilse Brandt", "where?": ""}), WHO, WHERE)
    assert (found.metrics["exact_match"].n, value(found, "exact_match")) == (2, 0.5)


def test_squad_script_a_question_that_failed_is_in_n_and_its_failure_in_sight() -> None:
    system = ToldSystem({"who?": "Ilse Brandt", "where?": TimeoutError("late")})
    found = report(system, WHO, WHERE)
    assert (found.metrics["exact_match"].n, found.metrics["exact_match"].failed) == (2, 1)
    assert wire.evaluation_report(found)["failures"] == [{"id": "where", "error": "TimeoutError: late"}]


# FlashRAG: parts of words, empty golds, maxima taken apart, the first 1,000 questions only


def test_flashrag_art_is_not_in_party_and_an_empty_gold_matches_nothing() -> None:
    assert metrics.contains("a party", ["art"]) == 0
    assert metrics.contains("It is modern art, mostly.", ["Art"]) == 1
    assert metrics.contains("paid 10 in May", ["10 May"]) == 0
    assert metrics.contains("anything", ["the"]) == 0
    assert metrics.contains("anything", ["the", "any thing"]) == 0
    assert metrics.has_answer([hit("anything")], ["..."]) == 0


def test_flashrag_f1_takes_the_best_single_gold_and_never_mixes_two() -> None:
    # Precision 1 with the first and recall 1 with the second would make 1.0 where maxima are taken apart.
    assert metrics.f1("red", ["red blue green", "blue"]) == pytest.approx(0.5)
    assert metrics.f1("red", ["x", "red"]) == 1


def test_flashrag_every_question_counts_not_the_first_thousand() -> None:
    questions = [question(f"q{i}", "gold") for i in range(1100)]
    answers = {one.question: "gold" if i < 1000 else "bad" for i, one in enumerate(questions)}
    found = report(ToldSystem(answers), *questions, trace=False)
    assert found.metrics["f1"].n == 1100
    assert value(found, "f1") == pytest.approx(1000 / 1100)


# MultiHop-RAG: any shared word is right, accuracy is none, precision does not cumulate, any evidence is all of it


def test_multihop_rag_a_shared_word_is_no_right_answer() -> None:
    for score in (metrics.contains, metrics.exact_match):
        assert score("the ferry is late", ["ferry Morwen"]) == 0
    assert metrics.f1("the ferry is late", ["ferry Morwen"]) < 1


def test_multihop_rag_the_mean_of_right_answers_is_their_share() -> None:
    questions = [question(f"q{i}", "gold") for i in range(10)]
    found = report(
        ToldSystem({one.question: "gold" if i < 3 else "bad" for i, one in enumerate(questions)}), *questions
    )
    assert value(found, "exact_match") == pytest.approx(3 / 10)


def test_multihop_rag_average_precision_cumulates() -> None:
    found = scores({"a": 1, "b": 1}, [["x"], ["a"], ["y"], ["b"]])
    assert found["map"] == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_multihop_rag_one_piece_of_evidence_is_not_all_of_it() -> None:
    both = question("both", "x", quotes=["Captain Ilse Brandt", "built in 1904"])
    found = report(ToldSystem({"both?": "x"}, [CREW]), both)
    assert value(found, "recall@10") == 0.5


# RGB: parts of words, a phrase instead of a refusal, questions in random order


def test_rgb_a_part_of_a_word_is_not_contained() -> None:
    assert metrics.contains("It opened in 19041.", ["1904"]) == 0
    assert metrics.contains("CAPTAIN Ilse", ["captain"]) == 1


@pytest.mark.parametrize("text", ["", "I cannot tell.", "insufficient information"])
def test_rgb_a_refusal_is_known_by_what_the_system_says_of_it_not_by_a_phrase(text: str) -> None:
    declined = report(ToldSystem({"never?": text}, abstained=True), NEVER)
    assert (value(declined, "abstention_recall"), value(declined, "exact_match")) == (1, 1)
    if text:
        assert value(report(ToldSystem({"never?": text}), NEVER), "abstention_recall") == 0


def test_rgb_questions_are_chosen_and_asked_in_their_order_every_time() -> None:
    questions = [question(f"q{i}", "gold") for i in range(50)]
    for _ in range(3):
        system = ToldSystem({one.question: "gold" for one in questions})
        report(system, *select(questions, limit=20))
        assert [asked for asked, _ in system.asked] == [f"q{i}?" for i in range(20)]


# ALCE: outputs without a sentence are left out, a model judges citations


def test_alce_an_answer_without_any_citation_scores_0_and_is_not_left_out() -> None:
    found = report(ToldSystem({"who?": "Ilse Brandt", "where?": "Brae"}, [CREW]), WHO, WHERE)
    assert (found.metrics["citation_recall"].n, value(found, "citation_recall")) == (2, 0)


def test_alce_an_answer_without_a_sentence_is_scored() -> None:
    found = report(ToldSystem({"who?": "...", "where?": "Brae"}, [CREW]), WHO, WHERE)
    assert (found.metrics["f1"].n, value(found, "f1")) == (2, 0.5)


def test_alce_citations_are_judged_by_where_they_stand_and_by_no_model() -> None:
    cited = [Citation("ferry.md", "/x", None, 33, 52, "a text that no model would believe")]
    found = report(ToldSystem({"who?": "Ilse Brandt"}, [CREW], citations=cited), WHO)
    assert (value(found, "citation_recall"), value(found, "citation_precision")) == (1, 1)


# Chroma's evaluation of chunks: characters called tokens, one index for all corpora, the deviation called an error


def test_chroma_evidence_is_found_by_the_share_of_its_code_points_whatever_their_bytes() -> None:
    wide = document("é" * 4 + "x" * 4, "wide.txt")
    span = Span(wide.id, 0, 8)
    assert covers(passage(wide, 4, 8), span)  # half of the code points, a third of the bytes
    assert not covers(passage(wide, 0, 3), span)


def test_chroma_the_same_offsets_in_another_document_find_nothing() -> None:
    found = report(ToldSystem({"who?": "x"}, [passage(QUAY, 20, 36)]), WHO)
    assert value(found, "recall@100") == 0


def test_chroma_the_interval_is_about_the_mean_and_narrows_with_more_questions() -> None:
    def width(n: int) -> float:
        low, high = interval([0.0, 1.0] * (n // 2))
        return high - low

    assert width(400) == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(400), rel=0.15)  # the deviation of scores is 0.5
    assert width(400) < 0.6 * width(100)


# BEIR: the mean is over the queries that found something, results are changed in place


def test_beir_a_query_that_found_nothing_is_in_the_mean() -> None:
    class HalfBlind(ToldSystem):
        def search(self, question: str, k: int, *, history: Sequence[tuple[str, str]] = ()) -> list[Hit]:
            return [CREW] if question == "who?" else []

    found = report(HalfBlind(), WHO, WHERE, answers=False)
    for name in ("recall@10", "mrr", "map", "ndcg@10"):
        assert (found.metrics[name].n, value(found, name)) == (2, 0.5), name


def test_beir_rankings_and_judgements_are_not_changed_by_scoring_them() -> None:
    judged = Question("ferry.md", "who?", ("x",), relevant={"ferry.md": 2, "quay.md": 1})
    hits = [CREW, BUILT, passage(QUAY, 0, 9)]
    before = copy.deepcopy((judged, hits))
    ranks = ranked_units(judged, (), hits)
    kept = copy.deepcopy(ranks)
    assert scores(relevant_units(judged, ()), ranks)["recall@5"] == 1  # an id of the query's own is no less relevant
    assert ((judged, hits), ranks) == (before, kept)


# lm-eval: no interval for some metrics, answers cut at a point, scores that depend on what else is asked


def full(*, likelihood: bool = True) -> EvaluationReport:
    """Return a report with every metric that there is."""
    cited = [Citation("ferry.md", "/x", None, 33, 52, "")]
    system = ToldSystem({"who?": "Captain Brandt", "where?": "Brae", "never?": ""}, [CREW, BUILT], citations=cited)
    return report(system, WHO, replace(WHERE, group="other"), NEVER, likelihood=likelihood)


def test_lm_eval_every_metric_has_an_interval() -> None:
    found = full()
    assert len(found.metrics) > 25
    lacking = [
        name
        for name, metric in found.metrics.items()
        if metric.value is None or metric.low is None or metric.high is None
        or not metric.low <= metric.value <= metric.high
    ]  # fmt: skip
    assert lacking == []


def test_lm_eval_points_and_commas_do_not_cut_an_answer_short() -> None:
    assert metrics.exact_match("the U.S. paid 1,000", ["U.S. paid 1,000"]) == 1
    assert metrics.exact_match("the U", ["U.S."]) == 0
    paid = question("paid", "the U.S. paid 1,000")
    (result,) = report(ToldSystem({"paid?": "the U.S. paid 1,000"}), paid).results
    assert (result.prediction, result.scores["exact_match"]) == ("the U.S. paid 1,000", 1)


def test_lm_eval_a_question_scores_the_same_whatever_else_is_asked() -> None:
    answers = {"who?": "Captain Brandt", "where?": "Brae", "never?": "May"}
    together = report(ToldSystem(answers, [CREW, BUILT]), WHO, WHERE, NEVER, likelihood=True).results
    alone = [report(ToldSystem(answers, [CREW, BUILT]), one, likelihood=True).results[0] for one in (WHO, WHERE, NEVER)]
    assert [one.scores for one in together] == [one.scores for one in alone]


def test_lm_eval_the_bootstrap_of_few_questions_is_corrected_for_their_number() -> None:
    drawn = [0.1, 0.9, 0.4, 0.6]
    mean = sum(drawn) / len(drawn)
    plain = 1.96 * math.sqrt(sum((x - mean) ** 2 for x in drawn)) / len(drawn)  # divided by n, not n - 1
    low, high = interval(drawn)
    assert (high - low) / 2 > 1.3 * plain


# ranx: another test than documented, p of 0, other figures at each run


def outcomes(*f1: float) -> list[Result]:
    return [Result(f"q{i}", f"q{i}", "?", ("x",), True, scores={"f1": score}) for i, score in enumerate(f1)]


def test_ranx_p_is_never_zero_and_the_same_each_time() -> None:
    worse, better = outcomes(*[0.0] * 60), outcomes(*[1.0] * 60)
    found = [compare(worse, better).metrics["f1"].p for _ in range(3)]
    assert found[0] is not None
    assert 0 < found[0] < 0.001
    assert found == [found[0]] * 3


def test_ranx_the_test_is_that_of_fisher() -> None:
    assert sign_flip([0.2, 0.3, 0.5, -0.1]) == 4 / 16  # |sum| is 0.9 or more for 4 of the 16 choices of signs


# RAGAS: other figures for the same data, metrics that depend on one another, NaN and scores out of range


def same_data_same_figures(make: Callable[[], EvaluationReport]) -> bool:
    first, second = (dataclasses.asdict(make()) for _ in range(2))
    for figures in (first, second):
        figures.pop("latency")
        for result in figures["results"]:
            del result["ms"], result["seconds"]  # times
        for group in (each for groups in figures["groups"].values() for each in groups.values()):
            group.pop("seconds", None)
    return first == second


def test_ragas_the_same_data_give_the_same_figures() -> None:
    assert same_data_same_figures(full)


def test_ragas_a_metric_is_the_same_whichever_others_are_asked_for() -> None:
    more, fewer = full().metrics, full(likelihood=False).metrics
    assert len(more) > len(fewer)
    assert {name: more[name] for name in fewer} == fewer


WORDS = st.lists(st.sampled_from(["Ilse", "Brandt", "the", "Brae", "...", "\u00a0", "4.2"]), max_size=4).map(" ".join)
HITS = st.lists(st.sampled_from([CREW, BUILT, passage(FERRY, 0, 10), passage(QUAY, 0, 9)]), max_size=4)
CITED = st.lists(st.builds(Citation, st.just("ferry.md"), st.just("/x"), st.none(), st.integers(0, 40), st.integers(41, 80), st.just("")), max_size=2)  # fmt: skip


@given(WORDS, WORDS, WORDS, HITS, CITED)
def test_ragas_no_score_is_nan_or_outside_0_and_1(
    who: str, where: str, never: str, hits: list[Hit], cited: list[Citation]
) -> None:
    system = ToldSystem({"who?": who, "where?": where, "never?": never}, hits, citations=cited, confidence=0.5)
    found = report(system, WHO, WHERE, NEVER)
    assert found.failures == ()
    assert all(0 <= score <= 1 for result in found.results for score in result.scores.values())
    for metric in found.metrics.values():
        assert metric.value is not None
        assert 0 <= metric.value <= 1 + 1e-12
    assert all(0 <= part <= 1 for point in found.risk_coverage for part in point)
