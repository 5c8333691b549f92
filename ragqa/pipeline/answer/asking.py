"""Answers questions: hits -> evidence -> a span, a quote or written sentences, each with citations; or abstention."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from ragqa import evidence, stopping
from ragqa.evidence import confidence
from ragqa.evidence.compaction import LETTER, compact
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import passage_of, with_choice
from ragqa.evidence.selection import spans
from ragqa.pipeline import catalogue
from ragqa.pipeline.answer.abstention import Abstention, before_writing
from ragqa.pipeline.answer.citing import Citing
from ragqa.pipeline.answer.draft import AskedQuestion, Clock, Draft
from ragqa.pipeline.answer.finding import find
from ragqa.pipeline.answer.parts import in_parts
from ragqa.pipeline.answer.replies import Event, Replies, Written
from ragqa.pipeline.answer.writing import CheckedText
from ragqa.prompt import count_text
from ragqa.question_analysis import QuestionKind, analyse
from ragqa.question_parts import parts
from ragqa.records import LETTERS, Answer, Coverage, Dropped, Generation, Passages, Prompt
from ragqa.retrieve.follow_up import may_stand_alone
from ragqa.stages import BatchGenerator, ChoiceModel, LiteralReader, VerdictModel

if TYPE_CHECKING:
    from ragqa.evidence import Evidence
    from ragqa.pipeline.answer.sources import SourceFiles
    from ragqa.pipeline.assemble.components import Components
    from ragqa.stages import IndexReader

__all__ = ["AskedQuestion", "Asking", "Event"]

NEAREST = 3
"""The number of nearest passages that are shown before an answer, and under an abstention."""
FENCE = 48
"""The tokens of `prompt.max_context_tokens` that are left for the marks around passages."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers questions from one generation of an index.

    :param files: where the sources of the index are.
    """

    components: Components
    reader: IndexReader
    files: SourceFiles

    @property
    def _citing(self) -> Citing:
        return Citing(self.reader, self.files if self.components.roots else None)

    @property
    def _replies(self) -> Replies:
        spec = self.components.config.prompt
        return Replies(self._citing, confidence.least(spec.min_confidence), spec.answer, self._coverage)

    @property
    def _coverage(self) -> Coverage | None:
        """How many texts have a vector, where some have none and vectors are searched; else None."""
        coverage = self.reader.coverage()
        return coverage if coverage.pending and self.components.config.retrieve.uses_vectors else None

    def prompt(self, question: AskedQuestion) -> Prompt:
        """Return the prompt for a question."""
        return self._begin(self._draft(question, self._found(question)))[0]

    def stream(self, question: AskedQuestion) -> Generator[Event, None, None]:
        """Yield the passages found, the nearest places in them, the sentences of the answer and, last, the `Answer`.

        The parts of a question that asks several are answered one after another.
        """
        asked = parts(question.text) if question.passages is None else []
        yield from in_parts(question, asked, self._stream) if len(asked) > 1 else self._stream(question)

    def _stream(self, question: AskedQuestion) -> Generator[Event, None, None]:
        """Yield the events of one question. One about the documents themselves is answered from their catalogue."""
        if (known := self._of_catalogue(question)) is not None:
            yield from known
            return
        # 1. Find passages, and show the best at once. Load the generator meanwhile, where it may be needed.
        quotes = self._quotes(analyse(question.asked).kind)
        if self._chooses or not quotes:
            self.components.load_ahead()
        found = self._found(question)
        if found.read:
            yield Passages(self._citing.passages(found.read[:NEAREST]))
        # 2. Rank their sentences, and show the best instead.
        draft = self._draft(question, found)
        if draft.nearest:
            yield Passages(draft.nearest)
        # 3. Refuse or quote what needs no generator.
        if (events := self._without_generator(draft)) is not None:
            yield from events
            return
        # 4. Ask the generator whether the passages answer the question, and which sentence does. Refuse, or quote.
        ready = self._ready(draft)
        if not isinstance(ready, Written):
            yield from ready
            return
        # 5. Take its text as it is written.
        generation = None
        for piece in self._pieces(ready.prompt):
            if isinstance(piece, Generation):
                generation = piece
            elif draft.evidence and draft.evidence.question.kind != "fact":
                yield from ready.checked.take(piece)
        assert generation is not None, "a generator must end with its Generation"
        draft.clock.lap("generate")
        # 6. Close the answer.
        yield from self._replies.written(replace(ready, generation=generation))

    def summarize(self, source: str | None) -> Answer:
        """Return the summary of a document or folder, or of all documents; see `catalogue.summarize`."""
        return catalogue.summarize(source, self.components, self.reader, self._citing)

    def _of_catalogue(self, question: AskedQuestion) -> Iterator[Event] | None:
        return catalogue.answer(question, self.components, self.reader, self._citing)

    def _apart(self, question: AskedQuestion) -> Iterator[Event] | None:
        """Return the events of a question that is in no batch: one in parts, or about the documents themselves."""
        if question.passages is None and len(parts(question.text)) > 1:
            return self.stream(question)
        return self._of_catalogue(question)

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

    def _draft(self, question: AskedQuestion, found: Draft) -> Draft:
        """Return the evidence for a question in the passages that were found for it.

        A short question that may be a follow-up is asked alone where nothing answers it together with the turn before.
        """
        draft = self._examined(found)
        if question.follows and may_stand_alone(question.text) and not self._is_answered(draft):
            alone = self._examined(self._found(replace(question, history=()), found.clock))
            return alone if self._is_answered(alone) else draft
        return draft

    def _is_answered(self, draft: Draft) -> bool:
        return self._abstention(draft) is None and bool(
            draft.evidence and draft.evidence.probability >= self._replies.least
        )

    def _abstention(self, draft: Draft) -> Abstention | None:
        """Return why a question cannot be answered, as far as the evidence tells."""
        least_score = self.components.config.retrieve.min_score
        if draft.evidence is None:
            return None
        why = before_writing(draft.evidence, draft.hits, least_score, self._replies.least)
        filtered = bool(self.components.config.retrieve.filter) and not draft.hits
        return Abstention("no_evidence", filtered=True) if filtered and why and why.reason != "nothing_asked" else why

    def _found(self, question: AskedQuestion, clock: Clock | None = None) -> Draft:
        """Return the passages for a question; see `finding.find`."""
        with self.components.lock.held():
            return find(self.components, self.reader, question, clock or Clock())

    def _examined(self, draft: Draft) -> Draft:
        """Return a draft with the evidence in its passages; the same one where an empty list of them was given."""
        question = draft.question
        if question.passages is not None and not draft.hits:
            return draft
        with self.components.lock.held():
            asked = (question.text, question.asked, question.searched)
            found = evidence.examine(
                *asked, draft.read, self.components.embedder, self.reader, self.components.passage_reader
            )
            best = [each.candidate for each in found.ranked[:NEAREST]] if found.question.terms else []
            nearest = tuple(self._citing.span(each.hit, each.start, each.end) for each in best)
            draft.clock.lap("evidence")
        return replace(draft, evidence=found, nearest=nearest)

    def _without_generator(self, draft: Draft) -> Iterator[Event] | None:
        """Return the events of an abstention or a quote; None where the generator is needed."""
        if (found := draft.evidence) is None:
            return None
        if why := self._abstention(draft):
            return iter([self._replies.abstained(draft, why)])
        if found.cell and self.components.config.prompt.answer in ("auto", "span"):
            return self._replies.of_cell(draft, found.cell)
        if found.counted and self.components.config.prompt.answer == "auto":
            return self._replies.of_rows(draft, found.counted)
        if self._quotes(found.question.kind) and not self._chooses:
            return self._replies.quoted(draft)
        spans = (
            self.components.config.prompt.answer in ("auto", "span") and not self.components.config.generate.writes()
        )
        return self._replies.read(draft) if found.span and spans else None

    def _quotes(self, kind: QuestionKind) -> bool:
        """Tell whether a question of a kind is answered by a quote: as set, or since the generator does not write well."""
        config = self.components.config
        by_kind = kind != "fact" and (self._chooses or not config.generate.writes())
        return config.prompt.answer == "quote" or (config.prompt.answer == "auto" and by_kind)

    @property
    def _chooses(self) -> bool:
        """Tell whether the generator says which of the sentences answers."""
        lettered = getattr(self.components.prompter, "lettered", False)
        return lettered and isinstance(self.components.generator, ChoiceModel)

    def _begin(self, draft: Draft) -> tuple[Prompt, CheckedText]:
        """Return the prompt, cut to the sentences that matter, and the check of what will be written."""
        with self.components.lock.held():
            read, prompt = self._prompt(draft)
            draft.clock.lap("prompt")
        also = [each for each in draft.excerpts if each not in read]
        return prompt, CheckedText(self._citing, prompt, read, also, self._special(read))

    def _special(self, read: Sequence[Candidate]) -> frozenset[str]:
        """Return the texts of special tokens of the generator that stand in excerpts."""
        generator, text = self.components.generator, "\n".join(each.text for each in read)
        return generator.special_texts(text) if isinstance(generator, LiteralReader) else frozenset()

    def _prompt(self, draft: Draft) -> tuple[list[Candidate], Prompt]:
        """Return the excerpts that the generator reads, and the prompt."""
        question, limit = draft.question, self.components.config.prompt.context_limit()
        build = self.components.prompter.build
        if draft.evidence is None or (limit is None and not self._chooses):
            return draft.excerpts, build(question.asked, draft.read, question.history)
        most = self.components.generator.window if limit is None else limit - FENCE
        count, ranked = partial(count_text, self.components.generator), draft.evidence.ranked
        if self._chooses:
            read = compact(ranked, most, count, spare=LETTER, most=len(LETTERS))
            places = [(each.hit, each.start, each.end) for each in read]
        else:
            read = compact(ranked, most, count)
            places = spans(read)
        hits = [self.reader.span(*place) for place in places]
        prompt = build(question.asked, hits, question.history)
        if len(read) == len(draft.excerpts):
            return read, prompt
        what = f"{len(draft.excerpts) - len(read)} of {len(draft.excerpts)} sentences of the passages"
        cause = "prompt.max_context_tokens" if limit is not None else "what a prompt has room and letters for"
        dropped = Dropped(what, f"the others say more about the question ({cause})")
        return read, replace(prompt, dropped=(*prompt.dropped, dropped))

    def _verdict(self, prompt: Prompt) -> float | None:
        generator = self.components.generator
        if not isinstance(generator, VerdictModel):
            return None
        with self.undisturbed():
            return generator.verdict(prompt)

    def _ready(self, draft: Draft) -> Written | Iterator[Event]:
        """Return what is to be written, without a text yet; or the events of an abstention or a quote."""
        prompt, checked = self._begin(draft)
        ready = Written(draft, prompt, checked, Generation("", 0, "stop"), self._verdict(prompt))
        draft.clock.lap("verdict")
        if draft.evidence is None:
            return ready
        sure = confidence.with_verdict(draft.evidence.probability, ready.verdict)
        if sure < self._replies.least:
            return iter([self._replies.abstained(draft, Abstention("low_confidence"), sure, ready)])
        if prompt.letter is not None:
            ready = self._with_choice(ready, draft.evidence)
            draft.clock.lap("choice")
        quotes = self._quotes(draft.evidence.question.kind)
        return self._replies.quoted(ready.draft, ready) if quotes else ready

    def _with_choice(self, ready: Written, found: Evidence) -> Written:
        """Rank the excerpts by the generator's choice too, where it makes one, and name the best one in the prompt."""
        passages, choice = ready.prompt.passages, self._choice(ready.prompt)
        ranked = found.ranked if choice is None else tuple(with_choice(found.ranked, passages, choice))
        places = (passage_of(each.candidate, passages) for each in ranked)
        best = next((place for place in places if place is not None), 0)
        draft = replace(ready.draft, evidence=replace(found, ranked=ranked))
        return replace(ready, draft=draft, prompt=ready.prompt.naming(best))

    def _choice(self, prompt: Prompt) -> list[float] | None:
        generator = self.components.generator
        if not isinstance(generator, ChoiceModel):
            return None
        with self.undisturbed():
            return generator.choice(prompt)

    def _pieces(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield the pieces of the text, and its `Generation`.

        A caller that takes the pieces slowly does not block others: between two pieces, other threads may generate.
        """
        pieces = iter(self.components.generator.stream(prompt))
        while True:
            with self.undisturbed():
                piece = next(pieces, None)
            if piece is None:
                raise AssertionError("a generator must end with its Generation")
            yield piece
            if isinstance(piece, Generation):
                return
            stopping.check()

    def _answer_undisturbed(self, question: AskedQuestion) -> Answer:
        with self.undisturbed():
            return _last(self.stream(question))

    def _answer_together(self, generator: BatchGenerator, questions: Sequence[AskedQuestion]) -> list[Answer]:
        """Return answers that are written in one batch; each gets an equal share of the time."""
        # 1. Answer or refuse what needs no text of the generator, and build the prompts of the others.
        known = [self._apart(question) for question in questions]
        drafts = [self._draft(question, self._found(question)) for question in questions]
        events = [each or self._without_generator(draft) for each, draft in zip(known, drafts, strict=True)]
        asked = [each or self._ready(draft) for draft, each in zip(drafts, events, strict=True)]
        ready = [each if isinstance(each, Written) else _last(each) for each in asked]
        prompts = [each.prompt for each in ready if isinstance(each, Written)]
        # 2. Write.
        with self.components.lock.held():
            started = perf_counter()
            written = iter(generator.write_many(prompts))
            share = (perf_counter() - started) / max(1, len(prompts))
        # 3. Check what was written.
        answers: list[Answer] = []
        for each in ready:
            if isinstance(each, Written):
                each.draft.clock.charge("generate", share)
                each = _last(self._replies.written(replace(each, generation=next(written))))
            answers.append(each)
        return answers


def _last(events: Iterable[Event]) -> Answer:
    """Return the answer at the end of events."""
    *_, answer = events
    assert isinstance(answer, Answer)
    return answer
