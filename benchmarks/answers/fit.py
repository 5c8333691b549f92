"""Fits the weights by which spans are ranked. Run by `make fit-spans`; prints what `ragqa/generate/spans.py` holds.

The weights maximise the expected F1 plus exact match of a span drawn by its probability, over questions of the tuning
articles with their gold paragraphs; a penalty on their squares keeps them small. Folds are made by article.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.answers.data import oracle_pipeline, questions
from ragqa.evaluate import Question, metrics
from ragqa.generate import spans
from ragqa.generate.span_candidates import QuestionOverlap

PENALTY = 1e-3
STEPS = 300
FOLDS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """The candidates of one question: float32[n, features], and the F1 and exact match of each, float32[n]."""

    group: str
    features: torch.Tensor
    f1: torch.Tensor
    exact_match: torch.Tensor


def collect(asked: Sequence[Question], passages: dict[str, Any]) -> list[Scored]:
    """Return the scored candidates of each question that has any."""
    pipeline = oracle_pipeline()
    generator: Any = pipeline.components.generator
    found = []
    for question in tqdm(asked, unit=" questions"):
        prompt = pipeline.prompt(question.question, passages[question.id])
        overlap = QuestionOverlap(question.question, [hit.chunk.text for hit in prompt.passages])
        candidates = generator.decode(prompt).candidates
        if candidates:
            values = torch.tensor([spans.features(one, overlap) for one in candidates])
            f1, exact = (
                torch.tensor([score(one.text, question.answers) for one in candidates])
                for score in (metrics.f1, metrics.exact_match)
            )
            found.append(Scored(question.group, values, f1, exact))
    return found


def fit(data: Sequence[Scored]) -> torch.Tensor:
    """Return a weight for each feature, float32[features]."""
    everything = torch.cat([one.features for one in data])
    mean, deviation = everything.mean(0), everything.std(0) + 1e-6
    weights = torch.zeros(len(spans.FEATURES), requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for _ in range(STEPS):
        gains = [
            torch.softmax((one.features - mean) / deviation @ weights, 0) @ (one.f1 + one.exact_match) for one in data
        ]
        loss = PENALTY * (weights**2).sum() - torch.stack(gains).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return (weights / deviation).detach()


def score(weights: torch.Tensor, data: Sequence[Scored]) -> tuple[float, float]:
    """Return the mean exact match and F1 of the best span of each question."""
    best = [(one, int((one.features @ weights).argmax())) for one in data]
    exact = sum(float(one.exact_match[i]) for one, i in best) / len(data)
    return exact, sum(float(one.f1[i]) for one, i in best) / len(data)


def cross_validated(data: Sequence[Scored]) -> tuple[float, float]:
    """Return exact match and F1 of articles that the weights were not fitted on."""
    groups = sorted({one.group for one in data})
    exact = f1 = 0.0
    for fold in range(FOLDS):
        held = [one for one in data if groups.index(one.group) % FOLDS == fold]
        if held:
            one_exact, one_f1 = score(fit([one for one in data if groups.index(one.group) % FOLDS != fold]), held)
            exact, f1 = exact + one_exact * len(held), f1 + one_f1 * len(held)
    return exact / len(data), f1 / len(data)


def main() -> None:
    """Print the weights, and what they reach on articles that they were not fitted on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.fit")
    parser.add_argument("--sample", type=int, default=200, help="questions of the tuning articles")
    parser.add_argument("--save", help="keep the scored candidates in this file")
    parser.add_argument("--load", help="take the scored candidates of such a file")
    arguments = parser.parse_args()
    if arguments.load:
        data = [Scored(*row) for row in torch.load(arguments.load, weights_only=True)]
    else:
        data = collect(*questions("tune", arguments.sample))
    if arguments.save:
        torch.save([(one.group, one.features, one.f1, one.exact_match) for one in data], arguments.save)
    exact, f1 = cross_validated(data)
    best_exact, best_f1 = (
        sum(float(getattr(one, name).max()) for one in data) / len(data) for name in ("exact_match", "f1")
    )
    print(f"{len(data)} questions; other articles: exact match {exact:.3f}, F1 {f1:.3f}")
    print(f"the best candidate: exact match {best_exact:.3f}, F1 {best_f1:.3f}")
    for name, weight in zip(spans.FEATURES, fit(data).tolist(), strict=True):
        print(f"{name}: {weight:.2f}")


if __name__ == "__main__":
    main()
