"""Scores of answers and of rankings, and confidence intervals and tests for their means. Pure functions.

normal_forms  the forms in which answers are compared: SQuAD's, and a strict one that keeps what carries a meaning
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
    exact_match_strict,
    f1,
    f1_strict,
    has_answer,
    prediction,
    rouge_l,
)
from ragqa.evaluate.metrics.normal_forms import loses_meaning

__all__ = [
    "VERSION",
    "citation_precision",
    "citation_recall",
    "contains",
    "exact_match",
    "exact_match_strict",
    "f1",
    "f1_strict",
    "has_answer",
    "loses_meaning",
    "prediction",
    "rouge_l",
]
