"""A training minimises any objective: it goes on from its checkpoints, reports its figures, and is never mixed with another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from ragqa.errors import UsageError
from ragqa.train import save_tokenizer, train_tokenizer
from ragqa.train.lm import TrainingData, new_model, read_data, train_lm, train_objective
from ragqa.train.objectives import Loss, NextTokenPrediction
from ragqa.train.settings import LMSettings
from ragqa.transformer import Decoder, load_decoder

TEXTS = [
    f"The ferry {name} leaves Brae at noon, and Captain {name} is at the wheel." for name in ("Morwen", "Ilse")
] * 6
TINY = LMSettings(d_model=16, num_layers=1, num_heads=2, context=16, batch=2, steps=6, save_every=2, held_out=0.2)


class Distillation:
    """The student learns the teacher's distribution: KL(teacher || student), mean over positions (Hinton et al. 2015)."""

    def __init__(self, teacher: Decoder, name: str = "tiny") -> None:
        self._teacher = teacher.eval()
        self.identity: Mapping[str, str | int | float] = {"objective": "distillation", "objective_teacher": name}

    def loss(self, model: Decoder, windows: Tensor) -> Loss:
        with torch.no_grad():
            taught = log_softmax(self._teacher(windows[:, :-1]), dim=-1).flatten(0, 1)
        said = log_softmax(model(windows[:, :-1]), dim=-1).flatten(0, 1)
        agreement = float((said.argmax(-1) == taught.argmax(-1)).float().mean())
        return Loss(kl_div(said, taught, reduction="batchmean", log_target=True), {"agreement": agreement})


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "tokenizer"
    save_tokenizer(train_tokenizer(TEXTS, 300), folder)
    return folder


@pytest.fixture
def data(tokenizer: Path) -> TrainingData:
    return read_data(TEXTS, tokenizer, TINY)


@pytest.fixture
def teacher(data: TrainingData) -> Decoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        model = new_model(data.vocab_size, TINY)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.5)
        return model


def test_next_token_prediction_is_the_mean_cross_entropy_of_each_token_after_those_before(teacher: Decoder) -> None:
    windows = torch.arange(24).reshape(2, 12)
    loss = NextTokenPrediction().loss(teacher.eval(), windows)
    logprobs = torch.log_softmax(teacher(windows[:, :-1]).detach().double(), dim=-1)
    expected = [-float(logprobs[row, place, windows[row, place + 1]]) for row in range(2) for place in range(11)]
    assert loss.value.item() == pytest.approx(sum(expected) / 22, rel=1e-5)
    assert loss.metrics == {} and NextTokenPrediction().identity == {}


def test_an_objective_of_ones_own_is_learned_and_its_figures_are_reported(
    data: TrainingData, teacher: Decoder, tmp_path: Path
) -> None:
    settings = replace(TINY, steps=60, learning_rate=1e-2)
    report = train_objective(data, tmp_path / "out", settings, Distillation(teacher))
    assert report.finished and report.training_loss is not None
    assert report.training_loss < 0.8 * report.losses[0]
    assert 0 <= report.metrics["agreement"] <= 1
    assert report.validations[-1][1] < report.losses[0]
    assert load_decoder(tmp_path / "out").config == teacher.config


def test_a_training_for_an_objective_of_ones_own_goes_on_to_the_same_bits(
    data: TrainingData, teacher: Decoder, tmp_path: Path
) -> None:
    whole = train_objective(data, tmp_path / "whole", TINY, Distillation(teacher))
    steps: list[int] = []
    stopped = train_objective(
        data, tmp_path / "out", TINY, Distillation(teacher), progress=lambda step, _: steps.append(step),
        stop=lambda: len(steps) == 3,
    )  # fmt: skip
    assert not stopped.finished
    resumed = train_objective(data, tmp_path / "out", TINY, Distillation(teacher))
    assert (resumed.losses, resumed.validations) == (whole.losses, whole.validations)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()


def test_a_checkpoint_of_another_objective_is_refused_either_way(
    data: TrainingData, tokenizer: Path, teacher: Decoder, tmp_path: Path
) -> None:
    train_objective(data, tmp_path / "distilled", TINY, Distillation(teacher), stop=lambda: True)
    train_lm(TEXTS, tokenizer, tmp_path / "plain", TINY, stop=lambda: True)
    with pytest.raises(UsageError, match=r"objective distillation, now None"):
        train_lm(TEXTS, tokenizer, tmp_path / "distilled", TINY)
    with pytest.raises(UsageError, match=r"objective None, now distillation"):
        train_objective(data, tmp_path / "plain", TINY, Distillation(teacher))
    with pytest.raises(UsageError, match=r"objective_teacher tiny, now large"):
        train_objective(data, tmp_path / "distilled", TINY, Distillation(teacher, "large"))


def test_train_lm_is_training_for_next_token_prediction(data: TrainingData, tokenizer: Path, tmp_path: Path) -> None:
    one = train_lm(TEXTS, tokenizer, tmp_path / "one", TINY)
    other = train_objective(data, tmp_path / "other", TINY, NextTokenPrediction())
    assert (one.losses, one.validations) == (other.losses, other.validations)
