"""Attributes the lost F1 points of a wrong answer to causes; the shares add up to the loss.

The question is asked again with the gold passages. Points that are lost again are attributed to reading. The rest is
attributed to the first stage after which no passage has the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Question, Span
from ragqa.evaluate.metrics.ranking import covers
from ragqa.evaluate.runs.gold import GoldEvidence
from ragqa.records import Answer, Chunk, Hit
from ragqa.stages import System

CAUSES = {
    "not_in_corpus": "the document that holds the evidence is not indexed",
    "split_across_chunks": "no chunk holds the whole evidence",
    "not_retrieved": "the evidence is not among the passages that were looked at",
    "ranked_too_low": "the evidence was found, below the passages that were used",
    "cut_by_budget": "the evidence was used, but did not fit into the prompt",
    "distracted": "the evidence was in the prompt, and alone it is read better",
    "misread": "even the gold passage alone is read wrong",
    "refused": "the evidence was there, and the system declined to answer",
    "metric_artefact": "the answer holds a gold answer word for word, and more",
    "answered_unanswerable": "the question has no answer, and was answered",
    "unknown": "the dataset does not say where the evidence stands",
}
"""The meaning of each cause, in the order of the stages."""


def trace(
    system: System,
    question: Question,
    gold: GoldEvidence,
    ranked: Sequence[Hit],
    answer: Answer,
    chunks: Callable[[str], Sequence[Chunk]],
) -> tuple[dict[str, float], str | None]:
    """Return the lost F1 points by cause, and the answer from the gold passages (None where it was not needed).

    :param ranked: the retrieved passages, at the depth of the retrieval metrics.
    :param chunks: returns the indexed chunks of a document id; an empty list where they are not known.
    """
    text = metrics.prediction(answer)
    # 1. Losses with a cause that needs no second answer.
    lost = 1 - metrics.f1(text, question.answers)
    if lost == 0:
        return {}, None
    if not question.answerable:
        return {"answered_unanswerable": lost}, None
    if metrics.contains(text, question.answers):
        return {"metric_artefact": lost}, None
    if not gold.passages:
        return {"not_in_corpus" if gold.spans else "unknown": lost}, None
    # 2. The loss with the gold passages is due to reading, the rest to the stage that lost the evidence.
    again = _again(system, question, gold.passages, answer)
    alone = metrics.prediction(again)
    misread = min(lost, 1 - metrics.f1(alone, question.answers))
    charged = {"misread" if alone else "refused": misread}
    where = _lost_at(gold.spans, ranked, answer, chunks)
    charged[where] = charged.get(where, 0.0) + lost - misread
    return {cause: points for cause, points in charged.items() if points > 0}, alone


def _again(system: System, question: Question, passages: Sequence[Hit], answer: Answer) -> Answer:
    """Return the answer from the gold passages; the given answer where its prompt had the same texts."""
    if answer.prompt and [hit.chunk.text for hit in answer.prompt.passages] == [hit.chunk.text for hit in passages]:
        return answer
    history: Any = {"history": question.history} if question.history else {}
    return system.ask(question.question, passages=passages, **history)


def _lost_at(
    gold: Sequence[Span], ranked: Sequence[Hit], answer: Answer, chunks: Callable[[str], Sequence[Chunk]]
) -> str:
    """Return the cause for the first stage after which no passage has any of the evidence."""

    def held(hits: Sequence[Hit]) -> bool:
        return any(covers(hit, span) for hit in hits for span in gold)

    if not gold:
        return "unknown"
    refused = not metrics.prediction(answer)
    if held(answer.prompt.passages if answer.prompt else ()):
        return "refused" if refused else "distracted"
    if held(answer.hits):
        return "refused" if refused else "cut_by_budget"
    near = [(span, chunk) for span in gold for chunk in chunks(span.document_id)]
    if near and not any(chunk.start <= span.start and span.end <= chunk.end for span, chunk in near):
        return "split_across_chunks"
    return "ranked_too_low" if held(ranked) else "not_retrieved"
