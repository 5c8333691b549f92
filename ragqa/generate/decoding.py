"""The decoding loop. The model reads the prompts; then each answer takes its next tokens and the model reads these,
until all answers are finished.

An answer is an `AnswerState`: it gives the tokens to read next, and uses their logits. The loop is the same for one
answer, for a batch, and for spans. Only the `Rows` of the cache differ.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ragqa import stopping
from ragqa.generate.engines import Engine
from ragqa.generate.prefix import PrefixCache
from ragqa.stages.decoding import AnswerState, Reading
from ragqa.transformer import Decoder, Packed, StepwiseCausalMask
from ragqa.transformer.masks import Mask


class Rows(Protocol):
    """The cache of the decoding loop: the tokens that the model has read, one row for each answer."""

    def prefill(self) -> list[Tensor]:
        """Read the prompts; return for each the logits after its last token, float32[1, vocabulary]."""
        ...

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read the tokens that each answer asks for; return for each its logits, float32[tokens read, vocabulary]."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        ...


@torch.inference_mode()
def decode_one(
    engine: Engine, prefixes: PrefixCache, answer: AnswerState, seconds: float, *, exact: bool = False
) -> Iterator[None]:
    """Write one answer to its end; yield whenever the answer yields.

    :param seconds: the time for writing, from the end of reading the prompt.
    :param exact: the result for each token of a draft is equal, in every bit, to the result if it were read alone.
    """
    if answer.finish:
        return
    with prefixes.begun(answer.prompt_tokens, answer.shared_tokens, answer.room) as (cache, unread):
        yield from _decode(SingleRow(engine, cache, unread, answer, exact), [answer], seconds)


@torch.inference_mode()
def decode_batch(
    decoder: Decoder, prefixes: PrefixCache, answers: Sequence[AnswerState], seconds: float
) -> Iterator[None]:
    """Write several answers to their ends. Each answer must read one token at a time; they may end at different steps.

    In each step the weights are read once for one token of every answer. Reading the weights is most of a token's cost.

    :param seconds: the time for writing all of them, from the end of reading the prompts.
    """
    active = [answer for answer in answers if not answer.finish]
    if active:
        yield from _decode(BatchedRows(decoder, prefixes, active), active, seconds)


def _decode(rows: Rows, answers: Sequence[AnswerState], seconds: float) -> Iterator[None]:
    """Run the loop over answers that are not finished. Row n belongs to answer n."""
    active, deadline, is_read = list(answers), stopping.until(), False
    while active:
        # 1. Time: checked before each pass of the model, so that the result of a pass is always used.
        stopping.check()
        if time.monotonic() > deadline:
            for answer in active:
                answer.finish = "deadline"
            return
        # 2. Pass: first the prompts (prefill), then the tokens that each answer asks for.
        if not is_read:
            logits, is_read = rows.prefill(), True
            deadline = min(deadline, time.monotonic() + seconds)  # reading the prompts does not count
        else:
            logits = rows.read([answer.reading() for answer in active])
        # 3. Step: each answer chooses tokens by its logits, within its constraint.
        for answer, scores in zip(active, logits, strict=True):
            yield from answer.take(scores)
        # 4. Finish: remove the rows of finished answers from the batch.
        unfinished = [row for row, answer in enumerate(active) if not answer.finish]
        if 0 < len(unfinished) < len(active):
            rows.keep(unfinished)
        active = [active[row] for row in unfinished]


class SingleRow:
    """The cache of one answer, taken from a `PrefixCache`.

    :param unread: the tokens of the prompt that are not in the cache yet.
    :param exact: see `decode_one`.
    """

    def __init__(self, engine: Engine, cache: Any, unread: Sequence[int], answer: AnswerState, exact: bool) -> None:
        self._engine, self._cache, self._unread, self._exact = engine, cache, unread, exact
        self._length = len(answer.prompt_tokens)
        """The number of positions in the cache once the prompt is read."""

    def prefill(self) -> list[Tensor]:
        """Read the rest of the prompt."""
        tokens = torch.tensor([self._unread], device=self._engine.device)
        return [self._engine(tokens, self._cache, logits_to_keep=1)[0].float()]

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read one token, one token and its draft, or the branches of a tree."""
        (reading,) = readings
        device = self._engine.device
        # 1. Remove the tokens of a draft that were not chosen from the cache.
        if reading.start < self._length:
            self._cache.crop(reading.start)
        self._length = reading.start + len(reading.tokens)
        # 2. Make the mask: a token attends to all tokens before it; in a tree, to the prompt and its own branch up to
        #    itself.
        mask: Mask = None
        positions = None
        if reading.branches:
            mask, positions = (tensor.to(device) for tensor in _tree(reading))
        elif self._exact and len(reading.tokens) > 1:
            mask = StepwiseCausalMask()
        # 3. Read them all in one pass.
        tokens = torch.tensor([reading.tokens], device=device)
        return [self._engine(tokens, self._cache, mask=mask, positions=positions)[0].float()]

    def keep(self, rows: Sequence[int]) -> None:
        """Keep the only row."""


class BatchedRows:
    """One cache for several answers.

    All rows end at the same position: shorter prompts have unused positions before them.
    """

    def __init__(self, decoder: Decoder, prefixes: PrefixCache, answers: Sequence[AnswerState]) -> None:
        self._decoder, self._prefixes, self._answers = decoder, prefixes, answers
        lengths = [len(answer.prompt_tokens) for answer in answers]
        longest = max(lengths)
        self._starts = [longest - length for length in lengths]
        self._cache = decoder.new_cache(len(answers), capacity=longest + max(answer.room for answer in answers))
        self._cache.length = longest

    def prefill(self) -> list[Tensor]:
        """Read each prompt alone, without padding, and copy its keys and values into the row of its answer."""
        logits = []
        for row, answer in enumerate(self._answers):
            stopping.check()
            with self._prefixes.begun(answer.prompt_tokens, answer.shared_tokens) as (cache, unread):
                tokens = torch.tensor([unread], device=self._decoder.device)
                logits.append(self._decoder(tokens, cache, logits_to_keep=1)[0])
                self._cache.put(row, cache)
        return list(torch.stack(logits).float())

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read one token of each answer, at its own position. A token attends to its own row alone."""
        device = self._decoder.device
        tokens = torch.tensor([reading.tokens for reading in readings], device=device)
        positions = torch.tensor([[[reading.start]] for reading in readings], device=device)
        mask = StepwiseCausalMask(tuple(self._starts))
        return list(self._decoder(tokens, self._cache, mask=mask, positions=positions).float())

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        self._starts = [self._starts[row] for row in rows]
        self._cache.select(rows)


def _tree(reading: Reading) -> tuple[Tensor, Tensor]:
    """Return the attention mask of parallel branches, bool[tokens, start + tokens], and their positions, int64[tokens].

    Each token attends to all tokens read before, and to its own branch up to itself. Every branch begins at the same
    position.
    """
    own_branch = Packed(reading.branches, causal=True).dense()
    before = torch.ones(len(own_branch), reading.start, dtype=torch.bool)
    depths = torch.cat([torch.arange(length) for length in reading.branches])
    return torch.cat([before, own_branch], dim=1), reading.start + depths
