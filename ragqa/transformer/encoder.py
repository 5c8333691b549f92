"""An encoder: every position attends to all positions of its sequence (BERT, Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor

from ragqa.transformer.families import Architecture
from ragqa.transformer.masks import Mask, Packed
from ragqa.transformer.stack import Stack


class Encoder(Stack):
    """Computes the hidden states of sequences."""

    kind: ClassVar[Architecture] = "encoder"

    def forward(
        self,
        tokens: Tensor,
        mask: Mask = None,
        *,
        positions: Tensor | None = None,
        weights: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the last hidden states, float[batch, length, d_model].

        :param tokens: int64[batch, length].
        :param mask: `padding_mask` if sequences have different lengths.
        :param positions: None is 0, 1, 2, ...
        :param weights: a list to which the attention weights of each layer, [batch, heads, length, length], are added.
        """
        if positions is None:
            self.check(tokens.shape[1])
            positions = torch.arange(tokens.shape[1], device=tokens.device)
        return self.run(tokens, positions, mask, weights=weights)

    @torch.inference_mode()
    def hidden(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """Return the last hidden states of each sequence, [length, d_model].

        The sequences are packed in one row: no padding is computed, and a sequence's result does not depend on the
        others.
        """
        lengths = tuple(map(len, ids))
        if not any(lengths):
            return tuple(torch.zeros(0, self.config.d_model, dtype=self.dtype) for _ in lengths)
        self.check(max(lengths))
        # Pack all sequences in one row; the positions of each begin at 0.
        tokens = torch.tensor(list(chain.from_iterable(ids)), device=self.device)
        positions = torch.cat([torch.arange(length, device=self.device) for length in lengths])
        return self(tokens[None], Packed(lengths), positions=positions)[0].split(lengths)  # type: ignore[no-any-return]
