"""Measures when an answer is refused. Run by `make bench-refusal`.

The stronger model reads questions of SQuAD 2.0 with their paragraphs, and questions whose articles are not in the index.
The articles are those that are not among the first 24 of SQuAD 1.1 by title; `make fit-evidence` and `make
fit-verdicts` fit the confidence on these.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.answers.data import squad
from benchmarks.run import ROOT, table
from ragqa import Pipeline
from ragqa.evaluate import (
    Dataset,
    IndexedDocuments,
    Protocol,
    Question,
    Result,
    evaluate,
    read_dataset,
    select,
    summarize,
)
from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.reports.summary import risk_coverage
from ragqa.evaluate.runs.folder import RunFolder
from ragqa.evidence.confidence import LEAST

BETTER = ROOT / "pipelines" / "better.yaml"
OVERRIDES = ("prompt.min_confidence=0",)
"""Every question is answered."""
SHOWN = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Coverages at which the risk is printed."""

Floats = NDArray[np.float64]


def ask(
    name: str, pipeline: Pipeline, questions: Sequence[Question], data: Dataset, context: str = "gold"
) -> list[Result]:
    """Return the results of questions. They are kept in .ragqa: what is known is not asked again."""
    pipeline.index()
    protocol = Protocol(context=context, trace=False)  # type: ignore[arg-type]
    identity = {**pipeline.fingerprint(answers=True), "protocol": asdict(protocol)}
    folder = RunFolder(ROOT / ".ragqa" / "refusal" / name, identity, {})
    corpus = IndexedDocuments({document.source: document for document in data.documents})
    results = []
    for result in tqdm(
        evaluate(pipeline, questions, corpus, protocol, known=folder.known), total=len(questions), desc=name
    ):
        folder.append(result)
        results.append(result)
    return results


def refused(results: Sequence[Result], least: float) -> str:
    """Return the share of questions whose answer is refused, with its interval."""
    results = [result for result in results if not result.error]
    scores = [float((result.confidence or 0.0) < least) for result in results]
    low, high = interval(scores, [result.group for result in results])
    return f"{sum(scores) / len(scores):.3f} [{low:.3f}, {high:.3f}]"


def report(results: Sequence[Result], lost: Sequence[Result], leasts: Sequence[float]) -> None:
    """Print how often answers are refused, how right they are, and the risk by coverage.

    :param results: of questions with their paragraphs. :param lost: of questions whose articles are not in the index.
    """
    groups = {
        "answerable, with its paragraph": [result for result in results if result.answerable],
        "unanswerable, with its paragraph": [result for result in results if not result.answerable],
        "its article is not in the index": lost,
    }
    rows = [
        [name, f"{least:g}", refused(group, least), str(len(group))]
        for least in leasts
        for name, group in groups.items()
    ]
    print(table(["question", "least confidence", "refused", "n"], rows))
    answered = summarize(groups["answerable, with its paragraph"]).metrics
    for name in ("exact_match", "f1"):
        one = answered[name]
        print(f"answerable, none refused: {name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]")
    curve = risk_coverage(results)
    points = [min(curve, key=lambda point: abs(point[0] - coverage)) for coverage in SHOWN]
    print(table(["coverage", "risk"], [[f"{coverage:.2f}", f"{risk:.3f}"] for coverage, risk in points]))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.refusal")
    parser.add_argument("--sample", type=int, default=500, help="questions with their paragraphs")
    parser.add_argument("--absent", type=int, default=150, help="answerable questions whose articles are not indexed")
    parser.add_argument("--least", type=float, nargs="*", default=sorted(LEAST.values()), help="least confidences")
    arguments = parser.parse_args()
    data, other = read_dataset(f"squad:{squad('dev-v2.0-half.json')}"), read_dataset(f"squad:{squad()}")
    tuning = {question.group for question in other.questions if question.metadata["split"] == "tune"}
    pipeline = Pipeline.from_file(BETTER, OVERRIDES)
    asked = select([q for q in data.questions if q.group not in tuning], sample=arguments.sample)
    results = ask("paragraph", pipeline.with_documents(data.documents), asked, data)
    elsewhere = [document for document in other.documents if document.source.partition("/")[0] in tuning]
    absent = select([question for question in asked if question.answerable], sample=arguments.absent)
    lost = ask("absent", pipeline.with_documents(elsewhere), absent, data, "retrieved")
    report(results, lost, arguments.least)


if __name__ == "__main__":
    main()
