"""The keys and values of the tokens that a decoder has read, so that only new tokens have to be computed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ragqa.transformer.attention import UpdateKV
from ragqa.transformer.config import TransformerConfig


class KVCache:
    """Keys and values of every layer, in a tensor that is allocated once and filled in place.

    It doubles if it is too small.

    `crop` removes the last positions at no cost, so that many questions can follow one prefix.

    :param capacity: the number of positions to allocate at first.
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
        """The number of positions in the cache."""

    @property
    def capacity(self) -> int:
        """Return the number of allocated positions."""
        return self._room.shape[-2]

    def crop(self, length: int) -> None:
        """Remove all positions except the first `length`.

        :raises ValueError: the cache has fewer positions.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"the cache holds {self.length} positions; it cannot be cropped to {length}")
        self.length = length

    def reserve(self, length: int) -> None:
        """Allocate at least `length` positions."""
        layers, two, batch, heads, capacity, width = self._room.shape
        if length <= capacity:
            return
        # Only the positions in use are copied; the rest has no meaning.
        room = self._room.new_empty(layers, two, batch, heads, length, width)
        room[..., : self.length, :] = self._room[..., : self.length, :]
        self._room = room

    @property
    def state(self) -> Tensor:
        """The keys and values of the positions in use, [layers, 2, batch, kv_heads, length, head_dim]."""
        return self._room[..., : self.length, :]

    def restore(self, state: Tensor) -> None:
        """Fill the cache with a `state` of the same model.

        :raises ValueError: its form or dtype is that of another model or batch.
        """
        form = (*self._room.shape[:-2], state.shape[-2], self._room.shape[-1]) if state.dim() == 6 else None
        if state.shape != form or state.dtype != self._room.dtype:
            raise ValueError(f"a state {list(state.shape)} of {state.dtype} is not one of this model")
        self.length = 0
        self.reserve(state.shape[-2])
        self._room[..., : state.shape[-2], :] = state
        self.length = state.shape[-2]

    def put(self, row: int, other: KVCache) -> None:
        """Copy the cache of one sequence to the end of a row, with zeros before it."""
        # Attention hides the positions before `start`, but kernels still read them. Zeros make sure that they are
        # finite.
        start = self.length - other.length
        self._room[:, :, row, :, :start] = 0
        self._room[:, :, row, :, start : self.length] = other._room[:, :, 0, :, : other.length]

    def select(self, rows: Sequence[int]) -> None:
        """Keep only these sequences, in this order."""
        self._room = self._room[:, :, list(rows)]
        self.batch = len(rows)

    def layer(self, number: int) -> UpdateKV:
        """Return a function that takes the new keys and values of a layer and returns all of them.

        The new positions are valid when `length` is increased, after the pass through all layers.
        """
        return partial(self._update_kv, self._room[number])

    def _update_kv(self, room: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write new keys and values, [batch, kv_heads, new, head_dim], after those of one layer; return all."""
        end = self.length + key.shape[-2]
        room[0, :, :, self.length : end] = key
        room[1, :, :, self.length : end] = value
        return room[0, :, :, :end], room[1, :, :, :end]
