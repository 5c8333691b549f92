"""Scores of answers and of rankings, and confidence intervals and tests for their means. Pure functions.

answers       exact match, F1 and the other metrics of one answer, in [0, 1]; this package re-exports them
ranking       retrieved passages -> recall, precision, MAP, MRR, nDCG
support       the share of an answer's sentences that stand in the gold passages
statistics    intervals by document, paired tests, correction for several tests
"""

from __future__ import annotations

from ragqa.evaluate.metrics.answers import (
    VERSION,
    citation_precision,
    citation_recall,
    contains,
    exact_match,
    f1,
    has_answer,
    normalize,
    prediction,
    rouge_l,
)

__all__ = [
    "VERSION",
    "citation_precision",
    "citation_recall",
    "contains",
    "exact_match",
    "f1",
    "has_answer",
    "normalize",
    "prediction",
    "rouge_l",
]
