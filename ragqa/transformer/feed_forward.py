"""The feed-forward network, applied to each position separately: two linear layers with an activation between them
(Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu, "silu": silu}


class FeedForward(nn.Module):
    """down(activation(up(x))), or down(activation(gate(x)) * up(x)) with a gate.

    With `activation="silu"` the gated form is SwiGLU (Shazeer 2020). Gate and up are one matrix, gate first.

    :param d_ff: inner width.
    :raises ValueError: the activation is unknown.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        *,
        activation: str = "gelu",
        gated: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}; it must be one of {', '.join(ACTIVATIONS)}")
        self.activation, self.gated = activation, gated
        self.up = nn.Linear(d_model, 2 * d_ff if gated else d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return float[..., d_model] for x float[..., d_model]."""
        activate = ACTIVATIONS[self.activation]
        if not self.gated:
            return self.down(activate(self.up(x)))  # type: ignore[no-any-return]
        # The gate scales each inner unit.
        gate, up = self.up(x).chunk(2, dim=-1)
        return self.down(activate(gate) * up)  # type: ignore[no-any-return]
