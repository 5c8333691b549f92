"""An index refuses other models than the one that built it: before the first search, with the differences."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from ragqa import Pipeline
from ragqa.errors import ModelError
from ragqa.stages.index import CANARIES, LEAST_COSINE
from tests.fakes import ECHO

FILE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 20, overlap: 4}
embed:    {kind: mean_pool, model: ./model, dtype: float32}
index:    {kind: faiss, path: index}
retrieve: {kind: dense, top_k: 1}
prompt:   {kind: in_context, template: qa}
generate: {kind: echo}
"""
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'()%+=-§"


def make_model(folder: Path, seed: int = 0) -> None:
    """Write a BERT of 32 dimensions with random weights that reads letter by letter."""
    torch.manual_seed(seed)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=256,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    edit(folder / "sentence_bert_config.json", max_seq_length=200)
    edit(folder / "config_sentence_transformers.json", prompts={"query": "", "document": ""})


def edit(file: Path, **values: object) -> None:
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(known | values), encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("identity")
    (place / "documents").mkdir()
    (place / "documents" / "a.txt").write_text("the ferry leaves at noon. the quay is long.", encoding="utf-8")
    (place / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    make_model(place / "model")
    pipeline(place).index()
    return place


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "place")
    return tmp_path / "place"


def pipeline(place: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(place / "pipeline.yaml", overrides, kinds=[ECHO])


def one_weight(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][10, 3] += 1e-3
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def another_model(model: Path) -> None:
    shutil.rmtree(model)
    make_model(model, seed=1)


def letters_swapped(model: Path) -> None:
    file = model / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    file.write_text(json.dumps(content), encoding="utf-8")


def capitals_kept(model: Path) -> None:
    edit(model / "tokenizer.json", normalizer=None)


CHANGES: dict[str, tuple[str, Callable[[Path], object] | str]] = {
    "one weight": ("weights", one_weight),
    "another model of the same dimensions": ("weights", another_model),
    "two letters of the vocabulary": ("tokenizer", letters_swapped),
    "capital letters": ("tokenizer", capitals_kept),
    "attention heads": ("config", lambda model: edit(model / "config.json", num_attention_heads=2)),
    "activation": ("config", lambda model: edit(model / "config.json", hidden_act="relu")),
    "window": ("window", lambda model: edit(model / "sentence_bert_config.json", max_seq_length=128)),
    "query prefix": (
        "query_prefix", lambda m: edit(m / "config_sentence_transformers.json", prompts={"query": "query: "})
    ),
    "passage prefix": (
        "passage_prefix", lambda m: edit(m / "config_sentence_transformers.json", prompts={"document": "passage: "})
    ),
    "pooling": ("pooling", "embed.kind=cls_pool embed.model={place}/model embed.dtype=float32"),
    "chunk size": ("splitter", "split.chunk_size=21"),
    "overlap": ("splitter", "split.overlap=5"),
    "unit": ("splitter", "split.unit=character"),
    "kind of splitter": ("splitter", "split.kind=sentence"),
}  # fmt: skip


ACTS: tuple[Callable[[Pipeline], object], ...] = (
    lambda pipe: pipe.search("ferry"),
    lambda pipe: pipe.ask("ferry"),
    lambda pipe: pipe.index(),
    lambda pipe: pipe.plan(),
)


@pytest.mark.parametrize("change", CHANGES)
def test_another_model_or_setting_is_refused_before_the_first_search_naming_what_differs(
    place: Path, change: str
) -> None:
    field, how = CHANGES[change]
    overrides = how.format(place=place).split() if isinstance(how, str) else []
    if not isinstance(how, str):
        how(place / "model")
    for act in ACTS:
        with pytest.raises(ModelError, match=rf"was built with {field} .*, this pipeline has .*--rebuild") as refused:
            act(pipeline(place, *overrides))
        assert refused.value.exit_code == 8
    pipeline(place, *overrides).index(rebuild=True)
    assert pipeline(place, *overrides).search("ferry")


def test_what_does_not_change_vectors_is_not_refused(place: Path) -> None:
    edit(place / "model" / "config.json", transformers_version="0.0", dtype="bfloat16")
    assert pipeline(place, "embed.batch_tokens=64", "retrieve.top_k=2").search("ferry")


def test_an_index_built_in_bfloat16_serves_in_float32_and_the_other_way_round(place: Path) -> None:
    pipeline(place, "embed.dtype=bfloat16").index(rebuild=True)
    for dtype in ("float32", "bfloat16"):
        assert pipeline(place, f"embed.dtype={dtype}").search("ferry")[0].source == "a.txt"


@pytest.mark.parametrize(("noise", "refused"), [(1e-4, False), (0.05, True)])
def test_a_drift_that_no_hash_can_see_is_found_by_the_canaries(place: Path, noise: float, refused: bool) -> None:
    def drifting(texts: list[str]) -> NDArray[np.float32]:
        vectors = usual(texts)
        vectors += noise * np.random.default_rng(0).standard_normal(vectors.shape).astype(np.float32)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    (place / "documents" / "b.txt").write_text("a new buoy.", encoding="utf-8")
    for act in (ACTS[0], ACTS[2]):
        drifted = pipeline(place)
        usual = drifted.components.embedder.embed_passages
        drifted.components.embedder.embed_passages = drifting  # type: ignore[method-assign, assignment]
        if refused:
            with pytest.raises(ModelError, match=rf"canaries: text \d of 8 now has cosine 0\.\d+ .*{LEAST_COSINE}"):
                act(drifted)
        else:
            act(drifted)


def test_canaries_are_eight_texts_of_several_kinds() -> None:
    assert len(set(CANARIES)) == 8
    assert any(not text.isascii() for text in CANARIES)
