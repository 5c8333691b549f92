"""The sizes and options of a transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """The sizes and options of a transformer.

    :param d_model: width of the hidden states.
    :param num_kv_heads: number of heads of keys and values; a group of query heads shares each. 0 is num_heads.
    :param head_dim: width of a head; 0 is d_model / num_heads.
    :param d_ff: inner width of the feed-forward network.
    :param gated: the feed-forward network multiplies by a gate, as in SwiGLU.
    :param pre_norm: normalise the input of each part of a block, instead of the sum after it.
    :param max_length: the most positions.
    :param distance_buckets: the number of classes of distances whose learned biases are added to attention scores; 0 for
        none.
    :param rope_theta: base of the rotary frequencies.
    :param qkv_bias, bias: whether the query, key and value projections have a bias; whether all other projections have.
    :param tied: the output weights are the token embeddings.
    :raises ValueError: sizes that do not fit together.
    """

    vocab_size: int
    d_model: int
    num_layers: int
    num_heads: int
    d_ff: int
    max_length: int
    num_kv_heads: int = 0
    head_dim: int = 0
    activation: Literal["relu", "gelu", "silu"] = "gelu"
    gated: bool = False
    norm: Literal["layer", "rms"] = "layer"
    norm_eps: float = 1e-5
    pre_norm: bool = True
    positions: Literal["sinusoidal", "learned", "rotary"] = "rotary"
    distance_buckets: int = 0
    rope_theta: float = 10_000.0
    qkv_bias: bool = True
    bias: bool = True
    tied: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, valid in (
            ("activation", ("relu", "gelu", "silu")),
            ("norm", ("layer", "rms")),
            ("positions", ("sinusoidal", "learned", "rotary")),
        ):
            if getattr(self, name) not in valid:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(valid)}")
        for name in ("vocab_size", "d_model", "num_layers", "num_heads", "d_ff", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.distance_buckets < 0 or self.distance_buckets % 4:
            raise ValueError(f"distance_buckets is {self.distance_buckets}; it must be a multiple of 4, or 0")
        if self.num_kv_heads < 0 or self.head_dim < 0:
            raise ValueError("num_kv_heads and head_dim must not be negative")
        if not self.head_dim and self.d_model % self.num_heads:
            raise ValueError(f"num_heads {self.num_heads} does not divide d_model {self.d_model}; give head_dim")
        if self.num_kv_heads and self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_kv_heads {self.num_kv_heads} does not divide num_heads {self.num_heads}")
        object.__setattr__(self, "num_kv_heads", self.num_kv_heads or self.num_heads)
        object.__setattr__(self, "head_dim", self.head_dim or self.d_model // self.num_heads)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and less than 1")
