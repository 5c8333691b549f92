"""The outcome of one question: everything that a report, a comparison or a replay needs, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Question
from ragqa.records import Answer, Hit


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a retrieved or cited passage: offsets into its document's text, `page` 1-based or None."""

    source: str
    start: int
    end: int
    page: int | None
    score: float

    @classmethod
    def of(cls, hit: Hit) -> Location:
        """Return a hit without its text."""
        return cls(hit.source, hit.chunk.start, hit.chunk.end, hit.chunk.page, round(float(hit.score), 6))


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one question.

    `scores` has the metrics that apply to the question; it is empty where the question failed, and `error` is the
    reason. `prediction` is empty where the system abstained. `hits` are the passages for the answer, best first.
    `prompt` is the exact text that the generator read, `examples` are the ids of the examples in it. `ms` has
    milliseconds by stage, `tokens` the tokens of prompt and answer. `seconds` is the time from question to answer, None
    where no answer was asked for. `lost_points` has the lost F1 points by cause; `gold_prediction` is the answer from
    the gold passages, None where it was not needed. `types` and `answerability` are those of the question.
    """

    id: str
    group: str
    question: str
    answers: tuple[str, ...]
    answerable: bool
    prediction: str = ""
    abstained: bool = False
    reason: str = ""
    confidence: float | None = None
    hits: tuple[Location, ...] = ()
    citations: tuple[Location, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    lost_points: Mapping[str, float] = field(default_factory=dict)
    gold_prediction: str | None = None
    prompt: str = ""
    examples: tuple[str, ...] = ()
    ms: Mapping[str, float] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    types: tuple[str, ...] = ()
    answerability: str = ""

    @property
    def prompt_sha256(self) -> str:
        """Return the hash of the prompt; empty where nothing was generated."""
        return hashlib.sha256(self.prompt.encode("utf-8", "surrogatepass")).hexdigest() if self.prompt else ""


def failed(question: Question, error: Exception) -> Result:
    """Return the result of a question that raised an error."""
    return Result(**_about(question), error=f"{type(error).__name__}: {error}")


def retrieved(question: Question, scores: Mapping[str, float], hits: tuple[Hit, ...], ms: float) -> Result:
    """Return the result of a question for which only retrieval was measured."""
    return Result(**_about(question), hits=tuple(map(Location.of, hits)), scores=scores, ms={"retrieve": ms})


def answered(question: Question, answer: Answer, scores: Mapping[str, float], **more: Any) -> Result:
    """Return the result of a question that was answered, or that the system declined to answer."""
    prediction, usage = metrics.prediction(answer), answer.usage
    return Result(
        **_about(question),
        prediction=prediction,
        abstained=not prediction,
        reason=answer.reason,
        confidence=answer.confidence,
        hits=tuple(map(Location.of, answer.hits)),
        citations=tuple(Location(c.source, c.start, c.end, c.page, 1.0) for c in answer.citations),
        scores=scores,
        prompt=answer.prompt.text if answer.prompt else "",
        examples=answer.prompt.examples if answer.prompt else (),
        ms={key.removesuffix("_ms"): value for key, value in usage.items() if key.endswith("_ms")},
        tokens={
            "prompt": answer.prompt.n_tokens if answer.prompt else 0,
            "answer": int(usage.get("answer_tokens", 0)),
        },
        **more,
    )


def _about(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "group": question.group or question.id,
        "question": question.question,
        "answers": question.answers,
        "answerable": question.answerable,
        "metadata": question.metadata,
        "types": question.types,
        "answerability": question.answerability,
    }
