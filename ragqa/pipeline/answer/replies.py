"""Draft and text -> Answer: an abstention, a span, a quote, or written sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ragqa.evidence import confidence
from ragqa.evidence.asked_for import is_disputed, suits_price
from ragqa.evidence.cells import CONFIDENCE, Cell
from ragqa.evidence.over_rows import CountedRows
from ragqa.evidence.passages import Candidate
from ragqa.evidence.rows import is_of_cell, is_of_field
from ragqa.evidence.selection import MOST_ITEMS, quote, spans
from ragqa.pipeline.answer.abstention import Abstention, refused
from ragqa.pipeline.answer.citing import Citing
from ragqa.pipeline.answer.draft import Draft
from ragqa.pipeline.answer.writing import CheckedText, of_answer, span_of
from ragqa.question_analysis import fits
from ragqa.records import Answer, AnswerSentence, Coverage, Generation, Passages, Prompt

SEPARATORS = {"quote": "\n", "catalogue": "\n"}
"""The text between two sentences by the kind of answer; a space for the others."""

Event = Passages | AnswerSentence | Answer
"""What a stream yields: the passages found, the nearest places in them, the sentences of the answer, and the answer."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a generator made of a prompt.

    :param draft: the question, whose evidence is ranked by the generator's choice too. :param checked: the sentences that
    are already checked. :param verdict: the log-odds that the passages answer.
    """

    draft: Draft
    prompt: Prompt
    checked: CheckedText
    generation: Generation
    verdict: float | None


@dataclass(frozen=True, slots=True)
class Replies:
    """Makes the answers to drafts.

    :param least: the least confidence of an answer. :param choice: `prompt.answer`. :param coverage: how many texts of
    the index have a vector; None where all have one.
    """

    citing: Citing
    least: float
    choice: Literal["auto", "span", "quote", "write"]
    coverage: Coverage | None = None

    def abstained(
        self, draft: Draft, why: Abstention, sure: float | None = None, written: Written | None = None
    ) -> Answer:
        """Return an abstention, with the nearest passages and what can be changed."""
        language = draft.evidence.question.language if draft.evidence else ""
        nearly = why.reason == "low_confidence" and sure is not None and confidence.LEAST["eager"] <= sure < self.least
        return self._answer(draft, "", (), sure, written, replace(why, language=language, nearly=nearly))

    def quoted(self, draft: Draft, written: Written | None = None) -> Iterator[Event]:
        """Yield the excerpts of a quote, and the answer; an abstention where they are not likely to answer."""
        found = draft.evidence
        assert found is not None
        sure = confidence.with_verdict(found.probability, written.verdict if written else None)
        chosen = quote(found.question, found.ranked)
        if not chosen or sure < self.least:
            yield self.abstained(draft, Abstention("low_confidence" if chosen else "no_evidence"), sure, written)
            return
        sentences = []
        for hit, start, end in spans(chosen):  # sentences that follow one another have one citation
            citation = self.citing.span(hit, start, end)
            run = [each for each in chosen if each.hit.chunk.document_id == hit.chunk.document_id]
            run = [each for each in run if start <= each.start < end]
            sentences += [AnswerSentence(" ".join(each.text.split()), (citation,), 1.0) for each in run]
        yield from sentences
        yield self._answer(draft, "quote", sentences, sure, written)

    def of_cell(self, draft: Draft, cell: Cell) -> Iterator[Event]:
        """Yield a cell of a table, cited by its row, and the answer; or the whole row as a quote."""
        sentence = AnswerSentence(cell.text, (self.citing.span(cell.row.hit, cell.start, cell.end),), 1.0)
        yield sentence
        yield self._answer(draft, "quote" if cell.is_row else "span", [sentence], CONFIDENCE, None)

    def of_rows(self, draft: Draft, counted: CountedRows) -> Iterator[Event]:
        """Yield the number of some rows of a table, the first of these rows, each cited, and the answer."""
        hit, number = counted.row.hit, len(counted.spans)
        sentences = [AnswerSentence(f"{number} of the {counted.of} rows of the table in {hit.source}:", (), 1.0)]
        for start, end in counted.spans[:MOST_ITEMS]:
            citation = self.citing.span(hit, start, end)
            sentences.append(AnswerSentence(" ".join(citation.text.split()), (citation,), 1.0))
        if number > MOST_ITEMS:
            sentences.append(AnswerSentence(f"and {number - MOST_ITEMS} more", (), 1.0))
        yield from sentences
        answer = self._answer(draft, "catalogue", sentences, CONFIDENCE, None)
        yield replace(answer, read=f"all {counted.of} rows of the table read")

    def written(self, written: Written) -> Iterator[Event]:
        """Yield the rest of the checked sentences, and the answer.

        A short answer that stands in an excerpt is a span. Where nothing that was written is supported, the excerpts
        are quoted instead.
        """
        written = replace(written, generation=of_answer(written.generation, written.prompt))
        draft, text, checked = written.draft, written.generation.text, written.checked
        found = draft.evidence
        if found is None:  # the generator was asked without passages
            sentence = AnswerSentence(text.strip())
            yield sentence
            yield self._answer(draft, "write", [sentence], None, written)
            return
        if refused(text) and not checked.sentences:
            reason = "deadline" if written.generation.finish == "deadline" else "not_in_passages"
            yield self.abstained(draft, Abstention(reason), None, written)
            return
        sure = confidence.of_answer(found.probability, written.verdict, written.generation)
        best_first = [each.candidate for each in found.ranked if each.candidate in checked.read]
        place = None if checked.begun else span_of(text, [*best_first, *checked.read])
        if place is not None:
            if written.verdict is None and place != found.ranked[0].candidate and self._prefers_quotes:
                yield from self.quoted(draft, written)
            else:
                yield from self._span(draft, text.strip(), place, sure, written)
            return
        if checked.text or sure >= self.least:  # what was shown as it came stays
            yield from checked.take("" if checked.text else text, last=True)
        if checked.sentences and self.choice != "span":
            yield self._answer(draft, "write", checked.sentences, sure, written)
        elif self.choice == "auto":
            yield from self.quoted(draft, written)
        else:
            reason = "unsupported" if checked.begun else "low_confidence"
            yield self.abstained(draft, Abstention(reason), sure, written)

    def read(self, draft: Draft) -> Iterator[Event]:
        """Yield the span that a reader chose, with the sentence that contains it; a quote where it is not likely right."""
        found = draft.evidence
        assert found is not None and found.span is not None
        start, end, score = found.span
        place = found.ranked[0].candidate
        sure = confidence.of_span(found.probability, score)
        text = place.text[start - place.start : end - place.start]
        yield from self._span(draft, text, place, sure)

    @property
    def _prefers_quotes(self) -> bool:
        """Tell whether a quote takes the place of a span that no generator judged and that is not sure: it is more often right."""
        return self.choice == "auto" and self.least > 0

    def _span(
        self, draft: Draft, text: str, place: Candidate, sure: float, written: Written | None = None
    ) -> Iterator[Event]:
        """Yield a short answer with the excerpt that contains it; a quote where it is not likely to be right.

        What stands in a row of a table, or in a record, must be of the column or the field that the question names. Where
        another document says otherwise, both are quoted.
        """
        found = draft.evidence
        assert found is not None
        judged = written is not None and written.verdict is not None
        least = max(self.least, confidence.LEAST_SPAN) if self._prefers_quotes and not judged else self.least
        if place.kind == "row":
            in_cell = is_of_cell(text, found.question, place)
        else:
            in_cell = is_of_field(text, found.question, place.text)
        fitting = fits(found.question.answer_type, text) and suits_price(found.question, place)
        disputed = self.choice == "auto" and is_disputed(found.question, place, found.ranked)
        if sure >= least and in_cell and fitting and not disputed:
            sentence = AnswerSentence(text, (self.citing.span(place.hit, place.start, place.end),), 1.0)
            yield sentence
            yield self._answer(draft, "span", [sentence], sure, written)
        elif self.choice == "auto":
            yield from self.quoted(draft, written)
        else:
            yield self.abstained(draft, Abstention("low_confidence"), sure, written)

    def _answer(
        self,
        draft: Draft,
        kind: str,
        sentences: Sequence[AnswerSentence],
        sure: float | None,
        written: Written | None,
        why: Abstention | None = None,
    ) -> Answer:
        usage = dict(draft.clock.usage)
        if written:
            usage |= {f"{part}_tokens": n for part, n in written.prompt.tokens.items()}
            usage["answer_tokens"] = written.generation.n_tokens
        return Answer(
            draft.question.typed or draft.question.text,
            SEPARATORS.get(kind, " ").join(sentence.text for sentence in sentences),
            tuple(dict.fromkeys(each for sentence in sentences for each in sentence.citations)),
            draft.hits,
            written.prompt if written else None,
            usage,
            self.citing.reader.generation,
            abstained=why is not None,
            reason=why.reason if why else "",
            finish=written.generation.finish if written else "",
            confidence=None if sure is None else round(sure, 4),
            kind=kind,
            sentences=tuple(sentences),
            unsupported=len(written.checked.unsupported) if written else 0,
            nearest=draft.nearest,
            advice=why.advice if why else "",
            coverage=self.coverage,
            searched="" if draft.question.passages is not None else draft.question.searched,
        )
