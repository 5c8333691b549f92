"""Attention: each position gets a weighted mean of the values of the positions that it may attend to (Vaswani et al.
2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from ragqa.transformer.masks import Mask, Packed, StepwiseCausalMask, causal_mask
from ragqa.transformer.positions import Rotation, rotate

UpdateKV = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A function that takes the keys and values of new positions, and returns those of all positions (see `KVCache`)."""


def attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask = None, *, bias: Tensor | None = None, dropout_p: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return softmax(query keyᵀ / √head_dim) value, and the weights, which are the result of the softmax.

    This is the definition. `attend` computes the same faster, and does not return weights.

    :param query: [batch, heads, queries, head_dim].
    :param key: [batch, kv_heads, keys, head_dim]; heads / kv_heads consecutive query heads share one of these heads
        (grouped-query attention, Ainslie et al. 2023).
    :param value: the same shape as `key`.
    :param mask: see `ragqa.transformer.masks`. The result of a query that may attend to no key is zeros.
    :param bias: [heads, longest, longest], by the places of query and key in their sequence; it is added to the scores.
    :returns: the results, [batch, heads, queries, head_dim], and the weights, [batch, heads, queries, keys].
    """
    # 1. Repeat each head of keys and values for the query heads that share it.
    group = query.shape[-3] // key.shape[-3]
    key, value = key.repeat_interleave(group, -3), value.repeat_interleave(group, -3)
    # 2. Score every key for every query. The root makes the size of a score independent of head_dim.
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + _placed(bias, mask, query.shape[-2])
    # 3. Hide the keys that a query must not attend to.
    if isinstance(mask, Packed):
        mask = mask.dense(query.device)
    elif isinstance(mask, StepwiseCausalMask):
        mask = mask.dense(query.shape[-2], key.shape[-2], query.device)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    # 4. Compute weights from the scores, and average the values by them. A row without any key is NaN, and becomes 0.
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).nan_to_num(0.0).to(value.dtype)
    return dropout(weights, dropout_p, training=dropout_p > 0) @ value, weights


def _placed(bias: Tensor, mask: Mask, length: int) -> Tensor:
    """Return the bias of each pair of positions of a row, [heads, length, length]; any value between sequences."""
    if not isinstance(mask, Packed):
        return bias[:, :length, :length]
    places = torch.cat([torch.arange(own, device=bias.device) for own in mask.lengths])
    return bias[:, places[:, None], places[None, :]]


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask = None, *, bias: Tensor | None = None, dropout_p: float = 0.0
) -> Tensor:
    """Return the first result of `attention`, computed with torch's fused kernels.

    Packed sequences are computed one after another, so that no mask of shape [tokens, tokens] is made. Queries with a
    `StepwiseCausalMask` are also computed one after another, so that each result has the same bits as if computed
    alone. Shapes are those of `attention`.

    :raises ValueError: the sum of the packed lengths is not the length of the row.
    """
    if isinstance(mask, StepwiseCausalMask):
        return torch.cat([_query_by_query(*row, dropout_p) for row in zip(query, key, value, mask.starts, strict=True)])
    if not isinstance(mask, Packed):
        if bias is not None:
            mask = _biased(bias, query.shape[-2], mask)
        return _fused(query, key, value, mask, dropout_p=dropout_p)
    # Packed: split the row into its sequences, and attend within each.
    if sum(mask.lengths) != query.shape[-2]:
        raise ValueError(f"packed lengths add up to {sum(mask.lengths)}; the row has {query.shape[-2]} positions")
    if len(mask.lengths) == 1 and bias is None:
        return _fused(query, key, value, causal=mask.causal, dropout_p=dropout_p)
    parts = zip(*(torch.split(whole, list(mask.lengths), dim=-2) for whole in (query, key, value)), strict=True)
    if bias is None:
        return torch.cat([_fused(*part, causal=mask.causal, dropout_p=dropout_p) for part in parts], dim=-2)
    masks = [_biased(bias, length, causal_mask(length, length) if mask.causal else None) for length in mask.lengths]
    attended = [
        _fused(query, key, value, own, dropout_p=dropout_p)
        for (query, key, value), own in zip(parts, masks, strict=True)
    ]
    return torch.cat(attended, dim=-2)


def _biased(bias: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """Return what is added to the scores of one sequence: its bias, and minus infinity where the mask is False."""
    own = bias[:, :length, :length]
    return own if mask is None else own.masked_fill(~mask.to(bias.device), -math.inf)


def _query_by_query(query: Tensor, key: Tensor, value: Tensor, start: int, dropout_p: float) -> Tensor:
    """Attend in one sequence, [heads, queries, head_dim], one query after another; return [1, heads, queries,
    head_dim].

    :param start: the first position of the sequence among the keys.
    """
    # Query n, counted from 1, attends to the keys from the sequence's start up to its own.
    before = key.shape[-2] - query.shape[-2]
    rows = [
        _fused(row, *(whole[None, :, start : before + n] for whole in (key, value)), dropout_p=dropout_p)
        for n, row in enumerate(torch.split(query[None], 1, dim=-2), start=1)
    ]
    return torch.cat(rows, dim=-2)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    dropout_p: float = 0.0,
) -> Tensor:
    """Attend with torch's fused kernel. Parameters are those of `attention`.

    :param causal: hide later keys; the numbers of queries and keys are then equal.
    """
    heads, kv_heads = query.shape[-3], key.shape[-3]
    if heads != kv_heads and query.shape[-2] == 1 and mask is None:
        # A single query attends to every key. The heads of a group are passed as queries of one head, without a copy of
        # keys.
        rows = query.squeeze(-2).reshape(*query.shape[:-3], kv_heads, -1, query.shape[-1])
        return scaled_dot_product_attention(rows, key, value, dropout_p=dropout_p).flatten(-3, -2).unsqueeze(-2)
    return scaled_dot_product_attention(query, key, value, mask, dropout_p, causal, enable_gqa=heads != kv_heads)


class MultiHeadAttention(nn.Module):
    """Attention with several heads, each with its own projections. Their results are concatenated and projected.

    The projections of queries, keys and values are one matrix, so that the input is read once.

    :param num_kv_heads: the number of heads of keys and values, a divisor of num_heads; None is num_heads.
    :param head_dim: the width of a head; None is d_model / num_heads, which must be a whole number.
    :param biases: whether the projections of queries, keys and values have a bias, and whether the output projection
        has.
    :raises ValueError: sizes that do not fit together.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        num_kv_heads: int | None = None,
        *,
        head_dim: int | None = None,
        biases: tuple[bool, bool] = (True, True),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        num_kv_heads = num_kv_heads or num_heads
        if head_dim is None and d_model % num_heads:
            raise ValueError(f"num_heads {num_heads} does not divide d_model {d_model}; give head_dim")
        if num_heads % num_kv_heads:
            raise ValueError(f"num_kv_heads {num_kv_heads} does not divide num_heads {num_heads}")
        self.head_dim = head_dim or d_model // num_heads
        self.heads = (num_heads, num_kv_heads, num_kv_heads)
        self.dropout = dropout
        self.qkv = nn.Linear(d_model, sum(self.heads) * self.head_dim, bias=biases[0])
        self.out = nn.Linear(num_heads * self.head_dim, d_model, bias=biases[1])

    def forward(
        self,
        x: Tensor,
        mask: Mask = None,
        *,
        rotation: Rotation | None = None,
        bias: Tensor | None = None,
        update_kv: UpdateKV | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return float[batch, length, d_model] and, if they are wanted, the weights [batch, heads, length, keys].

        :param x: float[batch, length, d_model].
        :param rotation: rotates queries and keys by their positions (see `Rotary`).
        :param bias: is added to the scores (see `Distances`).
        :param update_kv: adds the keys and values of earlier positions before those of x.
        """
        # 1. Project the input to the heads of queries, keys and values: [batch, heads, length, head_dim].
        num_heads, num_kv_heads, _ = self.heads
        heads = self.qkv(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        turned, value = heads.split((num_heads + num_kv_heads, num_kv_heads), dim=1)
        # 2. Rotate queries and keys by their positions; values are not rotated.
        if rotation is not None:
            turned = rotate(turned, rotation)
        query, key = turned.split(self.heads[:2], dim=1)
        # 3. Add the keys and values of earlier positions before the new ones.
        if update_kv is not None:
            key, value = update_kv(key, value)
        # 4. Attend, concatenate the heads, and project the result.
        dropout_p = self.dropout if self.training else 0.0
        if need_weights:
            mixed, weights = attention(query, key, value, mask, bias=bias, dropout_p=dropout_p)
        else:
            mixed, weights = attend(query, key, value, mask, bias=bias, dropout_p=dropout_p), None
        return self.out(mixed.transpose(1, 2).flatten(-2)), weights
