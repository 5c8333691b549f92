"""The same layers with oneDNN, which is part of torch for x86. Weights are stored once in the processor's layout, and
activations are computed within the matrix products. torch's own compiler uses these operators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ragqa.transformer.decoder import Decoder
from ragqa.transformer.feed_forward import FeedForward
from ragqa.transformer.stack import Stack

_OPERATORS: Any = torch.ops.mkldnn
_NAMES = {"": ("none", ""), "relu": ("relu", ""), "gelu": ("gelu", "none"), "silu": ("swish", "")}
"""The names of the activations in oneDNN, and the formulas that it uses."""

_LEAST_STEP = 16
"""The least step between numbers of rows. Fewer rows are not padded, since each token that is written is one."""

_ROWS_AT_ONCE = 1_024


class OneDNNLinear(nn.Module):
    """A linear layer for inference with an activation or a factor: activation(x weightᵀ + bias), or (x weightᵀ + bias)
    * factor.

    :param activation: one of `ACTIVATIONS`, or empty for none.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, activation: str = "") -> None:
        super().__init__()
        self.weight = _OPERATORS._reorder_linear_weight(weight.detach())
        self.bias = None if bias is None else bias.detach()
        self._activation = _NAMES[activation]

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        """Return float[..., out_features] for x float[..., in_features]; a factor is float[..., out_features]."""
        name, formula = self._activation
        rows, shape = _padded(x), x.shape[:-1]
        if factor is None:
            out = _OPERATORS._linear_pointwise(rows, self.weight, self.bias, name, [], formula)
        else:
            out = _OPERATORS._linear_pointwise.binary(rows, _padded(factor), self.weight, self.bias, "mul")
        return out[: shape.numel()].view(*shape, -1)  # type: ignore[no-any-return]


def _padded(x: Tensor) -> Tensor:
    """Return the rows of x, float[n, width], with rows of zeros behind them; their number is one of eight in each octave.

    oneDNN makes a program of half a megabyte for each number of rows, and keeps it. No row depends on the others.
    """
    rows = x.flatten(0, -2)
    step = max(_LEAST_STEP, 1 << max(0, len(rows).bit_length() - 4))
    return rows if len(rows) <= step else pad(rows, (0, 0, 0, -len(rows) % step))


class OneDNNFeedForward(nn.Module):
    """The computation of a `FeedForward`, with activation and gate within the matrix products."""

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
        # The kernel of the second layer multiplies by the gate.
        hidden = self.activated(x)
        return self.down(hidden if self.factor is None else self.factor(x, hidden))  # type: ignore[no-any-return]


def available(dtype: torch.dtype, device: torch.device) -> bool:
    """Tell whether oneDNN supports a dtype on a device."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if torch.cpu.get_capabilities().get("architecture") != "x86_64":
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and _OPERATORS._is_mkldnn_bf16_supported())


def use_onednn(model: Stack) -> None:
    """Replace a model's layers by these layers, for inference; change nothing if oneDNN is not available."""
    if not available(model.dtype, model.device):
        return
    if isinstance(model, Decoder):
        model.untie()
    # The list contains only parent modules. So there is no reference to a replaced layer, and its memory is freed at
    # once.
    for parent in [module for module in model.modules() if not isinstance(module, FeedForward | nn.Linear)]:
        for name, layer in list(parent.named_children()):
            if isinstance(layer, FeedForward):
                setattr(parent, name, OneDNNFeedForward(layer))
            elif isinstance(layer, nn.Linear):
                setattr(parent, name, OneDNNLinear(layer.weight, layer.bias))
    if isinstance(model, Decoder):
        _narrow(model.tokens)


def _narrow(table: nn.Embedding) -> None:
    """Keep the rows of tokens in bfloat16, where that has the same values: the checkpoint had them so."""
    parts = torch.split(table.weight, _ROWS_AT_ONCE)
    if all(torch.equal(part.to(torch.bfloat16).to(part.dtype), part) for part in parts):
        table.weight = nn.Parameter(table.weight.to(torch.bfloat16), requires_grad=False)
