"""Names of models: cards, folders, and GGUF files made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers.pre_tokenizers import ByteLevel

from ragqa import models
from ragqa.errors import ModelError, RefusedError, UsageError

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

CONFIG = {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 512}
WEIGHTS = bytes(range(256)) * 400


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    return tmp_path / "cache"


def ragqa(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ragqa", *arguments], capture_output=True, text=True, check=False)


def make_folder(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    return folder


def write_gguf(path: Path, architecture: str = "llama") -> Path:
    """Write a llama of one layer, 32 wide, with a byte-level vocabulary and random weights."""
    rng, width = np.random.default_rng(0), 32
    tokens = ["<|endoftext|>", *ByteLevel.alphabet(), "th"]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(96)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(0)
    shapes = {"token_embd": (len(tokens), width), "output_norm": (width,), "output": (len(tokens), width)}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        shapes[f"blk.0.{name}"] = (width, width)
    shapes |= {"blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("smolm2", "smollm2-135m-instruct"),
        ("all-MiniLM-L6-v2", "all-minilm-l6-v2"),
        ("qwen", "qwen2.5-coder-1.5b-instruct"),
    ],
)
def test_an_unknown_name_gets_the_nearest_built_in_name(cache: Path, name: str, near: str) -> None:
    for function in (models.card, models.resolve, models.gguf_path, models.pull):
        with pytest.raises(ModelError, match=f"unknown model '{name}': did you mean {near}"):
            function(name)


@pytest.mark.parametrize("name", ["xyzzy", "/no/such/folder", "./a/b", "weights.gguf", "a/b/c", ""])
def test_a_name_like_no_other_gets_all_the_ways_to_name_a_model(cache: Path, name: str) -> None:
    with pytest.raises(ModelError, match=r"built-in: all-minilm-l6-v2, .* hub id owner/name"):
        models.resolve(name)


def test_a_missing_model_names_its_size_and_the_command_with_exit_code_8(cache: Path) -> None:
    result = ragqa("models", "path", "all-mpnet-base-v2")
    assert result.returncode == 8
    assert result.stdout == ""
    assert result.stderr == (
        "ragqa: error: model all-mpnet-base-v2 is not here (438 MB): run `ragqa models pull all-mpnet-base-v2`\n"
    )


def test_a_hub_id_is_looked_up_only_in_the_local_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "a" * 40
    repository = tmp_path / "hub" / "models--owner--small"
    snapshot = repository / "snapshots" / commit
    make_folder(snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="ascii")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert models.resolve("owner/small") == models.resolve("owner/small", commit) == snapshot
    assert not models.card("owner/small", "b" * 40).installed
    with pytest.raises(ModelError, match="run `ragqa models pull owner/other`"):
        models.resolve("owner/other")


def test_a_revision_of_a_built_in_model_is_a_mistake(cache: Path) -> None:
    for function in (models.resolve, models.pull):
        with pytest.raises(UsageError, match="only hub ids have revisions"):
            function("all-minilm-l6-v2", "abc")


def test_a_folder_of_pickle_weights_is_refused(cache: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    for function in (models.card, models.resolve):
        with pytest.raises(RefusedError, match=r"only pickle weights \(pytorch_model\.bin\).*save the model"):
            function(str(folder))
    assert ragqa("models", "path", str(folder)).returncode == 9
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="only these formats"):
        models.resolve(str(folder))


def test_a_card_tells_the_window_and_the_kind_of_a_folder(cache: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    assert models.card(str(folder)) == models.Card(str(folder), "embedder", 512, True, len(WEIGHTS), "")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}', encoding="utf-8")
    assert models.card(str(folder)).window == 128
    causal = make_folder(tmp_path / "causal", architectures=["LlamaForCausalLM"], max_position_embeddings=2048)
    assert (models.card(str(causal)).kind, models.card(str(causal)).window) == ("generator", 2048)
    roberta = make_folder(tmp_path / "roberta", model_type="xlm-roberta", max_position_embeddings=514)
    assert models.card(str(roberta)).window == 512
    gpt2 = make_folder(tmp_path / "gpt2", architectures=["GPT2LMHeadModel"], max_position_embeddings=None)
    assert models.card(str(gpt2)).window is None
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json cannot be read as JSON"):
        models.card(str(folder))


def test_cards_load_no_library_of_models(cache: Path, tmp_path: Path) -> None:
    gguf_file, folder = write_gguf(tmp_path / "small.gguf"), make_folder(tmp_path / "model")
    script = (
        "import sys\nfrom ragqa import models\n"
        "for name in [*models.BUILTIN, *sys.argv[1:]]:\n    models.card(name)\n"
        "print([m for m in ('torch', 'transformers', 'faiss', 'gguf', 'sentence_transformers') if m in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(gguf_file), str(folder)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_a_gguf_file_is_dequantised_once_and_loads_in_transformers(cache: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (tmp_path / "own").mkdir()
    path = write_gguf(tmp_path / "own" / "small.gguf")
    half = cache / "partial" / models.file_sha256(path)
    half.mkdir(parents=True)
    (half / "model-00001-of-00002.safetensors").write_bytes(b"left by a killed conversion")
    lines: list[str] = []
    folder = models.resolve(str(path), progress=lines.append)
    assert lines == [f"{path}: dequantising small.gguf to safetensors, once: about a minute for each GB"]
    assert models.card(str(path)) == models.Card(str(path), "generator", 96, True, path.stat().st_size, "")
    assert [weights.name for weights in folder.glob("*.safetensors")] == ["model.safetensors"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(folder)("the", return_tensors="pt")["input_ids"]
    assert model(ids).logits.shape == (1, 2, 258)
    assert models.resolve(str(path.parent), progress=lines.append) == folder
    assert len(lines) == 1, "the second time, nothing is dequantised"
    assert models.gguf_path(str(path)) == models.gguf_path(str(path.parent)) == path
    (folder / "model.safetensors").write_bytes(b"cut")
    assert models.resolve(str(path), progress=lines.append) == folder
    assert len(lines) == 2


def test_an_interrupted_dequantisation_shows_no_model(cache: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "small.gguf")

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.resolve(str(path), progress=interrupt)
    assert not list((cache / "dequantised").glob("*"))
    assert (models.resolve(str(path)) / "model.safetensors").exists()


def test_files_that_are_no_usable_gguf_are_told_apart(cache: Path, tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "small.gguf").read_bytes()
    (tmp_path / "text.gguf").write_text("hello", encoding="utf-8")
    (tmp_path / "cut.gguf").write_bytes(whole[:40])
    unknown = write_gguf(tmp_path / "other.gguf", architecture="nosuch")
    for function in (models.card, models.resolve):
        with pytest.raises(ModelError, match="is not a GGUF file"):
            function(str(tmp_path / "text.gguf"))
        with pytest.raises(ModelError, match="is damaged"):
            function(str(tmp_path / "cut.gguf"))
    with pytest.raises(ModelError, match="transformers cannot read"):
        models.resolve(str(unknown))
    with pytest.raises(ModelError, match=r"has 4 \.gguf files: .*must be 1"):
        models.gguf_path(str(tmp_path))
    with pytest.raises(ModelError, match="all-minilm-l6-v2 has no GGUF file"):
        models.gguf_path("all-minilm-l6-v2")


def test_the_list_is_json_with_sizes_windows_and_licences(cache: Path) -> None:
    result = ragqa("models", "list", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert rows["qwen2.5-coder-1.5b-instruct"] == {
        "name": "qwen2.5-coder-1.5b-instruct",
        "kind": "generator",
        "window": 32768,
        "installed": False,
        "size": 1_117_320_768,
        "license": "Apache-2.0",
    }
    assert set(rows) == set(models.BUILTIN)


@offline
def test_the_default_models_load_in_sentence_transformers_and_transformers() -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModelForCausalLM, AutoTokenizer

    encoder, generator = (
        json.loads(ragqa("models", "path", name, "--json").stdout)["path"] for name in models.DEFAULTS
    )
    vectors = SentenceTransformer(encoder, device="cpu").encode(["A ferry.", "A boat.", "Tax law."])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    model: Any = AutoModelForCausalLM.from_pretrained(generator)
    tokenizer = AutoTokenizer.from_pretrained(generator)
    assert tokenizer.chat_template
    ids = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    assert "Paris" in tokenizer.decode(model.generate(ids, max_new_tokens=5, do_sample=False)[0])


@offline
def test_the_original_gguf_of_the_default_generator_is_kept() -> None:
    path = models.gguf_path("smollm2-135m-instruct")
    assert path.stat().st_size == models.BUILTIN["smollm2-135m-instruct"].size
    assert models.card(str(path)).window == models.card("smollm2-135m-instruct").window == 8192
