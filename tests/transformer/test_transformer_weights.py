"""Checkpoints of three families, small random ones and the default models: the same numbers as those of transformers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    MPNetConfig,
    MPNetForMaskedLM,
    MPNetModel,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from ragqa import models
from ragqa.errors import ModelError
from ragqa.transformer import (
    Decoder,
    Encoder,
    TransformerConfig,
    load_decoder,
    load_encoder,
    reads,
    save_decoder,
    use_onednn,
)
from tests import ROOT

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
FULL = os.environ.get("RAGQA_FULL_PARITY") == "1"
CORPUS = ROOT / "corpora" / "tarnwick"

VOCABULARY, WINDOW = 60, 40
BERT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
} | {
    "intermediate_size": 48,
    "max_position_embeddings": WINDOW,
}
LLAMA = BERT | {"num_key_value_heads": 2}
FORM = TransformerConfig(
    vocab_size=VOCABULARY,
    d_model=24,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    d_ff=32,
    max_length=WINDOW,
    activation="silu",
    gated=True,
    norm="rms",
    norm_eps=1e-3,
    rope_theta=500.0,
    qkv_bias=False,
    bias=False,
)


def mpnet(**changes: Any) -> MPNetModel:
    longer = {"max_position_embeddings": WINDOW + 2, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    return MPNetModel(MPNetConfig(**(BERT | longer | changes)))


def bert(**changes: Any) -> BertModel:
    return BertModel(BertConfig(**(BERT | changes)))


def llama(**changes: Any) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**(LLAMA | changes)))


def qwen2(**changes: Any) -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM(Qwen2Config(**(LLAMA | changes)))


def saved(model: Any, folder: Path, **options: Any) -> Any:
    """Fill a model with random weights, also its biases and norms, and save it."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.eval().save_pretrained(folder, **options)
    return model


def texts() -> list[list[int]]:
    """Return random ids of all lengths."""
    random = torch.Generator().manual_seed(1)
    return [torch.randint(0, VOCABULARY, (n,), generator=random).tolist() for n in range(1, WINDOW + 1)]


@torch.inference_mode()
def assert_same_hidden(ours: Encoder, theirs: Any, ids: list[list[int]]) -> None:
    """Compare hidden states of sequences packed together with those of transformers, one by one."""
    for one, found in zip(ids, ours.hidden(ids), strict=True):
        assert_close(found, theirs(torch.tensor([one])).last_hidden_state[0], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def assert_same_logits(ours: Decoder, theirs: Any, ids: list[list[int]], within: float = 1e-4) -> None:
    for one in ids:
        tokens = torch.tensor([one])
        assert_close(ours(tokens), theirs(tokens).logits, atol=within, rtol=within)


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def rewrite(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    weights = change(load_file(folder / "model.safetensors"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# Small random checkpoints


@pytest.mark.parametrize(
    "make",
    [
        bert,
        lambda: bert(layer_norm_eps=1e-3),
        lambda: BertForMaskedLM(BertConfig(**BERT)),
        mpnet,
        lambda: MPNetForMaskedLM(mpnet().config),
    ],
    ids=["bare", "large eps", "with a head", "mpnet", "mpnet with a head"],
)
def test_an_encoder_gives_the_hidden_states_of_transformers(
    make: Callable[[], PreTrainedModel], tmp_path: Path
) -> None:
    theirs = saved(make(), tmp_path)
    assert reads(tmp_path, "encoder") and not reads(tmp_path, "decoder")
    # MPNet in transformers counts no position for the token of padding, which no text has.
    ids = [[max(token, 2) for token in text] for text in texts()]
    assert_same_hidden(load_encoder(tmp_path), theirs.base_model, ids)


@pytest.mark.parametrize(
    "make",
    [
        llama,
        lambda: llama(tie_word_embeddings=True),
        lambda: llama(num_key_value_heads=4),
        lambda: llama(head_dim=10),
        lambda: llama(rms_norm_eps=1e-2, rope_parameters={"rope_type": "default", "rope_theta": 300.0}),
        qwen2,
        lambda: qwen2(tie_word_embeddings=True),
        lambda: qwen2(sliding_window=4, use_sliding_window=False),
    ],
    ids=["llama", "tied", "ungrouped", "wide heads", "eps and theta", "qwen2", "tied qwen2", "window not used"],
)
def test_a_decoder_gives_the_logits_of_transformers(make: Callable[[], PreTrainedModel], tmp_path: Path) -> None:
    theirs = saved(make(), tmp_path)
    assert reads(tmp_path, "decoder") and not reads(tmp_path, "encoder")
    assert_same_logits(load_decoder(tmp_path), theirs, texts())


def test_weights_in_several_files_are_read_alike(tmp_path: Path) -> None:
    for make in (bert, llama, qwen2):
        folder = tmp_path / make.__name__
        theirs = saved(make(), folder, max_shard_size="10KB")
        assert len(list(folder.glob("model-*.safetensors"))) > 2
        if make is bert:
            assert_same_hidden(load_encoder(folder), theirs, texts()[::8])
        else:
            assert_same_logits(load_decoder(folder), theirs, texts()[::8])


def test_a_checkpoint_converted_from_tensorflow_is_read_alike(tmp_path: Path) -> None:
    theirs = saved(bert(), tmp_path)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def renamed(name: str) -> str:
        return next((name.replace(now, then) for now, then in old.items() if name.endswith(now)), name)

    change_weights(tmp_path, lambda weights: {renamed(name): tensor for name, tensor in weights.items()})
    rewrite(tmp_path, {key: value for key, value in config_of(tmp_path).items() if key != "layer_norm_eps"})
    assert_same_hidden(load_encoder(tmp_path), theirs, texts()[::8])


def test_a_config_from_before_transformers_5_is_read_alike(tmp_path: Path) -> None:
    theirs = saved(llama(rope_parameters={"rope_type": "default", "rope_theta": 300.0}), tmp_path)
    config = config_of(tmp_path)
    del config["rope_parameters"]
    rewrite(tmp_path, config | {"rope_theta": 300.0, "rope_scaling": None})
    assert_same_logits(load_decoder(tmp_path), theirs, texts()[::8])


@torch.inference_mode()
def test_weights_are_read_in_the_dtype_that_is_asked_for(tmp_path: Path) -> None:
    encoders, decoders = tmp_path / "bert", tmp_path / "llama"
    saved(bert(), encoders)
    theirs = saved(llama().bfloat16(), decoders)
    tokens = torch.tensor([texts()[20]])
    half = load_encoder(encoders, dtype=torch.bfloat16)(tokens)
    assert half.dtype == torch.bfloat16
    assert_close(half.float(), load_encoder(encoders)(tokens), atol=0.1, rtol=0.1)
    assert_same_logits(load_decoder(decoders), theirs.float(), texts()[::8])
    logits = load_decoder(decoders, dtype=torch.bfloat16)(tokens)
    assert logits.dtype == torch.bfloat16
    similar = torch.cosine_similarity(logits.float(), theirs.float()(tokens).logits, dim=-1)
    assert similar.min() > 0.99


def test_what_is_read_is_ready_to_be_used(tmp_path: Path) -> None:
    saved(llama(), tmp_path)
    model = load_decoder(tmp_path)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (bert, {"hidden_act": "relu"}),
        (bert, {"is_decoder": True}),
        (bert, {"position_embedding_type": "relative_key"}),
        (bert, {"model_type": "roberta"}),
        (mpnet, {"relative_attention_num_buckets": 16}),
        (mpnet, {"hidden_act": "relu"}),
        (llama, {"rope_parameters": {"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0}}),
        (llama, {"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}),
        (llama, {"rope_parameters": None, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}}),
        (llama, {"attention_bias": True}),
        (llama, {"mlp_bias": True}),
        (llama, {"hidden_act": "gelu"}),
        (llama, {"model_type": "mistral"}),
        (qwen2, {"use_sliding_window": True}),
        (qwen2, {"hidden_act": "relu"}),
        (qwen2, {"model_type": "qwen3"}),
    ],
)
def test_what_is_computed_otherwise_is_not_read(
    make: Callable[[], PreTrainedModel], change: dict[str, Any], tmp_path: Path
) -> None:
    saved(make(), tmp_path)
    assert reads(tmp_path, "encoder" if make in (bert, mpnet) else "decoder")
    rewrite(tmp_path, config_of(tmp_path) | change)
    assert not reads(tmp_path, "encoder") and not reads(tmp_path, "decoder")


def test_a_folder_without_weights_or_config_is_not_read(tmp_path: Path) -> None:
    assert not reads(tmp_path, "decoder")
    saved(llama(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert not reads(tmp_path, "decoder")


def test_what_is_not_read_is_an_error_that_says_what_is(tmp_path: Path) -> None:
    saved(bert(), tmp_path / "bert")
    saved(llama(attention_bias=True), tmp_path / "llama")
    with pytest.raises(
        ModelError, match=r"bert holds no decoder that is known here \(llama, qwen2\): use transformers"
    ):
        load_decoder(tmp_path / "bert")
    with pytest.raises(
        ModelError, match=r"llama holds no encoder that is known here \(bert, mpnet\): use transformers"
    ):
        load_encoder(tmp_path / "llama")
    with pytest.raises(ModelError, match=r"llama holds no decoder that is known here"):
        load_decoder(tmp_path / "llama")


@pytest.mark.parametrize(
    ("make", "load", "name"),
    [
        (bert, load_encoder, "encoder.layer.1.attention.self.key.bias"),
        (bert, load_encoder, "embeddings.token_type_embeddings.weight"),
        (bert, load_encoder, "embeddings.position_embeddings.weight"),
        (llama, load_decoder, "model.layers.2.mlp.up_proj.weight"),
        (llama, load_decoder, "lm_head.weight"),
        (qwen2, load_decoder, "model.layers.0.self_attn.q_proj.bias"),
    ],
)
def test_a_missing_weight_is_named(
    make: Callable[[], Any], load: Callable[[Path], Any], name: str, tmp_path: Path
) -> None:
    saved(make(), tmp_path)
    change_weights(tmp_path, lambda weights: {other: tensor for other, tensor in weights.items() if other != name})
    with pytest.raises(ModelError, match=f"{tmp_path} has no weight {name}; engine transformers may do without$"):
        load(tmp_path)


@pytest.mark.parametrize(("make", "load"), [(bert, load_encoder), (llama, load_decoder), (qwen2, load_decoder)])
def test_a_weight_that_nothing_reads_is_named(
    make: Callable[[], Any], load: Callable[[Path], Any], tmp_path: Path
) -> None:
    saved(make(), tmp_path)
    change_weights(tmp_path, lambda weights: weights | {"adapter.weight": torch.zeros(2)})
    with pytest.raises(
        ModelError, match=r"holds weights that nothing here reads: adapter\.weight; engine transformers may$"
    ):
        load(tmp_path)


def test_a_weight_of_another_shape_is_named(tmp_path: Path) -> None:
    saved(llama(), tmp_path)
    rewrite(tmp_path, config_of(tmp_path) | {"intermediate_size": 50})
    with pytest.raises(ModelError, match=r"mlp\.up_proj\.weight has the shape \[96, 24\] instead of \[100, 24\]"):
        load_decoder(tmp_path)


def test_other_files_of_weights_beside_the_models_are_not_read(tmp_path: Path) -> None:
    saved(bert(), tmp_path)
    before = load_encoder(tmp_path).hidden([[1, 2]])[0]
    weights = load_file(tmp_path / "model.safetensors")
    save_file({name: torch.zeros_like(tensor) for name, tensor in weights.items()}, tmp_path / "model_old.safetensors")
    assert torch.equal(load_encoder(tmp_path).hidden([[1, 2]])[0], before)


def test_a_damaged_file_and_a_broken_config_are_named(tmp_path: Path) -> None:
    saved(bert(), tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        load_encoder(tmp_path)
    rewrite(tmp_path, {key: value for key, value in config_of(tmp_path).items() if key != "vocab_size"})
    with pytest.raises(ModelError, match=r"config\.json: vocab_size is missing or wrong"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json cannot be read as JSON"):
        load_encoder(tmp_path)


def test_a_decoder_saved_without_its_head_is_read_alike(tmp_path: Path) -> None:
    whole = saved(llama(tie_word_embeddings=True), tmp_path / "whole")
    whole.model.save_pretrained(tmp_path / "bare")
    tokens = torch.tensor([[1, 2, 3]])
    assert torch.equal(load_decoder(tmp_path / "bare")(tokens), load_decoder(tmp_path / "whole")(tokens))


def test_half_precision_weights_read_in_float32_give_what_transformers_gives(tmp_path: Path) -> None:
    half: Any = bert()
    saved(half.to(torch.bfloat16), tmp_path)
    theirs: Any = BertModel.from_pretrained(tmp_path, dtype=torch.float32)
    theirs.eval()
    assert_same_hidden(load_encoder(tmp_path), theirs, texts()[::7])


# Saving


@pytest.mark.parametrize("change", [{}, {"tied": False}, {"num_kv_heads": 4, "head_dim": 6, "rope_theta": 10_000.0}])
@torch.inference_mode()
def test_a_saved_decoder_is_read_alike_here_and_by_transformers(change: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Decoder(replace(FORM, **change)).eval()
    for parameter in model.parameters():
        parameter.normal_(0, 0.3)
    save_decoder(model, tmp_path / "new" / "folder")
    again = load_decoder(tmp_path / "new" / "folder")
    assert again.config == model.config
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "new" / "folder", dtype=torch.float32)
    assert isinstance(theirs, LlamaForCausalLM)
    for ids in texts()[::8]:
        assert torch.equal(again(torch.tensor([ids])), model(torch.tensor([ids])))
    assert_same_logits(model, theirs, texts()[::8])


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "gelu"},
        {"gated": False},
        {"norm": "layer"},
        {"positions": "learned"},
        {"qkv_bias": True},
        {"bias": True},
        {"pre_norm": False},
    ],
)
def test_a_decoder_of_another_form_is_not_saved(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only decoders of Llama's form can be saved: pre-norm, RMSNorm, SwiGLU"):
        save_decoder(Decoder(replace(FORM, **change)), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


# The default models


def corpus_ids(tokenizer: Any, lengths: range) -> list[list[int]]:
    """Return pieces of the sample corpus of so many tokens, each from another place."""
    documents = sorted((CORPUS / "documents").rglob("*.md"))
    text = "\n".join(document.read_text(encoding="utf-8") for document in documents)
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    step = (len(ids) - lengths[-1]) // len(lengths)
    return [ids[number * step :][:length] for number, length in enumerate(lengths)]


@offline
def test_hidden_states_of_the_default_embedder_equal_those_of_transformers() -> None:
    folder = models.resolve("all-minilm-l6-v2")
    ids = corpus_ids(AutoTokenizer.from_pretrained(folder), range(1, 255, 5 if FULL else 12))
    assert len(ids) > 20
    assert_same_hidden(load_encoder(folder), BertModel.from_pretrained(folder, dtype=torch.float32), ids)


@pytest.fixture(scope="module")
def generator() -> tuple[Any, Decoder, Any]:
    """The tokenizer of the default generator, and the model as it is read here and by transformers."""
    folder = models.resolve("smollm2-135m-instruct")
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return AutoTokenizer.from_pretrained(folder), load_decoder(folder), theirs


@offline
@torch.inference_mode()
def test_logits_of_the_default_generator_equal_those_of_transformers(generator: tuple[Any, Decoder, Any]) -> None:
    """Both round in thirty layers of float32: where that is more than 1e-4, they are as far apart as from float64."""
    tokenizer, ours, theirs = generator
    folder = models.resolve("smollm2-135m-instruct")
    exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    ours_exact = load_decoder(folder, dtype=torch.float64)
    for ids in corpus_ids(tokenizer, range(1, 401, 8) if FULL else range(1, 51, 16)):
        tokens = torch.tensor([ids])
        expected, found = exact(tokens).logits, theirs(tokens).logits
        assert_close(ours_exact(tokens), expected, atol=1e-4, rtol=0)
        rounded = float((found - expected).abs().max())
        assert_close(ours(tokens), found, atol=max(1e-4, 2 * rounded), rtol=0)


def greedy(prompt: list[int], length: int, step: Callable[[Tensor], Tensor]) -> list[int]:
    """Return the likeliest next token, so many times; `step` gives the logits after new tokens and remembers them."""
    written: list[int] = []
    for _ in range(length):
        logits = step(torch.tensor([written[-1:] or prompt]))
        written.append(int(logits[0, -1].argmax()))
    return written


def step(model: Decoder) -> Callable[[Tensor], Tensor]:
    """Return a step of a model with a cache of its own."""
    cache = model.new_cache()
    return lambda tokens: model(tokens, cache, logits_to_keep=1)


def both_greedy(prompt: list[int], length: int, ours: Decoder, theirs: Any) -> tuple[list[int], list[int]]:
    """Return what the model writes after a prompt, here and in transformers."""
    cache = DynamicCache()
    expected = greedy(prompt, length, lambda tokens: theirs(tokens, past_key_values=cache).logits)
    return greedy(prompt, length, step(ours)), expected


@offline
@torch.inference_mode()
def test_the_default_generator_writes_the_tokens_that_it_writes_in_transformers(
    generator: tuple[Any, Decoder, Any],
) -> None:
    tokenizer, ours, theirs = generator
    used = load_decoder(models.resolve("smollm2-135m-instruct"))
    use_onednn(used)
    prompts, length = (20, 64) if FULL else (2, 20)
    lines = (CORPUS / "questions.jsonl").read_text(encoding="utf-8").splitlines()[:prompts]
    assert len(lines) == prompts
    for line in lines:
        turn = [{"role": "user", "content": json.loads(line)["question"]}]
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)["input_ids"]
        written, expected = both_greedy(prompt, length, ours, theirs)
        assert written == expected, line
        assert greedy(prompt, length, step(used)) == expected, line


@pytest.mark.skipif(not FULL, reason="RAGQA_FULL_PARITY=1 reads 12 GB of weights of the stronger model, if it is here")
@torch.inference_mode()
def test_the_stronger_generator_computes_what_it_computes_in_transformers() -> None:
    name = "qwen2.5-coder-1.5b-instruct"
    if not models.card(name).installed:
        pytest.skip(f"{name} is not here")
    folder = models.resolve(name)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    ours, theirs = load_decoder(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert_same_logits(ours, theirs, corpus_ids(tokenizer, range(1, 401, 40)))
    for ids in corpus_ids(tokenizer, range(20, 24)):
        written, expected = both_greedy(ids, 32, ours, theirs)
        assert written == expected
