"""What runs a causal LM: both engines agree, prefixes and drafts change nothing, eight bits change little."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from ragqa.config.generators import CausalLMGenerate
from ragqa.config.specs import InContextPrompt
from ragqa.errors import ModelError, UsageError
from ragqa.generate import prompt_lookup
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.engines import TransformersEngine
from ragqa.generate.int8 import Int8Linear, input_bits
from ragqa.generate.prompt_lookup import PromptLookupDrafter
from ragqa.prompt import TemplatePrompter
from ragqa.records import Generation, Prompt
from ragqa.transformer import Decoder, StepwiseCausalMask
from tests import ROOT
from tests.fakes import hit
from tests.tiny import save_tiny_llama

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
CORPUS = ROOT / "corpora" / "tarnwick"
BEGINNING = "Answer from the passage.\n"
QUESTIONS = ("Passage: the ferry the ferry the ferry\nWho?", "Passage: rope and salt\nWhen?", "Why?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("tiny"))


def build(folder: Path | str, **fields: Any) -> CausalLM:
    values = {"kind": "causal_lm", "model": str(folder), "max_new_tokens": 40, "dtype": "float32", **fields}
    return CausalLM(CausalLMGenerate.model_validate(values), log_probabilities=True)


def prompt(question: str, beginning: str = BEGINNING) -> Prompt:
    text = beginning + question
    return Prompt(text, {"all": len(text)}, (), shared=len(beginning))


def written(generator: CausalLM, asked: Prompt) -> Generation:
    *_, last = generator.stream(asked)
    assert isinstance(last, Generation)
    return last


def same(one: Generation, other: Generation) -> bool:
    assert one.logprobs is not None and other.logprobs is not None
    return one.text == other.text and one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Note every draft."""
    noted: list[list[int]] = []
    draft = PromptLookupDrafter.draft

    def note(self: PromptLookupDrafter, longest: int = prompt_lookup.LONGEST) -> list[int]:
        noted.append(draft(self, longest))
        return noted[-1]

    monkeypatch.setattr(PromptLookupDrafter, "draft", note)
    return noted


@pytest.mark.parametrize("fields", [{}, {"temperature": 0.8, "seed": 3}, {"repetition_penalty": 1.3}], ids=str)
def test_both_engines_write_the_same(folder: Path, fields: dict[str, Any]) -> None:
    native, library = (build(folder, engine=engine, **fields) for engine in ("native", "transformers"))
    for question in QUESTIONS:
        assert same(written(native, prompt(question)), written(library, prompt(question)))
    assert (native.identity["engine"], library.identity["engine"]) == ("native", "transformers")


def test_what_was_asked_before_or_is_asked_meanwhile_changes_nothing(folder: Path) -> None:
    asked = [prompt(question) for question in QUESTIONS] + [prompt(QUESTIONS[0], "Another beginning. ")]
    alone = [written(build(folder), one) for one in asked]
    generator = build(folder)
    assert [written(generator, one) for one in (*asked, *asked)] == [*alone, *alone]
    streams: list[Iterator[str | Generation]] = [generator.stream(one) for one in asked]
    begun = [list(islice(stream, 3)) for stream in streams]
    assert [(*first, *rest)[-1] for first, rest in zip(begun, streams, strict=True)] == alone


def test_what_prompts_begin_with_is_read_once(folder: Path) -> None:
    generator = build(folder, max_new_tokens=1)
    decoder = generator._model
    assert isinstance(decoder, Decoder)
    read: list[int] = []
    decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape[1]))
    for question in QUESTIONS[:2]:
        written(generator, prompt(question))
    assert read == [len(BEGINNING.rstrip()), 1 + len(QUESTIONS[0]), 1 + len(QUESTIONS[1])]


def test_an_interrupted_answer_leaves_nothing_behind(folder: Path) -> None:
    for engine in ("native", "transformers"):
        generator = build(folder, engine=engine)
        alone = written(build(folder, engine=engine), prompt(QUESTIONS[0]))
        written(generator, prompt(QUESTIONS[1]))
        model: Any = generator._model
        part = model.blocks[1] if engine == "native" else model._model.model.layers[1]

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        handle = part.register_forward_pre_hook(interrupt)
        with pytest.raises(KeyboardInterrupt):
            written(generator, prompt(QUESTIONS[0]))
        handle.remove()
        assert written(generator, prompt(QUESTIONS[0])) == alone


@pytest.mark.parametrize("fields", [{}, {"temperature": 0.5}, {"repetition_penalty": 1.1}], ids=str)
def test_drafts_change_nothing(
    folder: Path, fields: dict[str, Any], drafts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of random weights repeats single tokens, so that drafts are made."""
    monkeypatch.setattr(prompt_lookup, "MATCH", 1)
    with_drafts = [written(build(folder, max_new_tokens=120, **fields), prompt(question)) for question in QUESTIONS]
    assert any(drafts)
    monkeypatch.setattr(prompt_lookup, "LONGEST", 0)
    without = [written(build(folder, max_new_tokens=120, **fields), prompt(question)) for question in QUESTIONS]
    assert all(same(*pair) for pair in zip(with_drafts, without, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_tokens_that_are_checked_together_are_those_that_come_alone(folder: Path, dtype: str) -> None:
    """In eight bits to the last bit, since differences of rounding would grow from layer to layer."""
    decoder: Any = build(folder, dtype=dtype)._model
    tokens = torch.randint(0, 256, (1, 60), generator=torch.Generator().manual_seed(2))
    together, alone = decoder.new_cache(), decoder.new_cache()
    with torch.inference_mode():
        for cache in (together, alone):
            decoder(tokens[:, :52], cache, logits_to_keep=1)
        found = decoder(tokens[:, 52:], together, mask=StepwiseCausalMask())
        steps = torch.cat([decoder(tokens[:, n : n + 1], alone) for n in range(52, 60)], dim=1)
    if dtype == "int8":
        assert torch.equal(found, steps)
    torch.testing.assert_close(found, steps, atol=1e-4, rtol=1e-4)


def test_a_model_whose_cache_cannot_forget_answers_again_and_again(tmp_path: Path) -> None:
    save_tiny_llama(tmp_path)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = MistralConfig(vocab_size=257, sliding_window=16, num_key_value_heads=2, eos_token_id=256, **sizes)
    MistralForCausalLM(config).save_pretrained(tmp_path)
    generator = build(tmp_path, max_new_tokens=60)
    answers = [written(generator, prompt(question)) for question in (*QUESTIONS, *QUESTIONS)]
    assert answers[:3] == answers[3:] == [written(build(tmp_path, max_new_tokens=60), prompt(q)) for q in QUESTIONS]


@pytest.fixture(scope="module")
def default() -> CausalLM:
    """The default generator in float32, for tests that change nothing of it."""
    return build("smollm2-135m-instruct", max_new_tokens=30)


@offline
@pytest.mark.parametrize("template", ["qa", "span", "answerable", "chat", "summarize", "extract"])
def test_the_beginning_of_every_template_is_shared(default: CausalLM, template: str) -> None:
    asked = TemplatePrompter(InContextPrompt(kind="in_context", template=template), default, 20).build(
        "Who?", [hit("Rope.")]
    )
    shared = default._begun(asked)[0].shared_tokens
    assert shared >= default.count(asked.text[: asked.shared].rstrip()) - 1 > 5


@given(st.lists(st.integers(0, 2), max_size=60))
def test_a_draft_is_what_followed_where_the_last_tokens_stood_last(tokens: list[int]) -> None:
    found = PromptLookupDrafter(tokens).draft()
    last, n = tokens[-prompt_lookup.MATCH :], prompt_lookup.MATCH
    starts = [start for start in range(len(tokens) - n) if tokens[start : start + n] == last] if len(last) == n else []
    assert found == (tokens[starts[-1] + n :][: prompt_lookup.LONGEST] if starts else [])
    assert PromptLookupDrafter(tokens).draft(2) == found[:2]


def test_eight_bit_layers_are_near_and_do_not_depend_on_what_stands_beside_them() -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(96, 50).requires_grad_(False), torch.randn(9, 96) * torch.logspace(-1, 2, 9)[:, None]
    x[:, 7] *= 40
    eight = Int8Linear(layer, x.abs().amax(0))
    y, exact = eight(x), layer(x)
    assert float(((y - exact).norm(dim=1) / exact.norm(dim=1)).max()) < 0.05
    assert all(torch.equal(eight(x[row : row + 1])[0], y[row]) for row in range(9))
    assert torch.equal(eight(torch.zeros(1, 96))[0], layer.bias)


def test_eight_bits_write_and_are_part_of_the_identity(folder: Path) -> None:
    eight, full = build(folder, dtype="int8"), build(folder)
    assert eight.identity["dtype"].startswith("int8, inputs int")
    assert written(eight, prompt(QUESTIONS[0])).n_tokens > 0
    pairs = [("Passage: rope", " and salt"), ("x", "yz")]
    assert eight.log_likelihoods(pairs) == [eight.log_likelihoods([pair])[0] for pair in pairs]
    for ours, exact in zip(eight.log_likelihoods(pairs), full.log_likelihoods(pairs), strict=True):
        assert ours != exact
        assert ours == pytest.approx(exact, abs=1.0)


def test_an_engine_that_does_not_fit_the_model_is_refused(folder: Path, tmp_path: Path) -> None:
    save_tiny_llama(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"silu"', '"gelu"'), encoding="utf-8")
    assert isinstance(build(tmp_path)._model, TransformersEngine)
    for fields in ({"engine": "native"}, {"dtype": "int8"}):
        with pytest.raises(ModelError, match="engine native does not know the form of"):
            build(tmp_path, **fields)
    with pytest.raises(ValidationError, match="dtype int8 needs the native engine"):
        build(folder, dtype="int8", engine="transformers")


@offline
def test_the_default_model_copies_a_passage_in_fewer_passes_than_tokens(
    default: CausalLM, drafts: list[list[int]]
) -> None:
    passage = "The ferry Morwen crosses the bay twice a day, and the fare for a bicycle is two pounds fifty."
    last = written(default, prompt(f"{passage}\nRepeat it: {passage}\nRepeat it: The ferry", "Repeat what you read.\n"))
    assert last.n_tokens >= 15
    assert len(drafts) <= last.n_tokens / 3


@offline
@pytest.mark.parametrize("bits", sorted({7, input_bits()}))
def test_eight_bits_of_the_default_model_read_nearly_as_well(
    default: CausalLM, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx512_vnni": bits == 8})
    eight = build("smollm2-135m-instruct", dtype="int8")
    document = (CORPUS / "documents" / "community" / "tide-school.md").read_text(encoding="utf-8")
    exact, near = (model.log_likelihoods([(document[:500], document[500:2500])])[0] for model in (default, eight))
    assert len(exact) > 400
    assert abs(sum(near) - sum(exact)) / len(exact) < (0.1 if bits == 7 else 0.05)
    assert eight.identity["dtype"] == f"int8, inputs int{bits}"


def looked_at(generator: CausalLM, question: str, passages: list[str], answer: str) -> tuple[Prompt, tuple[float, ...]]:
    spec = InContextPrompt(kind="in_context", template="qa")
    hits = [hit(text, f"{number}.txt") for number, text in enumerate(passages)]
    asked = TemplatePrompter(spec, generator, 20).build(question, hits)
    return asked, generator.attention(asked, answer)


def test_the_places_of_a_prompt_hold_its_passages(folder: Path, tmp_path: Path) -> None:
    generator = build(save_tiny_llama(tmp_path, window=4096))
    asked, shares = looked_at(generator, "Who?", ["Rope. Salt.", "The ferry.", "Rope. Salt."], "Rope")
    texts = [asked.text[start:end] for start, end in asked.places]
    assert [text.splitlines()[1] for text in texts] == ["Rope. Salt.", "The ferry.", "Rope. Salt."]
    assert all(text.startswith("<passage") and text.endswith("</passage>") for text in texts)
    assert len(shares) == 3 and min(shares) > 0 and sum(shares) < 1


def test_attention_shares_equal_those_of_a_full_pass(folder: Path, tmp_path: Path) -> None:
    generator = build(save_tiny_llama(tmp_path, window=4096))
    asked, shares = looked_at(generator, "Who?", ["Rope.", "The ferry."], "Rope and salt")
    model = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]
    before = len(asked.text.encode())
    with torch.inference_mode():
        ids = torch.tensor([list(generator._ids([asked.text + "Rope and salt"])[0])])
        layers = model(ids, output_attentions=True).attentions
    mean = torch.stack(layers)[:, 0, :, before - 1 : -1].mean(dim=(0, 1, 2))
    assert asked.text.isascii()  # a token is a byte, so that places are token numbers
    assert shares == pytest.approx([float(mean[start:end].sum()) for start, end in asked.places], abs=1e-5)


def test_templates_with_the_passages_twice_or_never_have_the_right_places(folder: Path, tmp_path: Path) -> None:
    texts = {"twice": "{passages}\n\n{passages}\n{question}", "never": "{question}"}
    found = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        spec = InContextPrompt(kind="in_context", template=str(tmp_path / f"{name}.txt"))
        asked = TemplatePrompter(spec, build(save_tiny_llama(tmp_path, window=4096)), 20).build(
            "Who?", [hit("Rope."), hit("Salt.")]
        )
        found[name] = [asked.text[start:end].splitlines()[1:2] for start, end in asked.places]
    assert found == {"twice": [["Rope."], ["Salt."]], "never": []}


def test_attention_is_refused_where_it_cannot_be_seen(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"set generate\.engine to native"):
        build(folder, engine="transformers").attention(prompt("Who?"), "Rope")
    with pytest.raises(UsageError, match="0 answer tokens: at least one"):
        build(folder).attention(prompt("Who?"), "")


@offline
def test_the_default_model_looks_at_the_passage_that_it_answers_from(default: CausalLM) -> None:
    ferry, crane = (
        "The ferry Morwen is mastered by Ingrid Halloran.",
        "The crane lifts 12.5 tonnes and cost 41,000 pounds.",
    )
    for passages, question, answer in (
        ([ferry, crane], "Who is the master of the ferry?", "Ingrid Halloran"),
        ([ferry, crane], "How much does the crane lift?", "12.5 tonnes"),
    ):
        _, shares = looked_at(default, question, passages, answer)
        assert (shares[0] > shares[1]) == (answer in passages[0])
