"""Several answers written at once: the weights are read once for a token of each, which is most of what a token costs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from ragqa.generate.prefix import PrefixCache
from ragqa.generate.writing import Writing
from ragqa.transformer import Decoder, OneByOne


@torch.inference_mode()
def write_together(
    model: Decoder, prefixes: PrefixCache, writings: Sequence[Writing], shared: Sequence[int], deadline: float
) -> None:
    """Write answers to their ends, which they reach one after another.

    Each prompt is read alone, without padding; the answers then stand under one another at the end of one cache.

    :param shared: how many tokens each prompt has in common with others. :param deadline: as `time.monotonic` counts.
    """
    rows, longest = list(writings), max(len(writing.tokens) for writing in writings)
    cache = model.new_cache(batch=len(rows), capacity=longest + max(writing.left for writing in rows))
    cache.length = longest
    starts = [longest - len(writing.tokens) for writing in rows]
    read = []
    for row, writing in enumerate(rows):
        with prefixes.begun(writing.tokens, shared[row]) as (alone, step):
            read.append(model(torch.tensor([step], device=model.device), alone, keep=1)[0])
            cache.put(row, alone)
    logits = torch.stack(read)
    while True:
        late = time.monotonic() > deadline
        for writing, scores in zip(rows, logits[:, -1].float(), strict=True):
            if late:
                writing.finish = "deadline"
            else:
                writing.take(scores)
        going = [row for row, writing in enumerate(rows) if not writing.finish]
        if not going:
            return
        if len(going) < len(rows):
            rows, starts = [rows[row] for row in going], [starts[row] for row in going]
            cache.select(going)
        tokens = torch.tensor([writing.tokens[-1:] for writing in rows], device=model.device)
        positions = torch.tensor([[[cache.length - start]] for start in starts], device=model.device)
        logits = model(tokens, cache, mask=OneByOne(tuple(starts)), positions=positions)
