"""Processors of logits equal those of transformers bit for bit; samplers choose the likeliest token, or draw by a seed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ragqa.config.generators import CausalLMGenerate
from ragqa.generate.sampling import make_processors, make_sampler


def spec(**fields: Any) -> CausalLMGenerate:
    return CausalLMGenerate.model_validate({"kind": "causal_lm", "model": "tiny", **fields})


def of_transformers(section: CausalLMGenerate) -> LogitsProcessorList:
    """Return the processors of transformers that do what a section asks for."""
    processors = LogitsProcessorList()
    if section.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(section.repetition_penalty))
    if section.temperature:
        processors.append(TemperatureLogitsWarper(section.temperature))
        if section.top_k:
            processors.append(TopKLogitsWarper(section.top_k))
        if section.top_p < 1:
            processors.append(TopPLogitsWarper(section.top_p))
    return processors


def random_logits(seed: int, size: int = 300, ties: bool = False) -> Tensor:
    logits = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 6
    return logits.round() if ties else logits


@settings(deadline=None)
@given(
    section=st.builds(
        spec,
        temperature=st.sampled_from([0.0, 0.3, 1.0, 1.7]),
        top_k=st.sampled_from([0, 1, 20, 1000]),
        top_p=st.sampled_from([0.01, 0.5, 0.9, 1.0]),
        repetition_penalty=st.sampled_from([0.7, 1.0, 1.3]),
    ),
    tokens=st.lists(st.integers(0, 299), min_size=1, max_size=40),
    seed=st.integers(0, 10_000),
    ties=st.booleans(),
)
def test_processed_logits_are_those_of_transformers_to_the_last_bit(
    section: CausalLMGenerate, tokens: list[int], seed: int, ties: bool
) -> None:
    logits = random_logits(seed, ties=ties)
    found = logits
    for process in make_processors(section):
        found = process(tokens, found)
    history: Any = torch.tensor([tokens])
    assert torch.equal(found, of_transformers(section)(history, logits[None].clone())[0])
    assert torch.equal(logits, random_logits(seed, ties=ties)), "the logits that were given are changed"


def test_each_processor_changes_what_it_is_named_for() -> None:
    logits = random_logits(0)
    everything, best, likely = (
        int(make_processors(spec(temperature=1.0, top_k=k, top_p=p))[-1]([5], logits).isfinite().sum())
        for k, p in ((0, 1.0), (7, 1.0), (0, 0.5))
    )
    assert everything == 300 and best == 7 and 0 < likely < 20
    (penalty,) = make_processors(spec(repetition_penalty=2.0))
    top, bottom = int(logits.argmax()), int(logits.argmin())
    changed = penalty([top, bottom, top], logits)
    assert float(changed[top]) == float(logits[top]) / 2
    assert float(changed[bottom]) == float(logits[bottom]) * 2
    assert int((changed != logits).sum()) == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_sampler_is_greedy_or_draws_by_its_seed(seed: int) -> None:
    logits = random_logits(seed)
    assert make_sampler(spec())(logits) == int(logits.argmax())
    flat = logits / 20
    draws = [[draw(flat) for _ in range(20)] for draw in (make_sampler(spec(temperature=1, seed=s)) for s in (1, 1, 2))]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) > 10
