"""Experiments over a pipeline, each one call that returns a record and prints nothing.

    evaluate_pipeline    a pipeline and a dataset -> EvaluationRun: its report, kept in a folder
    compare_runs         two of these folders -> Comparison: what changed, how sure that is, whether gates are met
    tune                 a pipeline file with grids -> Tuning: which combination answers best
    replay               the folder of a run -> Replay: what differs when it is done again
    draft_questions      a pipeline -> Drafts: questions with answers about its documents

This room needs both `Pipeline` and `ragqa.evaluate`, which know nothing of each other. A `Listener` is told how far an
experiment has come.
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
