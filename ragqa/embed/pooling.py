"""Token vectors -> one vector a text."""

from __future__ import annotations

import torch


def mean_pool(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Average the token vectors that the mask keeps (Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084).

    The sum runs in float32, since bfloat16 keeps 8 bits of a sum over hundreds of tokens. A row that the mask leaves
    empty gives zeros.

    :param hidden: `[batch, length, dim]`, any float dtype.
    :param attention_mask: `[batch, length]`, 1 for tokens and 0 for padding.
    :returns: `[batch, dim]`, float32.
    """
    mask = attention_mask.unsqueeze(-1).to(torch.float32)
    return (hidden.to(torch.float32) * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)


def cls_pool(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Take each text's first token (Devlin et al. 2019), which right padding leaves in front.

    :returns: `[batch, dim]`, float32; zeros for a row that the mask leaves empty.
    """
    kept = attention_mask.any(dim=1, keepdim=True)
    return hidden[:, 0].to(torch.float32) * kept
