"""Fits what a generator's verdict and probabilities add to the confidence of answers. Run by `make fit-verdicts`.

The stronger model answers questions of the sets of `benchmarks.answers.evidence`, which are those to tune on. Printed is
what `ragqa/evidence/confidence.py` holds: `VERDICT_WEIGHTS`, `TEXT_WEIGHTS`. Answers are kept in .ragqa, so that a run
that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.answers.evidence import sets, weighted_fit
from benchmarks.answers.people import says
from benchmarks.run import ROOT
from ragqa import Pipeline
from ragqa.evaluate import Question, metrics, select
from ragqa.evidence import confidence
from ragqa.pipeline.answer.asking import Asking
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.records import Generation

BETTER = ROOT / "pipelines" / "better.yaml"
WITHOUT_ANSWERS = ("chunking",)
LEAST_F1 = {"mtrag": 0.2}
"""The token F1 from which a long answer is right; its reference answers have sentences that no question asks for."""
KEPT = ROOT / ".ragqa" / "verdicts.jsonl"


def collect(sample: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each question: the probability of the passages, the verdict, the text and its probabilities."""
    known = {row["id"]: row for row in map(json.loads, KEPT.read_text().splitlines())} if KEPT.exists() else {}
    better = Pipeline.from_file(BETTER)
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a") as file:
        for name, pipeline, questions, _ in sets():
            if name in WITHOUT_ANSWERS:
                continue
            pipeline.index()
            pipeline.components.replace(generator=better.components.generator, prompter=better.components.prompter)
            with pipeline.open_index() as reader:
                for question in tqdm(select(questions, sample=min(sample, len(questions))), desc=name):
                    id_ = f"{name}/{question.id}"
                    if id_ not in known:
                        row = _row(id_, name, Asking(pipeline.components, reader, pipeline.files), question)
                        print(json.dumps(row), file=file, flush=True)
                        known[id_] = row
                    yield known[id_]


def _row(id_: str, name: str, asking: Asking, question: Question) -> dict[str, Any]:
    draft = asking._draft(AskedQuestion(question.question, question.history))
    prompt, _ = asking._begin(draft)
    verdict = asking._verdict(prompt)
    *_, generation = asking.components.generator.stream(prompt)
    assert isinstance(generation, Generation) and draft.evidence is not None
    return {
        "id": id_,
        "set": name,
        "question": question.question,
        "kind": draft.evidence.question.kind,
        "answerable": question.answerable,
        "answers": question.answers,
        "probability": draft.evidence.probability,
        "verdict": verdict,
        "text": generation.text,
        "logprobs": generation.logprobs,
        "right": question.answerable and _is_right(name, generation.text, question.answers),
    }


def _is_right(name: str, text: str, answers: Sequence[str]) -> bool:
    return says(text, answers) or metrics.f1(text, answers) >= LEAST_F1.get(name, 0.35)


def fit(rows: Sequence[dict[str, Any]]) -> None:
    """Print the weights, and what the thresholds answer and refuse by set."""
    names = [row["set"] for row in rows]
    shares = np.array([1 / names.count(name) for name in names])
    right = np.array([row["right"] for row in rows], dtype=float)
    base = [[1.0, confidence.log_odds(row["probability"]), row["verdict"]] for row in rows]
    means = [[sum(row["logprobs"]) / max(1, len(row["logprobs"]))] for row in rows]
    for name, values in (("VERDICT_WEIGHTS", np.array(base)), ("TEXT_WEIGHTS", np.hstack([base, means]))):
        weights = weighted_fit(values, right, shares)
        print(f"{name} = {tuple(round(float(w), 2) for w in weights)}")
        p = 1 / (1 + np.exp(-values @ weights))
        for choice, least in confidence.LEAST.items():
            for each in dict.fromkeys(names):
                here = np.array([one == each for one in names])
                answered = here & (p >= least)
                precise = right[answered].mean() if answered.any() else float("nan")
                print(f"  {choice} {each}: answered {answered.sum() / here.sum():.2f}, right of them {precise:.2f}")


def main() -> None:
    """Print the weights."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.verdicts")
    parser.add_argument("--sample", type=int, default=30, help="so many questions of each set")
    fit([row for row in collect(parser.parse_args().sample) if row["verdict"] is not None and row["logprobs"]])


if __name__ == "__main__":
    main()
