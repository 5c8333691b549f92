"""Accuracy against the number of in-context examples, fixed or nearest to the question. Run by `make bench-shots`.

Examples come from the split that one tunes on, questions from the one that one reports on (see `ragqa.evaluate.datasets.splits`);
"fixed" examples are drawn once for all questions (Brown et al. 2020), "nearest" ones for each by the similarity of the
questions (Liu et al. 2022). There is no figure, since zero examples have no place on a logarithmic axis.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.run import ROOT, table
from ragqa import Pipeline
from ragqa.evaluate import Dataset, IndexedDocuments, Protocol, Question, evaluate, read_dataset, summarize
from ragqa.evaluate.datasets.splits import split

COUNTS = (0, 1, 2, 4, 8)
SELECT = {"fixed": "random", "nearest": "similar"}
METRICS = ("exact_match", "f1")


def write_examples(questions: Sequence[Question], dataset: Dataset, file: Path) -> None:
    """Write questions with the documents that they are about as evidence, where they name any; else their quotes."""
    texts = {document.source: document.text for document in dataset.documents}
    with file.open("w", encoding="utf-8") as out:
        for question in questions:
            quotes = {evidence.source: texts.get(evidence.source, evidence.text) for evidence in question.evidence}
            evidence = [{"source": source, "text": text} for source, text in quotes.items()]
            row = {"id": question.id, "question": question.question, "answers": question.answers, "evidence": evidence}
            out.write(json.dumps(row) + "\n")


def settings(examples: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Yield how examples are chosen, how many, and the overrides that say so; none at all once."""
    for name, select in SELECT.items():
        for count in COUNTS:
            if count:
                given = [f"examples={json.dumps(str(examples))}", f"n_examples={count}", f"select={select}"]
                yield name, count, [f"prompt.{one}" for one in given]
            elif name == next(iter(SELECT)):
                yield "none", 0, []


def measure(pipeline: Pipeline, questions: Sequence[Question], dataset: Dataset) -> list[str]:
    """Return the mean of each metric with its 95% interval, the mean tokens of a prompt, and the failures."""
    corpus = IndexedDocuments({document.source: document for document in dataset.documents} or pipeline.documents())
    report = summarize(list(evaluate(pipeline, questions, corpus, Protocol(trace=False))))
    figures = [report.metrics[name] for name in METRICS]
    cells = [f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]" for figure in figures]
    return [*cells, f"{report.tokens['prompt']:.0f}", str(figures[0].n), str(len(report.failures))]


def main() -> None:
    """Print the table, a setting at a time."""
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shots", description="Accuracy by number of examples.")
    parser.add_argument("--dataset", default=f"squad:{data / 'squad' / 'dev-v1.1.json'}", metavar="KIND:PATH")
    parser.add_argument("--pipeline", type=Path, default=ROOT / "pipelines" / "quickstart.yaml", metavar="FILE")
    parser.add_argument("--limit", type=int, default=200, help="questions, drawn once")
    parser.add_argument("--pool", type=int, default=1000, help="questions that examples are taken from, drawn once")
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="KEY=VALUE", help="for every setting")
    arguments = parser.parse_args()
    dataset = read_dataset(arguments.dataset)
    parts, draw = split(dataset.questions), random.Random(0)
    asked = draw.sample(parts.test, min(arguments.limit, len(parts.test)))
    pool = draw.sample(parts.tune, min(arguments.pool, len(parts.tune)))
    print(table(["examples", "k", *METRICS, "prompt tokens", "n", "failed"], []), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        examples = Path(scratch) / "examples.jsonl"
        write_examples(pool, dataset, examples)
        first: Pipeline | None = None
        for name, count, overrides in settings(examples):
            pipeline = Pipeline.from_file(arguments.pipeline, [*arguments.set, *overrides])
            if first:
                pipeline.components.share(first.components)
            pipeline = pipeline.with_documents(dataset.documents) if dataset.documents else pipeline
            if first is None:
                pipeline.index()
                first = pipeline
            cells = [name, str(count), *measure(pipeline, asked, dataset)]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
