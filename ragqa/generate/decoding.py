"""The decoding loop: read the prompts, let each answer take its next tokens, read those, until all are finished.

An answer is an `AnswerState`: it says what is to be read next, and uses the logits of that. The loop is the same for
one answer, for a batch, and for spans; what differs is the `Rows` of the cache that are read.
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
    """What the model has read for each answer, one row of a cache for each."""

    def prefill(self) -> list[Tensor]:
        """Read the prompts; return for each the logits after its last token, float32[1, vocabulary]."""
        ...

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read what each answer asks for; return for each float32[tokens read, vocabulary]."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        ...


@torch.inference_mode()
def decode_one(
    engine: Engine, prefixes: PrefixCache, answer: AnswerState, deadline: float, *, exact: bool = False
) -> Iterator[None]:
    """Write one answer to its end; yield as the answer does.

    :param deadline: as `time.monotonic` counts.
    :param exact: read each token of a draft as if it were read alone, to the last bit.
    """
    if answer.finish:
        return
    with prefixes.begun(answer.prompt_tokens, answer.shared_tokens, answer.room) as (cache, unread):
        yield from _decode(SingleRow(engine, cache, unread, answer, exact), [answer], deadline)


@torch.inference_mode()
def decode_batch(
    decoder: Decoder, prefixes: PrefixCache, answers: Sequence[AnswerState], deadline: float
) -> Iterator[None]:
    """Write answers to their ends, which they reach one after another; each must read one token at a time.

    The weights are read once for a token of each answer, which is most of what a token costs.

    :param deadline: as `time.monotonic` counts.
    """
    active = [answer for answer in answers if not answer.finish]
    if active:
        yield from _decode(BatchedRows(decoder, prefixes, active), active, deadline)


def _decode(rows: Rows, answers: Sequence[AnswerState], deadline: float) -> Iterator[None]:
    """Run the loop over answers that are not finished; row n is that of answer n."""
    active, prefilled = list(answers), False
    while active:
        # 1. Time: looked at before each pass of the model, so that what a pass gives is always used.
        stopping.check()
        if time.monotonic() > deadline:
            for answer in active:
                answer.finish = "deadline"
            return
        # 2. Pass: the prompts first (prefill), then what each answer asks for.
        logits = rows.read([answer.reading() for answer in active]) if prefilled else rows.prefill()
        prefilled = True
        # 3. Step: each answer chooses by its logits, within its constraint.
        for answer, scores in zip(active, logits, strict=True):
            yield from answer.take(scores)
        # 4. Finish: the rows of finished answers leave the batch.
        unfinished = [row for row, answer in enumerate(active) if not answer.finish]
        if 0 < len(unfinished) < len(active):
            rows.keep(unfinished)
        active = [active[row] for row in unfinished]


class SingleRow:
    """The cache of one answer, lent by a `PrefixCache`.

    :param unread: the tokens of the prompt that the cache does not hold yet.
    :param exact: see `decode_one`.
    """

    def __init__(self, engine: Engine, cache: Any, unread: Sequence[int], answer: AnswerState, exact: bool) -> None:
        self._engine, self._cache, self._unread, self._exact = engine, cache, unread, exact
        self._length = len(answer.prompt_tokens)
        """How many positions the cache holds once the prompt is read."""

    def prefill(self) -> list[Tensor]:
        """Read the rest of the prompt."""
        tokens = torch.tensor([self._unread], device=self._engine.device)
        return [self._engine(tokens, self._cache, logits_to_keep=1)[0].float()]

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read one token, a token and its draft, or the branches of a tree."""
        (reading,) = readings
        device = self._engine.device
        # 1. Forget the tokens of a draft that were not chosen.
        if reading.start < self._length:
            self._cache.crop(reading.start)
        self._length = reading.start + len(reading.tokens)
        # 2. Decide what each token sees: all before it, or what was read before and its own branch up to itself.
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
        """Keep the one row."""


class BatchedRows:
    """One cache for several answers, whose rows end together: shorter prompts have unused positions before them."""

    def __init__(self, decoder: Decoder, prefixes: PrefixCache, answers: Sequence[AnswerState]) -> None:
        self._decoder, self._prefixes, self._answers = decoder, prefixes, answers
        lengths = [len(answer.prompt_tokens) for answer in answers]
        longest = max(lengths)
        self._starts = [longest - length for length in lengths]
        self._cache = decoder.new_cache(len(answers), capacity=longest + max(answer.room for answer in answers))
        self._cache.length = longest

    def prefill(self) -> list[Tensor]:
        """Read each prompt alone, without padding, and copy what was read into the row of its answer."""
        logits = []
        for row, answer in enumerate(self._answers):
            with self._prefixes.begun(answer.prompt_tokens, answer.shared_tokens) as (cache, unread):
                tokens = torch.tensor([unread], device=self._decoder.device)
                logits.append(self._decoder(tokens, cache, logits_to_keep=1)[0])
                self._cache.put(row, cache)
        return list(torch.stack(logits).float())

    def read(self, readings: Sequence[Reading]) -> list[Tensor]:
        """Read one token of each answer, at its own position, seeing its own row alone."""
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
    """Return what each token of side-by-side branches sees, bool[tokens, start + tokens], and its position, int64[tokens].

    Each sees all that was read before, and its own branch up to itself; every branch begins at the same position.
    """
    own_branch = Packed(reading.branches, causal=True).dense()
    before = torch.ones(len(own_branch), reading.start, dtype=torch.bool)
    depths = torch.cat([torch.arange(length) for length in reading.branches])
    return torch.cat([before, own_branch], dim=1), reading.start + depths
