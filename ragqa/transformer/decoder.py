"""A decoder: every position attends to itself and earlier ones, and predicts the next token (Radford et al. 2018)."""

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
    """A causal language model. Its output weights are the token embeddings if the config ties them.

    :raises ValueError: the config has biases for distances.
    """

    kind: ClassVar[Architecture] = "decoder"

    def __init__(self, config: TransformerConfig) -> None:
        if config.distance_buckets:
            raise ValueError("distance_buckets are for encoders: a cache does not count the positions of its biases")
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

        :param tokens: int64[batch, length]; they follow the tokens in the cache, and are added to it.
        :param mask: the attention mask, [..., length, cached + length]; with None a token attends to itself and all
            before it.
        :param positions: int64[length] or int64[batch, 1, length]; None is the positions after the cache.
        :param logits_to_keep: return the logits of this number of last positions, [batch, keep, vocab_size]; 0 is all.
        :param weights: a list to which the attention weights of each layer, [batch, heads, length, cached + length],
            are added.
        """
        # 1. Continue the positions after those of the cache.
        past, new = cache.length if cache else 0, tokens.shape[1]
        if positions is None:
            self.check(past + new)
            positions = torch.arange(past, past + new, device=tokens.device)
        # 2. A token attends to itself and all before it. A single token attends to every key, so that it needs no mask.
        if mask is None and new > 1:
            mask = causal_mask(new, past + new, tokens.device) if past else Packed((new,), causal=True)
        # 3. Compute only the logits that are wanted, since the output matrix is the largest one.
        hidden = self.run(tokens, positions, mask, cache=cache, weights=weights)
        return self.logits(hidden[:, -logits_to_keep:])

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of hidden states: float[..., vocab_size] for float[..., d_model]."""
        return linear(hidden, self.tokens.weight) if self.head is None else self.head(hidden)

    def untie(self) -> None:
        """Make an output layer that shares the token embeddings as its weights, so that the layer can be replaced."""
        if self.head is None:
            self.head = nn.Linear(self.config.d_model, self.config.vocab_size, bias=False, device="meta")
            self.head.weight = self.tokens.weight

    def new_cache(self, batch: int = 1, capacity: int = 256) -> KVCache:
        """Return an empty cache for this model."""
        return KVCache(self.config, batch=batch, capacity=capacity, dtype=self.dtype, device=self.device)
