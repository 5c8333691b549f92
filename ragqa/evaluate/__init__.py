"""Questions with gold answers + a `System` -> `Report`: how often it is right, and how sure that figure is.

    read_questions -> evaluate (resolve gold spans, run every question, score) -> Report

Knows a `System` by its methods only; `Pipeline` is one of many.
"""

from __future__ import annotations

from ragqa.evaluate.dataset import Evidence, Question, read_questions, select
from ragqa.evaluate.report import Metric, Report, Result
from ragqa.evaluate.run import evaluate

__all__ = ["Evidence", "Metric", "Question", "Report", "Result", "evaluate", "read_questions", "select"]
