"""A pipeline and questions with gold evidence -> examples from which a reader learns, mined by the pipeline's own search."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Question, Span
from ragqa.evaluate.runs.gold import gold_passages, locate_evidence
from ragqa.experiments.listener import SILENT, Listener
from ragqa.experiments.setup import EvaluationSetup
from ragqa.pipeline import Pipeline
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.records import Document, Hit
from ragqa.train.reader import ReaderExample
from ragqa.train.settings import ReaderSettings


def mine_examples(
    setup: EvaluationSetup, settings: ReaderSettings, listener: Listener = SILENT
) -> tuple[list[ReaderExample], list[ReaderExample]]:
    """Return the examples to learn from, and those that are only measured: whole groups of questions, drawn by the seed.

    :raises MistakesError: quotes of the evidence were not found in their documents.
    """
    documents = setup.indexed.documents
    gold, _ = locate_evidence(setup.questions, documents)
    if left := sum(question.answerable and not gold[question.id] for question in setup.questions):
        listener.say(f"note: {left} questions teach nothing, since their evidence is not quoted")
    groups = sorted({question.group for question in setup.questions})
    apart = set(random.Random(settings.seed).sample(groups, int(settings.held_out * len(groups))))
    learned: list[ReaderExample] = []
    held: list[ReaderExample] = []
    for number, question in enumerate(setup.questions, 1):
        into = held if question.group in apart else learned
        into += reader_examples(setup.pipeline, [question], gold, documents, settings.negatives)
        listener.asked(number, len(setup.questions))
    return learned, held


def reader_examples(
    pipeline: Pipeline,
    questions: Iterable[Question],
    gold: Mapping[str, Sequence[Span]],
    documents: Mapping[str, Document],
    negatives: int,
) -> list[ReaderExample]:
    """Return the passages that a search finds for each question, with the places in them that answer it.

    The passages with an answer are examples, or the gold passages where the search finds none; and so are the best
    passages without one, as many as `negatives`. A passage that has the text of an answer elsewhere is left out, since
    it may answer too. An answerable question without gold spans is left out.

    :param gold: the gold spans of each question by its id; see `locate_evidence`.
    :param documents: by source.
    """
    examples: list[ReaderExample] = []
    for question in questions:
        spans = gold.get(question.id, ())
        if question.answerable and not spans:
            continue
        hits = pipeline.search(question.question, history=question.history)
        right = [hit for hit in hits if _inside(spans, hit)] or gold_passages(question, spans, documents)
        right = right if question.answerable else []
        wrong = [
            hit for hit in hits if not _inside(spans, hit) and not metrics.contains(hit.chunk.text, question.answers)
        ]
        examples += [_example(question, hit, spans) for hit in [*right, *wrong[:negatives]]]
    return examples


def _example(question: Question, hit: Hit, spans: Sequence[Span]) -> ReaderExample:
    text = hit.chunk.indexed_text
    begin = len(text) - len(hit.chunk.text)
    places = tuple((begin + low, begin + high) for low, high in _inside(spans, hit))
    exact = all(metrics.exact_match(text[low:high], question.answers) for low, high in places)
    return ReaderExample(AskedQuestion(question.question, question.history).asked, text, begin, places, exact)


def _inside(spans: Sequence[Span], hit: Hit) -> list[tuple[int, int]]:
    """Return the parts of gold spans that are in a hit, as offsets in its text."""
    chunk = hit.chunk
    own = [(max(s.start, chunk.start), min(s.end, chunk.end)) for s in spans if s.document_id == chunk.document_id]
    return [(low - chunk.start, high - chunk.start) for low, high in own if low < high]
