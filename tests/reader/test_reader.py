"""A reader scores each token of a passage as the first and the last of an answer, against no answer in the passage."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ragqa.errors import ModelError, UsageError
from ragqa.reader.extractive import ExtractiveReader
from ragqa.reader.inputs import OVERLAP, windows
from ragqa.reader.network import ReaderNetwork, new_network
from ragqa.records import TokenScores
from ragqa.train.reader import ReaderExample, train_reader
from ragqa.train.settings import ReaderSettings
from ragqa.transformer import load_encoder
from ragqa.transformer.low_rank import LowRankLinear, adapter_weights, add_adapters, merge_adapters
from tests.fakes import document, passage
from tests.tiny import save_tiny_bert

NAMES = ("ilse", "bram", "otto", "finn", "anna", "ruth")
EXAMPLES = [
    ReaderExample("who?", f"{place}\n{before} =={name}. Sea.", len(place) + 1, ((at, at + len(name)),), True)
    for place in ("Brae", "Skerry")
    for before in ("Ferry", "Tern of the quay")
    for name in NAMES
    for at in [len(place) + 1 + len(before) + 3]
] + [ReaderExample("who?", f"Brae\n{text}", 5, (), True) for text in ("Nobody.", "The quay is long.") * 6]
TINY = ReaderSettings(epochs=2, batch=6, rank=4, learning_rate=2e-2, save_every=4, held_out=0)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny", window=96)


@pytest.fixture(scope="module")
def tokenizer(encoder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(encoder / "tokenizer.json"))


@pytest.fixture(scope="module")
def trained(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reader") / "out"
    settings = replace(TINY, epochs=30, save_every=1000)
    run = train_reader(EXAMPLES, EXAMPLES[:8], str(encoder), out, settings)
    assert run.training_loss is not None and run.training_loss < 0.4 * run.losses[0]
    assert run.validations[-1][1] < 0.5 * run.losses[0]
    return out


# Adapters


def test_a_new_adapter_changes_nothing_and_alone_is_trained(encoder: Path) -> None:
    tokens = torch.arange(20)[None]
    model = load_encoder(encoder)
    before = model(tokens)
    add_adapters(model, 3)
    assert torch.equal(model(tokens), before)
    learned = {name.rsplit(".", 1)[1] for name, p in model.named_parameters() if p.requires_grad}
    assert learned == {"down", "up"}


def test_adapters_added_to_the_weights_compute_the_same(encoder: Path) -> None:
    model, plain = load_encoder(encoder), load_encoder(encoder)
    add_adapters(model, 3)
    for layer in model.modules():
        if isinstance(layer, LowRankLinear):
            torch.nn.init.normal_(layer.up, std=0.1)
    merge_adapters(plain, adapter_weights(model))
    tokens = torch.arange(30)[None]
    torch.testing.assert_close(plain(tokens), model(tokens), rtol=1e-4, atol=1e-4)


def test_adapters_of_another_size_are_refused(encoder: Path, tmp_path: Path) -> None:
    model, other = load_encoder(encoder), load_encoder(encoder)
    add_adapters(model, 3)
    weights = {
        name: tensor[:, :-1] if name.endswith("down") else tensor for name, tensor in adapter_weights(model).items()
    }
    with pytest.raises(ValueError, match=r"do not fit"):
        merge_adapters(other, weights)
    with pytest.raises(KeyError):
        merge_adapters(other, {})


# Windows


@given(passage=st.text("ab c.é😀", max_size=300), begin=st.integers(0, 40), most=st.integers(80, 120))
def test_windows_have_each_token_of_a_passage_at_its_place(
    tokenizer: Tokenizer, passage: str, begin: int, most: int
) -> None:
    cut = list(windows(tokenizer, "Where is it?", passage, min(begin, len(passage)), most))
    wanted = [span for span in tokenizer.encode(passage, add_special_tokens=False).offsets if span[0] >= begin]
    seen = {span for window in cut for span in window.offsets}
    assert cut and seen == {span for span in wanted if span[0] >= min(begin, len(passage))}
    assert all(len(window.ids) <= most for window in cut)
    for one, other in pairwise(cut):
        assert one.offsets[-OVERLAP:] == other.offsets[:OVERLAP]


# Training


def _after(steps: int) -> Callable[[], bool]:
    """Return a function that tells a training to stop after so many steps."""
    return lambda left=[False] * steps: not left or left.pop()  # type: ignore[misc]


def test_a_training_goes_on_after_each_step_to_the_same_weights(encoder: Path, tmp_path: Path) -> None:
    whole = train_reader(EXAMPLES, EXAMPLES[:4], str(encoder), tmp_path / "whole", TINY)
    out, runs = tmp_path / "out", 0
    while not (run := train_reader(EXAMPLES, EXAMPLES[:4], str(encoder), out, TINY, stop=_after(3))).finished:
        runs += 1
    assert runs > 2 and (run.losses, run.validations) == (whole.losses, whole.validations)
    files = ("reader.safetensors", "reader.json")
    assert all((out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in files)


def test_other_examples_or_none_with_an_answer_are_refused(encoder: Path, tmp_path: Path) -> None:
    train_reader(EXAMPLES, [], str(encoder), tmp_path / "out", TINY, stop=lambda: True)
    with pytest.raises(UsageError, match=r"holds another training \(examples"):
        train_reader([*EXAMPLES[1:], EXAMPLES[0]], [], str(encoder), tmp_path / "out", TINY)
    with pytest.raises(UsageError, match=r"no example has an answer"):
        train_reader(EXAMPLES[-3:], [], str(encoder), tmp_path / "none", TINY)


# Reading


def test_a_trained_reader_finds_the_answer_and_sees_where_there_is_none(trained: Path) -> None:
    text = "Nobody.\nFerry ==otto. Sea."
    doc = document(text, "a.txt")
    hits = [replace(hit, chunk=replace(hit.chunk, context="Brae")) for hit in (passage(doc, 8, 26), passage(doc, 0, 7))]
    there, absent = ExtractiveReader(trained).read("who?", hits)
    low, high, score = there.best_span(8, len(text)) or (0, 0, 0.0)
    assert text[low:high] == "otto" and score > 0
    assert there.of_excerpt(8, len(text)) > 0 > absent.of_excerpt(0, 7)
    assert there.of_excerpt(100, 120) == -math.inf and there.best_span(100, 120) is None


def test_a_passage_is_read_alone_as_with_others_and_a_long_one_in_windows(trained: Path) -> None:
    text = "The quay is long. " * 12 + "Ferry ==otto."
    doc = document(text, "a.txt")
    hits = [passage(doc, 0, len(text)), passage(doc, 0, 30)]
    reader = ExtractiveReader(trained)
    together, alone = reader.read("who?", hits), [reader.read("who?", [hit])[0] for hit in hits]
    for one, other in zip(together, alone, strict=True):
        assert one.spans == other.spans
        assert one.starts == pytest.approx(other.starts, abs=1e-3)
    assert together[0].spans[-1] == (len(text) - 1, len(text))
    assert reader.read("who?", []) == []


def test_a_reader_of_another_encoder_or_none_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no reader"):
        ExtractiveReader(tmp_path)
    card = json.loads((trained / "reader.json").read_text())
    for name in ("reader.safetensors",):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "reader.json").write_text(json.dumps(card | {"encoder_sha256": "0" * 64}))
    with pytest.raises(ModelError, match=r"another encoder"):
        ExtractiveReader(tmp_path)
    (tmp_path / "reader.json").write_text(json.dumps(card))
    (tmp_path / "reader.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"no reader for the encoder"):
        ExtractiveReader(tmp_path).load()


def test_a_new_network_says_nothing_yet(encoder: Path) -> None:
    network: ReaderNetwork = new_network(encoder, 2).eval()
    (out,) = network([[1, 2, 3]])
    assert torch.equal(out, torch.zeros(3, 2))


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=40), st.data())
def test_the_best_span_begins_before_it_ends_within_the_bounds(
    odds: list[tuple[float, float]], data: st.DataObject
) -> None:
    spans = tuple((3 * n, 3 * n + 2) for n in range(len(odds)))
    scores = TokenScores("d", spans, tuple(a for a, _ in odds), tuple(b for _, b in odds))
    start = data.draw(st.integers(0, 3 * len(odds)))
    end = data.draw(st.integers(start, 3 * len(odds)))
    inside = [n for n, (low, high) in enumerate(spans) if start <= low and high <= end]
    found = scores.best_span(start, end)
    assert (found is None) == (not inside)
    if found:
        assert start <= found[0] < found[1] <= end
        assert found[2] <= max(odds[n][0] for n in inside) + max(odds[n][1] for n in inside) + 1e-9
