"""Prints what each step towards a good short answer gains. Run by `make bench-answers`.

The smallest model reads the gold paragraph; each step keeps those before it. Differences are paired with the step before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from benchmarks.answers.data import oracle_pipeline, questions
from benchmarks.run import table
from ragqa.evaluate import Question, Result, metrics, summarize
from ragqa.evaluate.reports.summary import Metric
from ragqa.experiments.compare import compare
from ragqa.generate import spans
from ragqa.records import Generation, Hit

FREE = ("generate.decode=free", "generate.max_new_tokens=32")


@dataclass(frozen=True, slots=True)
class Step:
    """Overrides of the quickstart pipeline, and the weights of the features of spans (None: the product's own)."""

    name: str
    overrides: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] | None = None


STEPS = (
    Step("plain chat prompt", (*FREE, "prompt.template=qa")),
    Step("six examples, the answer ends with the line", (*FREE, 'generate.stop=["\\n"]')),
    Step("the likeliest span of the passage", (), (("log_p", 1.0),)),
    Step("what the words around it share with the question (the default)"),
)


@contextmanager
def weighed(weights: tuple[tuple[str, float], ...] | None) -> Iterator[None]:
    """Rank spans by other weights for the while."""
    kept = spans.WEIGHTS
    if weights is not None:
        spans.WEIGHTS = tuple(dict(weights).get(name, 0.0) for name in spans.FEATURES)  # type: ignore[assignment]
    try:
        yield
    finally:
        spans.WEIGHTS = kept


def run(step: Step, asked: Sequence[Question], passages: dict[str, list[Hit]]) -> list[Result]:
    """Return the results of one step."""
    pipeline = oracle_pipeline(step.overrides)
    pipeline.load_models(retrieval=False)
    results = []
    with weighed(step.weights):
        for question in tqdm(asked, unit=" questions", desc=step.name[:24]):
            prompt = pipeline.prompt(question.question, passages[question.id])
            started = time.perf_counter()
            *_, generation = pipeline.components.generator.stream(prompt)
            assert isinstance(generation, Generation)
            ms = {"generate": round(1000 * (time.perf_counter() - started), 1)}
            results.append(_result(question, generation.text.strip(), ms))
    return results


def _result(question: Question, text: str, ms: dict[str, float]) -> Result:
    scores = {score.__name__: score(text, question.answers) for score in (metrics.exact_match, metrics.f1)}
    return Result(question.id, question.group, question.question, question.answers, True, text, scores=scores, ms=ms)


def _metric(metric: Metric) -> str:
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers")
    parser.add_argument("--sample", type=int, default=500, help="questions of the reporting articles")
    parser.add_argument("--split", choices=("tune", "report"), default="report")
    arguments = parser.parse_args()
    asked, passages = questions(arguments.split, arguments.sample)
    print(table(["step", "exact match", "F1", "F1 gained", "p", "n"], []), flush=True)
    before: list[Result] = []
    for step in STEPS:
        results = run(step, asked, passages)
        means = summarize(results).metrics
        change = compare(before, results).metrics["f1"] if before else None
        gained = (
            [f"{change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}]", f"{change.p:.4f}"]
            if change
            else ["", ""]
        )
        cells = [step.name, _metric(means["exact_match"]), _metric(means["f1"]), *gained, str(len(results))]
        print("| " + " | ".join(cells) + " |", flush=True)
        before = results


if __name__ == "__main__":
    main()
