"""Fewer hits that say the same: caps, near-duplicates by their runs of words, novelty against relevance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragqa.records import Hit
from ragqa.retrieve.diversity import cap, deduplicate, marginal_relevance
from tests.fakes import hit

Vectors = NDArray[np.float32]


def texts(hits: list[Hit]) -> list[str]:
    return [h.chunk.text for h in hits]


def distinct(*passages: str, share: float = 0.8) -> list[str]:
    hits = [hit(text, start=number, score=1 / (number + 1)) for number, text in enumerate(passages)]
    return texts(deduplicate(hits, share))


def numbered(first: int, n: int) -> str:
    """Return n words, no two equal: n - 4 runs of five."""
    return " ".join(f"w{number}" for number in range(first, first + n))


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
def test_a_cap_keeps_the_best_hits_of_each_document_in_their_order(sources: list[str], most: int) -> None:
    hits = [hit(str(number), source, number) for number, source in enumerate(sources)]
    kept = cap(hits, most)
    assert kept == [h for i, h in enumerate(hits) if sources[:i].count(sources[i]) < most]


def test_copies_are_left_out_whatever_their_case_and_punctuation_and_the_best_stays() -> None:
    assert distinct("The ferry sails at nine today.", "The turbine.", "the FERRY sails, at nine: today") == [
        "The ferry sails at nine today.",
        "The turbine.",
    ]
    assert distinct(numbered(0, 20), numbered(0, 20), numbered(0, 20)) == [numbered(0, 20)]


@pytest.mark.parametrize(("shared", "left"), [(8, 1), (7, 2)])
def test_eight_of_ten_runs_of_five_words_are_a_share_of_0_8(shared: int, left: int) -> None:
    better, worse = numbered(0, 50), f"{numbered(0, shared + 4)} {numbered(100, 10 - shared)}"
    assert len(worse.split()) - 4 == 10
    assert len(distinct(better, worse)) == left


def test_a_share_is_reached_where_it_is_met_exactly() -> None:
    worse = f"{numbered(0, 55 + 4)} {numbered(100, 45)}"
    assert 0.55 * 100 > 55  # in binary; the share is 55 of 100 runs all the same
    assert len(distinct(numbered(0, 99), worse, share=0.55)) == 1


def test_a_share_of_1_leaves_out_what_stands_wholly_in_a_better_hit_and_not_the_reverse() -> None:
    assert distinct(numbered(0, 30), numbered(10, 9), share=1.0) == [numbered(0, 30)]
    assert distinct(numbered(10, 9), numbered(0, 30), share=1.0) == [numbered(10, 9), numbered(0, 30)]


def test_the_share_is_that_in_one_better_hit_and_not_in_all_together() -> None:
    parts = [numbered(0, 10), numbered(20, 10)]
    assert distinct(*parts, " ".join(parts), share=0.6) == [*parts, " ".join(parts)]


def test_a_text_of_fewer_than_five_words_is_one_run() -> None:
    assert distinct("red ferry", "Red ferry!", "ferry red", "red", "red ferry sails") == [
        "red ferry",
        "ferry red",
        "red",
        "red ferry sails",
    ]


def test_texts_without_a_word_are_copies_of_nothing() -> None:
    assert distinct("the red ferry sails at nine", "* * *", "---") == ["the red ferry sails at nine", "* * *", "---"]


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=7), max_size=8),
    st.sampled_from([0.2, 0.5, 0.8, 1.0]),
)
def test_what_is_left_are_the_hits_that_no_better_one_left_repeats(passages: list[list[str]], share: float) -> None:
    hits = [hit(" ".join(words), start=number) for number, words in enumerate(passages)]
    left = deduplicate(hits, share)

    def runs(h: Hit) -> set[tuple[str, ...]]:
        words = h.chunk.text.split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)} or {tuple(words)}

    def repeats(h: Hit, better: Hit) -> bool:
        return len(runs(h) & runs(better)) / len(runs(h)) >= share

    for number, h in enumerate(hits):
        assert (h in left) == (not any(repeats(h, b) for b in left if b in hits[:number]))


def unit(rows: list[list[float]]) -> Vectors:
    vectors = np.array(rows, dtype=np.float32).reshape(len(rows), 3)
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


ROWS = st.lists(
    st.tuples(st.integers(1, 100), st.lists(st.integers(-5, 5).map(float), min_size=3, max_size=3).filter(any)),
    max_size=9,
).map(lambda rows: sorted(rows, key=lambda row: -row[0]))


@given(ROWS, st.integers(0, 12), st.floats(0, 1))
def test_each_choice_is_the_best_by_the_formula_and_none_is_made_twice(
    rows: list[tuple[int, list[float]]], k: int, relevance: float
) -> None:
    hits = [hit(str(number), start=number, score=score / 100) for number, (score, _) in enumerate(rows)]
    vectors = unit([vector for _, vector in rows])
    chosen = [int(h.chunk.text) for h in marginal_relevance(hits, vectors, k, relevance)]
    assert len(chosen) == len(set(chosen)) == min(k, len(hits))
    for turn, choice in enumerate(chosen):
        before = chosen[:turn]

        def gain(i: int, before: list[int] = before) -> float:
            nearest = max([0.0, *(float(vectors[i] @ vectors[j]) for j in before)])
            return relevance * hits[i].score / hits[0].score - (1 - relevance) * nearest

        best = max(gain(i) for i in range(len(hits)) if i not in before)
        assert gain(choice) == pytest.approx(best, abs=1e-5)


@given(ROWS, st.integers(0, 12))
def test_relevance_alone_keeps_the_order(rows: list[tuple[int, list[float]]], k: int) -> None:
    hits = [hit(str(number), start=number, score=score) for number, (score, _) in enumerate(rows)]
    assert marginal_relevance(hits, unit([vector for _, vector in rows]), k, 1.0) == hits[:k]


def test_novelty_prefers_another_direction_to_a_better_score() -> None:
    hits = [hit(name, start=number, score=score) for number, (name, score) in enumerate([("a", 9), ("b", 8), ("c", 4)])]
    vectors = unit([[1, 0, 0], [1, 0.1, 0], [0, 1, 0]])
    assert texts(marginal_relevance(hits, vectors, 2, 0.9)) == ["a", "b"]
    assert texts(marginal_relevance(hits, vectors, 2, 0.5)) == ["a", "c"]
    assert texts(marginal_relevance(hits, vectors, 3, 0.5)) == ["a", "c", "b"]
    assert texts(marginal_relevance(hits, vectors, 9, 0.5)) == ["a", "c", "b"]


def test_scores_of_any_scale_are_weighed_alike() -> None:
    vectors = unit([[1, 0, 0], [1, 0.1, 0], [0, 1, 0]])
    for scale in (1e-3, 1.0, 1e3):
        hits = [
            hit(name, start=i, score=scale * score) for i, (name, score) in enumerate([("a", 9), ("b", 8), ("c", 4)])
        ]
        assert texts(marginal_relevance(hits, vectors, 2, 0.5)) == ["a", "c"]


def test_no_hits_and_no_score_above_0_are_no_mistake() -> None:
    assert marginal_relevance([], np.empty((0, 3), dtype=np.float32), 5, 0.5) == []
    hits = [hit("a", start=0, score=0.0), hit("b", start=1, score=0.0), hit("c", start=2, score=0.0)]
    assert texts(marginal_relevance(hits, unit([[1, 0, 0], [1, 0, 0], [0, 1, 0]]), 2, 0.5)) == ["a", "c"]
