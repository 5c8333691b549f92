"""Trains a small language model from scratch: texts -> one stream of tokens -> weights in Llama's format."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import nn

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.models import file_sha256
from ragqa.train import folder, texts
from ragqa.train.loop import LMReport, Progress, TrainingData, TrainingRun, train
from ragqa.train.objectives import NextTokenPrediction, Objective
from ragqa.train.settings import LMSettings
from ragqa.train.vocabulary import tokenizer_file
from ragqa.transformer import Decoder, TransformerConfig

__all__ = ["LMReport", "Progress", "new_model", "read_data", "train_lm", "train_objective"]

INIT_STD = 0.02
"""The standard deviation of the initial weights."""


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

    def run() -> TrainingRun:
        return TrainingRun(new_model(data.vocab_size, settings), objective, settings)

    return train(data, out, settings, run, progress=progress, stop=stop)


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
