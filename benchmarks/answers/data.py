"""Questions of SQuAD with their gold paragraphs, and the pipeline that reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline
from ragqa.evaluate import Question, read_dataset, select
from ragqa.evaluate.runs.gold import gold_passages, locate_evidence
from ragqa.records import Hit


def squad(name: str = "dev-v1.1.json") -> Path:
    """Return the path of a file of SQuAD in the data folder."""
    return Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data")) / "squad" / name


def questions(split: str, sample: int) -> tuple[list[Question], dict[str, list[Hit]]]:
    """Return a sample of the questions of a split, and the gold passages of each by its id."""
    dataset = read_dataset(f"squad:{squad()}")
    chosen = select(dataset.questions, split, sample=sample)
    documents = {document.source: document for document in dataset.documents}
    gold, _ = locate_evidence(chosen, documents)
    return chosen, {question.id: gold_passages(question, gold[question.id], documents) for question in chosen}


def oracle_pipeline(overrides: Sequence[str] = ()) -> Pipeline:
    """Return the quickstart pipeline; it is given its passages, and needs no index."""
    return Pipeline.from_file(QUICKSTART, overrides)
