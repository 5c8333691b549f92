"""Low-rank adapters (LoRA, Hu et al. 2022): each linear layer gets a correction up(down(x)) of a small rank.

The weights of the model stay as they are; training changes the adapters alone, which take a few percent of its size. For
inference they are added to the weights, so that they cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ragqa.transformer.stack import Stack

SCALE = 2.0
"""The factor of each correction."""


class LowRankLinear(nn.Module):
    """A linear layer with an adapter: base(x) + SCALE * up down x.

    :param base: the layer; its weights get no gradient.
    :param rank: the rank of the adapter. `up` is zero at first, so that the layer begins as the base.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return float[..., out_features] for x float[..., in_features]."""
        return self.base(x) + SCALE * ((x @ self.down.T) @ self.up.T)  # type: ignore[no-any-return]


def add_adapters(model: Stack, rank: int) -> None:
    """Put an adapter beside each linear layer of the blocks of a model, whose other weights then get no gradient."""
    model.requires_grad_(False)
    for parent in list(model.blocks.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(parent, name, LowRankLinear(layer, rank))


def adapter_weights(model: Stack) -> dict[str, Tensor]:
    """Return the weights of the adapters by the names of their layers: `NAME.down` and `NAME.up`."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, LowRankLinear)}
    return {
        f"{name}.{part}": getattr(layer, part).detach() for name, layer in layers.items() for part in ("down", "up")
    }


@torch.no_grad()
def merge_adapters(model: Stack, weights: Mapping[str, Tensor]) -> None:
    """Add the corrections of adapters to the weights of a model that has none yet.

    :param weights: what `adapter_weights` returned, in any float dtype.
    :raises KeyError: a layer has no adapter in `weights`.
    :raises ValueError: the sizes are not those of the model.
    """
    for name, layer in model.blocks.named_modules(prefix="blocks"):
        if not isinstance(layer, nn.Linear):
            continue
        down, up = weights[f"{name}.down"].float(), weights[f"{name}.up"].float()
        if (up.shape[0], down.shape[1]) != tuple(layer.weight.shape) or up.shape[1] != down.shape[0]:
            raise ValueError(
                f"{name}: adapters of {list(up.shape)} and {list(down.shape)} do not fit {list(layer.weight.shape)}"
            )
        layer.weight.data = layer.weight + (SCALE * (up @ down)).to(layer.weight)
