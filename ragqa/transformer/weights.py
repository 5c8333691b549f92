"""Checkpoints in the form of transformers -> encoder or decoder. The only place that knows families by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ragqa.errors import ModelError
from ragqa.transformer.config import TransformerConfig
from ragqa.transformer.decoder import Decoder
from ragqa.transformer.encoder import Encoder

Json = Mapping[str, Any]
Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of checkpoints is read.

    :param names: a part of ours by the parts of theirs that are joined into it; `{}` is the number of a layer.
    :param config: config.json -> config.
    :param same: tells whether config.json describes what is computed here.
    :param prepare: brings a checkpoint's weights into the present form.
    :param unused: a pattern of weights that are not read.
    """

    model: type[Encoder] | type[Decoder]
    names: Mapping[str, tuple[str, ...]]
    config: Callable[[Json], TransformerConfig]
    same: Callable[[Json], bool]
    prepare: Callable[[Weights], Weights]
    unused: str


def reads(folder: Path, model: type[Encoder] | type[Decoder]) -> bool:
    """Tell whether the model in a folder is an encoder or decoder that is computed exactly as it is here."""
    config = _json(folder / "config.json")
    family = FAMILIES.get(str(config.get("model_type")))
    known = family is not None and family.model is model and family.same(config)
    return known and bool(_files(folder))


def choose_engine(folder: Path, model: type[Encoder] | type[Decoder], engine: str, name: str) -> str:
    """Return `native` or `transformers`; `auto` is native for what is computed here.

    :param name: of the model, for the error.
    :raises ModelError: native is asked for, and the model is not computed here.
    """
    native = reads(folder, model)
    if engine == "native" and not native:
        raise ModelError(f"engine native does not know the form of {name}: use engine auto or transformers")
    return "native" if native and engine != "transformers" else "transformers"


def load_encoder(folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Encoder:
    """Read the encoder of a folder: `config.json` and `model.safetensors` or its parts.

    :raises ModelError: the folder holds none that `reads` knows, or weights are missing or left over.
    """
    model = _load(folder, Encoder, dtype, device)
    assert isinstance(model, Encoder)
    return model


def load_decoder(folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Decoder:
    """Read the decoder of a folder: `config.json` and `model.safetensors` or its parts.

    :raises ModelError: the folder holds none that `reads` knows, or weights are missing or left over.
    """
    model = _load(folder, Decoder, dtype, device)
    assert isinstance(model, Decoder)
    return model


def save_decoder(model: Decoder, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` in the form of Llama, which `load_decoder` and transformers read.

    :raises ValueError: the decoder is of another form than Llama's.
    """
    config = model.config
    if (config.activation, config.gated, config.norm, config.positions) != ("silu", True, "rms", "rotary") or (
        config.qkv_bias or config.bias or not config.pre_norm
    ):
        raise ValueError("only decoders of Llama's form can be saved: pre-norm, RMSNorm, SwiGLU, rotary, no biases")
    sizes = [heads * config.head_dim for heads in (config.num_heads, config.num_kv_heads, config.num_kv_heads)]
    theirs: Weights = {}
    for name, tensor in model.state_dict().items():
        sources = _sources(name, FAMILIES["llama"])
        parts = tensor.split(sizes) if len(sources) == len(sizes) else tensor.chunk(len(sources))
        theirs |= {source: part.contiguous() for source, part in zip(sources, parts, strict=True)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(theirs, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_as_llama(config), indent=2) + "\n", encoding="utf-8")


def _load(folder: Path, kind: type[Encoder] | type[Decoder], dtype: torch.dtype, device: str) -> Encoder | Decoder:
    if not reads(folder, kind):
        known = ", ".join(name for name, family in FAMILIES.items() if family.model is kind)
        raise ModelError(f"{folder} holds no {kind.__name__.lower()} that is known here ({known}): use transformers")
    config = _json(folder / "config.json")
    family = FAMILIES[config["model_type"]]
    try:
        with torch.device("meta"):
            model = family.model(family.config(config))
    except (KeyError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: {error.args[0]} is missing or wrong") from error
    try:
        theirs = family.prepare(_read(folder, dtype, device))
        ours = {name: _joined(name, family, theirs) for name in model.state_dict()}
    except KeyError as error:
        raise ModelError(f"{folder} has no weight {error.args[0]}; engine transformers may do without") from error
    if left := sorted(name for name in theirs if not re.search(family.unused, name)):
        raise ModelError(
            f"{folder} holds weights that nothing here reads: {', '.join(left[:3])}; engine transformers may"
        )
    for name, expected in model.state_dict().items():
        if ours[name].shape != expected.shape:
            shapes = f"{list(ours[name].shape)} instead of {list(expected.shape)}"
            raise ModelError(f"{folder}: {', '.join(_sources(name, family))} has the shape {shapes} of config.json")
    model.load_state_dict(ours, assign=True)
    return model.eval().requires_grad_(False)


def _joined(name: str, family: Family, theirs: Weights) -> Tensor:
    """Take one of our weights out of theirs."""
    parts = [theirs.pop(source) for source in _sources(name, family)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _read(folder: Path, dtype: torch.dtype, device: str) -> Weights:
    """Return all weights of a folder."""
    weights: Weights = {}
    for file in _files(folder):
        try:
            weights |= {name: tensor.to(dtype) for name, tensor in load_file(file, device).items()}
        except SafetensorError as error:
            raise ModelError(f"{file} is damaged ({error}): pull or save the model again") from error
    return weights


def _files(folder: Path) -> list[Path]:
    """Return the one file of weights, or its parts."""
    whole = folder / "model.safetensors"
    return [whole] if whole.exists() else sorted(folder.glob("model-*-of-*.safetensors"))


def _sources(name: str, family: Family) -> list[str]:
    """Return the names of their weights that are joined into one of ours."""
    part, suffix = name.rsplit(".", 1)
    number = next(iter(re.findall(r"\d+", part)), "")
    return [f"{source.format(number)}.{suffix}" for source in family.names[re.sub(r"\d+", "{}", part)]]


def _json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; empty where there is none, as for a folder that is no model's."""
    try:
        data = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}): pull or save the model again") from error
    return data if isinstance(data, dict) else {}


_BERT = {
    "tokens": ("embeddings.word_embeddings",),
    "positions": ("embeddings.position_embeddings",),
    "norm": ("embeddings.LayerNorm",),
    "blocks.{}.attention.qkv": tuple(f"encoder.layer.{{}}.attention.self.{part}" for part in ("query", "key", "value")),
    "blocks.{}.attention.out": ("encoder.layer.{}.attention.output.dense",),
    "blocks.{}.attention_norm": ("encoder.layer.{}.attention.output.LayerNorm",),
    "blocks.{}.feed_forward.up": ("encoder.layer.{}.intermediate.dense",),
    "blocks.{}.feed_forward.down": ("encoder.layer.{}.output.dense",),
    "blocks.{}.feed_forward_norm": ("encoder.layer.{}.output.LayerNorm",),
}
_LLAMA = {
    "tokens": ("model.embed_tokens",),
    "norm": ("model.norm",),
    "head": ("lm_head",),
    "blocks.{}.attention.qkv": tuple(f"model.layers.{{}}.self_attn.{part}_proj" for part in "qkv"),
    "blocks.{}.attention.out": ("model.layers.{}.self_attn.o_proj",),
    "blocks.{}.attention_norm": ("model.layers.{}.input_layernorm",),
    "blocks.{}.feed_forward.up": ("model.layers.{}.mlp.gate_proj", "model.layers.{}.mlp.up_proj"),
    "blocks.{}.feed_forward.down": ("model.layers.{}.mlp.down_proj",),
    "blocks.{}.feed_forward_norm": ("model.layers.{}.post_attention_layernorm",),
}


def _bert_config(config: Json) -> TransformerConfig:
    return TransformerConfig(
        vocab_size=config["vocab_size"],
        d_model=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        d_ff=config["intermediate_size"],
        max_length=config["max_position_embeddings"],
        activation="gelu",
        norm_eps=config.get("layer_norm_eps", 1e-12),
        pre_norm=False,
        positions="learned",
    )


def _bert_same(config: Json) -> bool:
    absolute = config.get("position_embedding_type", "absolute") == "absolute"
    return config.get("hidden_act") == "gelu" and absolute and not config.get("is_decoder") and _dense(config)


def _bert_weights(theirs: Weights) -> Weights:
    """Drop the prefix of whole models, rename what was converted from TensorFlow, and add the vector of type 0, which
    every text is of, to all positions."""
    named = {name.removeprefix("bert."): tensor for name, tensor in theirs.items()}
    named = {re.sub("gamma$", "weight", re.sub("beta$", "bias", name)): tensor for name, tensor in named.items()}
    types = named.pop("embeddings.token_type_embeddings.weight")
    named["embeddings.position_embeddings.weight"] = named["embeddings.position_embeddings.weight"] + types[0]
    return named


def _llama_config(config: Json) -> TransformerConfig:
    return TransformerConfig(
        vocab_size=config["vocab_size"],
        d_model=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        num_kv_heads=config.get("num_key_value_heads") or 0,
        head_dim=config.get("head_dim") or 0,
        d_ff=config["intermediate_size"],
        max_length=config["max_position_embeddings"],
        activation="silu",
        gated=True,
        norm="rms",
        norm_eps=config.get("rms_norm_eps", 1e-6),
        rope_theta=float(_rope(config).get("rope_theta", 10_000.0)),
        qkv_bias=config["model_type"] == "qwen2",
        bias=False,
        tied=bool(config.get("tie_word_embeddings")),
    )


def _as_llama(config: TransformerConfig) -> dict[str, Any]:
    """Return the config.json of which `_llama_config` makes this config."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.d_ff,
        "max_position_embeddings": config.max_length,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": config.tied,
    }


def _llama_same(config: Json) -> bool:
    scaled = _rope(config).get("rope_type", "default") != "default"
    biased = config.get("attention_bias") or config.get("mlp_bias")
    same = config.get("hidden_act") == "silu" and _dense(config)
    return same and not (scaled or biased or config.get("use_sliding_window"))


def _dense(config: Json) -> bool:
    """Tell whether weights are stored as they are: not quantised."""
    return not config.get("quantization_config")


def _llama_weights(theirs: Weights) -> Weights:
    """Give the weights of a model that was saved without its head the names of a whole one."""
    if any(name.startswith("model.") for name in theirs):
        return theirs
    return {name if name.startswith("lm_head.") else f"model.{name}": tensor for name, tensor in theirs.items()}


def _rope(config: Json) -> dict[str, Any]:
    """Return the parameters of the rotary positions: since transformers 5 they stand together, before they stood apart."""
    apart = {"rope_theta": config.get("rope_theta", 10_000.0)}
    scaling = config.get("rope_scaling") or {}
    return (
        apart
        | {"rope_type": scaling.get("rope_type", scaling.get("type", "default"))}
        | (config.get("rope_parameters") or {})
    )


FAMILIES = {
    "bert": Family(Encoder, _BERT, _bert_config, _bert_same, _bert_weights, r"^(pooler|cls)\.|position_ids$"),
    "llama": Family(Decoder, _LLAMA, _llama_config, _llama_same, _llama_weights, r"^lm_head\.|rotary_emb"),
    "qwen2": Family(Decoder, _LLAMA, _llama_config, _llama_same, _llama_weights, r"^lm_head\.|rotary_emb"),
}
"""By what config.json calls `model_type`."""
