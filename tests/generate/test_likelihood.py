"""Log-likelihoods of texts after texts: equal to a naive loop over full logits, whatever the batch."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragqa import models
from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import UsageError
from ragqa.generate import likelihood
from ragqa.generate.causal_lm import CausalLM
from ragqa.stages import LikelihoodModel
from ragqa.transformer import Decoder
from tests.tiny import save_tiny_llama

Pair = tuple[str, str]
PAIRS = [
    ("The ferry sails at nine.\nQuestion:", " When does the ferry sail?"),
    ("x", "y"),
    ("The turbine at Skarn Head makes 4.2 megawatts; it was built in 1998.", " Naïve 日本 🎉, and more than that!"),
    ("The ferry sails at nine.\nQuestion:", " Who built it?"),
    ("a b c d e f g h i j k l m n o p q r s t u v w x y z " * 3, " the alphabet, three times over"),
]


def build(folder: Path) -> CausalLM:
    return CausalLM(CausalLMGenerate(kind="causal_lm", model=str(folder), dtype="float32"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


def means(logprobs: Sequence[Sequence[float]]) -> list[float]:
    return [sum(one) / len(one) for one in logprobs]


def naive(folder: Path, pairs: Sequence[Pair]) -> list[float]:
    """Return the means one pair at a time, from the logits of every position."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
    found = []
    for pair in pairs:
        prefix, text = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in pair)
        with torch.inference_mode():
            logprobs = torch.log_softmax(model(torch.tensor([prefix + text])).logits[0], dim=-1)
        chosen = [float(logprobs[len(prefix) + i - 1, token]) for i, token in enumerate(text)]
        found.append(sum(chosen) / len(chosen))
    return found


def test_a_tiny_models_means_equal_a_naive_loop(tiny: Path) -> None:
    model: LikelihoodModel = build(tiny)
    expected = naive(tiny, PAIRS)
    assert means(model.log_likelihoods(PAIRS)) == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 0.1


@pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
def test_the_default_generators_means_equal_a_naive_loop() -> None:
    folder = models.resolve("smollm2-135m-instruct")
    assert means(build(folder).log_likelihoods(PAIRS)) == pytest.approx(naive(folder, PAIRS), abs=1e-4)


@pytest.mark.parametrize("limits", [(1, 1024), (200, 1024), (8192, 1), (8192, 60)])
def test_a_mean_does_not_depend_on_the_rest_of_the_batch(
    tiny: Path, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tiny)
    whole = means(model.log_likelihoods(PAIRS))
    order = random.Random(0).sample(range(len(PAIRS)), len(PAIRS))
    monkeypatch.setattr(likelihood, "BATCH_TOKENS", limits[0])
    monkeypatch.setattr(likelihood, "BATCH_LOGITS", limits[1])
    shuffled = means(model.log_likelihoods([PAIRS[i] for i in order]))
    assert shuffled == pytest.approx([whole[i] for i in order], abs=1e-4)
    assert [means(model.log_likelihoods([pair]))[0] for pair in PAIRS] == pytest.approx(whole, abs=1e-4)


LENGTHS = st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 1500)), max_size=40)


@given(lengths=LENGTHS)
def test_batches_hold_every_row_once_within_both_limits(lengths: list[tuple[int, int]]) -> None:
    rows = [([0] * prefix, [0] * text) for prefix, text in lengths]
    found = list(likelihood.batches(rows))
    assert sorted(row for batch in found for row in batch) == list(range(len(rows)))
    for batch in found:
        longest = max(sum(lengths[row]) for row in batch)
        span = longest - min(lengths[row][0] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= likelihood.BATCH_TOKENS
        assert len(batch) == 1 or len(batch) * span <= likelihood.BATCH_LOGITS


def test_logits_are_computed_only_where_a_second_text_is_predicted(tiny: Path) -> None:
    model = build(tiny)
    kept = []
    decoder = model._model
    assert isinstance(decoder, Decoder) and decoder.head is not None
    decoder.head.register_forward_hook(lambda module, inputs, logits: kept.append(tuple(logits.shape)))
    model.log_likelihoods([("p" * 200, "text"), ("p" * 198, "text")])
    assert kept == [(2, 6, 257)]


def test_no_pairs_give_no_means_and_load_no_weights(tiny: Path) -> None:
    model = build(tiny)
    assert model.log_likelihoods([]) == []
    assert "_model" not in vars(model)


def test_a_pair_fills_the_window_and_beyond_it_is_an_error(tiny: Path) -> None:
    model = build(tiny)
    full = ("p" * 200, "t" * 56)
    assert means(model.log_likelihoods([full])) == pytest.approx(naive(tiny, [full]), abs=1e-4)
    with pytest.raises(UsageError, match=r"pair 1 has 200 \+ 57 tokens, which exceed the window of .*: 256"):
        model.log_likelihoods([full, ("p" * 200, "t" * 57)])


@pytest.mark.parametrize("pair", [("", "text"), ("prefix", "")])
def test_a_text_without_tokens_is_an_error(tiny: Path, pair: Pair) -> None:
    with pytest.raises(UsageError, match="each of its two texts must have at least one"):
        build(tiny).log_likelihoods([pair])
