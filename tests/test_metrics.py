"""Scores of answers and rankings; each known defect of other harnesses has a test that bears its name."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evaluate import metrics
from ragqa.evaluate.metrics import Span
from ragqa.records import Chunk, Hit


def hit(start: int, end: int, text: str = "", document_id: str = "d") -> Hit:
    return Hit(Chunk(f"{document_id}{start}", document_id, start, end, text), f"{document_id}.md", "/x", 1.0, {})


def squad_normalize(s: str) -> str:
    """Written from the definition in evaluate-v2.0.py, step by step, sharing nothing with the package."""
    s = s.lower()
    s = "".join(ch for ch in s if ch not in set(string.punctuation))
    s = re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", s)
    return " ".join(s.split())


def squad_scores(prediction: str, answers: list[str]) -> tuple[float, float]:
    golds = [a for a in answers if squad_normalize(a)] or [""]
    exact = max(int(squad_normalize(a) == squad_normalize(prediction)) for a in golds)
    best = 0.0
    for gold in golds:
        gold_toks, pred_toks = squad_normalize(gold).split(), squad_normalize(prediction).split()
        same = sum((Counter(gold_toks) & Counter(pred_toks)).values())
        if not gold_toks or not pred_toks:
            best = max(best, float(gold_toks == pred_toks))
        elif same:
            precision, rec = same / len(pred_toks), same / len(gold_toks)
            best = max(best, 2 * precision * rec / (precision + rec))
    return float(exact), best


WORDS = st.lists(
    st.sampled_from(["The", "a", "an", "ferry", "Ferry.", "4.2", "U.S.", "—", "é", "e\u0301", "\u00a0", "İ", ","]),
    max_size=6,
).map(" ".join)
TEXTS = WORDS | st.text(max_size=12)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_exact_match_and_f1_are_those_of_the_squad_definition(prediction: str, answers: list[str]) -> None:
    exact, f1 = squad_scores(prediction, answers)
    assert metrics.exact_match(prediction, answers) == exact
    assert metrics.f1(prediction, answers) == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize(
    ("prediction", "gold", "equal"),
    [
        ("The Ferry, Morwen!", "ferry morwen", 1.0),
        ("an  apple\n", "apple", 1.0),
        ("theatre", "atre", 0.0),
        ("4.2", "42", 1.0),  # the official script drops the point as well
        ("4.2", "4,3", 0.0),
        ("café", "CAFÉ", 1.0),
        ("cafe\u0301", "café", 0.0),  # the official script does not compose characters
    ],
)
def test_articles_punctuation_and_case_are_dropped_in_the_order_of_squad(
    prediction: str, gold: str, equal: float
) -> None:
    assert metrics.exact_match(prediction, [gold]) == equal


def test_points_and_commas_do_not_cut_an_answer_short() -> None:
    assert metrics.exact_match("the U.S. paid 1,000", ["U.S. paid 1,000"]) == 1
    assert metrics.exact_match("the U", ["U.S."]) == 0


@pytest.mark.parametrize("score", [metrics.exact_match, metrics.f1, metrics.contains])
def test_without_a_gold_answer_only_an_empty_prediction_is_right(score: object) -> None:
    assert callable(score)
    assert score("", []) == 1
    assert score("The", []) == 1
    assert score("anything", []) == 0
    assert score("", ["gold"]) == 0


def test_f1_takes_the_best_single_gold_and_never_mixes_two() -> None:
    # Precision 1 with the first and recall 1 with the second would make 1.0 where maxima are taken apart.
    assert metrics.f1("red", ["red blue green", "blue"]) == pytest.approx(0.5)
    assert metrics.f1("red", ["x", "red"]) == 1


def test_a_repeated_word_counts_only_as_often_as_it_stands_in_both() -> None:
    assert metrics.f1("ferry ferry ferry", ["ferry"]) == pytest.approx(0.5)


def test_contains_compares_whole_words_so_art_is_not_in_party() -> None:
    assert metrics.contains("a party", ["art"]) == 0
    assert metrics.contains("It is modern art, mostly.", ["Art"]) == 1
    assert metrics.contains("paid 10 in May", ["10 May"]) == 0


def test_contains_is_not_satisfied_by_any_shared_word() -> None:
    assert metrics.contains("the ferry is late", ["ferry Morwen"]) == 0


def test_a_gold_answer_that_normalises_to_nothing_does_not_match_everything() -> None:
    assert metrics.contains("anything", ["the"]) == 0
    assert metrics.contains("anything", ["the", "any thing"]) == 0
    assert metrics.has_answer([hit(0, 8, "anything")], ["..."]) == 0


def test_has_answer_looks_for_whole_words_in_each_hit() -> None:
    hits = [hit(0, 5, "a party"), hit(5, 9, "It is Art!")]
    assert metrics.has_answer(hits[:1], ["art"]) == 0
    assert metrics.has_answer(hits, ["nothing", "art"]) == 1
    assert metrics.has_answer([], ["art"]) == 0


def test_a_hit_covers_a_span_from_one_half_of_it() -> None:
    span = Span("d", 10, 20)
    assert metrics.covers(hit(0, 15), span)
    assert not metrics.covers(hit(0, 14), span)
    assert metrics.covers(hit(12, 17), span)
    assert not metrics.covers(hit(20, 40), span)
    assert not metrics.covers(hit(10, 20, document_id="other"), span)


def test_recall_is_the_share_of_evidence_found_not_whether_any_was() -> None:
    assert metrics.recall([hit(0, 10)], [Span("d", 0, 10), Span("d", 50, 60)]) == 0.5


def test_recall_counts_a_span_once_however_many_hits_or_copies_cover_it() -> None:
    hits = [hit(0, 10), hit(0, 10), hit(2, 12)]
    assert metrics.recall(hits, [Span("d", 0, 10), Span("d", 90, 99)]) == 0.5
    assert metrics.recall(hits, [Span("d", 0, 10), Span("d", 0, 10), Span("d", 90, 99)]) == 0.5


def test_recall_without_evidence_is_refused_rather_than_zero_or_nan() -> None:
    with pytest.raises(ValueError, match="at least one"):
        metrics.recall([hit(0, 1)], [])


def test_reciprocal_rank_is_that_of_the_first_covering_hit_in_the_order_given() -> None:
    gold = [Span("d", 0, 10), Span("d", 20, 30)]
    tied = [hit(40, 50), hit(20, 30), hit(0, 10)]  # all scores equal: the order given is the ranking
    assert metrics.reciprocal_rank(tied, gold) == 0.5
    assert metrics.reciprocal_rank(tied[:1], gold) == 0
    assert metrics.reciprocal_rank([], gold) == 0
