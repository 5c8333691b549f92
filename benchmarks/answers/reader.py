"""Trains a reader on public questions, and measures it on others. Run by `make bench-reader`.

It learns from the splits to tune on: facts of encyclopaedia articles and questions that they do not answer (SQuAD 1.1
and 2.0), turns of conversations (MTRAG-UN, odd lines; the sentences most of whose words are in the reference answer), and
long questions with spans as answers (Chroma's chunking evaluation). `sets` keeps a part of them apart.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.answers.evidence import DATA, relevance, sets
from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline, evidence
from ragqa.evaluate import Question, metrics, read_dataset, select
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.runs.gold import gold_passages, locate_evidence
from ragqa.experiments.reader_examples import reader_examples
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.reader.extractive import ExtractiveReader
from ragqa.records import Document
from ragqa.train.reader import ReaderExample, train_reader
from ragqa.train.settings import ReaderSettings

ENCODER = "all-minilm-l6-v2"
NEGATIVES = {"squad": 1, "adversarial": 1, "mtrag": 3, "chunking": 3}
"""How many passages without an answer are examples, by set."""
EPOCHS = {"squad": 1, "adversarial": 1, "mtrag": 3, "chunking": 3}
"""How often the examples of a set are read in an epoch."""


MEASURED = 300
"""How many of the other examples are measured at each checkpoint."""


def examples(*, learned: bool) -> list[ReaderExample]:
    """Return the examples to learn from, or those that are only measured."""
    found: list[ReaderExample] = []
    for name, pipeline, questions, documents in sets(Pipeline.from_file(QUICKSTART), None, learned=learned):
        if name not in NEGATIVES:
            continue
        pipeline.index()
        by_source = {document.source: document for document in documents}
        gold = dict(locate_evidence(questions, by_source)[0])
        if name == "mtrag":
            gold |= {question.id: _sentences(pipeline, question, by_source) for question in questions}
        own = reader_examples(pipeline, tqdm(questions, desc=name), gold, by_source, NEGATIVES[name])
        found += own * (EPOCHS[name] if learned else 1)
    return found


def _sentences(pipeline: Pipeline, question: Question, documents: dict[str, Document]) -> tuple[Span, ...]:
    """Return the excerpts of the passages that are found for a question which say what its reference answer says."""
    asked = AskedQuestion(question.question, question.history)
    hits = pipeline.search(question.question, history=question.history)
    with pipeline.open_index() as reader:
        texts = (asked.text, asked.asked, asked.searched)
        ranked = evidence.examine(*texts, hits, pipeline.components.embedder, reader).ranked
    relevant = relevance(question, (), documents)
    found = [each.candidate for each in ranked if relevant(each.candidate)]
    return tuple(Span(each.hit.chunk.document_id, each.start, each.end) for each in found)


def measure(reader: ExtractiveReader, sample: int) -> None:
    """Print how often a reader finds the answer in its paragraph, in articles that it knows nothing of, and how many of the
    unanswerable questions it refuses where it refuses 15% of the answerable ones."""
    squad = read_dataset(f"squad:{DATA / 'squad' / 'dev-v1.1.json'}")
    hard = read_dataset(f"squad:{DATA / 'squad' / 'dev-v2.0-half.json'}")
    asked = select(squad.questions, "report", sample=sample)
    known = {question.group for question in select(squad.questions, "tune")}
    others = [question for question in hard.questions if not question.answerable and question.group not in known]
    spans = [_span(reader, question, squad.documents) for question in tqdm(asked, desc="answerable")]
    for name, metric in (("exact match", metrics.exact_match), ("F1", metrics.f1)):
        scores = [metric(text, question.answers) for (text, _), question in zip(spans, asked, strict=True)]
        low, high = interval(scores)
        print(f"{name} {np.mean(scores):.3f} [{low:.3f}, {high:.3f}], n {len(scores)}")
    least = np.quantile([score for _, score in spans], 0.15)
    lost = [_span(reader, question, hard.documents)[1] < least for question in tqdm(select(others, sample=sample))]
    print(f"unanswerable refused {np.mean(lost):.3f}, n {len(lost)}")


def _span(reader: ExtractiveReader, question: Question, documents: Sequence[Document]) -> tuple[str, float]:
    """Return the best span of a question's paragraph, and its score."""
    by_source = {document.source: document for document in documents if document.source in question.relevant}
    (hit,) = gold_passages(replace(question, evidence=()), (), by_source)
    (scores,) = reader.read(question.question, [hit])
    start, end, score = scores.best_span(hit.chunk.start, hit.chunk.end) or (0, 0, 0.0)
    return hit.chunk.text[start - hit.chunk.start : end - hit.chunk.start], score


def main() -> None:
    """Train, or go on; then measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.reader")
    parser.add_argument("--out", type=Path, default=ROOT / ".ragqa" / "reader", help="the folder of the training")
    parser.add_argument("--sample", type=int, default=300, help="so many questions are measured")
    options = parser.parse_args()
    learned = examples(learned=True)
    held = random.Random(0).sample(examples(learned=False), MEASURED)
    settings = ReaderSettings(epochs=1.25, save_every=300)
    with tqdm(desc="steps") as bar:

        def progress(step: int, loss: float) -> None:
            bar.set_postfix_str(f"step {step}, loss {loss:.3f}", refresh=False)
            bar.update()

        run = train_reader(learned, held, ENCODER, options.out, settings, progress=progress)
    print(f"{len(learned):,} examples; loss of {len(held)} others by step: {run.validations}")
    measure(ExtractiveReader(options.out), options.sample)


if __name__ == "__main__":
    main()
