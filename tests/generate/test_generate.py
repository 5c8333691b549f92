"""Generators of models that run here: the same tokens as the libraries' own, stops, deadlines, log-probabilities."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragqa import models
from ragqa.config.generators import CausalLMGenerate, LlamaCppGenerate
from ragqa.errors import ModelError, UsageError
from ragqa.pipeline.assemble.budget import CHAT_TOKENS
from ragqa.records import LETTERS, Chunk, Generation, Hit, Prompt
from ragqa.stages import ChoiceModel, Generator, VerdictModel
from tests.generate.building import build_generator
from tests.tiny import save_tiny_llama

pytestmark = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
MODEL = "smollm2-135m-instruct"
KINDS = ("causal_lm", "llama_cpp")
TOKENS = 12


def build(kind: str, log_probabilities: bool = False, **fields: Any) -> Generator:
    spec = {"causal_lm": CausalLMGenerate, "llama_cpp": LlamaCppGenerate}[kind]
    values = {"kind": kind, "model": MODEL, "max_new_tokens": TOKENS, **fields}
    return build_generator(spec.model_validate(values), log_probabilities=log_probabilities)  # type: ignore[attr-defined]


def run(generator: Generator, text: str) -> tuple[list[str], Generation]:
    *pieces, last = generator.stream(Prompt(text, {"all": generator.count(text)}, ()))
    assert isinstance(last, Generation)
    return [str(piece) for piece in pieces], last


def asked(generator: Generator, user: str = "List five colours.") -> tuple[list[str], Generation]:
    return run(generator, generator.chat("Be brief.", user))


@pytest.fixture(scope="module")
def library() -> Iterator[tuple[Any, Any]]:
    """Return transformers' own tokenizer and model, in float32: in bfloat16 the kernels round apart."""
    folder = models.resolve(MODEL)
    yield (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(),  # type: ignore[no-untyped-call]
    )


def test_greedy_text_is_that_of_transformers_generate(library: tuple[Any, Any]) -> None:
    tokenizer, model = library
    generator = build("causal_lm", dtype="float32")
    text = generator.chat("Be brief.", "List five colours.")
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    with torch.inference_mode():
        written = model.generate(**ids, max_new_tokens=TOKENS, do_sample=False)[0, ids["input_ids"].shape[1] :]
    pieces, last = run(generator, text)
    assert last.text == "".join(pieces) == tokenizer.decode(written, skip_special_tokens=True)


def test_log_probabilities_are_those_of_the_unchanged_distribution(library: tuple[Any, Any]) -> None:
    tokenizer, model = library
    _, last = asked(build("causal_lm", log_probabilities=True, temperature=0.7, top_k=5, repetition_penalty=1.2))
    assert last.logprobs is not None and len(last.logprobs) == last.n_tokens
    generator = build("causal_lm")
    ids = tokenizer(generator.chat("Be brief.", "List five colours."), add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        first = torch.log_softmax(model(torch.tensor([ids])).logits[0, -1].float(), dim=-1)
    assert min(abs(float(p) - last.logprobs[0]) for p in first.topk(5).values) < 0.05
    assert asked(generator)[1].logprobs is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_repeats_a_sample_and_another_one_does_not(kind: str) -> None:
    texts = [asked(build(kind, temperature=1.5, seed=seed))[1].text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_string_ends_the_text_and_never_appears_in_it(kind: str) -> None:
    _, whole = asked(build(kind))
    stop = whole.text[6:10]
    pieces, last = asked(build(kind, stop=[stop]))
    assert last.finish == "stop"
    assert last.text == "".join(pieces) == whole.text[: whole.text.index(stop)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_is_kept_and_said(kind: str) -> None:
    _, last = asked(build(kind, max_new_tokens=5), "Tell me a long story.")
    assert (last.finish, last.n_tokens) == ("length", 5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_deadline_gives_what_was_written_marked(kind: str) -> None:
    generator = build(kind, max_new_tokens=4000, deadline=1)
    generator.count("load the model first")
    list(build(kind, max_new_tokens=1).stream(Prompt("x", {"all": 1}, ())))
    pieces, last = asked(generator, "Tell me a very long story about a lighthouse.")
    assert last.finish == "deadline"
    assert last.text == "".join(pieces) and last.text


@pytest.mark.parametrize("kind", KINDS)
def test_prompt_and_answer_beyond_the_window_are_an_error(kind: str) -> None:
    with pytest.raises(UsageError, match="exceed"):
        run(build(kind, max_new_tokens=8000), "word " * 400)


@pytest.mark.parametrize("kind", KINDS)
def test_characters_of_several_tokens_arrive_whole(kind: str) -> None:
    text = "Repeat: 😀🎉🚢 naïve café 日本 😀🎉🚢 naïve café 日本 😀🎉🚢 naïve"
    pieces, last = run(build(kind, max_new_tokens=32), text)
    assert all("\ufffd" not in piece for piece in pieces)
    assert last.text == "".join(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_the_chat_format_stays_within_what_the_budget_allows(kind: str) -> None:
    generator = build(kind)
    marks = generator.count(generator.chat("a", "b")) - 2
    assert 0 < marks <= CHAT_TOKENS


def test_both_runners_count_the_same_tokens() -> None:
    text = "The ferry <|im_end|> costs £4.20 — naïve, 日本."
    assert build("causal_lm").count(text) == build("llama_cpp").count(text)
    assert build("llama_cpp").count("") == 0


def test_a_window_beyond_the_model_is_an_error() -> None:
    with pytest.raises(UsageError, match="was trained for 8,192"):
        build("llama_cpp", window=9000)


def test_a_folder_without_a_chat_template_gets_plain_text(tmp_path: Path) -> None:
    generator = build("causal_lm", model=str(save_tiny_llama(tmp_path)), max_new_tokens=3)
    assert generator.chat("Be brief.", "Hello") == "Be brief.\n\nHello"
    assert asked(generator)[1].n_tokens == 3


def test_a_model_that_is_not_here_is_an_error_with_the_command() -> None:
    with pytest.raises(ModelError, match="ragqa models pull"):
        build("causal_lm", model="someone/some-model")


def doubted(passage: str, question: str) -> Prompt:
    """Return a prompt that says in its last line but one that the question can be answered."""
    examples = (
        "Passage: Ilse steers the ferry.\nQuestion: Who steers the ferry?\nAnswerable: yes\nAnswer: Ilse\n\n"
        "Passage: Ilse steers the ferry.\nQuestion: When was the ferry built?\nAnswerable: no\n\n"
    )
    before = f"{examples}Passage: {passage}\nQuestion: {question}\nAnswerable: "
    verdict = (len(before), len(before) + 3)
    return Prompt(f"{before}yes\nAnswer:", {"all": 400}, (), verdict=verdict)


def test_a_verdict_is_surer_of_a_passage_that_answers_and_changes_no_answer() -> None:
    generator = build("llama_cpp", stop=["\n"])
    assert isinstance(generator, VerdictModel)
    question = "When was the harbour dug?"
    prompt = doubted("The harbour was dug in 1931.", question)
    before = list(generator.stream(prompt))[-1]
    sure, unsure = generator.verdict(prompt), generator.verdict(doubted("Otters eat crayfish.", question))
    after = list(generator.stream(prompt))[-1]
    assert sure is not None and unsure is not None and sure > unsure
    assert isinstance(before, Generation) and isinstance(after, Generation)
    assert before.text == after.text and after.text


def lettered(shown: str, *sentences: str) -> Prompt:
    """Return a prompt that names the sentence that answers in its last line but one, after examples that name `shown`."""
    examples = "".join(
        f"(A) Otters eat fish.\n(B) Boats carry {load}.\nQuestion: What about it?\nSentences: {shown}\n\n"
        for load in ("salt", "wood", "coal", "mail")
    )
    lines = "\n".join(f"({letter}) {each}" for letter, each in zip(LETTERS, sentences, strict=False))
    before = f"{examples}{lines}\nQuestion: What about it?\nSentences: "
    hits = tuple(Hit(Chunk(each, "d", 0, len(each), each), "a.md", "", 1.0, {}) for each in sentences)
    return Prompt(f"{before}A\nAnswer:", {"all": 400}, hits, letter=(len(before), len(before) + 1))


def test_a_choice_has_the_log_probability_of_the_letter_of_each_sentence() -> None:
    generator = build("llama_cpp", stop=["\n"])
    assert isinstance(generator, ChoiceModel)
    said = ("The harbour was dug in 1931.", "Lamps are sold on Monday.")
    for shown, favoured in (("A", 0), ("B", 1)):
        found = generator.choice(lettered(shown, *said))
        assert found is not None and len(found) == 2 and found[favoured] == max(found)
        assert all(math.log(1e-4) <= each <= 0 for each in found) and sum(map(math.exp, found)) <= 1
    assert generator.choice(replace(lettered("A", *said), letter=None)) is None


def test_without_a_slot_for_it_there_is_no_verdict() -> None:
    generator = build("llama_cpp")
    assert isinstance(generator, VerdictModel)
    assert generator.verdict(replace(doubted("Otters eat crayfish.", "What do otters eat?"), verdict=None)) is None
