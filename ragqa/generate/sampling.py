"""Logits -> the next token, by plain callables: processors change logits, and a sampler chooses a token by them.

Each processor takes all tokens so far, those of the prompt first, and the logits, float32[vocabulary]. It returns new
logits. The logit of a forbidden token is -inf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ragqa.config.generators import CausalLMGenerate

LogitsProcessor = Callable[[Sequence[int], Tensor], Tensor]
Sampler = Callable[[Tensor], int]


def make_processors(spec: CausalLMGenerate) -> list[LogitsProcessor]:
    """Return the processors that a section asks for, in the order in which they are applied."""
    processors: list[LogitsProcessor] = []
    if spec.repetition_penalty != 1.0:
        processors.append(repetition_penalty(spec.repetition_penalty))
    if spec.temperature > 0:
        processors.append(temperature(spec.temperature))
        if spec.top_k:
            processors.append(top_k(spec.top_k))
        if spec.top_p < 1:
            processors.append(top_p(spec.top_p))
    return processors


def make_sampler(spec: CausalLMGenerate) -> Sampler:
    """Return the sampler: it takes the most likely token at temperature 0, else draws one with a seeded generator."""
    if spec.temperature == 0:
        return lambda logits: int(logits.argmax())
    draws = torch.Generator(device="cpu").manual_seed(spec.seed)
    return lambda logits: int(torch.multinomial(torch.softmax(logits, dim=-1).cpu(), 1, generator=draws))


def repetition_penalty(penalty: float) -> LogitsProcessor:
    """Return a processor that makes previous tokens less likely if `penalty` is above 1 (Keskar et al. 2019)."""

    def process(tokens: Sequence[int], logits: Tensor) -> Tensor:
        occurred = torch.tensor(tokens, device=logits.device)
        values = logits[occurred]
        return logits.scatter(0, occurred, torch.where(values < 0, values * penalty, values / penalty))

    return process


def temperature(degree: float) -> LogitsProcessor:
    """Return a processor that flattens the distribution if `degree` is above 1, and sharpens it below 1."""
    return lambda tokens, logits: logits / degree


def top_k(k: int) -> LogitsProcessor:
    """Return a processor that allows the k most likely tokens, and ties with the last of them (Fan et al. 2018)."""

    def process(tokens: Sequence[int], logits: Tensor) -> Tensor:
        least = logits.topk(min(k, len(logits))).values[-1]
        return logits.masked_fill(logits < least, -math.inf)

    return process


def top_p(share: float) -> LogitsProcessor:
    """Return a processor that allows the fewest most likely tokens with together this probability (Holtzman et al.
    2020).
    """

    def process(tokens: Sequence[int], logits: Tensor) -> Tensor:
        ascending, order = logits.sort()
        unlikely = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - share
        unlikely[-1] = False
        return logits.masked_fill(torch.empty_like(unlikely).scatter(0, order, unlikely), -math.inf)

    return process
