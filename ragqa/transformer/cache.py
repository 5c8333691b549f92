"""The keys and values of the tokens that a decoder has read, so that each further token is computed alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ragqa.transformer.attention import UpdateKV
from ragqa.transformer.config import TransformerConfig


class KVCache:
    """Room for the keys and values of every layer, made once and filled in place; it doubles where it is too small.

    `crop` forgets the last positions at no cost, so that many questions can follow one prefix.

    :param capacity: positions that there is room for at first.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        batch: int = 1,
        capacity: int = 256,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        # One tensor for all layers; the second dimension is keys and values.
        sizes = (config.num_layers, 2, batch, config.num_kv_heads, capacity, config.head_dim)
        self._room = torch.empty(sizes, dtype=dtype, device=device)
        self.batch = batch
        self.length = 0
        """How many positions are held."""

    @property
    def capacity(self) -> int:
        """How many positions there is room for."""
        return self._room.shape[-2]

    def crop(self, length: int) -> None:
        """Forget all but the first positions.

        :raises ValueError: fewer are held.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"the cache holds {self.length} positions; it cannot be cropped to {length}")
        self.length = length

    def reserve(self, length: int) -> None:
        """Make room for so many positions, where there is less."""
        layers, two, batch, heads, capacity, width = self._room.shape
        if length <= capacity:
            return
        # Only the positions that are held are copied: the rest has no meaning.
        room = self._room.new_empty(layers, two, batch, heads, length, width)
        room[..., : self.length, :] = self._room[..., : self.length, :]
        self._room = room

    def put(self, row: int, other: KVCache) -> None:
        """Take over what a cache of one sequence holds, as the last of the positions that a row holds; zeros before it."""
        # Attention skips the positions before `start`; zeros keep them finite for kernels that read them all the same.
        start = self.length - other.length
        self._room[:, :, row, :, :start] = 0
        self._room[:, :, row, :, start : self.length] = other._room[:, :, 0, :, : other.length]

    def select(self, rows: Sequence[int]) -> None:
        """Keep these sequences alone, in this order."""
        self._room = self._room[:, :, list(rows)]
        self.batch = len(rows)

    def layer(self, number: int) -> UpdateKV:
        """Return the function that takes the new keys and values of a layer and returns all of them.

        They count as held once `length` says so, after the pass through all layers.
        """
        return partial(self._update_kv, self._room[number])

    def _update_kv(self, room: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write new keys and values, [batch, kv_heads, new, head_dim], behind the held ones of one layer; return all."""
        end = self.length + key.shape[-2]
        room[0, :, :, self.length : end] = key
        room[1, :, :, self.length : end] = value
        return room[0, :, :, :end], room[1, :, :, :end]
