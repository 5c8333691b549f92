"""Puts every question to a system, and scores its hits and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ragqa.errors import IndexCorruptError, LockedError, ModelError, NothingUsableError, RefusedError, UsageError
from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Question, Span
from ragqa.evaluate.metrics import ranking
from ragqa.evaluate.metrics.support import support
from ragqa.evaluate.runs import result
from ragqa.evaluate.runs.gold import GoldEvidence, gold_passages, locate_evidence
from ragqa.evaluate.runs.lost_points import trace
from ragqa.evaluate.runs.result import Result
from ragqa.records import Answer, Chunk, Document, Hit
from ragqa.stages import LoadableSystem, System

ANSWER_DEPTHS = (1, 5, 10)
"""The cut-offs of has_answer."""

_FATAL = (ModelError, NothingUsableError, IndexCorruptError, LockedError, RefusedError, ImportError)
"""Errors that would fail every question, so they end the run."""

Context = Literal["retrieved", "gold", "none"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """The settings of an evaluation.

    `context`: answer from the passages that the system retrieves, from the gold passages (`--oracle`), or without
    passages (`--closed-book`). `answers` False measures only retrieval. `trace` asks questions with wrong answers again
    with the gold passages. `likelihood` computes the likelihood of the gold answer with each of the three contexts, for
    systems that can. `history` gives the system the turns before a question; False puts the question alone.
    """

    context: Context = "retrieved"
    answers: bool = True
    trace: bool = True
    likelihood: bool = False
    history: bool = True


USUAL = Protocol()
"""The default: answers from retrieved passages; wrong ones are traced."""


@dataclass(frozen=True, slots=True)
class IndexedDocuments:
    """The documents of an index by source, at least those of evidence, and a function from document id to chunks."""

    documents: Mapping[str, Document]
    chunks: Callable[[str], Sequence[Chunk]] = lambda document_id: ()


def evaluate(
    system: System,
    questions: Sequence[Question],
    indexed: IndexedDocuments,
    protocol: Protocol = USUAL,
    *,
    known: Mapping[str, Result] | None = None,
) -> Iterator[Result]:
    """Yield the result of each question, in order, as soon as it is known.

    Answers score `exact_match`, `f1`, their strict variants, `contains` and `rouge_l`; an unanswerable question scores
    1 where the system abstains, else 0 (SQuAD 2.0). Retrieval is scored where relevant units are known. A question that raises an error is
    `failed`, and the run continues. Where the system can, it loads its models before the first question, so that no
    question's time includes loading.

    :param known: results of an earlier run by question id, which are reused.
    :raises UsageError: there are no questions, or a quote of evidence is not in its document.
    """
    if not questions:
        raise UsageError("no questions to evaluate: give at least one")
    gold, _ = locate_evidence(questions, indexed.documents)
    if isinstance(system, LoadableSystem) and any(question.id not in (known or ()) for question in questions):
        system.load_models(retrieval=protocol.context == "retrieved", answers=protocol.answers)
    for question in questions:
        if known and question.id in known:
            yield known[question.id]
            continue
        try:
            asked = question if protocol.history else replace(question, history=())
            yield _ask(system, asked, gold[question.id], indexed, protocol)
        except _FATAL:
            raise
        except Exception as fault:  # an error of one question must not end the others
            yield result.failed(question, fault)


def _ask(
    system: System, question: Question, gold: tuple[Span, ...], indexed: IndexedDocuments, protocol: Protocol
) -> Result:
    hits, ms = _retrieved(system, question, protocol)
    scores = _retrieval_scores(question, gold, hits) if protocol.context == "retrieved" else {}
    if not protocol.answers:
        return result.retrieved(question, scores, hits[: max(ANSWER_DEPTHS)], ms)
    passages = gold_passages(question, gold, indexed.documents)
    given = {"retrieved": None, "gold": passages, "none": []}[protocol.context]
    started = time.perf_counter()
    answer = system.ask(question.question, passages=given, **with_history(question))
    seconds = time.perf_counter() - started
    scores |= answer_scores(question, GoldEvidence(gold, passages), answer)
    lost_points: dict[str, float] = {}
    gold_prediction: str | None = None
    if protocol.trace and protocol.context == "retrieved" and "f1" in scores:
        lost_points, gold_prediction = trace(
            system, question, GoldEvidence(gold, passages), hits, answer, indexed.chunks
        )
    if protocol.likelihood:
        scores |= _likelihoods(system, question, passages)
    return result.answered(
        question, answer, scores, lost_points=lost_points, gold_prediction=gold_prediction, seconds=round(seconds, 4)
    )


def with_history(question: Question) -> dict[str, Any]:
    """Return the argument `history` for the methods of a system; none for a question that begins a conversation."""
    return {"history": question.history} if question.history else {}


def _retrieved(system: System, question: Question, protocol: Protocol) -> tuple[tuple[Hit, ...], float]:
    """Return the hits at the depth of the metrics, and the milliseconds; no hits where passages are given."""
    if protocol.context != "retrieved":
        return (), 0.0
    started = time.perf_counter()
    hits = tuple(system.search(question.question, ranking.DEPTH, **with_history(question)))
    return hits, round(1000 * (time.perf_counter() - started), 1)


def _retrieval_scores(question: Question, gold: Sequence[Span], hits: Sequence[Hit]) -> dict[str, float]:
    if not question.answerable:
        return {}
    scores: dict[str, float] = {}
    if relevant := ranking.relevant_units(question, gold):
        scores |= ranking.scores(relevant, ranking.ranked_units(question, gold, hits))
    if question.answers:
        scores |= {f"has_answer@{k}": metrics.has_answer(hits[:k], question.answers) for k in ANSWER_DEPTHS}
    return scores


def answer_scores(question: Question, gold: GoldEvidence, answer: Answer) -> dict[str, float]:
    """Return the metrics of an answer that apply to its question; none where no gold answer is known."""
    if question.answerable and not question.answers:
        return {}
    text = metrics.prediction(answer)
    abstained = not text
    f1 = metrics.f1(text, question.answers)
    scores = {
        "exact_match": metrics.exact_match(text, question.answers),
        "f1": f1,
        "exact_match_strict": metrics.exact_match_strict(text, question.answers),
        "f1_strict": metrics.f1_strict(text, question.answers),
        "contains": metrics.contains(text, question.answers),
        "rouge_l": metrics.rouge_l(text, question.answers),
        "answerable_f1" if question.answerable else "unanswerable_f1": f1,
        "well_formed": float(abstained or answer.finish == "stop"),
        "abstained": float(abstained),
    }
    if abstained:
        scores["abstention_precision"] = float(not question.answerable)
    if not question.answerable:
        scores["abstention_recall"] = float(abstained)
    return scores if abstained or not question.answerable else scores | _evidence_scores(text, gold, answer)


def _evidence_scores(text: str, gold: GoldEvidence, answer: Answer) -> dict[str, float]:
    """Return the metrics of an answer's text and citations by the gold evidence; none where there is none."""
    spans = gold.places
    if not spans:
        return {}
    scores = {
        "support": support(text, [hit.chunk.text for hit in gold.passages]),
        "citation_recall": metrics.citation_recall(answer.citations, spans),
    }
    if answer.citations:
        scores["citation_precision"] = metrics.citation_precision(answer.citations, spans)
    return scores


def _likelihoods(system: System, question: Question, passages: Sequence[Hit]) -> dict[str, float]:
    """Return negative log-likelihoods of the first gold answer, in nats, after each context."""
    if not question.answers:
        return {}
    scores = {}
    for context, given in {"gold": passages, "retrieved": None, "none": ()}.items():
        if given or context != "gold":
            prompt = system.prompt(question.question, given, **with_history(question))
            logprobs = system.score(prompt, question.answers[0])
            scores[f"nll_{context}"] = -sum(logprobs)
            scores[f"nll_per_token_{context}"] = -sum(logprobs) / len(logprobs)
    return scores
