"""Rankings are judged by documents, pages or spans, and scored as the definitions of the measures say."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evaluate import Question
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.metrics.ranking import METRICS, covers, ranked_units, relevant_units, scores
from ragqa.records import Hit
from tests.fakes import document, passage

LONG = document("x" * 500, "long.txt", page_starts=(0, 100, 200))
OTHER = document("y" * 500, "other.txt")
SPANS = (Span(LONG.id, 0, 10), Span(LONG.id, 50, 60), Span(OTHER.id, 0, 10))


def judged(relevant: dict[str, int], hits: Sequence[Hit], gold: Sequence[Span] = ()) -> dict[str, float]:
    question = Question("q", "?", ("x",), relevant=relevant)
    return scores(relevant_units(question, gold), ranked_units(question, gold, hits))


def by_spans(gold: Sequence[Span], *hits: Hit) -> dict[str, float]:
    return judged({}, hits, gold)


# Documents and pages


def test_a_document_ranks_where_the_best_of_its_chunks_does() -> None:
    hits = [
        passage(OTHER, 0, 9),
        passage(OTHER, 9, 20),
        passage(LONG, 0, 9),
        passage(OTHER, 20, 30),
        passage(LONG, 9, 20),
    ]
    assert ranked_units(Question("q", "?", (), relevant={"long.txt": 1}), (), hits) == [["other.txt"], ["long.txt"]]
    found = judged({"long.txt": 1}, hits)
    assert (found["recall@1"], found["recall@5"], found["mrr"]) == (0, 1, 0.5)


def test_documents_that_are_named_as_relevant_count_and_spans_then_do_not() -> None:
    question = Question("q", "?", (), relevant={"other.txt": 2})
    assert relevant_units(question, SPANS) == {"other.txt": 2}
    assert judged({"other.txt": 2}, [passage(OTHER, 400, 410)], SPANS)["recall@1"] == 1


def test_a_page_is_found_by_a_chunk_that_begins_on_it() -> None:
    hits = [passage(LONG, 0, 50), passage(LONG, 50, 90), passage(LONG, 150, 250), passage(LONG, 200, 210)]
    question = Question("q", "?", (), relevant={"long.txt#page=2": 1})
    assert ranked_units(question, (), hits) == [["long.txt#page=1"], ["long.txt#page=2"], ["long.txt#page=3"]]
    assert judged({"long.txt#page=2": 1, "long.txt#page=4": 1}, hits)["recall@5"] == 0.5


def test_a_higher_grade_is_worth_more_at_the_same_rank() -> None:
    relevant = {"long.txt": 3, "other.txt": 1}
    best = judged(relevant, [passage(LONG, 0, 9), passage(OTHER, 0, 9)])["ndcg@10"]
    worse = judged(relevant, [passage(OTHER, 0, 9), passage(LONG, 0, 9)])["ndcg@10"]
    assert best == pytest.approx(1)
    assert worse == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


# Spans


def test_a_hit_covers_a_span_from_one_half_of_it() -> None:
    span = Span(LONG.id, 10, 20)
    assert covers(passage(LONG, 0, 15), span)
    assert not covers(passage(LONG, 0, 14), span)
    assert covers(passage(LONG, 12, 17), span)
    assert not covers(passage(LONG, 20, 40), span)
    assert not covers(passage(OTHER, 10, 20), span)


def test_recall_is_the_share_of_evidence_found_not_whether_any_was() -> None:
    assert by_spans(SPANS[:2], passage(LONG, 0, 10))["recall@10"] == 0.5


def test_two_spans_in_one_hit_share_its_rank_for_recall() -> None:
    found = by_spans(SPANS[:2], passage(LONG, 0, 100))
    assert (found["recall@1"], found["mrr"], found["map"]) == (1, 1, 1)


def test_a_span_counts_once_however_many_hits_or_copies_cover_it() -> None:
    hits = [passage(LONG, 0, 10), passage(LONG, 1, 11), passage(LONG, 2, 12)]
    assert by_spans(SPANS[:2], *hits)["recall@5"] == 0.5
    assert by_spans([SPANS[0], SPANS[0], SPANS[1]], *hits)["recall@5"] == 0.5


def test_a_passage_that_only_repeats_evidence_takes_a_rank_all_the_same() -> None:
    repeated = [passage(LONG, start, start + 10) for start in range(5)]
    found = by_spans(SPANS[:2], *repeated, passage(LONG, 50, 60))
    assert (found["recall@5"], found["recall@10"]) == (0.5, 1)
    assert found["map"] == pytest.approx((1 + 2 / 6) / 2)


def test_the_rank_of_the_first_evidence_counts_in_the_order_given_whatever_the_scores() -> None:
    tied = [passage(OTHER, 40, 50), passage(LONG, 50, 60, score=9.0), passage(LONG, 0, 10)]
    found = by_spans(SPANS[:2], *tied)
    assert (found["mrr"], found["recall@1"]) == (0.5, 0)


def test_nothing_found_scores_0_in_every_measure() -> None:
    assert by_spans(SPANS) == dict.fromkeys(METRICS, 0)
    assert by_spans(SPANS, passage(OTHER, 400, 410)) == dict.fromkeys(METRICS, 0)


def test_a_question_without_evidence_has_nothing_that_could_be_found() -> None:
    assert relevant_units(Question("q", "?", ("x",)), ()) == {}


# Against the definitions


def naive(relevant: dict[str, int], ranking: Sequence[str]) -> dict[str, float]:
    """Compute the measures by their definitions, the gain of a unit being its grade."""
    grades = [relevant.get(unit, 0) for unit in ranking]
    found = [sum(1 for grade in grades[:k] if grade) for k in range(len(grades) + 1)]
    ideal = sorted(relevant.values(), reverse=True)

    def dcg(gains: Sequence[int]) -> float:
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:10]))

    return {
        **{f"recall@{k}": found[min(k, len(grades))] / len(relevant) for k in (1, 5, 10, 100)},
        "precision@5": found[min(5, len(grades))] / 5,
        "map": sum(found[k] / k for k, grade in enumerate(grades, start=1) if grade) / len(relevant),
        "mrr": next((1 / k for k, grade in enumerate(grades, start=1) if grade), 0.0),
        "ndcg@10": dcg(grades) / dcg(ideal),
    }


UNITS = [f"d{i}" for i in range(200)]


@given(
    st.dictionaries(st.sampled_from(UNITS[:40]), st.integers(1, 3), min_size=1, max_size=12),
    st.lists(st.sampled_from(UNITS[:60]), unique=True, max_size=30),
)
def test_scores_are_those_of_the_definitions(relevant: dict[str, int], ranking: list[str]) -> None:
    assert scores(relevant, [[unit] for unit in ranking]) == pytest.approx(naive(relevant, ranking), abs=1e-6)


def test_scores_of_a_ranking_deeper_than_a_hundred_are_those_of_the_definitions() -> None:
    ranking = random.Random(5).sample(UNITS, len(UNITS))
    relevant = {unit: 1 + i % 3 for i, unit in enumerate(UNITS[:50])}
    assert scores(relevant, [[unit] for unit in ranking]) == pytest.approx(naive(relevant, ranking), abs=1e-6)
