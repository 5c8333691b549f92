"""The requirements on every `Generator`, as tests to inherit; see `ragqa.testing`.

`GeneratorContract` is for any generator, `BatchGeneratorContract` for one that writes several answers in one batch,
`VerdictModelContract` for one that says whether passages answer a question, `ChoiceModelContract` for one that says
which of them does, and `LikelihoodModelContract` for one that computes the likelihood of a text after another.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace

from ragqa.records import Chunk, Generation, Hit, Prompt
from ragqa.stages import BatchGenerator, ChoiceModel, Generator, LikelihoodModel, VerdictModel

FINISHES = ("stop", "length", "deadline")
PASSAGES = ("The ferry leaves at noon.", "Mara Lind approves a loan.", "The turbine turns in the wind.")
QUESTION = "When does the ferry leave?"


def prompt(generator: Generator, *passages: str, system: str = "Answer from the passages.") -> Prompt:
    """Return a prompt of some passages and one question in a generator's own chat format."""
    user = "\n".join([*(f"Passage: {passage}" for passage in passages), QUESTION])
    text = generator.chat(system, user)
    start = text.rindex(QUESTION)
    hits = tuple(
        Hit(Chunk(f"sample-{n}", "sample", 0, len(passage), passage), f"{n}.txt", "", 1.0, {})
        for n, passage in enumerate(passages)
    )
    return Prompt(text, {"all": generator.count(text)}, hits, question=(start, start + len(QUESTION)))


def written(generator: Generator, asked: Prompt) -> tuple[list[str], Generation]:
    """Return the pieces of an answer, and its `Generation`."""
    items = list(generator.stream(asked))
    last = items[-1] if items else None
    assert isinstance(last, Generation), f"`stream` must end with a `Generation`; it ended with {last!r}"
    pieces = [piece for piece in items[:-1] if isinstance(piece, str)]
    assert len(pieces) == len(items) - 1, "all that comes before the `Generation` must be text"
    return pieces, last


class GeneratorContract(ABC):
    """The requirements on every `Generator`."""

    @abstractmethod
    def make(self) -> Generator:
        """Return the generator under test. Two returned generators answer alike. Short answers make the tests fast."""

    def test_the_window_is_a_number_of_tokens(self) -> None:
        """A prompt is filled up to the window, less the tokens of the answer."""
        window = self.make().window
        assert isinstance(window, int) and window > 0, f"`window` must be a whole number above 0; it is {window!r}"

    def test_tokens_are_counted_from_zero_and_alike_each_time(self) -> None:
        """The counts decide which passages fit into a prompt."""
        generator = self.make()
        assert generator.count("") == 0, "an empty text has no token"
        counts = [generator.count(" ".join(PASSAGES[:n])) for n in (1, 2, 3)]
        assert 0 < counts[0] < counts[1] < counts[2], f"longer texts must have more tokens; got {counts}"
        assert counts == [generator.count(" ".join(PASSAGES[:n])) for n in (1, 2, 3)], "the same text, the same count"

    def test_a_chat_shows_both_turns_word_for_word(self) -> None:
        """Citations and the positions of passages in a prompt require its exact text."""
        generator = self.make()
        text = generator.chat("Be brief.", "Who steers\nthe ferry?")
        assert "Be brief." in text and "Who steers\nthe ferry?" in text, f"a turn is changed or missing in {text!r}"
        assert text.index("Be brief.") < text.index("Who steers"), "the system's turn comes first"
        assert "Who?" in generator.chat("", "Who?"), "a chat without instructions must show the user's turn"

    def test_a_stream_is_pieces_of_text_and_then_the_whole(self) -> None:
        """The command line prints the pieces; an answer is made of the `Generation`."""
        generator = self.make()
        pieces, last = written(generator, prompt(generator, *PASSAGES))
        assert "".join(pieces) == last.text, f"the pieces join to {''.join(pieces)!r}, and the text is {last.text!r}"
        assert last.finish in FINISHES, f"`finish` must be one of {', '.join(FINISHES)}; it is {last.finish!r}"
        assert last.n_tokens >= (1 if last.text else 0), f"a text of {last.n_tokens} tokens"

    def test_confidence_and_log_probabilities_are_in_their_ranges_where_they_are_told(self) -> None:
        """An answer below `min_confidence` is withheld; `logprobs` has one figure for each token."""
        generator = self.make()
        _, last = written(generator, prompt(generator, *PASSAGES))
        assert last.confidence is None or 0 <= last.confidence <= 1, f"confidence is {last.confidence}"
        if last.logprobs is not None:
            assert len(last.logprobs) == last.n_tokens, f"{len(last.logprobs)} figures for {last.n_tokens} tokens"
            assert all(figure <= 0 for figure in last.logprobs), "a natural log-probability is at most 0"

    def test_a_prompt_has_one_answer_whatever_was_asked_before(self) -> None:
        """`ragqa replay` compares answers; an evaluation asks its questions in any order."""
        generator = self.make()
        asked, other = prompt(generator, *PASSAGES), prompt(generator, PASSAGES[1], system="Another beginning.")
        before = written(generator, asked)[1]
        written(generator, other)
        assert written(generator, asked)[1] == before, "the answer changed after another question"
        assert written(self.make(), asked)[1] == before, "another object of the same settings answers otherwise"

    def test_a_stream_that_is_left_early_leaves_nothing_behind(self) -> None:
        """A caller may stop reading an answer, for example where a browser is closed."""
        generator = self.make()
        asked = prompt(generator, *PASSAGES)
        before = written(generator, asked)[1]
        stream = generator.stream(asked)
        next(stream)
        del stream
        assert written(generator, asked)[1] == before, "the answer changed after a stream was left early"


class BatchGeneratorContract(GeneratorContract):
    """The requirements on a `Generator` that is a `BatchGenerator` too."""

    def batched(self) -> tuple[Generator, BatchGenerator]:
        """Return the generator under test, as both."""
        generator = self.make()
        assert isinstance(generator, BatchGenerator), "it lacks `batch_size` or `write_many`"
        return generator, generator

    def test_the_batch_size_is_at_least_one(self) -> None:
        """`write_many` gets at most this many prompts."""
        size = self.batched()[1].batch_size
        assert isinstance(size, int) and size >= 1, f"`batch_size` must be a whole number from 1 on; it is {size!r}"

    def test_answers_written_at_once_are_those_written_alone_in_order(self) -> None:
        """`ask_many` gives each question its own answer. Rounding may change a token where two are equally likely."""
        generator, batch = self.batched()
        asked = [prompt(generator, *PASSAGES[:n]) for n in (3, 1, 2)]
        alone = [written(generator, one)[1].text for one in asked]
        assert [one.text for one in batch.write_many(asked)] == alone, "answers differ, or are in another order"

    def test_no_prompt_gives_no_answer(self) -> None:
        """A list of questions may be empty."""
        assert self.batched()[1].write_many([]) == []


class VerdictModelContract(GeneratorContract):
    """The requirements on a `Generator` that is a `VerdictModel` too."""

    def judging(self) -> tuple[Generator, VerdictModel]:
        """Return the generator under test, as both."""
        generator = self.make()
        assert isinstance(generator, VerdictModel), "it lacks `verdict`"
        return generator, generator

    def asked(self, generator: Generator) -> Prompt:
        """Return a prompt whose last word but one line is the slot for the verdict."""
        built = prompt(generator, *PASSAGES)
        before = f"{built.text}\nAnswerable: "
        return replace(built, text=f"{before}yes\nAnswer:", verdict=(len(before), len(before) + 3))

    def test_a_verdict_is_a_finite_number_and_alike_each_time(self) -> None:
        """A threshold decides by it whether a question is answered."""
        generator, model = self.judging()
        first, second = (model.verdict(self.asked(generator)) for _ in range(2))
        assert first is not None and math.isfinite(first), f"log-odds must be a finite number; got {first!r}"
        assert second is not None and abs(first - second) < 0.1, f"{first} became {second}"

    def test_a_prompt_without_a_slot_has_no_verdict(self) -> None:
        """Not every template asks for one."""
        generator, model = self.judging()
        found = model.verdict(replace(self.asked(generator), verdict=None))
        assert found is None, f"a prompt without a slot must have the verdict None; got {found!r}"

    def test_a_verdict_changes_no_answer(self) -> None:
        """It is asked for before the answer is written, or not at all."""
        generator, model = self.judging()
        before = written(generator, self.asked(generator))[1]
        model.verdict(self.asked(generator))
        assert written(generator, self.asked(generator))[1] == before, "the answer changed after a verdict"


class ChoiceModelContract(GeneratorContract):
    """The requirements on a `Generator` that is a `ChoiceModel` too."""

    def choosing(self) -> tuple[Generator, ChoiceModel]:
        """Return the generator under test, as both."""
        generator = self.make()
        assert isinstance(generator, ChoiceModel), "it lacks `choice`"
        return generator, generator

    def asked(self, generator: Generator) -> Prompt:
        """Return a prompt whose last word but one line is the slot for the letter of a passage."""
        built = prompt(generator, *PASSAGES)
        before = f"{built.text}\nSentences: "
        return replace(built, text=f"{before}A\nAnswer:", letter=(len(before), len(before) + 1))

    def test_each_passage_has_a_log_probability(self) -> None:
        """The passages are ranked by them."""
        generator, model = self.choosing()
        asked = self.asked(generator)
        found = model.choice(asked)
        assert found is not None and len(found) == len(asked.passages), f"one for each passage; got {found!r}"
        assert all(math.isfinite(each) and each <= 0 for each in found), f"must be finite and at most 0; got {found!r}"

    def test_a_prompt_without_a_slot_has_no_choice(self) -> None:
        """Not every template asks for one."""
        generator, model = self.choosing()
        found = model.choice(replace(self.asked(generator), letter=None))
        assert found is None, f"a prompt without a slot must have the choice None; got {found!r}"


class LikelihoodModelContract(ABC):
    """The requirements on every `LikelihoodModel`."""

    @abstractmethod
    def make(self) -> LikelihoodModel:
        """Return the model under test."""

    def test_each_token_of_the_second_text_has_a_log_probability(self) -> None:
        """A reranker adds them up; an evaluation takes their mean."""
        pairs = [("The ferry leaves", " at noon."), ("Mara Lind", " approves a loan, and more than one.")]
        rows = self.make().log_likelihoods(pairs)
        assert len(rows) == len(pairs), f"{len(rows)} rows for {len(pairs)} pairs"
        assert all(rows), "a text of some words has at least one token"
        for figure in (figure for row in rows for figure in row):
            assert math.isfinite(figure) and figure <= 0, f"a natural log-probability is at most 0; got {figure}"

    def test_a_text_has_as_many_tokens_after_any_other(self) -> None:
        """Likelihoods of one question after several passages are compared token by token."""
        rows = self.make().log_likelihoods([("The ferry", " leaves at noon."), ("Why? Because", " leaves at noon.")])
        assert len(rows[0]) == len(rows[1]), "the second text is tokenised otherwise after another first one"

    def test_the_other_pairs_of_a_call_change_little(self) -> None:
        """Pairs are computed in batches, and only rounding may differ."""
        model, pairs = self.make(), [("The ferry", " leaves at noon."), ("The turbine in the wind", " turns")]
        together, alone = model.log_likelihoods(pairs), [model.log_likelihoods([pair])[0] for pair in pairs]
        for first, second in zip(together, alone, strict=True):
            assert all(abs(a - b) < 0.1 for a, b in zip(first, second, strict=True)), f"{first} became {second}"

    def test_no_pair_gives_no_row(self) -> None:
        """There may be no passage to score."""
        assert self.make().log_likelihoods([]) == []
