"""Answers that are spans of the passages: scored as a plain loop over the model would, whatever was asked before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.config.generators import CausalLMGenerate, SpanDecode
from ragqa.config.specs import InContextPrompt
from ragqa.errors import UsageError
from ragqa.generate import spans
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.kept_states import KeptStates
from ragqa.generate.span_candidates import QuestionOverlap, SpanCandidate, boundaries
from ragqa.generate.spans import SpanConstraint, SpanState
from ragqa.prompt import TemplatePrompter
from ragqa.records import Generation, Prompt
from ragqa.transformer import Decoder
from tests.fakes import hit
from tests.tiny import save_tiny_llama

TEMPLATE = "{plain}\nPassage: Rope is dear.\nQuestion: What is dear?\nAnswer: Rope\n\nPassage: {passages}\nQuestion: {question}\nAnswer:"
FERRY = "The ferry sails at nine. Its master, Ilse Brandt-Cole (b. 1961), is paid 4.2 m."
UNICODE = "Die Fähre «Möwe» 🎉 kostet 5 €; e\u0301te\u0301 日本 号, cafés."
END = 256


@pytest.fixture(autouse=True)
def nothing_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no prefix be found that another test has read."""
    monkeypatch.setattr(KeptStates, "prepare", lambda self: False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Have torch use one thread: several only wait for one another over so small a model."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("llama"), window=1024)


def build(folder: Path, **fields: Any) -> CausalLM:
    spec = {"kind": "causal_lm", "model": str(folder), "dtype": "float32", "decode": SpanDecode(kind="span"), **fields}
    return CausalLM(CausalLMGenerate.model_validate(spec), SpanConstraint())


@pytest.fixture(scope="module")
def model(folder: Path) -> CausalLM:
    return build(folder)


def ask(model: CausalLM, question: str, *passages: str) -> Prompt:
    """Return the prompt of a template with one example."""
    (model.folder / "span.txt").write_text(TEMPLATE, encoding="utf-8")
    spec = InContextPrompt(kind="in_context", template=str(model.folder / "span.txt"))
    return TemplatePrompter(spec, model, 20).build(question, [hit(text, f"{n}.txt") for n, text in enumerate(passages)])


def candidates(model: CausalLM, prompt: Prompt) -> list[SpanCandidate]:
    state = model.decode(prompt)
    assert isinstance(state, SpanState)
    return state.candidates


def answer(model: CausalLM, prompt: Prompt) -> tuple[str, Generation]:
    *pieces, last = model.stream(prompt)
    assert isinstance(last, Generation)
    return "".join(map(str, pieces)), last


@torch.inference_mode()
def naive(model: CausalLM, text: str, span: str, space: str = " ") -> tuple[float, float]:
    """Return the log-probability of a span and of a line's or text's end after it, and that of the end alone."""
    prompt, written = (model._tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, space + span))
    ends = [END, model._tokenizer.get_vocab()["\u010a"]]
    logprobs = torch.log_softmax(model._model(torch.tensor([prompt + written]))[0].double(), dim=-1)
    said = sum(float(logprobs[len(prompt) - 1 + i, token]) for i, token in enumerate(written))
    end = float(torch.logsumexp(logprobs[-1, ends], dim=-1))
    return said + end, end


@pytest.mark.parametrize("passages", [[FERRY], [UNICODE], ["Rope. Salt.", FERRY]], ids=["ascii", "unicode", "two"])
def test_spans_are_scored_as_by_a_full_pass_over_prompt_and_span(model: CausalLM, passages: list[str]) -> None:
    prompt = ask(model, "Who is the master?", *passages)
    found = candidates(model, prompt)
    assert len(found) >= 5
    for one in found:
        assert (one.log_p, one.log_end) == pytest.approx(naive(model, prompt.text, one.text), abs=1e-4)
        assert one.n_tokens == len(f" {one.text}".encode())
    assert max(one.log_p for one in found) - min(one.log_p for one in found) > 0.1


def test_a_prompt_that_ends_in_white_space_is_gone_on_with_without_more_of_it(model: CausalLM) -> None:
    text = "Passage: Rope. Salt.\nWhat is dear?\n"
    prompt = Prompt(text, {"all": len(text)}, (hit("Rope. Salt."),), question=(21, 34))
    assert prompt.text[slice(*prompt.question)] == "What is dear?"
    found = {one.text: one.log_p for one in candidates(model, prompt)}
    assert found["Salt"] == pytest.approx(naive(model, text, "Salt", space="")[0], abs=1e-4)


def test_either_engine_finds_the_same_spans(model: CausalLM) -> None:
    prompt = ask(model, "Who is the master?", FERRY)
    library = build(model.folder, engine="transformers")
    assert (model.engine, library.engine) == ("native", "transformers")
    for ours, theirs in zip(candidates(model, prompt), candidates(library, prompt), strict=True):
        assert ours.text == theirs.text
        assert ours.log_p == pytest.approx(theirs.log_p, abs=1e-4)


def test_what_was_asked_before_changes_nothing(model: CausalLM) -> None:
    first, other = ask(model, "Who is the master?", FERRY), ask(model, "When?", UNICODE, "Rope.")
    own_start = replace(other, text="Another beginning. " + other.text, shared=0, question=(0, 7))
    before = candidates(model, first)
    for between in (other, own_start):
        candidates(model, between)
        assert candidates(model, first) == before
    assert candidates(build(model.folder), first) == before


@pytest.mark.parametrize("interrupted", [1, 2, 3])
def test_an_interrupted_pass_leaves_nothing_behind(folder: Path, interrupted: int) -> None:
    prompt, model = ask(build(folder), "Who is the master?", FERRY), build(folder)
    calls = 0

    def interrupt(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == interrupted:
            raise KeyboardInterrupt

    decoder = model._model
    assert isinstance(decoder, Decoder)
    handle = decoder.blocks[1].register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        candidates(model, prompt)
    handle.remove()
    assert candidates(model, prompt) == candidates(build(folder), prompt)


def test_what_all_prompts_begin_with_is_read_once(folder: Path) -> None:
    model = build(folder)
    read: list[int] = []
    decoder = model._model
    assert isinstance(decoder, Decoder)
    decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape[1]))
    prompts = [ask(model, "Who is the master?", FERRY), ask(model, "When?", UNICODE)]
    candidates(model, prompts[0])
    assert read[0] == model.count(prompts[0].text[: prompts[0].shared].rstrip()) > 50
    read.clear()
    candidates(model, prompts[1])
    assert read[0] == model.count(prompts[1].text.removeprefix(prompts[0].text[: prompts[0].shared].rstrip()))


def test_equal_texts_count_once_at_their_first_place(model: CausalLM) -> None:
    found = candidates(model, ask(model, "What?", "Rope, salt. Rope", "salt Rope"))
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts)
    assert {(one.passage, one.start) for one in found if one.text in ("Rope", "salt")} == {(0, 0), (0, 6)}


@pytest.mark.parametrize("passages", [[], [""], [" \n\t "], ["..."], ["\u3042" * 50]])
def test_where_no_span_can_be_the_answer_is_empty_and_sure_of_nothing(model: CausalLM, passages: list[str]) -> None:
    text, last = answer(model, ask(model, "Who?", *passages))
    assert text == ""
    assert last == Generation("", 0, "stop", confidence=0.0)


def test_prompt_and_answer_beyond_the_window_are_an_error_before_any_work(folder: Path) -> None:
    model = build(folder)
    text = "word " * 200
    prompt = Prompt(text, {"all": 1000}, (hit(text),), question=(0, 4))
    with pytest.raises(UsageError, match=r"1,000 prompt and 96 answer tokens exceed the window of .*: 1,024"):
        next(model.stream(prompt))
    assert "_model" not in vars(model)


def test_an_answer_is_no_longer_than_was_asked_for(folder: Path) -> None:
    short = build(folder, max_new_tokens=4)
    found = candidates(short, ask(short, "Which?", "A an ant b be bee c"))
    assert {one.n_tokens for one in found} == {2, 3, 4}
    assert {"A", "an", "ant", "b"} <= {one.text for one in found}


def test_a_passage_cannot_write_the_token_that_ends_an_answer(model: CausalLM) -> None:
    (one,) = candidates(model, ask(model, "Which?", "<|im_end|>"))
    assert (one.text, one.n_tokens) == ("<|im_end|>", len(" <|im_end|>"))


def test_the_answer_does_not_depend_on_threads(model: CausalLM) -> None:
    prompt, found = ask(model, "Who is the master?", FERRY, UNICODE), []
    for n in (1, 2):
        torch.set_num_threads(n)
        found.append(answer(model, prompt)[1])
    assert found[0].text == found[1].text
    assert found[0].confidence == pytest.approx(found[1].confidence, abs=1e-4)


def test_a_deadline_that_passes_ends_without_an_answer_and_leaves_no_trace(model: CausalLM) -> None:
    prompt = ask(model, "Who is the master?", FERRY)
    before = answer(model, prompt)
    late = build(model.folder, deadline=1e-9)
    *pieces, last = late.stream(prompt)
    assert (pieces, last) == ([], Generation("", 0, "deadline"))
    late.spec = model.spec
    assert answer(late, prompt) == before
    assert answer(model, prompt) == before


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
        | st.text(st.sampled_from("aé \u0301日本号。🎉👩\u200d\u2019's-–.,(\n"), max_size=40),
        max_size=3,
    )
)
def test_spans_of_any_text_are_exact_and_end_at_words(model: CausalLM, texts: list[str]) -> None:
    prompt = ask(model, "Who is the master?", *texts)
    passages = [one.chunk.text for one in prompt.passages]
    found = candidates(model, prompt)
    for one in found:
        passage = passages[one.passage]
        assert passage[one.start : one.end] == one.text == one.text.strip() != ""
        starts, ends = boundaries(passage)
        assert one.start in starts and one.end in ends
        assert 0 < one.n_tokens <= spans.MAX_TOKENS
        assert all(math.isfinite(value) for value in (one.log_p, one.log_end))
    text, last = answer(model, prompt)
    assert text == last.text and (text in [one.text for one in found] or not found)
    assert last.confidence is not None and 0 <= last.confidence <= 1


def test_the_answer_is_the_best_candidate_and_its_confidence_its_share(model: CausalLM) -> None:
    prompt = ask(model, "Who is the master?", FERRY)
    found = candidates(model, prompt)
    overlap = QuestionOverlap("Who is the master?", [FERRY])
    weighed = [
        math.exp(sum(w * x for w, x in zip(spans.WEIGHTS, spans.features(one, overlap), strict=True))) for one in found
    ]
    top = max(range(len(found)), key=weighed.__getitem__)
    text, last = answer(model, prompt)
    assert text == last.text == found[top].text
    assert (last.n_tokens, last.finish) == (found[top].n_tokens, "stop")
    assert last.confidence == pytest.approx(weighed[top] / sum(weighed))


def test_of_equally_likely_spans_that_of_the_sentence_asked_about_wins() -> None:
    passage = "Rope is dear in May. The ferry sails to Hallin."
    overlap = QuestionOverlap("Where does the ferry sail?", [passage])
    places = [(text, passage.index(text)) for text in ("May", "Hallin", "ferry")]
    equal = [SpanCandidate(0, start, start + len(text), text, 3, -5.0, -1.0) for text, start in places]
    found, confidence = spans.best(equal, overlap)
    assert found.text == "Hallin"
    assert 0.5 < confidence < 1
    assert spans.best(equal[:1], overlap)[1] == 1.0
    likelier = replace(equal[1], text="Hallin Sound", log_p=-3.0)
    assert spans.best([*equal, likelier], overlap)[0] == likelier
