"""Token vectors -> one vector for each text."""

from __future__ import annotations

import torch


def mean_pool(hidden: torch.Tensor) -> torch.Tensor:
    """Return the mean of the token vectors of a text (Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084).

    The sum is in float32, since bfloat16 has only 8 bits of precision for a sum over hundreds of tokens.

    :param hidden: `[length, dim]`, any float dtype, without padding.
    :returns: `[dim]`, float32; zeros for no tokens.
    """
    return hidden.sum(dim=0, dtype=torch.float32) / max(1, len(hidden))


def cls_pool(hidden: torch.Tensor) -> torch.Tensor:
    """Return the vector of a text's first token (Devlin et al. 2019).

    :returns: `[dim]`, float32; zeros for no tokens.
    """
    return hidden[:1].sum(dim=0, dtype=torch.float32)
