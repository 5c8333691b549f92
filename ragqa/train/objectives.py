"""What a model is trained for: an objective turns a batch of tokens into the loss that training minimises.

The loop (`loop.py`) knows the Protocol alone. `NextTokenPrediction` is the objective that comes with the package.
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

    :param value: float32[], in nats per token, the mean over the tokens that are predicted; gradients flow from it.
    :param metrics: other figures of the batch, by name, for the report.
    """

    value: Tensor
    metrics: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """What a training minimises. It is called in one thread.

    `identity` is plain data that the weights depend on besides settings and texts, by names that start with
    `objective`: a checkpoint of another identity is refused. It is empty for next-token prediction.
    """

    @property
    def identity(self) -> Mapping[str, str | int | float]: ...

    def loss(self, model: Decoder, windows: Tensor) -> Loss:
        """Return the loss of int64[batch, length]: pieces of text, each a token longer than what the model reads."""
        ...


class NextTokenPrediction:
    """The mean of -ln p of each token after those before it."""

    identity: Mapping[str, str | int | float] = {}

    def loss(self, model: Decoder, windows: Tensor) -> Loss:
        """Return the cross-entropy of every token but the first of each window."""
        logits: Tensor = model(windows[:, :-1])
        return Loss(cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()))
