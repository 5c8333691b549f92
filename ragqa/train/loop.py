"""The training loop: batches -> an objective's loss -> gradients -> weights, with checkpoints to continue from.

It runs on the CPU, in float32. A training is a folder. After an interruption, the same call continues the training. The
final weights and losses are the same, in every bit, as without the interruption (on one machine, with one number of
threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ragqa.errors import UsageError
from ragqa.train import folder
from ragqa.train.objectives import Objective
from ragqa.train.settings import LMSettings
from ragqa.transformer import Decoder

WARM_UP = LAST_RATE = 0.1
"""The share of the steps in which the learning rate rises; the share of the learning rate at the end."""
BETAS, WEIGHT_DECAY, CLIP = (0.9, 0.95), 0.1, 1.0
"""The betas of AdamW; the weight decay of AdamW, for matrices only; the norm to which gradients are clipped."""
AVERAGED = 20
"""The number of last steps over which the training loss is averaged."""

Progress = Callable[[int, float], None]
"""A function that is called after each step, with the number of steps and the loss of the last batch in nats per
token."""


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
    validations: tuple[tuple[int, float], ...]
    bits_per_byte: float | None
    parameters: int
    tokens: int
    held_out_tokens: int
    tokens_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def training_loss(self) -> float | None:
        """Return the mean loss of the last `AVERAGED` steps; None before the first step."""
        last = self.losses[-AVERAGED:]
        return sum(last) / len(last) if last else None

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


def train(
    data: TrainingData,
    out: Path,
    settings: LMSettings,
    run: Callable[[], TrainingRun],
    *,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> LMReport:
    """Train into a folder, or continue the training in this folder.

    :param run: makes a new training. The seed of the settings is set before the call.
    :param stop: called before each step. If it returns True, a checkpoint is written and the report is not `finished`.
    :raises UsageError: `out` contains other files or another training.
    :raises RefusedError: a file in `out` is a link.
    :raises ResourceError: the disk of `out` is full.
    :raises LockedError: another training writes `out`.
    """
    with folder.held(out), torch.random.fork_rng(devices=[]):
        # 1. Begin: draw initial weights by the seed; a checkpoint replaces them and the state of the random generators.
        torch.manual_seed(settings.seed)
        training = run()
        identity = {**asdict(settings), **data.identity, **training.objective.identity}
        if (state := folder.load(out, identity)) is not None:
            training.restore(state)
        if not training.finished:
            folder.check_exports(out)
        # 2. Learn; validate and save at each checkpoint. The last step is a checkpoint too.
        while not training.finished and not stop():
            training.learn(data.stream)
            progress(training.step, training.losses[-1])
            if training.step % settings.save_every == 0 or training.finished:
                training.validate(data.held_out)
                folder.save(out, identity, training.state())
        # 3. End with the model, or with a checkpoint to continue from.
        if training.finished:
            folder.export(training.model, data.tokenizer.parent, data.identity["eos"], out)
        else:
            folder.save(out, identity, training.state())
    return training.report(data)


class TrainingRun:
    """A model, its objective and its optimiser at one step: the content of a checkpoint.

    :param model: the model with its initial weights; it is trained in place.
    """

    def __init__(self, model: Decoder, objective: Objective, settings: LMSettings) -> None:
        self.model, self.objective, self.settings = model.train(), objective, settings
        parameters = list(model.parameters())
        matrices = {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY}
        norms = {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}
        self.optimiser = torch.optim.AdamW([matrices, norms], betas=BETAS)
        self.losses: list[float] = []
        self.validations: list[tuple[int, float]] = []
        self.metrics: Mapping[str, float] = {}
        self.seconds = 0.0

    @property
    def step(self) -> int:
        """Return the number of finished steps."""
        return len(self.losses)

    @property
    def finished(self) -> bool:
        """Tell whether all steps are done."""
        return self.step >= self.settings.steps

    def learn(self, stream: Tensor) -> None:
        """Do one step, on windows drawn from int64[tokens].

        :raises UsageError: the loss is not finite.
        """
        started = time.perf_counter()
        # 1. Draw a batch of windows, each one token longer than the context.
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(self.step, self.settings.steps)
        starts = torch.randint(len(stream) - self.settings.context, (self.settings.batch, 1))
        # 2. Compute the loss.
        loss = self.objective.loss(self.model, stream[starts + torch.arange(self.settings.context + 1)])
        value = loss.value.item()
        if not math.isfinite(value):
            raise UsageError(f"the loss is {value} at step {self.step + 1}: give a lower learning_rate")
        # 3. Update the weights by the gradient, which is clipped to a norm.
        self.optimiser.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimiser.step()
        self.losses.append(value)
        self.metrics = loss.metrics
        self.seconds += time.perf_counter() - started

    @torch.inference_mode()
    def validate(self, stream: Tensor) -> None:
        """Record the mean loss of all tokens of int64[tokens] except the first, read in consecutive windows."""
        size, tokens = self.settings.context, len(stream) - 1
        if tokens < 1:
            return
        self.model.eval()
        windows = [stream[None, first : first + size + 1] for first in range(0, tokens, size)]
        total = sum(self.objective.loss(self.model, window).value.item() * (window.shape[1] - 1) for window in windows)
        self.model.train()
        self.validations.append((self.step, total / tokens))

    def state(self) -> dict[str, Any]:
        """Return the whole state, for `restore`."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "losses": self.losses,
            "validations": self.validations,
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the whole state that `state` returned."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.losses, self.validations, self.seconds = state["losses"], state["validations"], state["seconds"]

    def report(self, data: TrainingData) -> LMReport:
        """Return the figures of the training so far."""
        bits, held_out_tokens = None, len(data.held_out) - 1
        if self.validations:
            bits = self.validations[-1][1] * held_out_tokens / math.log(2) / data.held_out_bytes
        read = self.step * self.settings.batch * self.settings.context
        return LMReport(
            finished=self.step == self.settings.steps,
            losses=tuple(self.losses),
            validations=tuple(self.validations),
            bits_per_byte=bits,
            parameters=sum(p.numel() for p in self.model.parameters()),
            tokens=len(data.stream),
            held_out_tokens=held_out_tokens,
            tokens_per_second=read / self.seconds if self.seconds else 0.0,
            metrics=self.metrics,
        )


def _rate(step: int, steps: int) -> float:
    """Return the factor of the learning rate for a step: a linear rise to 1, then half a cosine down to `LAST_RATE`."""
    rise = max(1, int(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - 1 - rise)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
