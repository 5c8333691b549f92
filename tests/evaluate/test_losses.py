"""Each point that an answer lost is charged to one cause, and each cause is what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evaluate import Evidence, IndexedDocuments, Protocol, Question, Result, evaluate, summarize
from ragqa.evaluate.runs.lost_points import CAUSES
from ragqa.records import Chunk, Hit
from tests.fakes import ToldSystem, document, passage

TEXT = "The ferry Morwen is commanded by Captain Ilse Brandt. The turbine makes 4.2 megawatts."
FERRY = document(TEXT, "ferry.md")
HEAD, CREW, MAKES, SECOND = (passage(FERRY, start, end) for start, end in ((0, 32), (20, 53), (54, 86), (60, 70)))
CAPTAIN = Question("q1", "Who?", ("Ilse Brandt",), True, (Evidence("ferry.md", "Captain Ilse Brandt"),))
UNKNOWN = Question("q3", "When?", (), False)

Chunks = Callable[[str], Sequence[Chunk]]


def whole(document_id: str) -> list[Chunk]:
    return [CREW.chunk, MAKES.chunk]


def halves(document_id: str) -> list[Chunk]:
    return [passage(FERRY, 0, 41).chunk, passage(FERRY, 41, 86).chunk]


def traced(system: ToldSystem, question: Question = CAPTAIN, chunks: Chunks = whole, **protocol: Any) -> Result:
    (result,) = evaluate(system, [question], IndexedDocuments({"ferry.md": FERRY}, chunks), Protocol(**protocol))
    assert sum(result.lost_points.values()) == pytest.approx(1 - result.scores["f1"])
    return result


def told(answer: str, hits: Sequence[Hit] = (), alone: str = "Ilse Brandt", **more: Any) -> ToldSystem:
    return ToldSystem({"Who?": answer, "When?": answer}, hits, alone={"Who?": alone}, **more)


NOT_INDEXED = Question("q1", "Who?", ("Ilse Brandt",), True, (Evidence("gone.md", "Captain Ilse Brandt"),))
NOT_SAID = Question("q1", "Who?", ("Ilse Brandt",))

CASES: dict[str, tuple[ToldSystem, Question, Chunks]] = {
    "not_in_corpus": (told("Nobody", [HEAD, MAKES]), NOT_INDEXED, whole),
    "split_across_chunks": (told("Nobody", [HEAD]), CAPTAIN, halves),
    "not_retrieved": (told("Nobody", [HEAD, MAKES]), CAPTAIN, whole),
    "ranked_too_low": (told("Nobody", [HEAD, MAKES, CREW]), CAPTAIN, whole),
    "cut_by_budget": (told("Nobody", [MAKES, CREW], fits=1), CAPTAIN, whole),
    "distracted": (told("Nobody", [MAKES, CREW]), CAPTAIN, whole),
    "misread": (told("Nobody", [MAKES, CREW], alone="Somebody"), CAPTAIN, whole),
    "refused": (told("", [CREW]), CAPTAIN, whole),
    "metric_artefact": (told("It is Ilse Brandt, I think.", [CREW]), CAPTAIN, whole),
    "answered_unanswerable": (told("In May", [CREW]), UNKNOWN, whole),
    "unknown": (told("Nobody", [CREW]), NOT_SAID, whole),
}


def test_there_is_a_case_for_each_cause() -> None:
    assert list(CASES) == list(CAUSES)


@pytest.mark.parametrize("cause", CAUSES)
def test_what_brings_a_cause_about_is_charged_to_it(cause: str) -> None:
    system, question, chunks = CASES[cause]
    result = traced(system, question, chunks)
    assert set(result.lost_points) == {cause}
    assert sum(result.lost_points.values()) > 0


def test_what_the_gold_passage_does_not_bring_back_is_misread_and_the_rest_was_lost_on_the_way() -> None:
    result = traced(told("Nobody", [HEAD, MAKES], alone="Brandt"))
    assert result.lost_points == pytest.approx({"misread": 1 / 3, "not_retrieved": 2 / 3})
    assert result.gold_prediction == "Brandt"


def test_a_worse_answer_from_the_gold_passage_charges_no_more_than_was_lost() -> None:
    assert traced(told("Brandt", [CREW], alone="Nobody")).lost_points == pytest.approx({"misread": 1 / 3})


def test_declining_the_gold_passage_is_a_refusal_too() -> None:
    result = traced(told("Nobody", [MAKES], alone=""))
    assert (set(result.lost_points), result.gold_prediction) == ({"refused"}, "")


def test_the_text_of_an_answer_that_abstained_is_not_credited() -> None:
    result = traced(told("Ilse Brandt", [CREW], alone="Ilse Brandt", abstained=True))
    assert (result.lost_points, result.gold_prediction) == ({"refused": 1}, "")


def test_where_chunks_are_not_known_none_is_said_to_be_split() -> None:
    assert set(traced(told("Nobody", [HEAD]), chunks=lambda document_id: ()).lost_points) == {"not_retrieved"}


@pytest.mark.parametrize(("answer", "question"), [("Ilse Brandt.", CAPTAIN), ("", UNKNOWN)])
def test_a_perfect_answer_is_not_asked_again(answer: str, question: Question) -> None:
    system = told(answer, [CREW])
    result = traced(system, question)
    assert system.asked == [(question.question, False)]
    assert (result.lost_points, result.gold_prediction) == ({}, None)


def test_a_wrong_answer_is_asked_once_more_and_not_at_all_without_tracing() -> None:
    system = told("Nobody", [CREW])
    traced(system)
    assert system.asked == [("Who?", False), ("Who?", True)]
    for protocol in (Protocol(trace=False), Protocol("gold"), Protocol("none"), Protocol(answers=False)):
        system = told("Nobody", [CREW])
        (result,) = evaluate(system, [CAPTAIN], IndexedDocuments({"ferry.md": FERRY}), protocol)
        assert (len(system.asked), result.lost_points) == (int(protocol.answers), {})


WORDS = st.lists(st.sampled_from(["Ilse", "Brandt", "the", "captain", "4.2", ".", "no"]), max_size=4).map(" ".join)
HITS = st.lists(st.sampled_from([HEAD, CREW, MAKES, SECOND]), unique_by=lambda hit: hit.chunk.id)
QUESTIONS = st.sampled_from([CAPTAIN, UNKNOWN, NOT_INDEXED, NOT_SAID])


@given(WORDS, WORDS, HITS, QUESTIONS, st.sampled_from([whole, halves]), st.integers(0, 2), st.booleans())
def test_the_points_of_the_causes_add_up_to_what_is_missing_from_f1(
    answer: str, alone: str, hits: list[Hit], question: Question, chunks: Chunks, fits: int, declines: bool
) -> None:
    more = {"abstained": True} if declines else {}
    result = traced(told(answer, hits, alone, fits=fits, **more), question, chunks)
    assert all(points > 0 for points in result.lost_points.values())
    assert set(result.lost_points) <= set(CAUSES)


def test_the_losses_of_a_report_add_up_to_1_minus_the_mean_f1() -> None:
    questions = [CAPTAIN, UNKNOWN]
    system = ToldSystem({"Who?": "Brandt", "When?": "In May"}, [HEAD], alone={"Who?": "Captain Brandt"})
    report = summarize(list(evaluate(system, questions, IndexedDocuments({"ferry.md": FERRY}, whole))))
    f1 = report.metrics["f1"].value
    assert f1 is not None
    assert sum(loss.points for loss in report.lost_points.values()) == pytest.approx(1 - f1)
    assert {cause: loss.questions for cause, loss in report.lost_points.items()} == {
        "misread": 1,
        "answered_unanswerable": 1,
    }
