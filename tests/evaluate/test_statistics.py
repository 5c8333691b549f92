"""Intervals, tests of significance and their corrections, held to simulations and to worked examples."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evaluate.metrics.statistics import Floats, holm, interval, sign_flip, smallest_difference

DRAWS = 2000


def drawn(rng: np.random.Generator, documents: int) -> tuple[list[float], list[int]]:
    """Return scores like F1 and their documents: 1 to 9 questions each, some documents harder than others (ICC 0.2)."""
    sizes = rng.integers(1, 10, size=documents)
    ease = np.repeat(rng.beta(2.4, 1.6, size=documents), sizes)  # of mean 0.6
    partial = rng.choice([0.25, 0.5, 0.75], size=len(ease)) * (rng.random(len(ease)) < 0.4)
    scores = np.where(rng.random(len(ease)) < ease, 1.0, partial)
    return scores.tolist(), np.repeat(np.arange(documents), sizes).tolist()


TRUE_MEAN = 0.6 + 0.4 * (0.4 * 0.5)


def share(trial: Callable[[np.random.Generator], bool]) -> float:
    rng = np.random.default_rng(7)
    return sum(trial(rng) for _ in range(DRAWS)) / DRAWS


@pytest.mark.parametrize("documents", [12, 48])
def test_95_of_100_intervals_hold_the_true_mean_of_clustered_scores(documents: int) -> None:
    def holds(rng: np.random.Generator) -> bool:
        low, high = interval(*drawn(rng, documents), resamples=500)
        return low <= TRUE_MEAN <= high

    assert 0.93 <= share(holds) <= 0.97


def test_intervals_that_ignore_the_clusters_hold_it_too_rarely() -> None:
    def holds(rng: np.random.Generator) -> bool:
        scores, _ = drawn(rng, 48)
        low, high = interval(scores, resamples=200)
        return low <= TRUE_MEAN <= high

    assert share(holds) < 0.9


@pytest.mark.parametrize("documents", [12, 48])
def test_5_of_100_pairs_of_equal_systems_look_different(documents: int) -> None:
    def looks_different(rng: np.random.Generator) -> bool:
        (one, clusters), ease = drawn(rng, documents), rng.normal(0, 0.2, size=documents)
        differences = [score * ease[cluster] for score, cluster in zip(one, clusters, strict=True)]
        return sign_flip(differences, clusters, draws=400) <= 0.05

    assert 0.04 <= share(looks_different) <= 0.06


def test_a_true_difference_of_the_smallest_size_is_shown_in_4_of_5_cases() -> None:
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.3, size=(DRAWS, 40))
    size = smallest_difference((noise[0] / noise[0].std(ddof=1) * 0.3).tolist())
    shown = [interval(row.tolist(), differences=True, resamples=200)[0] > 0 for row in noise + size]
    assert sum(shown) / DRAWS == pytest.approx(0.8, abs=0.03)


# Intervals


def test_the_interval_is_close_to_that_of_the_normal_approximation() -> None:
    low, high = interval([1.0] * 60 + [0.0] * 40)
    half = 1.984 * (0.6 * 0.4 / 99) ** 0.5
    assert low == pytest.approx(0.6 - half, abs=0.015)
    assert high == pytest.approx(0.6 + half, abs=0.015)


def test_the_interval_narrows_with_the_root_of_n_and_is_the_same_every_time() -> None:
    narrow, wide = interval([1.0, 0.0] * 200), interval([1.0, 0.0] * 50)
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(2, rel=0.15)
    assert interval([1.0, 0.0] * 50) == wide


def test_copies_of_a_question_in_its_cluster_add_no_certainty() -> None:
    scores = [1.0, 0.0, 0.5, 1.0, 0.0, 0.75]
    copied = interval(scores * 10, list(range(6)) * 10)
    assert copied == pytest.approx(interval(scores))
    assert copied[1] - copied[0] > 2 * (interval(scores * 10)[1] - interval(scores * 10)[0])


def test_the_mean_is_that_of_all_questions_not_of_the_clusters() -> None:
    scores = ([1.0] * 9 + [0.0]) * 30
    clusters = [place // 10 + 1000 * (score == 0) for place, score in enumerate(scores)]
    low, high = interval(scores, clusters)
    assert low < 0.9 < high  # of 30 clusters right throughout and as many wrong throughout
    assert low > 0.8


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_interval_of_scores_holds_their_mean_and_ends_at_0_and_1(scores: list[float]) -> None:
    low, high = interval(scores, resamples=200)
    assert 0 <= low <= sum(scores) / len(scores) + 1e-12
    assert sum(scores) / len(scores) - 1e-12 <= high <= 1


def test_scores_beyond_0_and_1_and_differences_are_not_cut_off() -> None:
    assert interval([0.0, 5.0, 0.0, 5.0])[0] < 0
    assert interval([0.0, 1.0, 0.0])[0] == 0
    assert interval([0.0, 1.0, 0.0], differences=True)[0] < 0


def test_scores_all_0_or_all_1_are_no_proof_of_perfection() -> None:
    assert interval([1.0] * 48) == pytest.approx((0.025 ** (1 / 48), 1))
    assert interval([0.0] * 10) == pytest.approx((0, 0.3085), abs=1e-4)  # Clopper and Pearson, 0 of 10
    assert interval([1.0] * 10, [0, 1] * 5) == pytest.approx((0.025**0.5, 1))


def test_runs_that_do_not_differ_have_differences_of_width_0() -> None:
    assert interval([0.0] * 10, differences=True) == (0, 0)


def test_a_single_score_says_nothing() -> None:
    assert interval([0.5]) == (0, 1)
    assert interval([0.5], differences=True) == (-math.inf, math.inf)


def test_within_one_cluster_each_score_stands_for_itself() -> None:
    scores = [1.0, 0.0, 0.5, 1.0]
    assert interval(scores, ["a"] * 4) == interval(scores)
    assert sign_flip(scores, ["a"] * 4) == sign_flip(scores)


def test_no_scores_or_clusters_of_other_number_are_refused() -> None:
    for function in (interval, sign_flip, smallest_difference):
        with pytest.raises(ValueError, match="at least one"):
            function([])
        with pytest.raises(ValueError, match="got 1 clusters of 2 scores"):
            function([0.0, 1.0], ["a"])


def test_ten_thousand_scores_take_a_moment() -> None:
    scores = np.random.default_rng(7).random(10_000).tolist()
    started = time.process_time()
    interval(scores, list(range(5000)) * 2)
    assert time.process_time() - started < 1  # 0.1 s on an idle core


# Sign flips


def test_few_clusters_are_enumerated() -> None:
    values = [0.3, -0.1, 0.25, 0.05, 0.4]
    flipped = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in itertools.product((1, -1), repeat=5)
    ]
    assert sign_flip(values) == sum(total >= sum(values) - 1e-12 for total in flipped) / 32


def test_random_signs_come_near_the_exact_p() -> None:
    values = [1.0] * 13 + [-1.0] * 5  # 18 clusters: drawn
    wanted = 2 * sum(math.comb(18, k) for k in range(6)) / 2**18
    assert sign_flip(values) == pytest.approx(wanted, abs=0.01)


def test_p_is_never_0_and_the_same_for_either_order_of_two_runs() -> None:
    differences: Floats = np.random.default_rng(7).normal(0.2, 0.1, size=100)
    assert sign_flip(differences.tolist()) == sign_flip((-differences).tolist()) == pytest.approx(1 / 10_001)


def test_signs_are_flipped_by_cluster() -> None:
    assert sign_flip([0.1] * 12, list("aaabbbcccddd")) == 2 / 16
    assert sign_flip([0.1] * 12) == 2 / 2**12


def test_where_nothing_differs_p_is_1() -> None:
    assert sign_flip([0.0] * 20) == 1
    assert sign_flip([0.1, 0.2, -0.3, 0.0], list("aaab")) == 1  # within a, the differences cancel


# Several metrics, and power


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order_around() -> None:
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})
    assert list(holm({"a": 0.04, "b": 0.01, "c": 0.03})) == ["a", "b", "c"]
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1, "b": 1}
    assert holm({}) == {}


def test_the_smallest_difference_is_both_quantiles_of_t_times_the_error() -> None:
    differences = [0.1, -0.1] * 10
    error = math.sqrt(20 / 19 * 20 * 0.01) / 20
    assert smallest_difference(differences) == pytest.approx((2.0930 + 0.8610) * error, rel=1e-3)
    assert smallest_difference(differences * 4) == pytest.approx(smallest_difference(differences) / 2, rel=0.06)
    assert smallest_difference(differences * 4, list(range(20)) * 4) == pytest.approx(smallest_difference(differences))
    assert smallest_difference(differences, power=0.9) > smallest_difference(differences)


def test_a_spread_that_was_not_seen_is_told_apart() -> None:
    assert smallest_difference([0.2]) == math.inf
    assert smallest_difference([0.0] * 9) == 0
