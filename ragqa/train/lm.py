"""Trains a small language model from scratch: texts -> one stream of tokens -> weights in the form of Llama.

On the processor, in float32. A training is a folder: the same call goes on where it was killed, and ends with the
weights and losses of one that never was, bit by bit (on one machine, with one number of threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.models import file_sha256
from ragqa.train import folder, texts
from ragqa.train.settings import LMSettings
from ragqa.train.vocabulary import tokenizer_file
from ragqa.transformer import Decoder, TransformerConfig

WARM_UP = LAST_RATE = 0.1
"""The share of the steps in which the learning rate rises; the share of it that is left at the end."""
BETAS, WEIGHT_DECAY, CLIP, SPREAD = (0.9, 0.95), 0.1, 1.0, 0.02
"""Of AdamW; the norm that gradients are cut to; the standard deviation of the first weights."""
AVERAGED = 20
"""How many of the last steps the training loss is the mean of."""

Progress = Callable[[int, float], None]
"""Called after each step with the steps done and the loss of the last one's batch, in nats per token."""


@dataclass(frozen=True, slots=True)
class LMReport:
    """What became of a training. Losses are in nats per token.

    :param losses: of each step's batch, before the step.
    :param validations: (steps done, loss on what is held out) at each checkpoint.
    :param tokens, held_out_tokens: to learn from; that the validation loss is the mean of.
    :param bits_per_byte: of all that is held out, the ends of its texts included: comparable between tokenizers.
    :param tokens_per_second: of training alone, over all runs.
    """

    finished: bool
    losses: tuple[float, ...]
    validations: tuple[tuple[int, float], ...]
    bits_per_byte: float | None
    parameters: int
    tokens: int
    held_out_tokens: int
    tokens_per_second: float

    @property
    def training_loss(self) -> float | None:
        """Return the mean loss of the last `AVERAGED` steps; None before the first."""
        last = self.losses[-AVERAGED:]
        return sum(last) / len(last) if last else None

    @property
    def best(self) -> tuple[int, float] | None:
        """Return the checkpoint with the least loss on what is held out, where any is."""
        return min(self.validations, key=lambda validation: validation[1], default=None)


def train_lm(
    read: Sequence[str],
    tokenizer: AnyPath,
    out: AnyPath,
    settings: LMSettings,
    *,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> LMReport:
    """Train a model into a folder, or go on with the one that is there.

    :param read: the texts, in any order that stays the same.
    :param tokenizer: a folder with a `tokenizer.json` and an end of text, or any other name that `tokenizer_file` takes.
    :param out: a new or empty folder, or one that the same call was killed in; then holds what `generate` of kind
        causal_lm reads.
    :param stop: asked before each step; if True, a checkpoint is written and the report is not `finished`.
    :raises UsageError: too few tokens; `out` holds something else, or a training that differs; no tokenizer in a file.
    :raises RefusedError: a file in `out` is a link.
    :raises ResourceError: there is no room in `out`.
    :raises ModelError: there is no such tokenizer, or it has no end of text.
    :raises LockedError: another training writes `out`.
    """
    out = arguments.path(out, "out")
    folder.check(out)
    file = tokenizer_file(tokenizer)
    words = texts.tokenizer_with_end(file)
    kept, held = texts.split(read, settings.held_out, settings.seed)
    stream, held_out = texts.stream(kept, words), texts.stream(held, words)
    if len(stream) <= settings.context:
        raise UsageError(f"context is {settings.context:,}; it must be below the tokens to learn from, {len(stream):,}")
    identity = _identity(read, file, words.eos_token_id, settings)
    with folder.held(out), torch.random.fork_rng(devices=[]):
        run = _Run(len(words), settings)
        if (state := folder.load(out, identity)) is not None:
            run.restore(state)
        if run.step < settings.steps:
            folder.check_exports(out)
        while run.step < settings.steps and not stop():
            run.learn(stream)
            progress(run.step, run.losses[-1])
            if run.step % settings.save_every == 0 or run.step == settings.steps:
                if held:
                    run.validations.append((run.step, run.loss(held_out)))
                folder.save(out, identity, run.state())
        if run.step < settings.steps:
            folder.save(out, identity, run.state())
        else:
            folder.export(run.model, file.parent, words.eos_token_id, out)
    return run.report(len(stream), len(held_out) - 1, sum(len(text.encode()) for text in held))


class _Run:
    """All that a training is made of at one step: what a checkpoint holds."""

    def __init__(self, vocab_size: int, settings: LMSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.model = Decoder(_config(vocab_size, settings)).train()
        _initialise(self.model)
        parameters = list(self.model.parameters())
        matrices = {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY}
        norms = {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}
        self.optimiser = torch.optim.AdamW([matrices, norms], betas=BETAS)
        self.losses: list[float] = []
        self.validations: list[tuple[int, float]] = []
        self.seconds = 0.0

    @property
    def step(self) -> int:
        """Return how many steps are done."""
        return len(self.losses)

    def learn(self, stream: Tensor) -> None:
        """Do one step, on windows drawn from int64[tokens]."""
        started = time.perf_counter()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(self.step, self.settings.steps)
        starts = torch.randint(len(stream) - self.settings.context, (self.settings.batch, 1))
        loss = _loss(self.model, stream[starts + torch.arange(self.settings.context + 1)])
        if not math.isfinite(loss.item()):
            raise UsageError(f"the loss is {loss.item()} at step {self.step + 1}: give a lower learning_rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimiser.step()
        self.losses.append(loss.item())
        self.seconds += time.perf_counter() - started

    @torch.inference_mode()
    def loss(self, stream: Tensor) -> float:
        """Return the mean loss of all tokens of int64[tokens] but the first, read in windows one after another."""
        self.model.eval()
        size, tokens = self.settings.context, len(stream) - 1
        windows = [stream[None, first : first + size + 1] for first in range(0, tokens, size)]
        total = sum(_loss(self.model, window).item() * (window.shape[1] - 1) for window in windows)
        self.model.train()
        return total / tokens

    def state(self) -> dict[str, Any]:
        """Return all of it, for `restore`."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "losses": self.losses,
            "validations": self.validations,
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what gave this state."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.losses, self.validations, self.seconds = state["losses"], state["validations"], state["seconds"]

    def report(self, tokens: int, held_out_tokens: int, held_out_bytes: int) -> LMReport:
        """Return what became of it, with the sizes of what was read."""
        bits = None
        if self.validations:
            bits = self.validations[-1][1] * held_out_tokens / math.log(2) / held_out_bytes
        read = self.step * self.settings.batch * self.settings.context
        return LMReport(
            finished=self.step == self.settings.steps,
            losses=tuple(self.losses),
            validations=tuple(self.validations),
            bits_per_byte=bits,
            parameters=sum(p.numel() for p in self.model.parameters()),
            tokens=tokens,
            held_out_tokens=held_out_tokens,
            tokens_per_second=read / self.seconds if self.seconds else 0.0,
        )


def _identity(read: Sequence[str], tokenizer: Path, eos: int, settings: LMSettings) -> dict[str, Any]:
    """Return what the weights depend on; the tokenizer is its file."""
    return {**asdict(settings), "eos": eos, "tokenizer": file_sha256(tokenizer), "texts": texts.digest(read)}


def _config(vocab_size: int, settings: LMSettings) -> TransformerConfig:
    """Return Llama's form: SwiGLU of 8/3 d_model, RMSNorm, rotary positions, no biases, tied embeddings."""
    return TransformerConfig(
        vocab_size=vocab_size,
        d_model=settings.d_model,
        num_layers=settings.num_layers,
        num_heads=settings.num_heads,
        d_ff=32 * math.ceil(settings.d_model / 12),
        max_length=settings.context,
        activation="silu",
        gated=True,
        norm="rms",
        qkv_bias=False,
        bias=False,
        dropout=settings.dropout,
    )


def _initialise(model: Decoder) -> None:
    """Draw small weights, smaller where blocks add to the sum of all blocks (Radford et al. 2019)."""
    added = SPREAD / math.sqrt(2 * model.config.num_layers)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=added if name.endswith(("out.weight", "down.weight")) else SPREAD)


def _rate(step: int, steps: int) -> float:
    """Return the share of the learning rate for a step: a rise to 1, then half a cosine down to `LAST_RATE`."""
    rise = max(1, int(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - 1 - rise)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2


def _loss(model: Decoder, windows: Tensor) -> Tensor:
    """Return the mean of -ln p of each token after those before it, in int64[batch, length]."""
    logits: Tensor = model(windows[:, :-1])
    return cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
