"""The training loop: a task's losses -> gradients -> weights, with checkpoints to continue from.

It runs on the CPU, in float32. A training is a folder. After an interruption, the same call continues the training. The
final weights and losses are the same, in every bit, as without the interruption (on one machine, with one number of
threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import nn

from ragqa.errors import UsageError
from ragqa.train import folder
from ragqa.train.objectives import Loss

WARM_UP = LAST_RATE = 0.1
"""The share of the steps in which the learning rate rises; the share of the learning rate at the end."""
BETAS, WEIGHT_DECAY, CLIP = (0.9, 0.95), 0.1, 1.0
"""The betas of AdamW; the weight decay of AdamW, for matrices only; the norm to which gradients are clipped."""
AVERAGED = 20
"""The number of last steps over which the training loss is averaged."""

Progress = Callable[[int, float], None]
"""A function that is called after each step, with the number of steps and the loss of the last batch."""


class Task(Protocol):
    """What a training learns: a model, and the losses of its batches. It is used in one thread.

    `model` is trained in place; parameters that need no gradient stay as they are. `identity` is plain data that the
    weights depend on besides the settings: data, tokenizer, objective. `exported` has the names of the files of the
    finished model.
    """

    @property
    def exported(self) -> tuple[str, ...]: ...

    @property
    def model(self) -> nn.Module: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def loss(self, step: int) -> Loss:
        """Return the loss of the batch of a step, from 0. Other draws are made by torch's global generator."""
        ...

    def validate(self) -> float | None:
        """Return the loss on the held-out data; None where there is none."""
        ...

    def export(self, out: Path) -> None:
        """Write the files of the finished model into an empty folder."""
        ...


class Schedule(Protocol):
    """How long a training learns, and how fast: fields of the settings of a task, which are a dataclass."""

    @property
    def steps(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def save_every(self) -> int: ...

    @property
    def seed(self) -> int: ...


def train(
    out: Path,
    settings: Schedule,
    begin: Callable[[], Task],
    *,
    progress: Progress = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingRun:
    """Train into a folder, or continue the training in this folder.

    :param settings: a dataclass, on all fields of which the weights depend.
    :param begin: makes the task with its initial weights. The seed of the settings is set before the call.
    :param stop: called before each step. If it returns True, a checkpoint is written and the run is not `finished`.
    :raises UsageError: `out` contains other files or another training.
    :raises RefusedError: a file in `out` is a link.
    :raises ResourceError: the disk of `out` is full.
    :raises LockedError: another training writes `out`.
    """
    with folder.held(out), torch.random.fork_rng(devices=[]):
        # 1. Begin: draw initial weights by the seed; a checkpoint replaces them and the state of the random generators.
        torch.manual_seed(settings.seed)
        training = TrainingRun(begin(), settings)
        folder.sweep_exports(out, training.task.exported)
        identity = {**asdict(cast("Any", settings)), **training.task.identity}
        if (state := folder.load(out, identity)) is not None:
            training.restore(state)
        if not training.finished:
            folder.check_exports(out, training.task.exported)
        # 2. Learn; validate and save at each checkpoint. The last step is a checkpoint too.
        while not training.finished and not stop():
            training.learn()
            progress(training.step, training.losses[-1])
            if training.step % settings.save_every == 0 or training.finished:
                training.validate()
                folder.save(out, identity, training.state())
        # 3. End with the model, or with a checkpoint to continue from.
        if training.finished:
            folder.export(training.task.export, training.task.exported, out)
        else:
            folder.save(out, identity, training.state())
    return training


class TrainingRun:
    """A task and its optimiser at one step: the content of a checkpoint."""

    def __init__(self, task: Task, settings: Schedule) -> None:
        self.task, self.settings = task, settings
        self._model = task.model.train()
        self._learned = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        parameters = list(self._learned.values())
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

    @property
    def training_loss(self) -> float | None:
        """Return the mean loss of the last `AVERAGED` steps; None before the first step."""
        last = self.losses[-AVERAGED:]
        return sum(last) / len(last) if last else None

    def learn(self) -> None:
        """Do one step, on a batch of the task.

        :raises UsageError: the loss is not finite.
        """
        started = time.perf_counter()
        # 1. Compute the loss of a batch.
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(self.step, self.settings.steps)
        loss = self.task.loss(self.step)
        value = loss.value.item()
        if not math.isfinite(value):
            raise UsageError(f"the loss is {value} at step {self.step + 1}: give a lower learning_rate")
        # 2. Update the weights by the gradient, which is clipped to a norm.
        self.optimiser.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learned.values(), CLIP)
        self.optimiser.step()
        self.losses.append(value)
        self.metrics = loss.metrics
        self.seconds += time.perf_counter() - started

    @torch.inference_mode()
    def validate(self) -> None:
        """Record the loss on the held-out data, where there are any."""
        self._model.eval()
        loss = self.task.validate()
        self._model.train()
        if loss is not None:
            self.validations.append((self.step, loss))

    def state(self) -> dict[str, Any]:
        """Return the whole state, for `restore`. Weights that are not trained are no part of it."""
        return {
            "model": {name: p.detach() for name, p in self._learned.items()},
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "losses": self.losses,
            "validations": self.validations,
            "seconds": self.seconds,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the whole state that `state` returned."""
        for name, p in self._learned.items():
            p.copy_(state["model"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.losses, self.validations, self.seconds = state["losses"], state["validations"], state["seconds"]


def _rate(step: int, steps: int) -> float:
    """Return the factor of the learning rate for a step: a linear rise to 1, then half a cosine down to `LAST_RATE`."""
    rise = max(1, int(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - 1 - rise)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
