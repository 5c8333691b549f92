"""The log-likelihoods of texts after other texts, by a causal LM: in batches, with few logits in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ragqa.generate.engines import Engine

TokenPair = tuple[list[int], list[int]]
"""The token ids of a text and of the text after it; neither is empty."""

BATCH_TOKENS = 8192
"""The most tokens in one batch, padding included."""
BATCH_LOGITS = 1024
"""The most positions of one batch with computed logits: 200 MB of float32 for a vocabulary of 49,152."""


@torch.inference_mode()
def token_log_likelihoods(model: Engine, rows: Sequence[TokenPair]) -> list[list[float]]:
    """Return for each row log p(token | all tokens before it) of each token of its second text.

    Log-probabilities are natural, and normalised in float32 for every dtype of the model. The order is that of `rows`.
    """
    likelihoods: list[list[float]] = [[] for _ in rows]
    for batch in batches(rows):
        for row, logprobs in zip(batch, _forward(model, [rows[row] for row in batch]), strict=True):
            likelihoods[row] = logprobs
    return likelihoods


def batches(rows: Sequence[TokenPair]) -> Iterator[list[int]]:
    """Yield row numbers in batches within `BATCH_TOKENS` and `BATCH_LOGITS`, longest rows first.

    A row that exceeds one of them alone is a batch of its own.
    """
    batch: list[int] = []
    first = 0  # the length of the shortest first text in the batch, from which on logits are computed
    for row in sorted(range(len(rows)), key=lambda i: -_length(rows[i])):
        prefix = len(rows[row][0])
        longest = _length(rows[batch[0]]) if batch else 0
        size = len(batch) + 1
        if batch and (size * longest > BATCH_TOKENS or size * (longest - min(first, prefix)) > BATCH_LOGITS):
            yield batch
            batch = []
        first = min(first, prefix) if batch else prefix
        batch.append(row)
    if batch:
        yield batch


def _length(row: TokenPair) -> int:
    return len(row[0]) + len(row[1])


def _forward(model: Engine, rows: Sequence[TokenPair]) -> list[list[float]]:
    """Return the log-probabilities of each row of one batch.

    Rows are padded on the right. A token attends only to tokens before it, so that padding changes no result.
    """
    # 1. Pad the rows. The last token of each row is only predicted and not read.
    longest = max(map(_length, rows)) - 1
    first = min(len(prefix) for prefix, _ in rows) - 1
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    for number, (prefix, text) in enumerate(rows):
        read = [*prefix, *text[:-1]]
        tokens[number, : len(read)] = torch.tensor(read)
    # 2. Read them in one pass, with logits from the first position that predicts a token of a second text.
    logits = model(tokens.to(model.device), logits_to_keep=longest - first)
    # 3. From each row, take the log-probabilities of the tokens of its second text.
    likelihoods = []
    for row_logits, (prefix, text) in zip(logits, rows, strict=True):
        start = len(prefix) - 1 - first
        logprobs = torch.log_softmax(row_logits[start : start + len(text)].float(), dim=-1)
        chosen = torch.tensor(text, device=logprobs.device)[:, None]
        likelihoods.append(logprobs.gather(1, chosen)[:, 0].tolist())
    return likelihoods
