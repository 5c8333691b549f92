"""Objectives: an objective computes, from a batch of tokens, the loss that training minimises.

The loop (`loop.py`) uses the Protocol only. `NextTokenPrediction` is the objective that is part of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor
from torch.nn.functional import cross_entropy

from ragqa.transformer import Decoder


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a batch.

    :param value: float32[], the mean over the predicted tokens, in nats per token; gradients are computed from it.
    :param metrics: other figures of the batch, by name, for the report.
    """

    value: Tensor
    metrics: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """An objective that a training minimises. It is called in one thread.

    `identity` is plain data that the weights depend on besides settings and texts. Its keys start with `objective`. A
    checkpoint with another identity is refused. It is empty for next-token prediction.
    """

    @property
    def identity(self) -> Mapping[str, str | int | float]: ...

    def loss(self, model: Decoder, windows: Tensor) -> Loss:
        """Return the loss of int64[batch, length]: windows of text, each one token longer than the model's input."""
        ...


class NextTokenPrediction:
    """The mean of -ln p(token | tokens before it)."""

    identity: Mapping[str, str | int | float] = {}

    def loss(self, model: Decoder, windows: Tensor) -> Loss:
        """Return the mean cross-entropy of the tokens of each window, without the first."""
        logits: Tensor = model(windows[:, :-1])
        return Loss(cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()))
