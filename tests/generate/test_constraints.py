"""A constraint of a user's own limits what a real model writes, alone, in batches, by drafts and by samples."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from ragqa import Pipeline
from ragqa.config import ConstraintSpec, Kind
from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import UsageError
from ragqa.generate import prompt_lookup
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.constraints import Unconstrained
from ragqa.generate.spans import SpanConstraint
from ragqa.records import Generation, Prompt
from ragqa.stages import Constraint
from ragqa.stages.decoding import AnswerState, DecodingRequest
from tests.fakes import PIPELINE, WORDS
from tests.tiny import save_tiny_llama

QUESTIONS = (
    "When?",
    "Passage: 1987 1987 1987\nWhich year?",
    "Passage: rope and salt\nWhen, if ever?",
    "Why? Why? Why?",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("tiny"))


class OneOf:
    """The answer is one of some texts. No text may begin with another one."""

    has_confidence = False
    stepwise = True

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    def begin(self, request: DecodingRequest) -> AnswerState:
        choices = [(*request.encode(text), min(request.end_tokens)) for text in self._texts]

        def limit(written: Sequence[int], logits: Tensor) -> Tensor:
            n = len(written)
            following = {choice[n] for choice in choices if choice[:n] == tuple(written) and len(choice) > n}
            return masked(logits, following)

        return request.sequence(limit)


class JsonArrayOfDigits:
    """The answer is a JSON array of up to three digits, such as `[1,9]`: a small grammar, followed token by token."""

    has_confidence = False
    stepwise = True

    def begin(self, request: DecodingRequest) -> AnswerState:
        def limit(written: Sequence[int], logits: Tensor) -> Tensor:
            text = request.tokenizer.decode(list(written)).replace(" ", "")
            allowed = {token for character in following(text) for token in request.encode(character)}
            return masked(logits, allowed or set(request.end_tokens))

        return request.sequence(limit)


def following(text: str) -> str:
    """Return the characters that may follow the beginning of an array."""
    if not text:
        return "["
    if text[-1] in "[,":
        return "0123456789"
    return "" if text[-1] == "]" else "]" if len(text) >= 6 else "],"


def unspaced(generation: Generation) -> str:
    """Return a text without the spaces that the tiny model's tokenizer puts between tokens."""
    return generation.text.replace(" ", "")


def masked(logits: Tensor, allowed: set[int]) -> Tensor:
    mask = torch.full_like(logits, -math.inf)
    for token in allowed:
        mask[token] = 0
    return logits + mask


class Nothing:
    """A faulty constraint: it allows no token."""

    has_confidence = False
    stepwise = True

    def begin(self, request: DecodingRequest) -> AnswerState:
        return request.sequence(lambda written, logits: torch.full_like(logits, -math.inf))


def build(folder: Path, constraint: Constraint | None = None, **fields: Any) -> CausalLM:
    values = {"kind": "causal_lm", "model": str(folder), "max_new_tokens": 20, "dtype": "float32", **fields}
    return CausalLM(CausalLMGenerate.model_validate(values), constraint, log_probabilities=True)


def prompt(text: str) -> Prompt:
    return Prompt(text, {"all": len(text)}, ())


def written(generator: CausalLM, text: str) -> Generation:
    *pieces, last = generator.stream(prompt(text))
    assert isinstance(last, Generation)
    assert last.text == "".join(map(str, pieces))
    return last


@pytest.mark.parametrize("engine", ["native", "transformers"])
@pytest.mark.parametrize("fields", [{}, {"temperature": 2.0, "seed": 1}, {"repetition_penalty": 1.5}], ids=str)
def test_an_answer_is_one_of_the_texts_that_a_constraint_allows(
    folder: Path, engine: str, fields: dict[str, Any]
) -> None:
    choices = ("yes", "no", "perhaps")
    for question in QUESTIONS:
        free = written(build(folder, engine=engine, **fields), question)
        last = written(build(folder, OneOf(*choices), engine=engine, **fields), question)
        assert unspaced(free) not in choices
        assert unspaced(last) in choices
        assert (last.finish, last.n_tokens) == ("stop", len(unspaced(last)))
        assert last.logprobs is not None and min(last.logprobs) < math.log(1 / 3), "not of the unchanged distribution"


def test_a_grammar_is_followed_and_the_model_chooses_within_it(folder: Path) -> None:
    constraint = JsonArrayOfDigits()
    samples = {written(build(folder, constraint, temperature=5.0, seed=seed), "Which?").text for seed in range(12)}
    assert len(samples) > 3
    for text in samples:
        assert all(digit in range(10) for digit in json.loads(text))


def test_the_likeliest_allowed_token_is_chosen(folder: Path) -> None:
    generator = build(folder, OneOf("a", "e", "t"))
    with torch.inference_mode():
        tokens = torch.tensor([generator._ids([QUESTIONS[0]])[0]])
        logits = generator._model(tokens)[0, -1]
    expected = max("aet", key=lambda character: float(logits[generator._ids([character])[0][0]]))
    assert written(generator, QUESTIONS[0]).text == expected


@pytest.mark.parametrize("fields", [{}, {"dtype": "int8"}, {"temperature": 3.0}], ids=str)
def test_a_constraint_holds_in_a_batch_as_in_each_answer_alone(folder: Path, fields: dict[str, Any]) -> None:
    generator = build(folder, JsonArrayOfDigits(), batch_size=4, **fields)
    together = generator.write_many([prompt(question) for question in QUESTIONS])
    assert [one.text for one in together] == [written(generator, question).text for question in QUESTIONS]
    assert all(json.loads(one.text) for one in together)


def test_drafts_change_nothing_within_a_constraint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constraint = OneOf("ab" * 9 + "!", "ba" * 9 + "?")
    monkeypatch.setattr(prompt_lookup, "MATCH", 2)
    passes: list[int] = []
    generator = build(folder, constraint)
    decoder: Any = generator._model
    decoder.register_forward_pre_hook(lambda module, inputs: passes.append(inputs[0].shape[1]))
    drafted = written(generator, "abababab")
    assert max(passes[1:]) > 1 and len(passes) < drafted.n_tokens, "nothing was drafted"
    monkeypatch.setattr(prompt_lookup, "LONGEST", 0)
    assert written(build(folder, constraint), "abababab").text == drafted.text


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_constraint_that_allows_no_token_is_an_error_that_says_so(folder: Path, temperature: float) -> None:
    with pytest.raises(UsageError, match=r"generate\.decode: the constraint allows no token after ''"):
        written(build(folder, Nothing(), temperature=temperature), "Who?")


class OneOfDecode(ConstraintSpec):
    """The answer is one of some texts."""

    kind: Literal["one_of"]
    texts: list[str]


def test_a_constraint_of_a_users_own_is_named_in_a_pipeline_file_with_its_settings(tmp_path: Path) -> None:
    own = Kind("constraint", OneOfDecode, lambda spec, needs: OneOf(*spec.texts))
    model = save_tiny_llama(tmp_path / "model", window=4096)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "ferry.txt").write_text("The ferry has a master called Ilse.", encoding="utf-8")
    generate = f"{{kind: causal_lm, model: {model}, max_new_tokens: 12, decode: {{kind: one_of, texts: [yes!, no!]}}}}"
    (tmp_path / "p.yaml").write_text(PIPELINE.replace("{kind: echo}", generate), encoding="utf-8")
    pipeline = Pipeline.from_file(tmp_path / "p.yaml", kinds=[WORDS, own])
    pipeline.index()
    answer = pipeline.ask("Is the master of the ferry called Ilse?", passages=[])  # so that the text is not checked
    assert answer.text.replace(" ", "") in ("yes!", "no!")


@pytest.mark.parametrize(("decode", "kind"), [("free", Unconstrained), ("span", SpanConstraint)])
def test_a_file_names_a_constraint_whose_facts_are_those_of_its_section(
    folder: Path, tmp_path: Path, decode: str, kind: type
) -> None:
    (tmp_path / "p.yaml").write_text(
        PIPELINE.replace("kind: echo", f"kind: causal_lm, model: {folder}, decode: {decode}")
    )
    pipeline = Pipeline.from_file(tmp_path / "p.yaml", kinds=[WORDS])
    generator, spec = pipeline.components.generator, pipeline.config.generate
    assert isinstance(generator, CausalLM) and isinstance(spec, CausalLMGenerate)
    assert type(generator.constraint) is kind
    facts = (generator.constraint.has_confidence, generator.constraint.stepwise)
    assert facts == (spec.decode.has_confidence, spec.decode.stepwise)
    *_, last = generator.stream(prompt("Who?"))
    assert isinstance(last, Generation)
    assert (last.confidence is not None) == spec.decode.has_confidence
