"""Experiments over a pipeline, each one call that returns a record and prints nothing.

    evaluate_pipeline    a pipeline and a dataset -> EvaluationRun: its report, kept in a folder
    compare_runs         two of these folders -> Comparison: differences with intervals and tests, and results of gates
    tune                 a pipeline file with grids -> Tuning: which combination answers best
    replay               the folder of a run -> Replay: the differences when it is done again
    draft_questions      a pipeline -> Drafts: questions with answers about its documents
    reader_examples.py   a pipeline and questions -> examples from which a reader learns

This room imports both `Pipeline` and `ragqa.evaluate`, which do not import each other. A `Listener` receives the
progress of an experiment.
"""

from __future__ import annotations

from ragqa.experiments.compare import Comparison, Gate, compare_runs
from ragqa.experiments.evaluation import EvaluationRun, evaluate_pipeline, write_reports
from ragqa.experiments.listener import Listener
from ragqa.experiments.questions import Drafts, draft_questions
from ragqa.experiments.replays import Replay, replay
from ragqa.experiments.setup import EvaluationSetup, Selection
from ragqa.experiments.tuning import Tuning, TuningGoal, TuningGrid, tune

__all__ = [
    "Comparison",
    "Drafts",
    "EvaluationRun",
    "EvaluationSetup",
    "Gate",
    "Listener",
    "Replay",
    "Selection",
    "Tuning",
    "TuningGoal",
    "TuningGrid",
    "compare_runs",
    "draft_questions",
    "evaluate_pipeline",
    "replay",
    "tune",
    "write_reports",
]
