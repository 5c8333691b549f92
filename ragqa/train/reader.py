"""Trains a reader: an encoder learns by low-rank adapters where in a passage the answer to a question begins and ends.

A passage that does not answer counts too: there, the network learns to choose the place of "no answer here".
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from ragqa import arguments, models
from ragqa.arguments import AnyPath
from ragqa.embed.tokens import ModelTokens
from ragqa.errors import UsageError
from ragqa.reader.inputs import Window, windows
from ragqa.reader.network import CARD, WEIGHTS, longest_window, new_network, trained_weights
from ragqa.train import folder
from ragqa.train.loop import Progress, TrainingRun, train
from ragqa.train.objectives import Loss
from ragqa.train.settings import ReaderSettings
from ragqa.transformer import load_encoder


@dataclass(frozen=True, slots=True)
class ReaderExample:
    """A question and a passage, with the places in it that answer; none where it does not.

    :param passage: the text, after titles that name its document.
    :param begin: the offset in `passage` where the titles end.
    :param spans: the answers, as offsets in `passage`.
    :param exact: the spans are whole answers. Else they are sentences with the answer in them, and any token of them may
        be its beginning or its end.
    """

    question: str
    passage: str
    begin: int
    spans: tuple[tuple[int, int], ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A window with the right places: 0 is "no answer here", n the n-th token of the passage."""

    window: Window
    starts: tuple[int, ...]
    ends: tuple[int, ...]


ReaderWindows = tuple[Sequence[_Labelled], Sequence[_Labelled]]
"""The windows to learn from, and those that are only measured."""


class ReadingTask:
    """The `Task` of a reader: windows of passages, with a softmax over the places of each.

    The loss of a window is the mean of -ln p(begin is right) and -ln p(end is right); where several places are right,
    their probabilities are added (Clark and Gardner 2018).
    """

    exported = (CARD, WEIGHTS)

    def __init__(
        self, encoder: Path, windows: ReaderWindows, settings: ReaderSettings, card: Mapping[str, Any]
    ) -> None:
        self.model = new_network(encoder, settings.rank)
        self._learned, self._held = windows
        self._settings, self._card = settings, card
        self.identity = {"examples": card["examples_sha256"], "encoder": card["encoder_sha256"]}

    def loss(self, step: int) -> Loss:
        """Return the loss of the batch of a step. Each window is read once in an epoch, in an order of its own."""
        size, per_epoch = self._settings.batch, math.ceil(len(self._learned) / self._settings.batch)
        epoch, number = divmod(step, per_epoch)
        order = torch.randperm(len(self._learned), generator=torch.Generator().manual_seed(self._settings.seed + epoch))
        return self._loss([self._learned[n] for n in order[number * size : (number + 1) * size].tolist()])

    def validate(self) -> float | None:
        """Return the mean loss of the held-out windows; None where there are none."""
        size = self._settings.batch
        groups = [self._held[low : low + size] for low in range(0, len(self._held), size)]
        losses = [self._loss(group).value.item() * len(group) for group in groups]
        return sum(losses) / len(self._held) if losses else None

    def export(self, out: Path) -> None:
        """Write the adapters, and a card that says what they were made of."""
        save_file(trained_weights(self.model), out / WEIGHTS)
        (out / CARD).write_text(json.dumps(self._card, indent=2) + "\n", encoding="utf-8")

    def _loss(self, batch: Sequence[_Labelled]) -> Loss:
        logits = self.model([each.window.ids for each in batch])
        return Loss(torch.stack([_loss(each, out) for each, out in zip(batch, logits, strict=True)]).mean())


def _loss(labelled: _Labelled, logits: Tensor) -> Tensor:
    """Return the loss of one window for float32[length, 2]; the places are its first token and those of the passage."""
    window = labelled.window
    places = torch.cat([logits[:1], logits[window.first : window.first + len(window.offsets)]]).log_softmax(dim=0)
    start, end = (
        torch.logsumexp(places[list(right), n], 0) for n, right in enumerate((labelled.starts, labelled.ends))
    )
    return -(start + end) / 2


def train_reader(
    examples: Sequence[ReaderExample],
    held_out: Sequence[ReaderExample],
    encoder: str,
    out: AnyPath,
    settings: ReaderSettings,
    *,
    revision: str | None = None,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingRun:
    """Train a reader into a folder, or continue the training in this folder.

    :param held_out: examples whose loss is measured at each checkpoint.
    :param encoder: the built-in name, folder or hub id of the encoder.
    :param out: a new or empty folder, or that of an interrupted call with the same arguments. At the end it contains
        `reader.safetensors` and `reader.json`, for `prompt.reader` of kind extractive.
    :param stop: called before each step. If it returns True, a checkpoint is written and the run is not `finished`.
    :raises UsageError: there are no examples, or `out` contains other files or another training.
    :raises ModelError: the encoder is missing, or is none that the room `transformer` knows.
    :raises RefusedError, ResourceError, LockedError: `out` cannot be written.
    """
    out = arguments.path(out, "out")
    folder.check(out, ReadingTask.exported)
    if not any(example.spans for example in examples):
        raise UsageError("no example has an answer in its passage: a reader learns from some hundreds of them or more")
    home = models.resolve(encoder, revision)
    tokenizer = ModelTokens(home, encoder).tokenizer
    most = longest_window(load_encoder(home))
    learned = [each for example in examples for each in labelled(tokenizer, example, most)]
    held = [each for example in held_out for each in labelled(tokenizer, example, most)]
    if not settings.steps:
        settings = replace(settings, steps=math.ceil(settings.epochs * len(learned) / settings.batch))
    card = {
        "encoder": encoder,
        "revision": revision,
        "encoder_sha256": models.weights_sha256(home),
        "examples": len(examples),
        "examples_with_answer": sum(bool(example.spans) for example in examples),
        "examples_sha256": _digest([*examples, *held_out]),
        "windows": len(learned),
        "settings": asdict(settings),
    }
    return train(
        out, settings, lambda: ReadingTask(home, (learned, held), settings, card), progress=progress, stop=stop
    )


def labelled(tokenizer: Tokenizer, example: ReaderExample, most: int) -> Iterator[_Labelled]:
    """Yield the windows of an example with the right places; the first token where no answer is in a window.

    :param most: the most tokens of a window.
    """
    for window in windows(tokenizer, example.question, example.passage, example.begin, most):
        starts: list[int] = []
        ends: list[int] = []
        for low, high in example.spans:
            inside = [n for n, (start, end) in enumerate(window.offsets, 1) if start < high and end > low]
            whole = inside and window.offsets[inside[-1] - 1][1] >= high and window.offsets[inside[0] - 1][0] <= low
            if example.exact and whole:
                starts.append(inside[0])
                ends.append(inside[-1])
            elif not example.exact:
                starts += inside
                ends += inside
        yield _Labelled(window, tuple(starts) or (0,), tuple(ends) or (0,))


def _digest(examples: Sequence[ReaderExample]) -> str:
    whole = hashlib.sha256()
    for example in examples:
        whole.update(json.dumps(astuple(example)).encode())
    return whole.hexdigest()
