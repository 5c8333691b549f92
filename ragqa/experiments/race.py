"""Races candidates over the same questions: significantly worse ones are eliminated, and the best of the others wins.

race (for each block of questions: ask, test, eliminate) -> Race
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Question
from ragqa.evaluate.metrics.statistics import holm, sign_flip
from ragqa.evaluate.reports import summary
from ragqa.evaluate.reports.summary import Metric
from ragqa.evaluate.runs.result import Result

BLOCK = 25
ALPHA = 0.05
SEED = 20240229

Ask = Callable[[str, Sequence[Question]], Iterable[Result]]
"""Puts questions to the candidate with a name; returns one result for each, in order."""


@dataclass(frozen=True, slots=True)
class Racer:
    """The outcome of a candidate: its mean over the questions it was asked, and that it won or why it did not."""

    name: str
    metric: Metric
    outcome: str


@dataclass(frozen=True, slots=True)
class Race:
    """The name of the winner, and all candidates in the order in which they were given."""

    winner: str
    racers: tuple[Racer, ...]


def race(names: Sequence[str], questions: Sequence[Question], ask: Ask, metric: str, block: int = BLOCK) -> Race:
    """Race candidates for the highest mean of a metric.

    Questions are asked in blocks, in an order drawn once. After each block, a candidate is eliminated where its paired
    difference to the best mean is significant by the sign-flip test, adjusted for all remaining candidates (Holm 1979),
    as in F-Race (Birattari et al. 2002). The level of 0.05 holds for one block. Over many blocks a good candidate is
    eliminated somewhat more often, so the winner needs a test on other questions. The race ends when one candidate or
    no question is left. Then the best mean wins; of equal ones, the first.

    Failed questions are in no mean. Where some candidates failed at no question, all others are eliminated, so that no
    candidate wins by failing at hard questions. Where all failed at some, means are over the questions that each
    answered.

    :raises UsageError: there are no candidates or questions, all failed at the first block, or no question of it has
        the metric.
    """
    if not names or not questions:
        raise UsageError("a race needs at least one candidate and one question")
    order = random.Random(SEED).sample(list(questions), len(questions))
    results: dict[str, list[Result]] = {name: [] for name in names}
    left: dict[str, str] = {}
    for start in range(0, len(order), block):
        racing = [name for name in names if name not in left]
        if start and len(racing) == 1:
            break
        for name in racing:
            results[name] += ask(name, order[start : start + block])
        _check_metric(results, metric)
        left |= _leaving({name: results[name] for name in racing}, metric)
    winner = _best({name: found for name, found in results.items() if name not in left}, metric)
    outcomes = dict.fromkeys(names, "in the race to the end") | left | {winner: "won"}
    return Race(winner, tuple(Racer(n, summary.metric(results[n], metric), outcomes[n]) for n in names))


Results = Mapping[str, Sequence[Result]]


def _leaving(racing: Results, metric: str) -> dict[str, str]:
    """Return the reason by name for each candidate to eliminate."""
    # 1. Candidates with failures, if others have none.
    failures = {name: sum(bool(result.error) for result in found) for name, found in racing.items()}
    clean = {name: found for name, found in racing.items() if not failures[name]}
    left = {name: f"failed at {n} questions, others at none" for name, n in failures.items() if n} if clean else {}
    rest = clean or racing
    # 2. Candidates that are significantly behind the best.
    best = _best(rest, metric)
    paired = {name: _difference(rest[best], found, metric) for name, found in rest.items() if name != best}
    adjusted = holm({name: p for name, (_, p) in paired.items()})
    for name, (difference, _) in paired.items():
        if adjusted[name] < ALPHA and difference < 0:
            left[name] = f"{-difference:.3f} behind {best}, p {adjusted[name]:.4f}"
    return left


def _best(racing: Results, metric: str) -> str:
    """Return the name of the candidate with the highest mean; of equal ones, the first."""
    return max(racing, key=lambda name: _mean([r.scores[metric] for r in racing[name] if metric in r.scores]))


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores) if scores else -math.inf


def _difference(best: Sequence[Result], other: Sequence[Result], metric: str) -> tuple[float, float]:
    """Return the mean of other - best over their common scores, and the p of no difference; 0 and 1 for no scores."""
    pairs = [(a, b) for a, b in zip(best, other, strict=True) if metric in a.scores and metric in b.scores]
    differences = [b.scores[metric] - a.scores[metric] for a, b in pairs]
    if not differences:
        return 0.0, 1.0
    return _mean(differences), sign_flip(differences, [a.group for a, _ in pairs])


def _check_metric(results: Results, metric: str) -> None:
    """Raise `UsageError` where no result has the metric, so that a race without scores ends after one block."""
    asked = [result for of_one in results.values() for result in of_one]
    if all(result.error for result in asked):
        raise UsageError(f"every candidate failed at every question, the first with: {asked[0].error}")
    scored = sorted({name for result in asked for name in result.scores})
    if metric not in scored:
        raise UsageError(f"no question has the metric {metric!r}; they have: {', '.join(scored) or 'none'}")
