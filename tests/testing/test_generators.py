"""Generators of the package and of the tests keep to their contracts; the contracts find what does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ragqa.config.generators import CausalLMGenerate
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.spans import SpanConstraint
from ragqa.records import Generation, Prompt
from ragqa.stages import Constraint, Generator
from ragqa.testing.generator import (
    BatchGeneratorContract,
    ChoiceModelContract,
    GeneratorContract,
    LikelihoodModelContract,
    VerdictModelContract,
)
from tests.fakes import EchoGenerator
from tests.tiny import save_tiny_llama


class Tiny:
    """Makes causal LMs of a tiny model."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _save(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = save_tiny_llama(tmp_path_factory.mktemp("llama"), window=1024)

    def causal_lm(self, constraint: Constraint | None = None, **fields: Any) -> CausalLM:
        values = {"kind": "causal_lm", "model": str(self.folder), "dtype": "float32", "max_new_tokens": 12, **fields}
        return CausalLM(CausalLMGenerate.model_validate(values), constraint, log_probabilities=True)


class TestNativeEngine(Tiny, BatchGeneratorContract):
    def make(self) -> CausalLM:
        return self.causal_lm(batch_size=3)


class TestTransformersEngine(Tiny, BatchGeneratorContract):
    def make(self) -> CausalLM:
        return self.causal_lm(engine="transformers")


class TestInt8WithSampling(Tiny, BatchGeneratorContract):
    def make(self) -> CausalLM:
        return self.causal_lm(dtype="int8", temperature=0.8, seed=4)


class TestSpans(Tiny, BatchGeneratorContract):
    def make(self) -> CausalLM:
        return self.causal_lm(SpanConstraint())


class TestLikelihoods(Tiny, LikelihoodModelContract):
    def make(self) -> CausalLM:
        return self.causal_lm()


class TestEcho(GeneratorContract):
    def make(self) -> EchoGenerator:
        return EchoGenerator()


# What breaks a promise is found


class Lost(EchoGenerator):
    """Ends without a `Generation`."""

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        yield "text"


class Apart(EchoGenerator):
    """Its pieces are not its text."""

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        yield "one"
        yield Generation("other", 1, "stop")


class Forgetful(EchoGenerator):
    """Answers by what it was asked before."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.asked += 1
        yield Generation(str(self.asked), 1, "stop")


class Counts(EchoGenerator):
    """Counts two special tokens."""

    def count(self, text: str) -> int:
        return 2 + super().count(text)


class Mute(EchoGenerator):
    """Leaves instructions out."""

    def chat(self, system: str, user: str) -> str:
        return user


class Shuffled(EchoGenerator):
    """Gives each prompt of a batch the answer of another."""

    batch_size = 2

    def write_many(self, prompts: Sequence[Prompt]) -> list[Generation]:
        return [Generation(f"{number}", 1, "stop") for number, _ in enumerate(prompts)]


@pytest.mark.parametrize(
    ("generator", "test", "message"),
    [
        (Lost, "test_a_stream_is_pieces_of_text_and_then_the_whole", "must end with a `Generation`"),
        (Apart, "test_a_stream_is_pieces_of_text_and_then_the_whole", "the pieces join to 'one'"),
        (Forgetful, "test_a_prompt_has_one_answer_whatever_was_asked_before", "changed after another question"),
        (Forgetful, "test_a_stream_that_is_left_early_leaves_nothing_behind", "after a stream was left early"),
        (Counts, "test_tokens_are_counted_from_zero_and_alike_each_time", "an empty text has no token"),
        (Mute, "test_a_chat_shows_both_turns_word_for_word", "a turn is changed or missing"),
        (Shuffled, "test_answers_written_at_once_are_those_written_alone_in_order", "answers differ"),
        (EchoGenerator, "test_no_prompt_gives_no_answer", "it lacks `batch_size` or `write_many`"),
    ],
)
def test_a_contract_names_the_promise_that_is_broken(generator: type[EchoGenerator], test: str, message: str) -> None:
    class Own(BatchGeneratorContract):
        def make(self) -> Generator:
            return generator()

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()


class Linear:
    """Log-probabilities that grow with the place in the call."""

    def __init__(self, figure: float) -> None:
        self._figure = figure

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        return [[self._figure * place] * len(second.split()) for place, (_, second) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("figure", "test", "message"),
    [
        (1.0, "test_each_token_of_the_second_text_has_a_log_probability", "is at most 0; got 1.0"),
        (-1.0, "test_the_other_pairs_of_a_call_change_little", "became"),
    ],
)
def test_a_contract_names_what_is_wrong_with_likelihoods(figure: float, test: str, message: str) -> None:
    class Own(LikelihoodModelContract):
        def make(self) -> Linear:
            return Linear(figure)

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()


class Judge(EchoGenerator):
    """Is sure where a prompt has a slot for that."""

    def verdict(self, prompt: Prompt) -> float | None:
        return 2.0 if prompt.verdict else None


class TestJudge(VerdictModelContract):
    def make(self) -> Judge:
        return Judge()


class Endless(Judge):
    def verdict(self, prompt: Prompt) -> float | None:
        return math.inf if prompt.verdict else 0.0


class Influenced(Judge):
    """Answers otherwise after a verdict."""

    def verdict(self, prompt: Prompt) -> float | None:
        self._answer = "Yes."
        return 2.0


@pytest.mark.parametrize(
    ("generator", "test", "message"),
    [
        (Endless, "test_a_verdict_is_a_finite_number_and_alike_each_time", "must be a finite number; got inf"),
        (Endless, "test_a_prompt_without_a_slot_has_no_verdict", "must have the verdict None; got 0.0"),
        (Influenced, "test_a_verdict_changes_no_answer", "the answer changed after a verdict"),
        (EchoGenerator, "test_a_verdict_changes_no_answer", "it lacks `verdict`"),
    ],
)
def test_a_contract_names_what_is_wrong_with_verdicts(generator: type[EchoGenerator], test: str, message: str) -> None:
    class Own(VerdictModelContract):
        def make(self) -> Generator:
            return generator()

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()


class Chooser(EchoGenerator):
    """Prefers the first passage, where a prompt has a slot for its letter."""

    def choice(self, prompt: Prompt) -> list[float] | None:
        return [-1.0 - place for place, _ in enumerate(prompt.passages)] if prompt.letter else None


class TestChooser(ChoiceModelContract):
    def make(self) -> Chooser:
        return Chooser()


class Probable(Chooser):
    def choice(self, prompt: Prompt) -> list[float] | None:
        return [0.5 for _ in prompt.passages]


class Hasty(Chooser):
    def choice(self, prompt: Prompt) -> list[float] | None:
        return [-1.0]


@pytest.mark.parametrize(
    ("generator", "test", "message"),
    [
        (Probable, "test_each_passage_has_a_log_probability", "must be finite and at most 0"),
        (Hasty, "test_each_passage_has_a_log_probability", "one for each passage"),
        (Hasty, "test_a_prompt_without_a_slot_has_no_choice", "must have the choice None"),
        (EchoGenerator, "test_each_passage_has_a_log_probability", "it lacks `choice`"),
    ],
)
def test_a_contract_names_what_is_wrong_with_choices(generator: type[EchoGenerator], test: str, message: str) -> None:
    class Own(ChoiceModelContract):
        def make(self) -> Generator:
            return generator()

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()
