"""The families of checkpoints, and the models of them that the native engine supports. This module reads config.json
only, and does not load torch.

No other module uses the names of families.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragqa.errors import ModelError
from ragqa.files import read_regular
from ragqa.transformer.config import TransformerConfig

if TYPE_CHECKING:
    from torch import Tensor

    Weights = dict[str, Tensor]

Json = Mapping[str, Any]
_CONFIG_BYTES = 50_000_000
Architecture = Literal["encoder", "decoder"]


@dataclass(frozen=True, slots=True)
class Family:
    """The conversion of checkpoints of one family.

    :param names: names of weights here -> names in the checkpoint that are joined into them; `{}` is the number of a
        layer.
    :param config: config.json -> config.
    :param same: tells whether config.json describes a model that the native engine computes.
    :param prepare: converts weights of older forms of checkpoints to the present form.
    :param unused: a pattern of the names of weights that are not read.
    """

    kind: Architecture
    names: Mapping[str, tuple[str, ...]]
    config: Callable[[Json], TransformerConfig]
    same: Callable[[Json], bool]
    prepare: Callable[[Weights], Weights]
    unused: str


def reads(folder: Path, kind: Architecture) -> bool:
    """Tell whether the native engine computes the encoder or decoder in a folder exactly."""
    config = read_config(folder)
    family = FAMILIES.get(str(config.get("model_type")))
    known = family is not None and family.kind == kind and family.same(config)
    return known and bool(weight_files(folder))


def misfit(folder: Path, kind: Architecture, name: str) -> str | None:
    """Return the reason why the native engine does not support the model in a folder; None if it supports it.

    :param name: the model's name as the user wrote it.
    """
    if reads(folder, kind):
        return None
    found = read_config(folder).get("model_type", "no model_type")
    return f"engine native does not know the form of {name} ({found}); it runs the usual form of {families_of(kind)}"


def choose_engine(folder: Path, kind: Architecture, engine: str, name: str) -> str:
    """Return `native` or `transformers`; `auto` is native for supported models.

    :param name: the model's name, for the error.
    :raises ModelError: `native` is asked for, and the native engine does not support the model.
    """
    why = misfit(folder, kind, name)
    if engine == "native" and why:
        raise ModelError(f"{why}: use engine auto or transformers, without int8 or batch_size")
    return "transformers" if why or engine == "transformers" else "native"


def families_of(kind: Architecture) -> str:
    """Return the names of the families of a kind."""
    return ", ".join(name for name, family in FAMILIES.items() if family.kind == kind)


def weight_files(folder: Path) -> list[Path]:
    """Return the single file of weights, or its parts."""
    whole = folder / "model.safetensors"
    return [whole] if whole.exists() else sorted(folder.glob("model-*-of-*.safetensors"))


def read_config(folder: Path) -> dict[str, Any]:
    """Return the object in config.json; empty if there is no such file.

    :raises ModelError: the file is not JSON.
    """
    path = folder / "config.json"
    try:
        data = json.loads(read_regular(path, _CONFIG_BYTES)) if path.exists() else {}
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
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
_MPNET = {
    "tokens": ("embeddings.word_embeddings",),
    "positions": ("embeddings.position_embeddings",),
    "distances": ("encoder.relative_attention_bias",),
    "norm": ("embeddings.LayerNorm",),
    "blocks.{}.attention.qkv": tuple(f"encoder.layer.{{}}.attention.attn.{part}" for part in "qkv"),
    "blocks.{}.attention.out": ("encoder.layer.{}.attention.attn.o",),
    "blocks.{}.attention_norm": ("encoder.layer.{}.attention.LayerNorm",),
    "blocks.{}.feed_forward.up": ("encoder.layer.{}.intermediate.dense",),
    "blocks.{}.feed_forward.down": ("encoder.layer.{}.output.dense",),
    "blocks.{}.feed_forward_norm": ("encoder.layer.{}.output.LayerNorm",),
}
_MPNET_UNUSED_POSITIONS = 2
"""MPNet counts positions from 2; the first two vectors are for padding."""
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
    """Return the config of a BERT.

    :raises KeyError: a key is missing; the loader reports it.
    """
    return TransformerConfig(
        vocab_size=config["vocab_size"],
        d_model=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        d_ff=config["intermediate_size"],
        max_length=config["max_position_embeddings"],
        activation="gelu",
        norm_eps=float(config.get("layer_norm_eps", 1e-12)),
        pre_norm=False,
        positions="learned",
    )


def _bert_same(config: Json) -> bool:
    """Tell whether a BERT has the usual form: GELU, learned absolute positions, an encoder, weights without
    quantisation.
    """
    absolute = config.get("position_embedding_type", "absolute") == "absolute"
    return config.get("hidden_act") == "gelu" and absolute and not config.get("is_decoder") and _dense(config)


def _bert_weights(theirs: Weights) -> Weights:
    """Drop the prefix of models with a head, rename weights converted from TensorFlow, and add the vector of type 0."""
    named = {name.removeprefix("bert."): tensor for name, tensor in theirs.items()}
    named = {re.sub("gamma$", "weight", re.sub("beta$", "bias", name)): tensor for name, tensor in named.items()}
    # Every text has token type 0, so that the vector of this type can be added to all position vectors once.
    types = named.pop("embeddings.token_type_embeddings.weight")
    named["embeddings.position_embeddings.weight"] = named["embeddings.position_embeddings.weight"] + types[0]
    return named


def _mpnet_config(config: Json) -> TransformerConfig:
    """Return the config of an MPNet: a BERT with biases for distances. transformers ignores other numbers of classes."""
    length = config["max_position_embeddings"] - _MPNET_UNUSED_POSITIONS
    return replace(_bert_config(config), max_length=length, distance_buckets=32)


def _mpnet_same(config: Json) -> bool:
    """Tell whether an MPNet has the usual form: GELU, 32 classes of distances, weights without quantisation."""
    usual = config.get("hidden_act", "gelu") == "gelu" and config.get("relative_attention_num_buckets", 32) == 32
    return usual and _dense(config)


def _mpnet_weights(theirs: Weights) -> Weights:
    """Drop the prefix of models with a head, and the positions that no token has."""
    named = {name.removeprefix("mpnet."): tensor for name, tensor in theirs.items()}
    positions = named["embeddings.position_embeddings.weight"]
    named["embeddings.position_embeddings.weight"] = positions[_MPNET_UNUSED_POSITIONS:].clone()
    return named


def _llama_config(config: Json) -> TransformerConfig:
    """Return the config of a Llama or Qwen2. Only Qwen2 has biases in the query, key and value projections."""
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
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
        rope_theta=float(_rope(config).get("rope_theta", 10_000.0)),
        qkv_bias=config["model_type"] == "qwen2",
        bias=False,
        tied=bool(config.get("tie_word_embeddings")),
    )


def as_llama(config: TransformerConfig) -> dict[str, Any]:
    """Return the config.json from which `_llama_config` makes this config."""
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
    """Tell whether a Llama or Qwen2 has the usual form: SiLU, unscaled rotary positions, no sliding window."""
    scaled = _rope(config).get("rope_type", "default") != "default"
    biased = config.get("attention_bias") or config.get("mlp_bias")
    same = config.get("hidden_act") == "silu" and _dense(config)
    return same and not (scaled or biased or config.get("use_sliding_window"))


def _dense(config: Json) -> bool:
    """Tell whether the stored weights are not quantised."""
    return not config.get("quantization_config")


def _llama_weights(theirs: Weights) -> Weights:
    """Rename the weights of a model that was saved without its output layer to the names of a complete model."""
    if any(name.startswith("model.") for name in theirs):
        return theirs
    return {name if name.startswith("lm_head.") else f"model.{name}": tensor for name, tensor in theirs.items()}


def _rope(config: Json) -> dict[str, Any]:
    """Return the parameters of the rotary positions. transformers 5 writes them in one object, earlier versions in two
    keys.
    """
    apart = {"rope_theta": config.get("rope_theta", 10_000.0)}
    scaling = config.get("rope_scaling") or {}
    return (
        apart
        | {"rope_type": scaling.get("rope_type", scaling.get("type", "default"))}
        | (config.get("rope_parameters") or {})
    )


FAMILIES = {
    "bert": Family("encoder", _BERT, _bert_config, _bert_same, _bert_weights, r"^(pooler|cls)\.|position_ids$"),
    "mpnet": Family(
        "encoder", _MPNET, _mpnet_config, _mpnet_same, _mpnet_weights, r"^(pooler|lm_head)\.|position_ids$"
    ),
    "llama": Family("decoder", _LLAMA, _llama_config, _llama_same, _llama_weights, r"^lm_head\.|rotary_emb"),
    "qwen2": Family("decoder", _LLAMA, _llama_config, _llama_same, _llama_weights, r"^lm_head\.|rotary_emb"),
}
"""The families by the value of `model_type` in config.json."""
