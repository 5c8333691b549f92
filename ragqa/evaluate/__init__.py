"""Questions with gold answers + a `System` -> `EvaluationReport`: metrics with confidence intervals.

    read_dataset -> evaluate (locate gold spans, put every question, score, trace) -> Result -> summarize ->
    EvaluationReport

dataset     Question, Evidence, Dataset: questions with gold answers, and their documents
datasets    public datasets in their official files -> Dataset; splits
metrics     one answer or one ranking -> scores; intervals and tests over them
runs        questions and a `System` -> results, in a folder from which an interrupted run is continued
reports     results -> figures, text, Markdown, HTML

This room uses a `System` only through its Protocol; `Pipeline` is one implementation. Code that needs both is in
`ragqa.experiments`. The names of `__all__` are imported when they are first used, so that reading a dataset loads no
numeric library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.evaluate.dataset import Dataset, Evidence, Question
    from ragqa.evaluate.datasets import read_dataset
    from ragqa.evaluate.datasets.jsonl import read_questions
    from ragqa.evaluate.datasets.splits import select
    from ragqa.evaluate.reports.summary import EvaluationReport, Metric, summarize
    from ragqa.evaluate.runs.evaluation import IndexedDocuments, Protocol, evaluate
    from ragqa.evaluate.runs.result import Result

__all__ = [
    "Dataset",
    "EvaluationReport",
    "Evidence",
    "IndexedDocuments",
    "Metric",
    "Protocol",
    "Question",
    "Result",
    "evaluate",
    "read_dataset",
    "read_questions",
    "select",
    "summarize",
]

_MODULES = {
    "dataset": ("Dataset", "Evidence", "Question"),
    "datasets": ("read_dataset",),
    "datasets.jsonl": ("read_questions",),
    "datasets.splits": ("select",),
    "reports.summary": ("EvaluationReport", "Metric", "summarize"),
    "runs.evaluation": ("IndexedDocuments", "Protocol", "evaluate"),
    "runs.result": ("Result",),
}
"""The module that defines each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"ragqa.evaluate.{module}"), name)
    raise AttributeError(f"module 'ragqa.evaluate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
