"""The position of a token.

Attention itself ignores order. So positions are added to embeddings, or rotate queries and keys.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

Rotation = tuple[Tensor, Tensor]
"""Cosines and signed sines, [..., length, head_dim]."""


class Sinusoidal(nn.Module):
    """Sines and cosines of wavelengths from 2π to 10,000 * 2π (Vaswani et al. 2017).

    :param d_model: even.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        if d_model % 2:
            raise ValueError(f"d_model is {d_model}; sinusoidal positions need an even one")
        self._d_model = d_model

    def forward(self, positions: Tensor) -> Tensor:
        """Return float32[..., d_model] for positions int64[...]: sines at even places, cosines at odd ones."""
        angles = _angles(positions, self._d_model, 10_000.0)
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


class Learned(nn.Embedding):
    """A learned vector for each position (Gehring et al. 2017)."""


class Distances(nn.Embedding):
    """A learned bias for each head and each class of distances between a query and a key (Raffel et al. 2020).

    Half of the classes are for keys after the query. Of each half, one half is for single distances, and the other for
    ranges that grow up to `FARTHEST`; the last range has no end.
    """

    FARTHEST = 128

    def __init__(self, buckets: int, heads: int) -> None:
        super().__init__(buckets, heads)

    def forward(self, length: int) -> Tensor:  # type: ignore[override]
        """Return the biases of a sequence, float[heads, length, length]."""
        # There are 2 * length - 1 distances, from the first key minus the last query on. Row n of a square of them is
        # the same row of distances, moved by n.
        distances = torch.arange(1 - length, length, device=self.weight.device)
        biases = super().forward(self._buckets(distances)).T
        rows = torch.arange(length, device=self.weight.device)
        return biases[:, rows[None, :] - rows[:, None] + length - 1]

    def _buckets(self, distances: Tensor) -> Tensor:
        """Return the class of each distance, int64[...], for distances of keys from their query."""
        half = self.num_embeddings // 2
        single = half // 2
        far = distances.abs().clamp(min=single).float()
        ranges = single + ((far / single).log() / math.log(self.FARTHEST / single) * (half - single)).long()
        near = torch.where(distances.abs() < single, distances.abs(), ranges.clamp(max=half - 1))
        return near + half * (distances > 0)


class Rotary:
    """Rotates each pair of a head's coordinates by an angle that grows with the position (Su et al. 2021).

    Then the positions of a query and a key change their product only by the distance between them. Pairs are the
    coordinates i and i + head_dim / 2.

    :param theta: base of the wavelengths, which are from 2π to nearly theta * 2π.
    """

    def __init__(self, head_dim: int, theta: float = 10_000.0) -> None:
        if head_dim % 2:
            raise ValueError(f"head_dim is {head_dim}; rotary positions need an even one")
        self._head_dim, self._theta = head_dim, theta

    def __call__(self, positions: Tensor, dtype: torch.dtype = torch.float32) -> Rotation:
        """Return the rotation of positions int64[..., length], for `rotate`."""
        # Both coordinates of a pair rotate by the same angle. With signed sines, `rotate` is one multiply-add.
        angles = _angles(positions, self._head_dim, self._theta)
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Rotate vectors [..., length, head_dim]: (a, b) becomes (a cos - b sin, b cos + a sin)."""
    cos, sin = rotation
    # A roll by half the width puts the partner of each coordinate at its place.
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)


def _angles(positions: Tensor, dim: int, base: float) -> Tensor:
    """Return position / base^(2i / dim) for each i below dim / 2: float32[..., dim / 2]."""
    exponents = torch.arange(0, dim, 2, device=positions.device, dtype=torch.float32) / dim
    return positions[..., None].float() * (1.0 / base**exponents)
