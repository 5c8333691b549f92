"""Measures when an answer is refused. Run by `make bench-refusal`; `ARGS=--fit` fits the confidence first.

The stronger model reads questions of SQuAD 2.0 with their paragraphs, and questions whose articles are not in the index.
What its confidence is made of, and the least one that an answer needs, are fitted on the articles that are among the
first 24 of SQuAD 1.1 by title; the figures are of the others.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.answers.data import squad
from benchmarks.run import ROOT, table
from ragqa import Pipeline
from ragqa.evaluate import (
    Corpus,
    Dataset,
    Protocol,
    Question,
    Result,
    evaluate,
    metrics,
    read_dataset,
    select,
    summarize,
)
from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.reports.summary import risk_coverage
from ragqa.evaluate.runs.folder import RunFolder
from ragqa.evaluate.runs.gold import gold_passages, locate_evidence
from ragqa.generate.llama_cpp import CONFIDENCE, LlamaCpp
from ragqa.records import Generation

BETTER = ROOT / "pipelines" / "better.yaml"
OVERRIDES = ("embed.model=all-minilm-l6-v2", "retrieve.top_k=1", "generate.min_confidence=0")
"""One passage, found by the smaller encoder, which indexes all paragraphs in a minute; every question is answered."""
REFUSED = 0.12
"""The share of the answerable questions of the tuning articles that the least confidence refuses."""
PENALTY = 0.01
"""On the squares of the weights."""
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
    corpus = Corpus({document.source: document for document in data.documents})
    results = []
    for result in tqdm(
        evaluate(pipeline, questions, corpus, protocol, known=folder.known), total=len(questions), desc=name
    ):
        folder.append(result)
        results.append(result)
    return results


def collect(pipeline: Pipeline, questions: Sequence[Question], data: Dataset) -> tuple[Floats, Floats]:
    """Return what the confidence of each answer is made of, float64[n, 3], and the answers' F1, float64[n].

    The three are 1, the log-odds that the question can be answered, and the log-probability of the answer.
    """
    documents = {document.source: document for document in data.documents}
    gold, _ = locate_evidence(questions, documents)
    spec: Any = pipeline.config.generate
    generator = LlamaCpp(spec, log_probabilities=True)
    constant, verdict, answer = CONFIDENCE
    rows, f1 = [], []
    for question in tqdm(questions, desc="fit"):
        prompt = pipeline.prompt(question.question, gold_passages(question, gold[question.id], documents))
        *_, generation = generator.stream(prompt)
        assert isinstance(generation, Generation) and generation.logprobs is not None
        log_p = sum(generation.logprobs)
        rows.append([1.0, (log_odds(generation.confidence or 0.0) - constant - answer * log_p) / verdict, log_p])
        f1.append(metrics.f1(generation.text, question.answers) if question.answerable else 0.0)
    return np.array(rows), np.array(f1)


def log_odds(p: float) -> float:
    """Return the natural log-odds of a probability that is neither 0 nor 1 to nine digits."""
    p = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(p / (1 - p))


def fit(values: Floats, targets: Floats) -> Floats:
    """Return the weights of a logistic regression, float64[features], by Newton's method."""
    weights = np.zeros(values.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-values @ weights))
        curvature = (values * (p * (1 - p))[:, None]).T @ values + PENALTY * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, values.T @ (p - targets) + PENALTY * weights)
    return weights


def fit_confidence(pipeline: Pipeline, questions: Sequence[Question], data: Dataset) -> None:
    """Print the weights, and the least confidence that refuses `REFUSED` of the answerable questions."""
    values, f1 = collect(pipeline, questions, data)
    weights = fit(values, f1)
    answerable = np.array([question.answerable for question in questions])
    groups = np.array([question.group for question in questions])
    others = np.zeros(len(questions))  # each article by weights that are fitted on the others
    for group in set(groups):
        others[groups == group] = values[groups == group] @ fit(values[groups != group], f1[groups != group])
    least = float(np.quantile((values @ weights)[answerable], REFUSED))
    apart = float(np.quantile(others[answerable], REFUSED))
    print(
        f"CONFIDENCE = {tuple(round(float(w), 2) for w in weights)}, min_confidence: {1 / (1 + math.exp(-least)):.2f}"
    )
    print(
        f"fitted on other articles: {np.mean(others[~answerable] < apart):.3f} of {sum(~answerable)} unanswerable "
        f"questions refused, {np.mean(others[answerable] < apart):.3f} of {sum(answerable)} answerable ones"
    )


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
    parser.add_argument("--fit", action="store_true", help="fit the confidence instead of measuring it")
    parser.add_argument("--sample", type=int, default=500, help="questions with their paragraphs")
    parser.add_argument("--absent", type=int, default=150, help="answerable questions whose articles are not indexed")
    parser.add_argument("--least", type=float, nargs="*", default=[0.3], help="least confidences")
    arguments = parser.parse_args()
    data, other = read_dataset(f"squad:{squad('dev-v2.0-half.json')}"), read_dataset(f"squad:{squad()}")
    tuning = {question.group for question in other.questions if question.metadata["split"] == "tune"}
    sides = {side: [q for q in data.questions if (q.group in tuning) == side] for side in (True, False)}
    pipeline = Pipeline.from_file(BETTER, OVERRIDES)
    asked = select(sides[arguments.fit], sample=arguments.sample)
    if arguments.fit:
        fit_confidence(pipeline, asked, data)
        return
    results = ask("paragraph", pipeline.with_documents(data.documents), asked, data)
    elsewhere = [document for document in other.documents if document.source.partition("/")[0] in tuning]
    absent = select([question for question in asked if question.answerable], sample=arguments.absent)
    lost = ask("absent", pipeline.with_documents(elsewhere), absent, data, "retrieved")
    report(results, lost, arguments.least)


if __name__ == "__main__":
    main()
