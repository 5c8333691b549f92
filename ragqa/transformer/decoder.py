"""A decoder: every position sees those before it, and predicts the next token (Radford et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ragqa.transformer.cache import KVCache
from ragqa.transformer.config import TransformerConfig
from ragqa.transformer.families import Architecture
from ragqa.transformer.masks import Mask, Packed, causal_mask
from ragqa.transformer.stack import Stack


class Decoder(Stack):
    """A causal language model. Its output weights are the token embeddings where the config ties them."""

    kind: ClassVar[Architecture] = "decoder"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.head = None if config.tied else nn.Linear(config.d_model, config.vocab_size, bias=False)

    def forward(
        self,
        tokens: Tensor,
        cache: KVCache | None = None,
        *,
        mask: Mask = None,
        positions: Tensor | None = None,
        logits_to_keep: int = 0,
        weights: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the logits of the token after each position, float[batch, length, vocab_size].

        :param tokens: int64[batch, length]; they follow what the cache holds, which then holds them too.
        :param mask: what each token sees, [..., length, cached + length]; itself and all before it where None.
        :param positions: int64[length] or int64[batch, 1, length]; those that follow the cache where None.
        :param logits_to_keep: return the logits of the last so many positions alone, [batch, keep, vocab_size]; 0 is all.
        :param weights: takes the attention weights of each layer, [batch, heads, length, cached + length].
        """
        # 1. Positions go on after those of the cache.
        past, new = cache.length if cache else 0, tokens.shape[1]
        if positions is None:
            self.check(past + new)
            positions = torch.arange(past, past + new, device=tokens.device)
        # 2. A token sees itself and all before it. A single one may see every key, so it needs no mask.
        if mask is None and new > 1:
            mask = causal_mask(new, past + new, tokens.device) if past else Packed((new,), causal=True)
        # 3. Only the logits that are asked for are computed: the output matrix is the largest of all.
        hidden = self.run(tokens, positions, mask, cache=cache, weights=weights)
        return self.logits(hidden[:, -logits_to_keep:])

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of hidden states: float[..., vocab_size] for float[..., d_model]."""
        return linear(hidden, self.tokens.weight) if self.head is None else self.head(hidden)

    def untie(self) -> None:
        """Make a layer of output weights that are the token embeddings, so that it can be replaced by another."""
        if self.head is None:
            self.head = nn.Linear(self.config.d_model, self.config.vocab_size, bias=False, device="meta")
            self.head.weight = self.tokens.weight

    def new_cache(self, batch: int = 1, capacity: int = 256) -> KVCache:
        """Return an empty cache for this model."""
        return KVCache(self.config, batch=batch, capacity=capacity, dtype=self.dtype, device=self.device)
