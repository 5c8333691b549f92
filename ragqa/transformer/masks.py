"""Which position may see which. A dense mask is bool, broadcastable to [batch, heads, queries, keys]; True is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def padding_mask(lengths: Sequence[int], longest: int, device: torch.device | None = None) -> Tensor:
    """Hide the positions after each sequence's end: bool[batch, 1, 1, longest]."""
    ends = torch.tensor(lengths, device=device)[:, None]
    return (torch.arange(longest, device=device) < ends)[:, None, None]


def causal_mask(queries: int, keys: int, device: torch.device | None = None) -> Tensor:
    """Hide later positions: bool[queries, keys], where the queries are the last of the keys."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


@dataclass(frozen=True, slots=True)
class Packed:
    """Sequences one after another in one row, without padding: each sees itself alone.

    It means the same as the mask of `dense`, which `attend` never makes: it attends within one sequence at a time.

    :param lengths: in tokens; they add up to the row.
    :param causal: nor does a position see later ones.
    """

    lengths: tuple[int, ...]
    causal: bool = False

    def dense(self, device: torch.device | None = None) -> Tensor:
        """Return bool[tokens, tokens]."""
        # Two tokens see each other where they have the number of the same sequence.
        number = torch.arange(len(self.lengths), device=device)
        own = torch.repeat_interleave(number, torch.tensor(self.lengths, device=device))
        same = own[:, None] == own[None, :]
        return same.tril() if self.causal else same


@dataclass(frozen=True, slots=True)
class StepwiseCausalMask:
    """The queries are the last of the keys, and each sees those from its sequence's start up to itself.

    `attend` takes one query after another, so that each gets what it would get alone, to the last bit.

    :param starts: where each sequence of the batch begins, for sequences that end together.
    """

    starts: tuple[int, ...] = (0,)

    def dense(self, queries: int, keys: int, device: torch.device | None = None) -> Tensor:
        """Return bool[batch, 1, queries, keys]."""
        # Positions before a sequence's start belong to no token of it.
        begun = torch.arange(keys, device=device) >= torch.tensor(self.starts, device=device)[:, None]
        return causal_mask(queries, keys, device) & begun[:, None, None]


Mask = Tensor | Packed | StepwiseCausalMask | None
"""None: every query sees every key."""
