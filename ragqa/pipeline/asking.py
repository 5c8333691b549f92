"""From passages to an answer: the prompt, what the generator writes, and what may be said of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa import explain
from ragqa.records import Answer, Generation, Hit, Prompt

if TYPE_CHECKING:
    from ragqa.index import IndexReader
    from ragqa.pipeline.parts import Parts
    from ragqa.prompt import Turn


class Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ledger: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Charge the time since the last call to a stage."""
        now = time.perf_counter()
        self.ledger[f"{name}_ms"] = round(1000 * (now - self._last), 1)
        self._last = now


def read(
    parts: Parts, question: str, hits: Sequence[Hit], history: Sequence[Turn], reader: IndexReader, clock: Clock
) -> Iterator[str | Answer]:
    """Yield pieces of the answer that the passages give and, last, the `Answer`."""
    threshold = getattr(parts.config.generate, "min_confidence", 0.0)
    prompt = parts.prompter.build(question, hits, history)
    clock.lap("prompt")
    generation = yield from _generate(parts, prompt, hold=threshold > 0)
    clock.lap("generate")
    ledger = clock.ledger | {f"{part}_tokens": n for part, n in prompt.tokens.items()}
    ledger["answer_tokens"] = generation.n_tokens
    text, confidence = generation.text.strip(), generation.confidence
    reason = ""
    if explain.refused(text):
        reason = "deadline" if generation.finish == "deadline" else "not_in_passages"
    elif confidence is not None and confidence < threshold:
        reason = "low_confidence"
    elif threshold > 0:
        yield generation.text
    citations = () if reason else explain.cite(question, text, prompt.passages, reader.document)
    yield Answer(
        question,
        "" if reason else text,
        citations,
        tuple(hits),
        prompt,
        ledger,
        reader.generation,
        abstained=bool(reason),
        reason=reason,
        finish=generation.finish,
        confidence=confidence,
    )


def _generate(parts: Parts, prompt: Prompt, hold: bool) -> Generator[str, None, Generation]:
    """Yield the pieces, none where they are held back until they may be said; return the `Generation`."""
    for piece in parts.generator.stream(prompt):
        if isinstance(piece, Generation):
            return piece
        if not hold:
            yield piece
    raise AssertionError("a generator must end with its Generation")


def no_evidence(question: str, hits: Sequence[Hit], clock: Clock, generation: int) -> Answer:
    """Return the answer where nothing was found to answer from."""
    return Answer(question, "", (), tuple(hits), None, clock.ledger, generation, abstained=True, reason="no_evidence")
