"""Trains a small language model from scratch: texts -> one stream of tokens -> weights in Llama's format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.models import file_sha256
from ragqa.train import folder, texts
from ragqa.train.loop import Progress, TrainingRun, train
from ragqa.train.objectives import Loss, NextTokenPrediction, Objective
from ragqa.train.settings import LMSettings
from ragqa.train.vocabulary import tokenizer_file
from ragqa.transformer import Decoder, TransformerConfig

__all__ = ["LMReport", "Progress", "TrainingData", "new_model", "read_data", "train_lm", "train_objective"]

INIT_STD = 0.02
"""The standard deviation of the initial weights."""


@dataclass(frozen=True, slots=True)
class LMReport:
    """The result of a training. Losses are in nats per token.

    :param losses: the loss of each step's batch, before the step.
    :param validations: (number of steps, loss on the held-out text) at each checkpoint.
    :param tokens, held_out_tokens: the number of training tokens; the number of tokens in the validation loss.
    :param bits_per_byte: bits per byte of the whole held-out text, with the ends of its texts. It can be compared
        between tokenizers.
    :param tokens_per_second: the speed of the training steps only, over all runs.
    :param metrics: other figures of the objective for the last batch of this run.
    """

    finished: bool
    losses: tuple[float, ...]
    training_loss: float | None
    validations: tuple[tuple[int, float], ...]
    bits_per_byte: float | None
    parameters: int
    tokens: int
    held_out_tokens: int
    tokens_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> tuple[int, float] | None:
        """Return the checkpoint with the lowest loss on the held-out text; None if there is none."""
        return min(self.validations, key=lambda validation: validation[1], default=None)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The data of a training and of its validation.

    :param stream, held_out: int64[tokens]; the loss on `held_out` is measured if it has more than one token.
    :param held_out_bytes: the size of the held-out texts in UTF-8 bytes.
    :param tokenizer: the path of the `tokenizer.json`.
    :param vocab_size: the number of tokens of the tokenizer.
    :param identity: plain data that the weights depend on besides the settings: the texts and the tokenizer. `eos` is
        the token between texts.
    """

    stream: Tensor
    held_out: Tensor
    held_out_bytes: int
    tokenizer: Path
    vocab_size: int
    identity: Mapping[str, Any]


class LanguageModelling:
    """The `Task` of a causal language model: windows of one stream of tokens, by any objective."""

    exported = folder.EXPORTED

    def __init__(self, data: TrainingData, settings: LMSettings, objective: Objective) -> None:
        self.model = new_model(data.vocab_size, settings)
        self._data, self._settings, self._objective = data, settings, objective
        self.identity = {**data.identity, **objective.identity}

    def loss(self, step: int) -> Loss:
        """Return the loss of windows drawn from the stream, each one token longer than the context."""
        stream, size = self._data.stream, self._settings.context
        starts = torch.randint(len(stream) - size, (self._settings.batch, 1))
        return self._objective.loss(self.model, stream[starts + torch.arange(size + 1)])

    def validate(self) -> float | None:
        """Return the mean loss of all held-out tokens except the first, read in consecutive windows."""
        stream, size, tokens = self._data.held_out, self._settings.context, len(self._data.held_out) - 1
        if tokens < 1:
            return None
        windows = [stream[None, first : first + size + 1] for first in range(0, tokens, size)]
        losses = [self._objective.loss(self.model, each).value.item() * (each.shape[1] - 1) for each in windows]
        return sum(losses) / tokens

    def export(self, out: Path) -> None:
        """Write the model and its tokenizer in the format of transformers."""
        folder.write_lm(self.model, self._data.tokenizer.parent, self._data.identity["eos"], out)


def train_lm(
    read: Sequence[str],
    tokenizer: AnyPath,
    out: AnyPath,
    settings: LMSettings,
    *,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> LMReport:
    """Train a model for next-token prediction into a folder, or continue the training in this folder.

    :param read: the texts, in any order; each call must give the same order.
    :param tokenizer: a folder with a `tokenizer.json` and an end of text, or any other name that `tokenizer_file`
        takes.
    :param out: a new or empty folder, or that of an interrupted call with the same arguments. At the end it contains a
        model for `generate` of kind causal_lm.
    :param stop: called before each step. If it returns True, a checkpoint is written and the report is not `finished`.
    :raises UsageError: there are too few tokens, `out` contains other files or another training, or a file has no
        tokenizer.
    :raises RefusedError: a file in `out` is a link.
    :raises ResourceError: the disk of `out` is full.
    :raises ModelError: there is no such tokenizer, or it has no end of text.
    :raises LockedError: another training writes `out`.
    """
    folder.check(arguments.path(out, "out"))
    data = read_data(read, tokenizer, settings)
    return train_objective(data, out, settings, NextTokenPrediction(), progress=progress, stop=stop)


def train_objective(
    data: TrainingData,
    out: AnyPath,
    settings: LMSettings,
    objective: Objective,
    *,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> LMReport:
    """Train a new model for any objective.

    Parameters and errors are those of `train_lm`; `data` are those of `read_data`.
    """
    out = arguments.path(out, "out")
    folder.check(out)
    run = train(out, settings, lambda: LanguageModelling(data, settings, objective), progress=progress, stop=stop)
    return _report(run, data, settings)


def _report(run: TrainingRun, data: TrainingData, settings: LMSettings) -> LMReport:
    """Return the figures of a training so far."""
    bits, held_out_tokens = None, len(data.held_out) - 1
    if run.validations:
        bits = run.validations[-1][1] * held_out_tokens / math.log(2) / data.held_out_bytes
    read = run.step * settings.batch * settings.context
    return LMReport(
        finished=run.finished,
        losses=tuple(run.losses),
        training_loss=run.training_loss,
        validations=tuple(run.validations),
        bits_per_byte=bits,
        parameters=sum(p.numel() for p in run.task.model.parameters()),
        tokens=len(data.stream),
        held_out_tokens=held_out_tokens,
        tokens_per_second=read / run.seconds if run.seconds else 0.0,
        metrics=run.metrics,
    )


def read_data(read: Sequence[str], tokenizer: AnyPath, settings: LMSettings) -> TrainingData:
    """Return the training tokens and the held-out tokens of texts.

    :raises UsageError: there are too few tokens, or the file has no tokenizer.
    :raises ModelError: there is no such tokenizer, or it has no end of text.
    """
    file = tokenizer_file(tokenizer)
    words = texts.tokenizer_with_end(file)
    learned, held = texts.split(read, settings.held_out, settings.seed)
    stream, held_out = texts.stream(learned, words), texts.stream(held, words)
    if len(stream) <= settings.context:
        raise UsageError(f"context is {settings.context:,}; it must be below the tokens to learn from, {len(stream):,}")
    identity = {"eos": words.eos_token_id, "tokenizer": file_sha256(file), "texts": texts.digest(read)}
    n_bytes = sum(len(text.encode()) for text in held)
    return TrainingData(stream, held_out, n_bytes, file, len(words), identity)


def new_model(vocab_size: int, settings: LMSettings) -> Decoder:
    """Return a decoder in Llama's form with initial weights, drawn by torch's global generator.

    It has SwiGLU of width 8/3 d_model, RMSNorm, rotary positions, no biases, and tied embeddings.
    """
    model = Decoder(
        TransformerConfig(
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
    )
    _initialise(model)
    return model


def _initialise(model: Decoder) -> None:
    """Draw small weights; those of the projections before a residual sum are smaller (Radford et al. 2019)."""
    added = INIT_STD / math.sqrt(2 * model.config.num_layers)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=added if name.endswith(("out.weight", "down.weight")) else INIT_STD)
