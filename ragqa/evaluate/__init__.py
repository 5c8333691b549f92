"""Questions with gold answers + a `System` -> `EvaluationReport`: how often it is right, and how sure that figure is.

    read_dataset -> evaluate (locate gold spans, put every question, score, trace) -> Result -> summarize -> EvaluationReport

dataset     Question, Evidence, Dataset: what is asked, and of what
datasets    public datasets in their official files -> Dataset; splits
metrics     one answer or one ranking -> scores; intervals and tests over them
runs        questions and a `System` -> results, in a folder that can be gone on with
reports     results -> figures, text, Markdown, HTML

Knows a `System` by its methods only; `Pipeline` is one of many. What needs both is in `ragqa.experiments`. The names of
`__all__` are imported when they are first asked for, so that reading a dataset loads no numeric library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.evaluate.dataset import Dataset, Evidence, Question
    from ragqa.evaluate.datasets import read_dataset, read_questions
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
    "datasets": ("read_dataset", "read_questions"),
    "datasets.splits": ("select",),
    "reports.summary": ("EvaluationReport", "Metric", "summarize"),
    "runs.evaluation": ("IndexedDocuments", "Protocol", "evaluate"),
    "runs.result": ("Result",),
}
"""The module that defines each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"ragqa.evaluate.{module}"), name)
    raise AttributeError(f"module 'ragqa.evaluate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
