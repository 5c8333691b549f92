"""Token vectors -> one vector a text."""

from __future__ import annotations

import torch


def mean_pool(hidden: torch.Tensor) -> torch.Tensor:
    """Average the token vectors of a text (Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084).

    The sum runs in float32, since bfloat16 keeps 8 bits of a sum over hundreds of tokens.

    :param hidden: `[length, dim]`, any float dtype; padding is not part of it.
    :returns: `[dim]`, float32; zeros for no tokens.
    """
    return hidden.sum(dim=0, dtype=torch.float32) / max(1, len(hidden))


def cls_pool(hidden: torch.Tensor) -> torch.Tensor:
    """Take a text's first token (Devlin et al. 2019).

    :returns: `[dim]`, float32; zeros for no tokens.
    """
    return hidden[:1].sum(dim=0, dtype=torch.float32)
