"""A block: attention, then feed-forward, each with a residual connection."""

from __future__ import annotations

from torch import Tensor, nn

from ragqa.transformer.attention import MultiHeadAttention, UpdateKV
from ragqa.transformer.config import TransformerConfig
from ragqa.transformer.feed_forward import FeedForward
from ragqa.transformer.masks import Mask
from ragqa.transformer.norms import NORMS
from ragqa.transformer.positions import Rotation


class TransformerBlock(nn.Module):
    """One layer of a transformer.

    Pre-norm is x + part(norm(x)); it trains without a warm-up (Xiong et al. 2020). Post-norm is norm(x + part(x)); the
    first transformer (Vaswani et al. 2017) and BERT use it.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self._pre_norm = config.pre_norm
        self.attention = MultiHeadAttention(
            config.d_model,
            config.num_heads,
            config.num_kv_heads,
            head_dim=config.head_dim,
            biases=(config.qkv_bias, config.bias),
            dropout=config.dropout,
        )
        self.feed_forward = FeedForward(
            config.d_model, config.d_ff, activation=config.activation, gated=config.gated, bias=config.bias
        )
        self.attention_norm = NORMS[config.norm](config.d_model, config.norm_eps)
        self.feed_forward_norm = NORMS[config.norm](config.d_model, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)

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
        """Return float[batch, length, d_model] and, if they are wanted, the attention weights."""
        # 1. Attention: information passes between positions.
        seen = self.attention_norm(x) if self._pre_norm else x
        mixed, weights = self.attention(
            seen, mask, rotation=rotation, bias=bias, update_kv=update_kv, need_weights=need_weights
        )
        x = x + self.dropout(mixed)
        # 2. Feed-forward: each position is computed separately. Post-norm also normalises both sums.
        if self._pre_norm:
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights
        x = self.attention_norm(x)
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights
