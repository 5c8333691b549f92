"""Questions with gold answers + a `System` -> `Report`: how often it is right, and how sure that figure is.

    read_dataset -> evaluate (resolve gold spans, put every question, score, trace) -> Result -> summarize -> Report

Knows a `System` by its methods only; `Pipeline` is one of many.
"""

from __future__ import annotations

from ragqa.evaluate.dataset import Dataset, Evidence, Question
from ragqa.evaluate.datasets import read_dataset, read_questions
from ragqa.evaluate.report import Metric, Report, summarize
from ragqa.evaluate.result import Result
from ragqa.evaluate.run import Corpus, Protocol, evaluate
from ragqa.evaluate.splits import select

__all__ = [
    "Corpus",
    "Dataset",
    "Evidence",
    "Metric",
    "Protocol",
    "Question",
    "Report",
    "Result",
    "evaluate",
    "read_dataset",
    "read_questions",
    "select",
    "summarize",
]
