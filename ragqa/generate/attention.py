"""The share of an answer's attention to each passage of its prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ragqa.transformer import Decoder

TokenRange = tuple[int, int]


@torch.inference_mode()
def attention_shares(
    model: Decoder, prompt: Sequence[int], answer: Sequence[int], groups: Sequence[TokenRange]
) -> tuple[float, ...]:
    """Return the share of attention to each group of prompt tokens, a mean over layers, heads and answer tokens.

    A token's attention is that of the position that predicts it, which is the one before it. Attention weights are
    computed for these positions alone. The rest of the prompt is read by fused attention, which returns no weights.

    :param prompt, answer: token ids, at least one each.
    :param groups: spans of token numbers of the prompt.
    :returns: a share in [0, 1] for each group. The remainder up to 1 is the attention to the rest of the prompt and to
        the answer itself.
    """
    # 1. Read the prompt without its last token by fused attention, which returns no weights.
    cache = model.new_cache(capacity=len(prompt) + len(answer))
    if len(prompt) > 1:
        model(torch.tensor([prompt[:-1]], device=model.device), cache, logits_to_keep=1)
    # 2. Read the positions that predict the answer's tokens, and keep their attention weights.
    weights: list[torch.Tensor] = []
    model(torch.tensor([[prompt[-1], *answer[:-1]]], device=model.device), cache, logits_to_keep=1, weights=weights)
    # 3. Average the weights over layers, heads and positions, and sum them over each group.
    received = torch.stack([layer[0].float().mean(dim=(0, 1)) for layer in weights]).mean(dim=0)
    return tuple(float(received[start:end].sum()) for start, end in groups)


def token_span(offsets: Sequence[TokenRange], start: int, end: int) -> TokenRange:
    """Return the range of the tokens that contain the characters from `start` to `end`.

    :param offsets: the characters of each token, as (start, end).
    """
    inside = [number for number, (low, high) in enumerate(offsets) if low < end and high > start]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)
