"""The same layers by oneDNN, which comes with torch for x86: weights laid out once as the processor reads them, and
activations computed within the products. torch's own compiler uses these operators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ragqa.transformer.decoder import Decoder
from ragqa.transformer.feed_forward import FeedForward
from ragqa.transformer.stack import Stack

_OPERATORS: Any = torch.ops.mkldnn
_NAMES = {"": ("none", ""), "relu": ("relu", ""), "gelu": ("gelu", "none"), "silu": ("swish", "")}
"""What oneDNN calls the activations, and which formula it takes."""


class OneDNNLinear(nn.Module):
    """A linear layer for inference, and what is done to its result: activation(x weightᵀ + bias), or times a factor.

    :param activation: one of `ACTIVATIONS`, or none where it is empty.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, activation: str = "") -> None:
        super().__init__()
        self.weight = _OPERATORS._reorder_linear_weight(weight.detach())
        self.bias = None if bias is None else bias.detach()
        self._activation = _NAMES[activation]

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        """Return float[..., out_features] for x float[..., in_features]; a factor is float[..., out_features]."""
        name, formula = self._activation
        if factor is None:
            return _OPERATORS._linear_pointwise(x, self.weight, self.bias, name, [], formula)  # type: ignore[no-any-return]
        return _OPERATORS._linear_pointwise.binary(x, factor, self.weight, self.bias, "mul")  # type: ignore[no-any-return]


class OneDNNFeedForward(nn.Module):
    """What a `FeedForward` computes, with nothing between its products."""

    def __init__(self, plain: FeedForward) -> None:
        super().__init__()
        parts = 2 if plain.gated else 1
        weights = plain.up.weight.chunk(parts)
        biases = (None,) * parts if plain.up.bias is None else plain.up.bias.chunk(parts)
        self.activated = OneDNNLinear(weights[0], biases[0], plain.activation)
        self.factor = OneDNNLinear(weights[1], biases[1]) if plain.gated else None
        self.down = OneDNNLinear(plain.down.weight, plain.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return float[..., d_model] for x float[..., d_model]."""
        # The product with the gate's factor is part of the second layer's kernel.
        hidden = self.activated(x)
        return self.down(hidden if self.factor is None else self.factor(x, hidden))  # type: ignore[no-any-return]


def available(dtype: torch.dtype, device: torch.device) -> bool:
    """Tell whether oneDNN computes in a dtype here."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if torch.cpu.get_capabilities().get("architecture") != "x86_64":
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and _OPERATORS._is_mkldnn_bf16_supported())


def use_onednn(model: Stack) -> None:
    """Put these layers in the place of a model's own, for inference; nothing changes where oneDNN does not compute."""
    if not available(model.dtype, model.device):
        return
    if isinstance(model, Decoder):
        model.untie()
    # The list holds parents alone: a layer that is replaced is held by nothing, so that its weights are freed at once.
    for parent in [module for module in model.modules() if not isinstance(module, FeedForward | nn.Linear)]:
        for name, layer in list(parent.named_children()):
            if isinstance(layer, FeedForward):
                setattr(parent, name, OneDNNFeedForward(layer))
            elif isinstance(layer, nn.Linear):
                setattr(parent, name, OneDNNLinear(layer.weight, layer.bias))
