"""From passages to an answer: the prompt, what the generator writes, and what may be said of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa import explain, stopping
from ragqa.records import Answer, Citation, Generation, Hit, Prompt
from ragqa.stages import BatchGenerator

if TYPE_CHECKING:
    from ragqa.pipeline.parts import Parts
    from ragqa.prompt import Turn
    from ragqa.stages import IndexReader


class Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ledger: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Charge the time since the last call to a stage."""
        now = time.perf_counter()
        self.charge(name, now - self._last)
        self._last = now

    def charge(self, name: str, seconds: float) -> None:
        """Charge some time to a stage."""
        self.ledger[f"{name}_ms"] = round(1000 * seconds, 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what was found for it, and the prompt made of that; None where nothing was found to answer from."""

    question: str
    hits: tuple[Hit, ...]
    prompt: Prompt | None
    clock: Clock


def prepare(
    parts: Parts,
    question: str,
    retrieve: Callable[[str], Sequence[Hit]],
    history: Sequence[Turn] = (),
    passages: Sequence[Hit] | None = None,
) -> Asked:
    """Find passages for a question, unless they are given, and put both into a prompt."""
    searched = f"{history[-1][0]}\n{question}" if history else question
    with parts.turn.taken():
        clock = Clock()
        hits = tuple(retrieve(searched) if passages is None else passages)
        clock.lap("retrieve")
        if passages is None and explain.no_evidence(searched, hits, parts.config.retrieve.min_score):
            return Asked(question, hits, None, clock)
        prompt = parts.prompter.build(question, hits, history)
        clock.lap("prompt")
    return Asked(question, hits, prompt, clock)


def stream(parts: Parts, asked: Asked, reader: IndexReader) -> Generator[str | Answer, None, None]:
    """Yield pieces of the answer as they are written and, last, the `Answer`.

    Where an answer needs some confidence, it comes in one piece when that is known.
    """
    hold = _least_confidence(parts) > 0
    written = None
    if asked.prompt:
        written = yield from _write(parts, asked.prompt, hold)
        asked.clock.lap("generate")
    answer = _answer(parts, asked, written, reader)
    if hold and written and not answer.abstained:
        yield written.text
    yield answer


def answer_many(
    parts: Parts, questions: Sequence[str], retrieve: Callable[[str], Sequence[Hit]], reader: IndexReader
) -> list[Answer]:
    """Return the answers to questions, in order; a generator that writes several at once gets so many at a time."""
    generator = parts.generator
    size = generator.batch_size if isinstance(generator, BatchGenerator) else 1
    answers: list[Answer] = []
    for start in range(0, len(questions), size):
        asked = [prepare(parts, question, retrieve) for question in questions[start : start + size]]
        if size > 1 and isinstance(generator, BatchGenerator):
            answers += _together(parts, generator, asked, reader)
        else:
            with undisturbed(parts):
                *_, answer = stream(parts, asked[0], reader)
            assert isinstance(answer, Answer)
            answers.append(answer)
    return answers


def _together(parts: Parts, generator: BatchGenerator, asked: Sequence[Asked], reader: IndexReader) -> list[Answer]:
    """Return answers that are written at once; each is charged the same share of the time."""
    prompts = [one.prompt for one in asked if one.prompt]
    with parts.turn.taken():
        started = time.perf_counter()
        written = iter(generator.write_many(prompts))
        share = (time.perf_counter() - started) / max(1, len(prompts))
    for one in asked:
        if one.prompt:
            one.clock.charge("generate", share)
    return [_answer(parts, one, next(written) if one.prompt else None, reader) for one in asked]


def _answer(parts: Parts, asked: Asked, written: Generation | None, reader: IndexReader) -> Answer:
    """Return what may be said of what was written; None where there was nothing to write from."""
    question, hits, ledger = asked.question, asked.hits, asked.clock.ledger
    if asked.prompt is None or written is None:
        return Answer(question, "", (), hits, None, ledger, reader.generation, abstained=True, reason="no_evidence")
    tokens = {f"{part}_tokens": n for part, n in asked.prompt.tokens.items()}
    text, confidence, reason = written.text.strip(), written.confidence, ""
    if explain.refused(text):
        reason = "deadline" if written.finish == "deadline" else "not_in_passages"
    elif confidence is not None and confidence < _least_confidence(parts):
        reason = "low_confidence"
    return Answer(
        question,
        "" if reason else text,
        () if reason else _cited(parts, question, text, asked.prompt.passages, reader),
        hits,
        asked.prompt,
        {**ledger, **tokens, "answer_tokens": written.n_tokens},
        reader.generation,
        abstained=bool(reason),
        reason=reason,
        finish=written.finish,
        confidence=confidence,
    )


def _least_confidence(parts: Parts) -> float:
    return getattr(parts.config.generate, "min_confidence", 0.0)


def _cited(
    parts: Parts, question: str, text: str, passages: Sequence[Hit], reader: IndexReader
) -> tuple[Citation, ...]:
    """Return the spans that support an answer; those of files that changed since they were indexed are marked."""
    citations = explain.cite(question, text, passages, reader.document)
    if not parts.reads_files:
        return citations
    documents = {hit.source: hit.chunk.document_id for hit in passages}
    return tuple(parts.files.checked(one, *reader.copies(documents[one.source])) for one in citations)


def undisturbed(parts: Parts) -> AbstractContextManager[None]:
    """Have no other thread use the generator within this context, unless it can write several answers at once."""
    return nullcontext() if getattr(parts.generator, "concurrent", False) else parts.turn.taken()


def _write(parts: Parts, prompt: Prompt, hold: bool) -> Generator[str, None, Generation]:
    """Yield the pieces, none where they are held back until they may be said; return the `Generation`.

    Whoever takes the pieces may take their time: others have their turn between two of them.
    """
    pieces = iter(parts.generator.stream(prompt))
    while True:
        with undisturbed(parts):
            piece = next(pieces, None)
        if piece is None:
            raise AssertionError("a generator must end with its Generation")
        if isinstance(piece, Generation):
            return piece
        stopping.check()
        if not hold:
            yield piece
