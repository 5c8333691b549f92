"""Token ids -> embeddings -> blocks: the common part of encoders and decoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ragqa.transformer.block import TransformerBlock
from ragqa.transformer.cache import KVCache
from ragqa.transformer.config import TransformerConfig
from ragqa.transformer.masks import Mask, Packed
from ragqa.transformer.norms import NORMS
from ragqa.transformer.positions import Distances, Learned, Rotary, Sinusoidal


class Stack(nn.Module):
    """Embeddings, blocks, and one `norm`.

    Pre-norm blocks do not normalise their sum, so that the norm follows the last block. Post-norm blocks expect
    normalised input, so that the norm precedes the first block.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.rotary = Rotary(config.head_dim, config.rope_theta) if config.positions == "rotary" else None
        if config.positions == "learned":
            self.positions: nn.Module | None = Learned(config.max_length, config.d_model)
        else:
            self.positions = Sinusoidal(config.d_model) if config.positions == "sinusoidal" else None
        self.distances = Distances(config.distance_buckets, config.num_heads) if config.distance_buckets else None
        self.norm = NORMS[config.norm](config.d_model, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))

    def run(
        self,
        tokens: Tensor,
        positions: Tensor,
        mask: Mask = None,
        *,
        cache: KVCache | None = None,
        weights: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the last hidden states, float[batch, length, d_model].

        :param tokens: int64[batch, length].
        :param positions: int64[length] or int64[batch, 1, length].
        :param weights: a list to which the attention weights of each layer, [batch, heads, length, keys], are added.
        :raises ValueError: the cache has another batch size.
        """
        if cache is not None and cache.batch != len(tokens):
            raise ValueError(f"a batch of {len(tokens)} sequences; the cache has room for {cache.batch}")
        # 1. Embed the tokens, and allocate room for their keys and values; doubling makes copies rare.
        x, rotation = self._embedded(tokens, positions)
        if cache is not None:
            needed = cache.length + tokens.shape[1]
            cache.reserve(needed if needed <= cache.capacity else max(needed, 2 * cache.capacity))
        # 2. Compute the blocks; each has its own layer of the cache.
        bias = self.distances(_longest(mask, tokens.shape[1])) if self.distances else None
        for number, block in enumerate(self.blocks):
            update_kv = None if cache is None else cache.layer(number)
            x, seen = block(
                x, mask, rotation=rotation, bias=bias, update_kv=update_kv, need_weights=weights is not None
            )
            if weights is not None:
                weights.append(seen)
        # 3. Count the new positions, now that every layer has their keys and values.
        if cache is not None:
            cache.length += tokens.shape[1]
        return self.norm(x) if self.config.pre_norm else x

    def _embedded(self, tokens: Tensor, positions: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Return the input of the first block, and the rotation of its queries and keys."""
        x = self.tokens(tokens).to(self.dtype)
        rotation = self.rotary(positions, x.dtype) if self.rotary else None
        # Positions of a batch, [batch, 1, length], have a dimension for heads, which embeddings do not have.
        if self.positions is not None:
            added = self.positions(positions).to(x.dtype)
            x = x + (added[:, 0] if positions.dim() == 3 else added)
        x = x if self.config.pre_norm else self.norm(x)
        return self.dropout(x), rotation

    def check(self, length: int) -> None:
        """Refuse more positions than the model has.

        :raises ValueError: `length` exceeds `max_length`.
        """
        if length > self.config.max_length:
            raise ValueError(f"{length:,} positions; the model has {self.config.max_length:,}")

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights and hidden states. The table of tokens may have a narrower one with the same values."""
        return self.norm.get_parameter("weight").dtype


def _longest(mask: Mask, length: int) -> int:
    """Return the length of the longest sequence of a row."""
    return max(mask.lengths, default=0) if isinstance(mask, Packed) else length
