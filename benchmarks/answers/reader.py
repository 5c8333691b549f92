"""Trains the reader that is part of the package. Run by `make train-shipped`.

It learns from the splits to tune on: facts of encyclopaedia articles and questions that they do not answer (SQuAD 1.1
and 2.0), turns of conversations (MTRAG-UN, odd lines; the sentences most of whose words are in the reference answer), and
long questions with spans as answers (Chroma's chunking evaluation). `sets` keeps a part of them apart.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from tqdm import tqdm

from benchmarks.answers.evidence import relevance, sets
from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline, evidence
from ragqa.evaluate import Question
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.experiments.reading import reader_examples
from ragqa.pipeline.answer.draft import AskedQuestion
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


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.reader")
    parser.add_argument("--out", type=Path, default=ROOT / ".ragqa" / "reader", help="the folder of the training")
    out = parser.parse_args().out
    learned = examples(learned=True)
    held = random.Random(0).sample(examples(learned=False), MEASURED)
    print(f"{len(learned):,} examples, {len(held):,} held out", flush=True)
    settings = ReaderSettings(epochs=1.25, save_every=300)
    with tqdm(desc="steps") as bar:

        def progress(step: int, loss: float) -> None:
            bar.set_postfix_str(f"step {step}, loss {loss:.3f}", refresh=False)
            bar.update()

        run = train_reader(learned, held, ENCODER, out, settings, progress=progress)
    print(f"held-out loss by step: {run.validations}")


if __name__ == "__main__":
    main()
