"""Answers questions: hits -> prompt -> generated text -> answer with citations, or abstention."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa import explain, stopping
from ragqa.pipeline.answer import by_words
from ragqa.records import Answer, Citation, Coverage, Generation, Hit, Prompt
from ragqa.stages import BatchGenerator

if TYPE_CHECKING:
    from ragqa.pipeline.answer.sources import SourceFiles
    from ragqa.pipeline.assemble.components import Components
    from ragqa.prompt import Turn
    from ragqa.stages import IndexReader, Searcher


class Clock:
    """A stopwatch that adds up milliseconds by stage."""

    def __init__(self) -> None:
        self.usage: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last call to a stage."""
        now = time.perf_counter()
        self.charge(name, now - self._last)
        self._last = now

    def charge(self, name: str, seconds: float) -> None:
        """Add some seconds to a stage."""
        self.usage[f"{name}_ms"] = round(1000 * seconds, 1)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A checked question: its text, earlier turns, and the passages to answer from (None: retrieve them)."""

    text: str
    history: Sequence[Turn] = ()
    passages: Sequence[Hit] | None = None

    @property
    def searched(self) -> str:
        """The text to search with: the previous question of the conversation, if any, and this one."""
        return f"{self.history[-1][0]}\n{self.text}" if self.history else self.text


@dataclass(frozen=True, slots=True)
class Draft:
    """A question, its passages, and the prompt made of them; the prompt is None where no passage is evidence."""

    question: AskedQuestion
    hits: tuple[Hit, ...]
    prompt: Prompt | None
    clock: Clock


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers questions from one generation of an index.

    :param files: where the sources of the index are.
    """

    components: Components
    reader: IndexReader
    files: SourceFiles

    def retrieve(self, question: str, k: int | None = None) -> list[Hit]:
        """Return the best hits, `top_k` of them unless `k` is given.

        :raises ModelError: the embedder is not the one that built the index.
        """
        searcher: Searcher = self.reader
        if self.components.config.retrieve.uses_vectors:
            self.reader.check_embedder(self.components.canaries)
            searcher = by_words.searcher(self.reader, self.components.embedder, question)
        return self.components.retriever.retrieve(question, searcher, k)

    def stream(self, question: AskedQuestion) -> Generator[str | Answer, None, None]:
        """Yield pieces of the answer as they are written and, last, the `Answer`.

        Where the file sets a least confidence, the text comes in one piece when its confidence is known.
        """
        # 1. Retrieve the passages and build the prompt.
        draft = self._prepare(question)
        hold = self.components.config.generate.least_confidence() > 0
        # 2. Generate, unless there is no evidence; with a least confidence, keep the pieces back.
        written = None
        if draft.prompt:
            written = yield from self._write(draft.prompt, hold)
            draft.clock.lap("generate")
        # 3. Decide whether to abstain, add the citations, and yield a text that was kept back.
        answer = self._answer(draft, written)
        if hold and written and not answer.abstained:
            yield written.text
        yield answer

    def answer_many(self, questions: Sequence[AskedQuestion]) -> list[Answer]:
        """Return the answers, in order; a `BatchGenerator` gets `batch_size` prompts at a time."""
        generator = self.components.generator
        if not isinstance(generator, BatchGenerator) or generator.batch_size < 2:
            return [self._answer_undisturbed(question) for question in questions]
        answers: list[Answer] = []
        for start in range(0, len(questions), generator.batch_size):
            answers += self._answer_together(generator, questions[start : start + generator.batch_size])
        return answers

    def undisturbed(self) -> AbstractContextManager[None]:
        """Return a context that keeps other threads from the generator, unless the generator is concurrent."""
        concurrent = getattr(self.components.generator, "concurrent", False)
        return nullcontext() if concurrent else self.components.lock.held()

    def _prepare(self, question: AskedQuestion) -> Draft:
        """Retrieve passages for a question, unless they are given, and build the prompt."""
        with self.components.lock.held():
            clock = Clock()
            given = question.passages
            hits = tuple(self.retrieve(question.searched) if given is None else given)
            clock.lap("retrieve")
            least = self.components.config.retrieve.min_score
            if given is None and explain.no_evidence(question.searched, hits, least):
                return Draft(question, hits, None, clock)
            prompt = self.components.prompter.build(question.text, hits, question.history)
            clock.lap("prompt")
        return Draft(question, hits, prompt, clock)

    def _write(self, prompt: Prompt, hold: bool) -> Generator[str, None, Generation]:
        """Yield the pieces of the text, unless `hold` is True; return the `Generation`.

        A caller that takes the pieces slowly does not block others: between two pieces, other threads may generate.
        """
        pieces = iter(self.components.generator.stream(prompt))
        while True:
            with self.undisturbed():
                piece = next(pieces, None)
            if piece is None:
                raise AssertionError("a generator must end with its Generation")
            if isinstance(piece, Generation):
                return piece
            stopping.check()
            if not hold:
                yield piece

    def _answer_undisturbed(self, question: AskedQuestion) -> Answer:
        with self.undisturbed():
            *_, answer = self.stream(question)
        assert isinstance(answer, Answer)
        return answer

    def _answer_together(self, generator: BatchGenerator, questions: Sequence[AskedQuestion]) -> list[Answer]:
        """Return answers that are written in one batch; each gets an equal share of the time."""
        drafts = [self._prepare(question) for question in questions]
        prompts = [draft.prompt for draft in drafts if draft.prompt]
        with self.components.lock.held():
            started = time.perf_counter()
            written = iter(generator.write_many(prompts))
            share = (time.perf_counter() - started) / max(1, len(prompts))
        for draft in drafts:
            if draft.prompt:
                draft.clock.charge("generate", share)
        return [self._answer(draft, next(written) if draft.prompt else None) for draft in drafts]

    def _answer(self, draft: Draft, written: Generation | None) -> Answer:
        """Return the answer to a draft, or an abstention.

        :param written: the generated text; None where there was no evidence to generate from.
        """
        question, usage, index_version = draft.question.text, draft.clock.usage, self.reader.generation
        if draft.prompt is None or written is None:
            return Answer(
                question, "", (), draft.hits, None, usage, index_version, abstained=True, reason="no_evidence",
                coverage=self._coverage,
            )  # fmt: skip
        tokens = {f"{part}_tokens": n for part, n in draft.prompt.tokens.items()}
        text, reason = written.text.strip(), self._reason_to_abstain(written)
        return Answer(
            question,
            "" if reason else text,
            () if reason else self._citations(question, text, draft.prompt.passages),
            draft.hits,
            draft.prompt,
            {**usage, **tokens, "answer_tokens": written.n_tokens},
            index_version,
            abstained=bool(reason),
            reason=reason,
            finish=written.finish,
            confidence=written.confidence,
            coverage=self._coverage,
        )

    @property
    def _coverage(self) -> Coverage | None:
        """How many texts have a vector, where some have none and vectors are searched; else None."""
        coverage = self.reader.coverage()
        return coverage if coverage.pending and self.components.config.retrieve.uses_vectors else None

    def _reason_to_abstain(self, written: Generation) -> str:
        """Return the reason why a generated text is no answer; empty where it is one."""
        if explain.refused(written.text.strip()):
            return "deadline" if written.finish == "deadline" else "not_in_passages"
        least = self.components.config.generate.least_confidence()
        return "low_confidence" if written.confidence is not None and written.confidence < least else ""

    def _citations(self, question: str, text: str, passages: Sequence[Hit]) -> tuple[Citation, ...]:
        """Return the spans that support an answer; those of files that changed since indexing are marked as stale."""
        citations = explain.cite(question, text, passages, self.reader.document)
        if not self.components.roots:
            return citations
        documents = {hit.source: hit.chunk.document_id for hit in passages}
        return tuple(
            self.files.checked(citation, *self.reader.copies(documents[citation.source])) for citation in citations
        )
