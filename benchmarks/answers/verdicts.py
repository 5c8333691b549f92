"""Fits what a generator's verdict and probabilities add to the confidence of answers. Run by `make fit-verdicts`.

The stronger model answers questions of the sets of `benchmarks.answers.evidence`, which are those to tune on. Printed is
what `ragqa/evidence/confidence.py` holds: `VERDICT_WEIGHTS`, `TEXT_WEIGHTS`; and how often a quote has the evidence by
the ranking alone and with the generator's choice. Answers are kept in .ragqa, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.answers.evidence import LEAST_F1, Relevant, relevance, sets, weighted_fit
from benchmarks.answers.people import says
from benchmarks.run import ROOT
from ragqa import Pipeline
from ragqa.evaluate import Question, metrics, select
from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.evidence import confidence, ranking
from ragqa.evidence.passages import Candidate
from ragqa.evidence.selection import quote
from ragqa.pipeline.answer.asking import Asking
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.pipeline.answer.replies import Written
from ragqa.prompt import load_template
from ragqa.records import Generation

BETTER = ROOT / "pipelines" / "better.yaml"
WITHOUT_ANSWERS = ("chunking",)
_ASKED = sha256((load_template("answerable").user + str(ranking.CHOICE_WEIGHT)).encode()).hexdigest()[:12]
KEPT = ROOT / ".ragqa" / f"verdicts-{_ASKED}.jsonl"
"""The answers; another template or weight has a file of its own."""


def collect(sample: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each question: what is known about its answer, and whether that is right."""
    known = {row["id"]: row for row in map(json.loads, KEPT.read_text().splitlines())} if KEPT.exists() else {}
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a") as file:
        for name, pipeline, questions, documents in sets(Pipeline.from_file(BETTER)):
            if name in WITHOUT_ANSWERS:
                continue
            pipeline.index()
            by_source = {document.source: document for document in documents}
            gold, _ = locate_evidence(questions, by_source)
            with pipeline.open_index() as reader:
                asking = Asking(pipeline.components, reader, pipeline.files)
                for question in tqdm(select(questions, sample=min(sample, len(questions))), desc=name):
                    id_ = f"{name}/{question.id}"
                    if id_ not in known:
                        row = _row(asking, question, relevance(question, gold[question.id], by_source))
                        known[id_] = {"id": id_, "set": name, **row}
                        print(json.dumps(known[id_]), file=file, flush=True)
                    yield known[id_]


def _row(asking: Asking, question: Question, relevant: Relevant) -> dict[str, Any]:
    asked = AskedQuestion(question.question, question.history)
    draft = asking._draft(asked, asking._found(asked))
    prompt, checked = asking._begin(draft)
    assert draft.evidence is not None
    # 1. Ask for the verdict and the choice, and take the quote.
    generator: Any = asking.components.generator
    verdict, choice = generator.verdict(prompt), generator.choice(prompt)
    ready = Written(draft, prompt, checked, Generation("", 0, "stop"), verdict)
    ready = asking._with_choice(ready, draft.evidence)
    found = ready.draft.evidence
    assert found is not None
    before, quoted = (quote(found.question, each.ranked) for each in (draft.evidence, found))
    ranked_right, right = (question.answerable and any(map(relevant, each)) for each in (before, quoted))
    row = {
        "question": question.question,
        "answerable": question.answerable,
        "kind": found.question.kind,
        "probability": found.probability,
        "verdict": verdict,
        "choice": max(choice) if choice else None,
        "quote": [each.text for each in quoted],
        "ranked_right": ranked_right,
        "quote_right": right,
        "ranked_f1": _f1(before, question.answers),
        "quote_f1": _f1(quoted, question.answers),
    }
    if found.question.kind != "fact":
        return row
    # 2. Write a short answer.
    *_, generation = generator.stream(ready.prompt)
    text = generation.text
    right = question.answerable and (says(text, question.answers) or metrics.f1(text, question.answers) >= LEAST_F1)
    return {**row, "text": text, "logprobs": generation.logprobs, "right": right}


def fit(rows: Sequence[dict[str, Any]]) -> None:
    """Print the weights, and what the thresholds answer and refuse by set."""
    judged = [[1.0, confidence.log_odds(row["probability"]), row["verdict"]] for row in rows]
    _fit("VERDICT_WEIGHTS", rows, judged, [row.get("right", row["quote_right"]) for row in rows])
    for name in dict.fromkeys(row["set"] for row in rows):
        here = [row for row in rows if row["set"] == name and row["answerable"]]
        if here:
            print(f"  quote has the evidence, {name}: {_gain(here, 'right')}")
            print(f"  token F1 of the quote, {name}: {_gain(here, 'f1')}")
    written = [row for row in rows if row.get("logprobs")]
    values = [
        [1.0, confidence.log_odds(row["probability"]), row["verdict"], sum(row["logprobs"]) / len(row["logprobs"])]
        for row in written
    ]
    _fit("TEXT_WEIGHTS", written, values, [row["right"] for row in written])


def _f1(chosen: Sequence[Candidate], answers: Sequence[str]) -> float:
    return metrics.f1(" ".join(each.text for each in chosen), answers) if answers else 0.0


def _gain(rows: Sequence[dict[str, Any]], measure: str) -> str:
    """Return the mean of a measure of the quote by the ranking alone and with the choice, with the interval of the gain."""
    alone, chosen = ([float(row[f"{by}_{measure}"]) for row in rows] for by in ("ranked", "quote"))
    low, high = interval([b - a for a, b in zip(alone, chosen, strict=True)], differences=True)
    gained = np.mean(chosen) - np.mean(alone)
    return f"{np.mean(alone):.2f}, with the choice {np.mean(chosen):.2f} ({gained:+.2f} [{low:+.2f}, {high:+.2f}]), n {len(rows)}"


def _fit(name: str, rows: Sequence[dict[str, Any]], values: Sequence[list[float]], right: Sequence[bool]) -> None:
    names = [row["set"] for row in rows]
    shares, labels = np.array([1 / names.count(each) for each in names]), np.array(right, dtype=float)
    features = np.array(values)
    weights = weighted_fit(features, labels, shares)
    print(f"{name} = {tuple(round(float(w), 2) for w in weights)}")
    p = 1 / (1 + np.exp(-features @ weights))
    for choice, least in confidence.LEAST.items():
        for each in dict.fromkeys(names):
            here = np.array([one == each for one in names])
            answered = here & (p >= least)
            precise = labels[answered].mean() if answered.any() else float("nan")
            print(f"  {choice} {each}: answered {answered.sum() / here.sum():.2f}, right of them {precise:.2f}")


def main() -> None:
    """Print the weights."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.verdicts")
    parser.add_argument("--sample", type=int, default=40, help="so many questions of each set")
    fit([row for row in collect(parser.parse_args().sample) if row["verdict"] is not None])


if __name__ == "__main__":
    main()
