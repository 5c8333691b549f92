"""Puts every question to a system and scores what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ragqa.errors import IndexCorruptError, LockedError, ModelError, NothingUsableError, RefusedError, UsageError
from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Question, resolve
from ragqa.evaluate.metrics import Span
from ragqa.evaluate.report import Report, Result, summarize
from ragqa.records import Answer, Document, Hit
from ragqa.stages import System

DEPTHS = (1, 5, 10)
"""The cut-offs of recall and has_answer; the deepest is how many hits are asked for, whatever `top_k` says."""

RETRIEVAL = (*(f"recall@{k}" for k in DEPTHS), "mrr", *(f"has_answer@{k}" for k in DEPTHS))
ANSWERS = ("exact_match", "f1", "contains", "answerable_f1", "unanswerable_f1", "abstention_accuracy")

_FATAL = (ModelError, NothingUsableError, IndexCorruptError, LockedError, RefusedError, ImportError)
"""Faults of the system, not of a question: they would fail every question, so they end the run."""


def evaluate(
    system: System,
    questions: Sequence[Question],
    documents: Mapping[str, Document],
    *,
    retrieval_only: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Return how well a system finds the evidence of the questions and answers them.

    `exact_match`, `f1` and `contains` are over all questions and follow SQuAD 2.0: an unanswerable one scores 1 where
    the system abstains (or answers nothing), else 0. `recall@k` and `mrr` are over the answerable questions that have
    evidence, `has_answer@k` over all answerable ones. A question that raises is `failed` and the run goes on.

    :param documents: the indexed documents by source; those named in the evidence are enough.
    :param retrieval_only: ask for no answers; only the retrieval metrics are in the report.
    :param progress: called after each question with how many are done.
    :raises UsageError: no questions, or evidence that does not stand in the documents.
    """
    if not questions:
        raise UsageError("no questions to evaluate: give at least one")
    started = time.perf_counter()
    gold, notes = resolve(questions, documents)
    results = []
    for done, question in enumerate(questions, start=1):
        results.append(_run(system, question, gold[question.id], retrieval_only))
        progress(done)
    names = RETRIEVAL if retrieval_only else (*ANSWERS, *RETRIEVAL)
    return Report(summarize(results, names), tuple(results), tuple(notes), time.perf_counter() - started)


def _run(system: System, question: Question, gold: tuple[Span, ...], retrieval_only: bool) -> Result:
    ms: dict[str, float] = {}
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    error = ""
    try:
        with _timed(ms, "retrieve"):
            hits = tuple(system.retrieve(question.question, DEPTHS[-1]))
        if not retrieval_only:
            with _timed(ms, "answer"):
                answer = system.answer(question.question)
    except _FATAL:
        raise
    except Exception as fault:  # whatever one question breaks must not cost the others
        error = f"{type(fault).__name__}: {fault}"
    abstained = answer is not None and (answer.abstained or not answer.text.strip())
    prediction = "" if answer is None or abstained else answer.text
    scores = _retrieval_scores(question, gold, hits)
    if not retrieval_only:
        scores |= _answer_scores(question, prediction, abstained)
    if error:
        scores = dict.fromkeys(scores, 0.0)
    return Result(question, gold, prediction, abstained, hits, scores, ms, error)


def _retrieval_scores(question: Question, gold: Sequence[Span], hits: Sequence[Hit]) -> dict[str, float]:
    scores: dict[str, float] = {}
    if not question.answerable:
        return scores
    if gold:
        scores |= {f"recall@{k}": metrics.recall(hits[:k], gold) for k in DEPTHS}
        scores["mrr"] = metrics.reciprocal_rank(hits, gold)
    return scores | {f"has_answer@{k}": metrics.has_answer(hits[:k], question.answers) for k in DEPTHS}


def _answer_scores(question: Question, prediction: str, abstained: bool) -> dict[str, float]:
    f1 = metrics.f1(prediction, question.answers)
    return {
        "exact_match": metrics.exact_match(prediction, question.answers),
        "f1": f1,
        "contains": metrics.contains(prediction, question.answers),
        "answerable_f1" if question.answerable else "unanswerable_f1": f1,
        "abstention_accuracy": float(abstained != question.answerable),
    }


@contextmanager
def _timed(ms: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        ms[name] = round(1000 * (time.perf_counter() - started), 1)
