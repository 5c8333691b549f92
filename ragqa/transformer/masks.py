"""Attention masks: which positions a position may attend to.

A dense mask is bool, broadcastable to [batch, heads, queries, keys]. True means that the query may attend to the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def padding_mask(lengths: Sequence[int], longest: int, device: torch.device | None = None) -> Tensor:
    """Return a mask that hides the positions after each sequence's end: bool[batch, 1, 1, longest]."""
    ends = torch.tensor(lengths, device=device)[:, None]
    return (torch.arange(longest, device=device) < ends)[:, None, None]


def causal_mask(queries: int, keys: int, device: torch.device | None = None) -> Tensor:
    """Return a mask that hides later positions: bool[queries, keys]. The queries are the last positions of the keys."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


@dataclass(frozen=True, slots=True)
class Packed:
    """Sequences one after another in one row, without padding. A position attends within its own sequence only.

    It is equivalent to the mask of `dense`. `attend` does not make that mask, but computes one sequence at a time.

    :param lengths: the lengths in tokens; their sum is the length of the row.
    :param causal: hide later positions too.
    """

    lengths: tuple[int, ...]
    causal: bool = False

    def dense(self, device: torch.device | None = None) -> Tensor:
        """Return bool[tokens, tokens]."""
        # Two tokens may attend to each other if the numbers of their sequences are equal.
        number = torch.arange(len(self.lengths), device=device)
        own = torch.repeat_interleave(number, torch.tensor(self.lengths, device=device))
        same = own[:, None] == own[None, :]
        return same.tril() if self.causal else same


@dataclass(frozen=True, slots=True)
class StepwiseCausalMask:
    """A causal mask.

    The queries are the last positions of the keys; each attends from its sequence's start up to itself.

    `attend` computes one query after another, so that each result has the same bits as if computed alone.

    :param starts: the start of each sequence of the batch, for sequences with a common end.
    """

    starts: tuple[int, ...] = (0,)

    def dense(self, queries: int, keys: int, device: torch.device | None = None) -> Tensor:
        """Return bool[batch, 1, queries, keys]."""
        # Positions before a sequence's start are unused.
        begun = torch.arange(keys, device=device) >= torch.tensor(self.starts, device=device)[:, None]
        return causal_mask(queries, keys, device) & begun[:, None, None]


Mask = Tensor | Packed | StepwiseCausalMask | None
"""A mask; None: every query attends to every key."""
